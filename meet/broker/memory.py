"""A broker in plain dictionaries: for tests, and the one to read first.

It keeps every promise of `meet.interfaces.IBroker` within one process and one object; what
it holds is gone with it.  The law: nothing is told in the turn in which it was asked.  What
there is to tell is queued in order, and told in a later turn of the reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from meet.broker.ledger import Ledger, new_epoch
from meet.broker.observation import Batch, Observation
from meet.errors import Stale, Taken, Unavailable
from meet.events import Position
from meet.feed import Look
from meet.interfaces import Hear, IBroker, Observe, Record
from meet.limits import Limits

_T = TypeVar("_T")


def make_broker(
    url: str, *, data: Path, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits
) -> MemoryBroker:
    """The broker for ``memory:``; raises `ValueError` if anything stands after the colon."""
    if url not in ("memory", "memory:"):
        raise ValueError(f"The broker memory: takes nothing after its name, not {url!r}.")
    return MemoryBroker(clock, random, limits)


@implementer(IBroker)
class MemoryBroker:
    """`IBroker` for one process; remembers as long as it lives, also while it is stopped."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits) -> None:
        self._clock = clock
        self._random = random
        self._limits = limits
        self._open = False
        self._secret = random(32)
        self._ledgers: dict[str, Ledger] = {}
        self._hearing: dict[str, Hear] = {}
        self._journal = _Journal()
        self._observations: dict[str, list[Observation]] = {}
        self._untold: deque[Callable[[], None]] = deque()
        self._telling: IDelayedCall | None = None

    def start(self) -> Deferred[None]:
        """Nothing is needed; fires at once."""
        self._open = True
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Accept nothing more; fires when all that was accepted has been told."""
        self._open = False
        self._hearing.clear()
        for observations in self._observations.values():
            for observation in observations:
                observation.stop()
        self._observations.clear()
        return self._later(lambda: None)

    def secret(self) -> Deferred[bytes]:
        """Fires at once with 32 bytes, the same as long as this object lives."""
        return succeed(self._secret)

    def publish(
        self,
        room: str,
        body: bytes,
        *,
        under: Position | None,
        key: str | None = None,
        forget: bool = False,
        ruling: bool = False,
        claim: tuple[str, str] | None = None,
        once: str | None = None,
        erase: Position | None = None,
    ) -> Deferred[Position]:
        """As `IBroker` says; those who attend hear it just before the Deferred fires."""
        if not self._open:
            return fail(_away())
        ledger = self._ledger(room)
        try:
            published = ledger.publish(
                body,
                self._clock.seconds(),
                under=under,
                key=key,
                forget=forget,
                ruling=ruling,
                claim=claim,
                once=once,
                erase=erase,
            )
        except (Stale, Taken) as refused:
            return self._later(_raising(refused))
        position = published.position
        if published.repeated:
            return self._later(lambda: position)
        self._ledgers[room] = ledger
        if erase is not None:
            self._journal.erase(room, erase)
        self._journal.add(Record(room, position, body), talk=key is None, held=published.held)
        self._journal.release(room, position.epoch, published.passed)
        return self._later(lambda: self._tell(room, position, body))

    def read(self, room: str) -> Deferred[Look]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        look = self._ledger(room).look()
        return self._later(lambda: look)

    def attend(self, room: str, hear: Hear) -> Deferred[None]:
        """As `IBroker` says; what is under way when it is asked is heard too."""
        if not self._open:
            return fail(_away())
        self._hearing[room] = hear
        return self._later(lambda: None)

    def neglect(self, room: str) -> None:
        """As `IBroker` says; of a room that is not attended nothing happens."""
        self._hearing.pop(room, None)

    def journal(self, observer: str, observe: Observe) -> Deferred[Callable[[], Deferred[None]]]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        observation = Observation(
            observe,
            lambda after, count: self._later(lambda: self._journal.after(after, count)),
            lambda number: self._journal.acknowledge(observer, number),
            self._clock,
            self._journal.register(observer),
        )
        self._observations.setdefault(observer, []).append(observation)

        def stop() -> Deferred[None]:
            running = self._observations.get(observer, [])
            if observation in running:
                running.remove(observation)
            return observation.stop()

        observation.wake()
        return self._later(lambda: stop)

    def rooms(self) -> Deferred[Sequence[str]]:
        """As `IBroker` says, in the order of the names."""
        if not self._open:
            return fail(_away())
        names = sorted(self._ledgers)
        return self._later(lambda: names)

    def drop(self, room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        ledger = self._ledgers.get(room)
        if ledger is None:
            return self._later(lambda: None)
        if under not in (None, ledger.ruled):
            return self._later(_raising(Stale("The room has changed since.")))
        del self._ledgers[room]
        position = ledger.next()
        self._journal.drop(room)
        self._journal.add(Record(room, position, body), talk=False, held=False)

        def tell() -> None:
            self._tell(room, position, body)

        return self._later(tell)

    def _ledger(self, room: str) -> Ledger:
        known = self._ledgers.get(room)
        return known or Ledger(new_epoch(self._clock.seconds(), self._random(3)), self._limits)

    def _tell(self, room: str, position: Position, body: bytes) -> Position:
        hear = self._hearing.get(room)
        if hear is not None:
            try:
                hear(position, body)
            except Exception:
                self._log.failure("Hearing an entry failed")
        for observations in self._observations.values():
            for observation in observations:
                observation.wake()
        return position

    def _later(self, what: Callable[[], _T]) -> Deferred[_T]:
        done: Deferred[_T] = Deferred()

        def tell() -> None:
            try:
                result = what()
            except (Stale, Taken):
                done.errback()
            else:
                done.callback(result)

        self._untold.append(tell)
        if self._telling is None:
            self._telling = self._clock.callLater(0, self._tell_all)
        return done

    def _tell_all(self) -> None:
        untold, self._untold = self._untold, deque()
        self._telling = None
        for tell in untold:
            tell()


class _Journal:
    """Every entry that is still remembered, or that an observer has not yet acknowledged."""

    def __init__(self) -> None:
        self._numbered = 0
        self._records: dict[int, Record] = {}
        self._numbers: dict[tuple[str, Position], int] = {}
        self._talk: set[int] = set()
        self._held: set[int] = set()
        self._observers: dict[str, int] = {}

    def add(self, record: Record, *, talk: bool, held: bool) -> None:
        self._numbered += 1
        self._records[self._numbered] = record
        self._numbers[record.room, record.position] = self._numbered
        if talk:
            self._talk.add(self._numbered)
        if held:
            self._held.add(self._numbered)
        self._sweep([self._numbered])

    def release(self, room: str, epoch: str, seqs: Sequence[int]) -> None:
        """These are no longer remembered by their room."""
        numbers = [self._numbers.get((room, Position(epoch, seq)), 0) for seq in seqs]
        self._held.difference_update(numbers)
        self._sweep(numbers)

    def erase(self, room: str, position: Position) -> None:
        number = self._numbers.get((room, position), 0)
        if number in self._talk:
            self._delete(number)

    def drop(self, room: str) -> None:
        for number in [number for number, record in self._records.items() if record.room == room]:
            self._delete(number)

    def register(self, observer: str) -> int:
        return self._observers.setdefault(observer, 0)

    def acknowledge(self, observer: str, number: int) -> None:
        self._observers[observer] = max(self._observers[observer], number)
        self._sweep(list(self._records))

    def after(self, number: int, count: int) -> Batch:
        numbers = [each for each in self._records if each > number]
        return [(each, self._records[each]) for each in numbers[:count]]

    def _sweep(self, numbers: Sequence[int]) -> None:
        acknowledged = min(self._observers.values(), default=self._numbered)
        for number in numbers:
            if number <= acknowledged and number not in self._held:
                self._delete(number)

    def _delete(self, number: int) -> None:
        record = self._records.pop(number, None)
        if record is not None:
            del self._numbers[record.room, record.position]
        self._talk.discard(number)
        self._held.discard(number)


def _away() -> Unavailable:
    return Unavailable("The broker is not running; come again.")


def _raising(error: Exception) -> Callable[[], NoReturn]:
    def fails() -> NoReturn:
        raise error

    return fails
