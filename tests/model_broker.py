"""A broker in thirty lines of rules, for tests: what `meet.interfaces.IBroker` promises of one room.

`ModelBroker` is written from the promise alone; `LedgerBroker` puts the real ledger behind
the same face, so that whatever drives one drives the other.  Neither tells anybody
anything: who drives it decides what is heard, when, and how often.
"""

from __future__ import annotations

from typing import Protocol

from meet.broker.ledger import Ledger
from meet.errors import Stale, Taken
from meet.events import Position
from meet.limits import Limits
from meet.look import Look
from meet.room import Guards


class OneRoom(Protocol):
    """The numbering of one room."""

    def publish(self, body: bytes, guards: Guards, now: float) -> tuple[Position, bool]:
        """The position of ``body``, and whether it is new; raises `Stale` or `Taken`."""

    def read(self) -> Look:
        """One look."""

    def drop(self) -> Position:
        """Forget all; the position of the `Forgotten`."""


class ModelBroker:
    """The promise, as plainly as it can be written; ``without`` names a guard that is not checked."""

    def __init__(self, limits: Limits, without: str = "") -> None:
        self._depth = limits.entries_in_tail
        self._without = without
        self._epochs = 0
        self._begin()

    def _begin(self) -> None:
        self._epochs += 1
        self._epoch = f"e{self._epochs}"
        self._seq = 0
        self._law: Position | None = None
        self._floor = 0
        self._kept: dict[str, tuple[Position, bytes]] = {}
        self._owners: dict[str, str] = {}
        self._tail: list[tuple[Position, bytes]] = []
        self._once: dict[str, Position] = {}

    def publish(self, body: bytes, guards: Guards, now: float) -> tuple[Position, bool]:
        if self._without != "once" and guards.once is not None and guards.once in self._once:
            return self._once[guards.once], False
        if self._without != "under" and guards.under != self._law:
            raise Stale
        if self._without != "claim" and guards.claim is not None:
            key, owner = guards.claim
            free = guards.key == key and not guards.forget and key not in self._owners
            if not free and self._owners.get(key) != owner:
                raise Taken
        self._seq += 1
        position = Position(self._epoch, self._seq)
        if guards.once is not None:
            self._once[guards.once] = position
        if guards.ruling:
            self._law = position
        if guards.key is None:
            self._tail.append((position, body))
            while len(self._tail) > self._depth:
                self._floor = self._tail.pop(0)[0].seq
        else:
            self._kept.pop(guards.key, None)
            if guards.forget:
                self._owners.pop(guards.key, None)
            else:
                self._kept[guards.key] = (position, body)
                if guards.claim is not None and guards.claim[0] == guards.key:
                    self._owners[guards.key] = guards.claim[1]
        return position, True

    def read(self) -> Look:
        if not self._seq:
            return Look(None, None, [], [], 0)
        kept = list(self._kept.values())
        return Look(Position(self._epoch, self._seq), self._law, kept, list(self._tail), self._floor)

    def drop(self) -> Position:
        position = Position(self._epoch, self._seq + 1)
        self._begin()
        return position


class LedgerBroker:
    """`meet.broker.ledger.Ledger`, as a broker has one for each room."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._epochs = 0
        self._begin()

    def _begin(self) -> None:
        self._epochs += 1
        self._ledger = Ledger(f"e{self._epochs}", self._limits)

    def publish(self, body: bytes, guards: Guards, now: float) -> tuple[Position, bool]:
        published = self._ledger.publish(
            body,
            now,
            under=guards.under,
            key=guards.key,
            forget=guards.forget,
            ruling=guards.ruling,
            claim=guards.claim,
            once=guards.once,
        )
        return published.position, not published.repeated

    def read(self) -> Look:
        return self._ledger.look()

    def drop(self) -> Position:
        position = self._ledger.next()
        self._begin()
        return position
