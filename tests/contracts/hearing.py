"""Those who hear and observe in the contract of brokers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from meet.events import Position
from meet.interfaces import IWatch, Record


class Heard:
    """Collects what one attendance, or one observer, is told; `upto` fires when it has so many."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._waiting: list[tuple[int, Deferred[list[Any]]]] = []

    def hear(self, position: Position, body: bytes) -> None:
        self._add([(position, body)])

    def observe(self, records: Sequence[Record]) -> Deferred[None]:
        self._add(records)
        return succeed(None)

    def upto(self, count: int) -> Deferred[list[Any]]:
        done: Deferred[list[Any]] = Deferred()
        self._waiting.append((count, done))
        self._add([])
        return done

    @property
    def bodies(self) -> list[bytes]:
        return [item[-1] for item in self.items]

    def _add(self, items: Sequence[Any]) -> None:
        self.items.extend(items)
        self.told()

    def told(self) -> None:
        """There is more, or as much, in ``items``."""
        ready = [each for each in self._waiting if each[0] <= len(self.items)]
        self._waiting = [each for each in self._waiting if each[0] > len(self.items)]
        for _, done in ready:
            done.callback(self.items)


@implementer(IWatch)
class Watching:
    """What one process is told of its broker and of others; ``orphans`` has room, keys and moment."""

    def __init__(self) -> None:
        self.aways: list[str] = []
        self.backs = Heard()
        self.orphans = Heard()

    def away(self, reason: str) -> None:
        self.aways.append(reason)

    def back(self) -> None:
        self.backs.items.append(None)
        self.backs.told()

    def orphaned(self, room: str, keys: Sequence[str], seen: float) -> Deferred[None]:
        self.orphans.items.append((room, sorted(keys), seen))
        self.orphans.told()
        return succeed(None)


class Failing(Heard):
    """An observer whose first ``times`` tries fail."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.tries: list[list[bytes]] = []
        self._times = times
        self._tried: list[tuple[int, Deferred[None]]] = []

    def observe(self, records: Sequence[Record]) -> Deferred[None]:
        self.tries.append([record.body for record in records])
        if len(self.tries) <= self._times:
            self._add([])
            self._count()
            return fail(OSError("away"))
        result = super().observe(records)
        self._count()
        return result

    def tried(self, count: int) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._tried.append((count, done))
        self._count()
        return done

    def _count(self) -> None:
        ready = [done for count, done in self._tried if count <= len(self.tries)]
        self._tried = [each for each in self._tried if each[0] > len(self.tries)]
        for done in ready:
            done.callback(None)
