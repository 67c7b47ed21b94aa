"""Asks that the broker has accepted and this process has yet to hear.

An entry that was accepted can still be lost with the server that accepted it, and its number
given to another.  So what is awaited is known by its words, not by its position alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from meet.errors import Unavailable
from meet.events import Entry, Position


class _Awaited:
    """Who waits to hear what was published as ``body``, said once as ``once``."""

    __slots__ = ("body", "heard", "once")

    def __init__(self, body: bytes, once: str | None) -> None:
        self.body = body
        self.once = once
        self.heard: list[Deferred[None]] = []

    def comes_as(self, entry: Entry) -> bool:
        """Whether ``entry`` is what was published, now or by an earlier ask."""
        return entry.body == self.body or (self.once is not None and entry.event.once == self.once)

    def end(self, heard: bool) -> None:
        """Let all of them go on, or fail."""
        for waiting in self.heard:
            if heard:
                waiting.callback(None)
            else:
                waiting.errback(Unavailable("Meet lost that on its way. Try again."))


class Awaiting:
    """What is awaited in one room."""

    __slots__ = ("_awaited",)

    def __init__(self) -> None:
        self._awaited: dict[Position, _Awaited] = {}

    def __len__(self) -> int:
        """At how many positions something is awaited."""
        return len(self._awaited)

    def positions(self) -> list[Position]:
        """Where something is awaited now."""
        return list(self._awaited)

    def add(self, position: Position, body: bytes, once: str | None) -> Deferred[None]:
        """Fires when ``position`` is heard; fails with `Unavailable` if it is lost or is something else."""
        waiting: Deferred[None] = Deferred()
        self._awaited.setdefault(position, _Awaited(body, once)).heard.append(waiting)
        return waiting

    def hear(self, entries: Sequence[Entry]) -> None:
        """Answer those who wait for one of ``entries``."""
        for entry in entries if self._awaited else ():
            if (awaited := self._awaited.pop(entry.position, None)) is not None:
                awaited.end(awaited.comes_as(entry))

    def settle(self, expected: Sequence[Position], last: Position | None, entries: Sequence[Entry]) -> None:
        """Answer those who still wait for ``expected``, although the room was read since.

        ``last`` is where the room stands, ``entries`` what was new in it.
        """
        for position in expected:
            if (awaited := self._awaited.pop(position, None)) is not None:
                # State that something newer has replaced is not read.  Of another log only the words tell.
                awaited.end(reached(last, position) or any(awaited.comes_as(entry) for entry in entries))

    def stop(self) -> None:
        """Let everybody go on: the room is heard no longer."""
        awaited, self._awaited = self._awaited, {}
        for each in awaited.values():
            each.end(heard=True)


def reached(last: Position | None, position: Position) -> bool:
    """Whether a room that stands at ``last`` has come to ``position``, in the same log."""
    return last is not None and last.epoch == position.epoch and last.seq >= position.seq
