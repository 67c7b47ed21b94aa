"""People at the doors: real clients, each with what they heard, as ``(nick, text)`` in order."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.live.server import Meet
from tests.servers.program import PATIENCE, heard_something, program, tick, until


class Nc:
    """Somebody at the line door with the real ``nc``."""

    LINE = re.compile(r"\d\d:\d\d <([^>]+)> (.*)\Z")

    def __init__(self, meet: Meet, room: str, nick: str) -> None:
        self.nick = nick
        self._meet = meet
        self._served_by = meet.process
        self.lines: list[str] = []
        self.heard: list[tuple[str, str]] = []
        self.process = subprocess.Popen(
            [program("nc", "netcat-openbsd"), "127.0.0.1", str(meet.line_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.type(f"/join {room} {nick}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode().rstrip("\r\n")
            self.lines.append(line)
            if match := self.LINE.match(line):
                self.heard.append((match[1], match[2]))
            heard_something()

    @property
    def connected(self) -> bool:
        """Whether the Meet that it talked to still runs: ``nc`` itself stays, unless nobody answered it."""
        served_by = self._served_by
        return (
            self.process.poll() is None
            and served_by is not None
            and served_by is self._meet.process
            and served_by.poll() is None
        )

    def type(self, line: str) -> bool:
        """Type a line; False if the connection is gone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)


class Lines:
    """Somebody at a door of lines, by a socket; comes once."""

    def __init__(self, port: int) -> None:
        self.lines: list[str] = []
        self.heard: list[tuple[str, str]] = []
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile("rb") as lines:
            for raw in lines:
                line = raw.decode().rstrip("\r\n")
                self.lines.append(line)
                self._take(line)
                heard_something()
        heard_something()

    def _take(self, line: str) -> None:
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        return self._reader.is_alive()

    def send(self, line: str) -> bool:
        try:
            self._socket.sendall(line.encode() + b"\r\n")
        except OSError:
            return False
        return True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reader.join(PATIENCE)


class Irc(Lines):
    """Somebody at the IRC door who speaks the protocol by hand, with echo-message."""

    SAID = re.compile(r"(?:@\S+ )?:([^! ]+)\S* PRIVMSG #(\S+) :(.*)\Z")

    def __init__(self, meet: Meet, room: str, nick: str, password: str = "") -> None:
        self.nick, self.room = nick, room
        super().__init__(meet.irc_port)
        for line in (
            "CAP REQ :echo-message message-tags server-time",
            *([f"PASS {password}"] if password else []),
            f"NICK {nick}",
            f"USER {nick} 0 * :{nick}",
            "CAP END",
            f"JOIN #{room}",
        ):
            self.send(line)

    def _take(self, line: str) -> None:
        if match := self.SAID.match(line):
            self.heard.append((match[1], match[3]))
        elif line.startswith("PING") or " PING " in line:
            self.send("PONG " + line.split("PING ", 1)[1])

    def say(self, text: str) -> bool:
        return self.send(f"PRIVMSG #{self.room} :{text}")


class Telnet(Lines):
    """Somebody at the line door by a plain socket."""

    def __init__(self, meet: Meet, room: str, nick: str) -> None:
        super().__init__(meet.line_port)
        self.send(f"/join {room} {nick}")

    def _take(self, line: str) -> None:
        if match := Nc.LINE.match(line):
            self.heard.append((match[1], match[2]))

    def say(self, text: str) -> bool:
        return self.send(text)


class Socket:
    """Somebody on a WebSocket by a library that is not Meet's; comes back by itself, as a page does."""

    def __init__(self, meet: Meet, room: str, nick: str = "") -> None:
        self.meet, self.room, self.nick = meet, room, nick
        self.token = ""
        self.after = ""
        self.heard: list[tuple[str, str]] = []
        self.positions: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.accepted: dict[str, str] = {}
        self.refused: list[dict[str, Any]] = []
        self.welcomes = 0
        self._connection: Any = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _address(self) -> str:
        query = [
            f"{name}={value}"
            for name, value in (("nick", self.nick), ("token", self.token), ("after", self.after))
            if value
        ]
        return f"ws://127.0.0.1:{self.meet.web_port}/api/v1/rooms/{self.room}/socket?" + "&".join(query)

    def _run(self) -> None:
        while not self._closed:
            try:
                with connect(
                    self._address(),
                    subprotocols=["meet.v1"],  # type: ignore[list-item]
                    open_timeout=5,
                    close_timeout=1,
                    # What was missed comes in one message.
                    max_size=None,
                ) as connection:
                    self._connection = connection
                    for message in connection:
                        self._take(json.loads(message))
            except (OSError, ConnectionClosed, TimeoutError, EOFError, Exception):
                pass
            self._connection = None
            heard_something()
            if not self._closed:
                with tick:
                    tick.wait(0.1)

    def _take(self, message: Any) -> None:
        if isinstance(message, list):
            self._entry(*message)
        else:
            self.messages.append(message)
            if message["kind"] == "welcome":
                self._welcome(message)
                self.welcomes += 1
            elif message["kind"] == "refused":
                self.refused.append(message)
        heard_something()

    def _welcome(self, message: dict[str, Any]) -> None:
        self.token = message.get("token", "")
        for pair in message["entries"]:
            self._entry(*pair)

    def _entry(self, position: str, event: dict[str, Any]) -> None:
        self.after = position
        self.positions.append(position)
        if event["kind"] == "said":
            self._hear((event["nick"], event["text"]))
            if event.get("ref"):
                self.accepted.setdefault(event["ref"], position)

    def _hear(self, line: tuple[str, str]) -> None:
        self.heard.append(line)

    def say(self, text: str, ref: str = "") -> str:
        """Ask for a line; its ref.  Whether it was accepted shows in `accepted`."""
        ref = ref or uuid.uuid4().hex
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(ConnectionClosed, OSError):
                connection.send(json.dumps({"ask": "say", "text": text, "ref": ref}))
        return ref

    def close(self) -> None:
        self._closed = True
        if self._connection is not None:
            self._connection.close()
        self._thread.join(PATIENCE)


