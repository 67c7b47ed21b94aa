"""Those who talk during a drill: they number what they say, remember what was accepted, and come back by themselves.

How a line is known to be accepted, by door:

=======  ==========================================================================
web      its own echo with the ``ref`` that was sent; asked again until that comes
script   HTTP 201; asked again, with its ``ref``, until that comes
irc      its own echo (echo-message); said once, as there is no ``ref``
line     its own echo; said once
=======  ==========================================================================

A client that comes back is shown lines that it has heard where it could not say how far it had
(IRC, line door), or was told that what it missed cannot be told in full (``resumed: false``).
Those are counted as shown again.  The first line that is new ends that: from then on a line heard
again is heard twice.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.drills.verdict import Ear, Line
from tests.live.people import Irc, Socket, Telnet
from tests.live.server import Meet
from tests.servers.program import heard_something, until

ECHO_PATIENCE = 15.0
"""Seconds after which somebody without refs stops waiting for the echo of a line."""

ARRIVAL_PATIENCE = 5.0
"""Seconds to get into the room once connected."""


@dataclass(frozen=True)
class Front:
    """Where people go: one port for all of the web, and the processes for the doors of lines."""

    web_port: int
    serving: Sequence[Meet]


class Memory:
    """What one client heard, in order, with what was shown again told apart."""

    def __init__(self) -> None:
        self.heard: list[Line] = []
        self.shown_again = 0
        self._known: set[Line] = set()
        self._reshowing = False

    def hear(self, line: Line) -> None:
        """Note a line."""
        if line in self._known and self._reshowing:
            self.shown_again += 1
            return
        self._reshowing = False
        self._known.add(line)
        self.heard.append(line)

    def reshow(self) -> None:
        """What is heard next may have been heard before."""
        self._reshowing = True

    def __contains__(self, line: Line) -> bool:
        return line in self._known


class Person:
    """Somebody in the room; those with a nick talk: ``words`` and a number, every ``pace`` seconds on average."""

    door = ""

    def __init__(self, front: Front, room: str, nick: str, chance: random.Random, pace: float, words: str = "") -> None:
        self.front, self.room, self.nick = front, room, nick
        self.memory = Memory()
        self.asked: list[Line] = []
        self.accepted: set[Line] = set()
        self.returns = 0
        self.reloaded = 0
        self.stuck = ""
        self._chance, self._pace = chance, pace
        self._words = words or nick
        self._quiet = threading.Event()
        self._gone = threading.Event()
        self._talking: threading.Thread | None = None

    def come(self) -> None:
        """Come in; returns once in the room."""
        raise NotImplementedError

    def say(self, line: Line) -> None:
        """Say it; returns once it is accepted, or nothing more can be learnt about it."""
        raise NotImplementedError

    def leave(self) -> None:
        """Go."""
        self._gone.set()

    def talk(self) -> None:
        """Begin to talk, until `hush`."""
        self._talking = threading.Thread(target=self._talk, daemon=True, name=f"{self.nick} talks")
        self._talking.start()

    def hush(self) -> None:
        """Say nothing more; what is under way is settled."""
        self._quiet.set()

    def settle(self, patience: float) -> None:
        """Wait until what was under way when `hush` was called is settled."""
        if self._talking is not None:
            self._talking.join(patience)
            if self._talking.is_alive():
                self.stuck = f"{self.nick} ({self.door}) still waits for {self.asked[-1][1]!r}"

    def _talk(self) -> None:
        for number in itertools.count(1):
            if self._quiet.wait(self._chance.uniform(0, 2 * self._pace)):
                return
            line = (self.nick, f"{self._words} {number}")
            self.asked.append(line)
            self.say(line)

    def last_words(self) -> str:
        """What passed between it and Meet lately, for whoever wants to know why it is silent."""
        return f"{self.nick} ({self.door}) said {[text for _, text in self.asked[-3:]]}"

    def ear(self) -> Ear:
        """What it heard, for the verdict."""
        memory = self.memory
        return Ear(
            self.nick or "lurker", self.door, list(memory.heard), self.returns, memory.shown_again, self.reloaded
        )


class Browser(Person):
    """On a WebSocket, as a page is: token, ``after`` and ``ref``.  Without a nick it only listens."""

    door = "web"

    def come(self) -> None:
        """As `Person` says."""
        self._socket = _Resuming(self)
        until(lambda: self._socket.welcomes, f"{self.nick or 'the lurker'} to be welcomed")

    def say(self, line: Line) -> None:
        """As `Person` says."""
        socket, text = self._socket, line[1]
        ref = f"{self.nick}-{len(self.asked)}"
        asked = socket.welcomes, len(socket.refused)
        socket.say(text, ref)
        while not self._gone.is_set() and ref not in socket.accepted:
            if asked != (now := (socket.welcomes, len(socket.refused))):
                if now[1] != asked[1]:
                    self._gone.wait(self._chance.uniform(0.1, 0.4))
                asked = socket.welcomes, len(socket.refused)
                socket.say(text, ref)
            self._gone.wait(0.01)
        if ref in socket.accepted:
            self.accepted.add(line)

    def last_words(self) -> str:
        """As `Person` says."""
        socket = self._socket
        return f"{super().last_words()}, was welcomed {socket.welcomes} times, was refused {socket.refused[-3:]}"

    def leave(self) -> None:
        """As `Person` says."""
        super().leave()
        self._socket.close()


class _Resuming(Socket):
    def __init__(self, person: Browser) -> None:
        self._person = person
        super().__init__(person.front, person.room, person.nick)  # type: ignore[arg-type]  # it asks for a port only

    def _welcome(self, message: dict[str, Any]) -> None:
        if self.welcomes:
            self._person.returns += 1
            if not message["resumed"]:
                self._person.reloaded += 1
                self._person.memory.reshow()
        super()._welcome(message)

    def _hear(self, line: Line) -> None:
        self._person.memory.hear(line)


class Script(Person):
    """By HTTP: says by POST, hears by server-sent events and comes back with ``Last-Event-ID``."""

    door = "script"

    def come(self) -> None:
        """As `Person` says."""
        self._last = ""
        self._token = ""
        until(self._come_in, f"{self.nick} to get a session")
        self._hearing = threading.Event()
        self._stream: http.client.HTTPConnection | None = None
        threading.Thread(target=self._listen, daemon=True, name=f"{self.nick} listens").start()
        assert self._hearing.wait(20), f"{self.nick} got no event stream"

    def _come_in(self) -> bool:
        wish = {"nick": self.nick, **({"token": self._token} if self._token else {})}
        status, answer = self._post("sessions", wish)
        if status == 201:
            self._token = answer["token"]
        return status == 201

    def _post(self, what: str, wish: dict[str, Any]) -> tuple[int, Any]:
        """The status of a request, 0 if nobody answered it, and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.front.web_port, timeout=ECHO_PATIENCE)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request("POST", f"/api/v1/rooms/{self.room}/{what}", json.dumps(wish), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def say(self, line: Line) -> None:
        """As `Person` says."""
        while not self._gone.is_set():
            status, _ = self._post("says", {"text": line[1], "ref": f"{self.nick}-{len(self.asked)}"})
            if status == 201:
                self.accepted.add(line)
                return
            if status in (401, 403, 404):
                self._come_in()
            self._gone.wait(self._chance.uniform(0.1, 0.4))

    def _listen(self) -> None:
        came = False
        while not self._gone.is_set():
            self._stream = http.client.HTTPConnection("127.0.0.1", self.front.web_port, timeout=30)
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
                headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last} if self._last else {})
                self._stream.request("GET", f"/api/v1/rooms/{self.room}/events", headers=headers)
                answer = self._stream.getresponse()
                if answer.status == 200:
                    self.returns += came
                    came = True
                    self._read(answer)
            self._stream.close()
            self._gone.wait(self._chance.uniform(0.1, 0.4))

    def _read(self, answer: http.client.HTTPResponse) -> None:
        kind, data, position = "", "", ""
        while raw := answer.readline():
            name, _, value = raw.decode().rstrip("\r\n").partition(": ")
            match name:
                case "event":
                    kind = value
                case "data":
                    data = value
                case "id":
                    position = value
                case "":
                    if data:
                        self._take(kind, data, position)
                    kind, data, position = "", "", ""

    def _take(self, kind: str, data: str, position: str) -> None:
        told = json.loads(data)
        if kind == "welcome":
            if self._last and not told["resumed"]:
                self.reloaded += 1
                self.memory.reshow()
            self._hearing.set()
        if position:
            self._last = position
            _, event = told
            if event["kind"] == "said":
                self.memory.hear((event["nick"], event["text"]))
        heard_something()

    def leave(self) -> None:
        """As `Person` says."""
        super().leave()
        if self._stream is not None and self._stream.sock is not None:
            with contextlib.suppress(OSError):
                self._stream.sock.shutdown(2)


