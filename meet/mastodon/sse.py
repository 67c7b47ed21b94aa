"""Bytes, cut anywhere, to server-sent events (https://html.spec.whatwg.org/#parsing-an-event-stream)."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 1_048_576
"""Bytes of an event; a status with all that belongs to it has some thousands."""


class TooLong(Exception):
    """An event passed `LONGEST`."""


class Event(NamedTuple):
    """One event: its name, and its data as it came."""

    name: str
    data: bytes


class Events:
    """Collects the bytes of one stream."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._name = ""
        self._data: list[bytes] = []

    def take(self, data: bytes) -> list[Event]:
        """The events that ``data`` ends.  Raises `TooLong`."""
        found: list[Event] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            line = b"".join((*self._pieces, piece)).removesuffix(b"\r")
            self._pieces = []
            self._grow(len(piece))
            self._line(line, found)
        if rest:
            self._pieces.append(rest)
            self._grow(len(rest))
        return found

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > LONGEST:
            raise TooLong

    def _line(self, line: bytes, found: list[Event]) -> None:
        if not line:
            if self._data:
                found.append(Event(self._name or "message", b"\n".join(self._data)))
            self._name, self._data, self._size = "", [], 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"data":
            self._data.append(value)
        elif not field:
            # A comment, by which the instance shows that it lives.
            self._size -= len(line)
