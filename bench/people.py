"""People of the soak: one class for each door, each coming in, hearing, saying and leaving.

They are told apart by their door only.  What a person hears is given to `hear` line by line
or frame by frame, whatever it is; the crowd knows its own lines by their mark.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Hear = Callable[[bytes], None]

PATIENCE = 60.0
"""Seconds after which an answer is taken for missing."""

READ = 65536


class Broken(Exception):
    """A door did not answer as it should; the text says how."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports of one Meet."""

    web: int
    irc: int
    line: int


class Person:
    """Somebody at one door: `come` first, then `say` any number of times, then `leave`."""

    door = ""

    def __init__(self, doors: Doors, room: str, nick: str, hear: Hear) -> None:
        self.doors, self.room, self.nick, self.hear = doors, room, nick, hear
        self.hearing: asyncio.Task[None] | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def come(self) -> None:
        """Come in; returns once in."""
        raise NotImplementedError

    async def say(self, text: str) -> None:
        """Say ``text``."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Leave, and close what is open."""
        self._hear_no_more()
        for writer in self._writers:
            writer.close()

    def _hear_no_more(self) -> None:
        hearing, self.hearing = self.hearing, None
        if hearing is not None:
            hearing.cancel()
            # It may have ended before, of which whoever watches the stay was told, or end just now.
            hearing.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def _open(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        self._writers.append(writer)
        return reader, writer

    def _listen(self, reader: asyncio.StreamReader) -> None:
        self.hearing = asyncio.create_task(self._lines(reader))

    async def _lines(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self.hear(line)


class SocketPerson(Person):
    """A browser's: one WebSocket."""

    door = "websocket"

    async def come(self) -> None:
        """Shake hands and wait for the welcome."""
        reader, self._writer = await self._open(self.doors.web)
        self._writer.write(
            f"GET /api/v1/rooms/{self.room}/socket?nick={self.nick} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: meet.v1\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head[:16]:
            raise Broken(f"the WebSocket was answered {head[:40]!r}")
        while b'"kind":"welcome"' not in (text := (await _frame(reader))[1]):
            if b'"refused"' in text:
                raise Broken(text.decode())
        self.hearing = asyncio.create_task(self._frames(reader))

    async def say(self, text: str) -> None:
        """As one ask."""
        self._send(1, json.dumps({"ask": "say", "text": text}).encode())

    async def leave(self) -> None:
        """By an ask and a close."""
        self._send(1, b'{"ask":"leave"}')
        self._send(8, b"\x03\xe8")
        await super().leave()

    async def _frames(self, reader: asyncio.StreamReader) -> None:
        while True:
            opcode, text = await _frame(reader)
            if opcode == 9:
                self._send(10, text)
            self.hear(text)

    def _send(self, opcode: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
        masked = bytes(byte ^ mask[at & 3] for at, byte in enumerate(data))
        self._writer.write(bytes([0x80 | opcode]) + size + mask + masked)


class IrcPerson(Person):
    """An IRC client that asks to hear itself."""

    door = "irc"

    async def come(self) -> None:
        """Register and join."""
        reader, self._writer = await self._open(self.doors.irc)
        self._writer.write(
            f"CAP REQ :echo-message\r\nNICK {self.nick}\r\nUSER {self.nick} 0 * :soak\r\nCAP END\r\n"
            f"JOIN #{self.room}\r\n".encode()
        )
        while (reply := _reply(line := await reader.readline())) != b"366":
            if not line or line.startswith(b"ERROR") or reply == b"433":
                raise Broken(f"IRC answered {line!r}")
            self._answer(line)
        self._listen(reader)

    async def say(self, text: str) -> None:
        """As a PRIVMSG."""
        self._writer.write(f"PRIVMSG #{self.room} :{text}\r\n".encode())

    async def leave(self) -> None:
        """By PART and QUIT."""
        self._writer.write(f"PART #{self.room}\r\nQUIT\r\n".encode())
        await super().leave()

    async def _lines(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self._answer(line)
            self.hear(line)

    def _answer(self, line: bytes) -> None:
        if _reply(line) == b"PING":
            self._writer.write(b"PONG " + line.split()[-1] + b"\r\n")


class LinePerson(Person):
    """Somebody with nc."""

    door = "line"

    async def come(self) -> None:
        """Join, and read until the door tells how many are here."""
        reader, self._writer = await self._open(self.doors.line)
        self._writer.write(f"/join {self.room} {self.nick}\n".encode())
        while b" here, " not in (line := await reader.readline()):
            if not line or line.startswith(b"!"):
                raise Broken(f"the line door answered {line!r}")
        self._listen(reader)

    async def say(self, text: str) -> None:
        """As a line."""
        self._writer.write(f"{text}\n".encode())

    async def leave(self) -> None:
        """By a word."""
        self._writer.write(b"/quit\n")
        await super().leave()


class _Asking(Person):
    """Somebody who speaks by single HTTP requests on one kept connection."""

    async def come(self) -> None:
        """Take a session."""
        self._said = 0
        self._reader, self._writer = await self._open(self.doors.web)
        told = await self._ask("POST", "sessions", {"nick": self.nick})
        self._token = str(told["token"])

    async def say(self, text: str) -> None:
        """As one request, with a ref: asked twice, it is said once."""
        self._said += 1
        await self._ask("POST", "says", {"text": text, "ref": str(self._said)})

    async def leave(self) -> None:
        """Give the session back."""
        self._hear_no_more()
        await self._ask("DELETE", "sessions", None)
        await super().leave()

    def _request(self, method: str, path: str, body: Any) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        token = f"Authorization: Bearer {self._token}\r\n" if hasattr(self, "_token") else ""
        head = (
            f"{method} /api/v1/rooms/{self.room}/{path} HTTP/1.1\r\nHost: bench\r\n{token}"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data

    async def _ask(self, method: str, path: str, body: Any) -> Any:
        request = self._request(method, path, body)
        try:
            return await self._exchange(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            # A server may close a connection that rests, also just now: RFC 9112, section 9.5.
            self._reader, self._writer = await self._open(self.doors.web)
            return await self._exchange(request)

    async def _exchange(self, request: bytes) -> Any:
        self._writer.write(request)
        return await _answer(self._reader)


class StreamPerson(_Asking):
    """Hears by an event stream."""

    door = "sse"

    async def come(self) -> None:
        """Take a session and open the stream."""
        await super().come()
        reader, writer = await self._open(self.doors.web)
        writer.write(self._request("GET", "events", None))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            raise Broken(f"the event stream was answered {head[:40]!r}")
        self._listen(reader)


class PollPerson(_Asking):
    """Hears by requests that wait."""

    door = "long-poll"

    async def come(self) -> None:
        """Take a session and begin to ask."""
        await super().come()
        reader, writer = await self._open(self.doors.web)
        self.hearing = asyncio.create_task(self._poll(reader, writer))

    async def _poll(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        after = ""
        while True:
            writer.write(self._request("GET", f"entries?wait=20&after={after}" if after else "entries", None))
            pairs = await _answer(reader)
            for position, event in pairs:
                after = position
                self.hear(json.dumps(event).encode())


KINDS: tuple[type[Person], ...] = (
    SocketPerson,
    SocketPerson,
    IrcPerson,
    StreamPerson,
    SocketPerson,
    LinePerson,
    PollPerson,
)


def kinds() -> Iterator[type[Person]]:
    """The doors that people take, again and again."""
    while True:
        yield from KINDS


def _reply(line: bytes) -> bytes:
    """What a line of IRC is: a command or a number."""
    words = line.split(maxsplit=2)
    return words[1] if line.startswith(b":") and len(words) > 1 else words[0] if words else b""


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    return head[0] & 0x0F, await reader.readexactly(length)


async def _answer(reader: asyncio.StreamReader) -> Any:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode("latin-1")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    status = int(head.split()[1])
    if "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    else:
        body = b"" if status == 204 else await _chunks(reader)
    if status >= 400:
        raise Broken(f"{status} {body[:200].decode(errors='replace')}")
    return json.loads(body) if body else None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