class _ByHand(Person):
    """At a door of lines: one connection after the other, each to the next process that answers."""

    def come(self) -> None:
        """As `Person` says."""
        self._next = self._chance.randrange(len(self.front.serving))
        self._connection: Any = None
        self._taken = 0
        self._lock = threading.Lock()
        until(self._connect, f"{self.nick} to come in")
        # Somebody who only reads notices, too, that the connection is gone.
        threading.Thread(target=self._stay, daemon=True, name=f"{self.nick} stays").start()

    def _dial(self, meet: Meet) -> Any:
        raise NotImplementedError

    def _in(self, connection: Any) -> bool:
        """Whether it is in the room."""
        raise NotImplementedError

    def _connect(self) -> bool:
        meet = self.front.serving[self._next % len(self.front.serving)]
        self._next += 1
        try:
            connection = self._tried = self._dial(meet)
        except OSError:
            return False
        with contextlib.suppress(AssertionError):
            until(lambda: self._in(connection) or not connection.connected, "the room", ARRIVAL_PATIENCE)
        if not self._in(connection):
            connection.close()
            return False
        with self._lock:
            self._connection, self._taken = connection, 0
            self.memory.reshow()
        return True

    def _stay(self) -> None:
        while not self._gone.is_set():
            self._take()
            if not self._connection.connected:
                self._take()
                self._connection.close()
                while not self._gone.wait(self._chance.uniform(0.1, 0.4)):
                    if self._connect():
                        self.returns += 1
                        break
            self._gone.wait(0.01)

    def _take(self) -> None:
        with self._lock:
            heard = self._connection.heard
            while self._taken < len(heard):
                line = heard[self._taken]
                self._taken += 1
                self.memory.hear(line)
                if line[0] == self.nick:
                    self.accepted.add(line)

    def say(self, line: Line) -> None:
        """As `Person` says: once.  An echo that comes late counts all the same."""
        connection = self._connection
        if not connection.connected:
            # A new one is under way; say it there.
            with contextlib.suppress(AssertionError):
                until(lambda: self._gone.is_set() or self._connection.connected, "a connection", ECHO_PATIENCE)
            connection = self._connection
        before = len(connection.lines)
        if not connection.say(line[1]):
            return
        with contextlib.suppress(AssertionError):
            until(
                lambda: (
                    line in self.accepted
                    or not connection.connected
                    or any(map(self._refuses, connection.lines[before:]))
                    or self._gone.is_set()
                ),
                "the echo",
                ECHO_PATIENCE,
            )

    def last_words(self) -> str:
        """As `Person` says."""
        connection = self._connection
        if connection.connected:
            return f"{super().last_words()}, was told {connection.lines[-5:]}"
        return f"{super().last_words()}, was told {connection.lines[-5:]} and then {self._tried.lines[-5:]}"

    def _refuses(self, line: str) -> bool:
        """Whether a line from Meet refuses one of ours."""
        raise NotImplementedError

    def leave(self) -> None:
        """As `Person` says."""
        super().leave()
        self._connection.close()
        self._take()


class Chatter(_ByHand):
    """At the IRC door."""

    door = "irc"

    def _dial(self, meet: Meet) -> Any:
        return Irc(meet, self.room, self.nick, password=f"secret-of-{self.nick}")

    def _in(self, connection: Any) -> bool:
        return any(f" 366 {self.nick} #{self.room} " in line for line in connection.lines)

    def _refuses(self, line: str) -> bool:
        return f" 404 {self.nick} #" in line


class Caller(_ByHand):
    """At the line door."""

    door = "line"

    def _dial(self, meet: Meet) -> Any:
        return Telnet(meet, self.room, self.nick)

    def _in(self, connection: Any) -> bool:
        return any(line.startswith(f"{self.room}") and " here, ends " in line for line in connection.lines)

    def _refuses(self, line: str) -> bool:
        return line.startswith("! ")