class Curl:
    """Somebody with ``curl``: says by POST, hears by server-sent events."""

    def __init__(self, meet: Meet, room: str, nick: str) -> None:
        self.meet, self.room, self.nick = meet, room, nick
        status, welcome = meet.call("POST", f"/api/v1/rooms/{room}/sessions", {"nick": nick})
        assert status == 201, welcome
        self.token = welcome["token"]
        self.heard: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self._stream = subprocess.Popen(
            [program("curl", "curl"), "-sN", f"{meet.url}/api/v1/rooms/{room}/events"],
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: self.lines, "curl to get the first event")

    def _read(self) -> None:
        assert self._stream.stdout is not None
        for raw in self._stream.stdout:
            line = raw.decode().rstrip("\n")
            self.lines.append(line)
            if line.startswith("data: ["):
                _, event = json.loads(line[6:])
                if event["kind"] == "said":
                    self.heard.append((event["nick"], event["text"]))
            heard_something()

    def say(self, text: str, ref: str = "") -> tuple[int, dict[str, Any]]:
        """POST a line with curl; the status (0: no answer) and the answer."""
        done = subprocess.run(
            [
                program("curl", "curl"),
                "-s",
                "-w",
                "\n%{http_code}",
                "-m",
                "10",
                "-H",
                f"Authorization: Bearer {self.token}",
                "-H",
                "Content-Type: application/json",
                "-d",
                json.dumps({"text": text, "ref": ref or uuid.uuid4().hex}),
                f"{self.meet.url}/api/v1/rooms/{self.room}/says",
            ],
            capture_output=True,
            check=False,
        )
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status or 0), json.loads(body) if body else {}

    def close(self) -> None:
        self._stream.kill()
        self._stream.wait()
        self._reader.join(PATIENCE)


class Terminal:
    """A program in a terminal (tmux), typed at and looked at."""

    def __init__(self, folder: Path, command: str) -> None:
        self.tmux = [program("tmux", "tmux"), "-S", str(folder / "tmux.sock"), "-f", os.devnull]
        environment = {**os.environ, "HOME": str(folder), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [*self.tmux, "new-session", "-d", "-x", "160", "-y", "50", command], check=True, env=environment, cwd=folder
        )

    def type(self, line: str) -> None:
        subprocess.run([*self.tmux, "send-keys", "-l", line], check=True)
        subprocess.run([*self.tmux, "send-keys", "Enter"], check=True)

    def screen(self) -> str:
        return subprocess.run([*self.tmux, "capture-pane", "-p"], check=True, capture_output=True).stdout.decode()

    def close(self) -> None:
        subprocess.run([*self.tmux, "kill-server"], check=False)


class Irssi(Terminal):
    """Somebody with the real irssi; what it heard is read from its own log."""

    LINE = re.compile(r"\d\d:\d\d <[ @+]?([^>]+)> (.*)\Z")

    def __init__(self, meet: Meet, folder: Path, nick: str) -> None:
        folder.mkdir(parents=True)
        program("irssi", "irssi")
        self._log = folder / "log"
        super().__init__(folder, f"irssi --home={folder}/irssi -n {nick}")
        until(lambda: "Irssi" in self.screen(), "irssi to show itself")
        self.type(f"/set autolog_path {self._log}/$0.log")
        self.type("/set autolog ON")
        self.type("/set autolog_level ALL -CRAP -CLIENTCRAP -CTCPS")
        self.type("/set cmd_queue_speed 1msec")
        self.type(f"/connect 127.0.0.1 {meet.irc_port}")

    def join(self, room: str) -> None:
        until(lambda: "Your host is" in self.screen(), "irssi to be connected")
        self.type(f"/join #{room}")
        until(lambda: f"#{room}" in self.screen(), "irssi to be in the room")

    @property
    def heard(self) -> list[tuple[str, str]]:
        lines = [line for log in self._log.glob("#*.log") for line in log.read_text().splitlines()]
        return [(match[1].strip(), match[2]) for line in lines if (match := self.LINE.match(line))]


class Weechat(Terminal):
    """Somebody with the real WeeChat; what it heard is read from its own log."""

    def __init__(self, meet: Meet, folder: Path, nick: str) -> None:
        folder.mkdir(parents=True)
        program("weechat", "weechat-curses")
        self._home = folder / "weechat"
        commands = [
            "/set logger.file.flush_delay 0",
            f"/server add meet 127.0.0.1/{meet.irc_port} -notls -nicks={nick}",
            "/set irc.server_default.anti_flood_prio_high 0",
            "/set irc.server_default.anti_flood_prio_low 0",
            "/connect meet",
        ]
        arguments = " ".join(f"-r '{command}'" for command in commands)
        super().__init__(folder, f"weechat --dir {self._home} {arguments}")
        until(lambda: "Welcome to Meet" in self.screen(), "WeeChat to be connected")

    def join(self, room: str) -> None:
        self.type(f"/join #{room}")
        until(lambda: f"#{room}" in self.screen(), "WeeChat to be in the room")

    @property
    def heard(self) -> list[tuple[str, str]]:
        heard = []
        for log in self._home.glob("**/irc.meet.#*.weechatlog"):
            for line in log.read_text().splitlines():
                _, nick, text = [*line.split("\t", 2), "", ""][:3]
                if nick and nick[0] not in "-= " and nick not in ("-->", "<--", "--", "="):
                    heard.append((nick.lstrip("@+"), text))
        return heard
