"""The batched way down: what a room's listeners are told in one reactor turn goes out at once.

Entries are collected until the turn ends; then every `meet.audience.Audience` that has something
to tell tells it, to so many listeners in one turn.  In a very large room the rest have theirs in
the turns that follow, so that what others ask meanwhile is answered, and one room's burst keeps
no other waiting.  Fan-out never waits, and a listener that raises is removed and costs nobody
else anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meet.audience import Audience, Told
from meet.errors import Goodbye
from meet.interfaces import IListener

AT_ONCE = 500
"""Listeners who are told in one turn: some 5 ms of one core."""


class Outbox:
    """The listeners of this process, by room.  ``delivered`` counts entries, for each who was told."""

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.delivered = 0
        self._clock = clock
        self._rooms: dict[str, Audience] = {}
        # In their order: who has something to tell, and of these who will be no more when it is told.
        self._due: dict[Audience, None] = {}
        self._ending: list[Audience] = []
        self._call: IDelayedCall | None = None

    def listeners(self, room: str) -> Iterator[IListener]:
        """Everybody who listens to ``room``."""
        return iter(self._rooms.get(room, ()))

    def add(self, room: str, listener: IListener) -> None:
        """Tell ``listener`` what is put from now on, and nothing that was put before."""
        audience = self._rooms.get(room)
        if audience is None:
            audience = self._rooms[room] = Audience(room, self._broke)
        audience.add(listener)

    def look_again(self, room: str, listener: IListener) -> None:
        """The ``heard`` of ``listener`` is another one now, to the same end."""
        audience = self._rooms.get(room)
        if audience is not None:
            audience.look_again(listener)

    def remove(self, room: str, listener: IListener) -> bool:
        """Tell ``listener`` nothing more; say whether it listened."""
        for ending in self._ending:
            if ending.room == room and ending.remove(listener):
                return True
        audience = self._rooms.get(room)
        if audience is None or not audience.remove(listener):
            return False
        self._settle(audience)
        return True

    def put(self, room: str, told: Sequence[Told]) -> None:
        """Tell the room's listeners when this reactor turn ends, in this order."""
        audience = self._rooms.get(room)
        if audience is not None and told:
            audience.put(told)
            self._make_due(audience)

    def catch_up(self, room: str, listener: IListener) -> None:
        """Tell ``listener`` what waits for it, without waiting for the turn's end."""
        audience = self._rooms.get(room)
        if audience is not None:
            audience.catch_up(listener)
            self._settle(audience)

    def tell(self, room: str, listener: IListener, told: Told) -> None:
        """Tell one listener alone, if it still listens."""
        audience = self._rooms.get(room)
        if audience is not None:
            audience.tell_one(listener, told)
            self._settle(audience)

    def end(self, room: str, goodbye: Goodbye) -> None:
        """Tell what is waiting, then take everybody off the room with ``goodbye``; who comes later stays.

        Of a large room it is the first who are told at once.
        """
        audience = self._rooms.pop(room, None)
        if audience is None:
            return
        audience.end(goodbye)
        self._due.pop(audience, None)
        self._ending.append(audience)
        self._tell(audience, AT_ONCE)
        if audience.behind:
            self._make_due(audience)

    def rooms(self) -> list[str]:
        """Every room that somebody listens to."""
        return list(self._rooms)

    def _make_due(self, audience: Audience) -> None:
        self._due[audience] = None
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._due and self._call is None:
            self._call = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._call = None
        left = AT_ONCE
        while self._due and left > 0:
            audience = next(iter(self._due))
            del self._due[audience]
            left -= self._tell(audience, left)
            if audience.behind:
                # Behind the others, who wait as well.
                self._due[audience] = None
        # All of those who were told may have heard everything, while others have not had their turn.
        self._flush_soon()

    def _tell(self, audience: Audience, most: int) -> int:
        told = audience.tell(most)
        if audience in self._ending and not audience.behind:
            self._ending.remove(audience)
        self._settle(audience)
        return told

    def _settle(self, audience: Audience) -> None:
        """Count what was told, and forget the room if nobody listens any more."""
        self.delivered += audience.delivered
        audience.delivered = 0
        if not audience and self._rooms.get(audience.room) is audience:
            del self._rooms[audience.room]

    def _broke(self, sentence: str, what: object) -> None:
        self.log.failure(sentence, what=type(what).__name__)
