"""A broker in plain dictionaries: for tests, and the one to read first.

It keeps every promise of `meet.interfaces.IBroker` within one process of the computer, which
tests may use as if it were several; what it holds is gone with it.  The law: nothing is told
in the turn in which it was asked.  What there is to tell is queued in order, and told in a
later turn of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from meet.broker.observation import Observation, there
from meet.broker.records import Records
from meet.broker.shared import NOTICED, Orphans, Saved, Shared
from meet.broker.standing import Standing
from meet.errors import Stale, Taken, Unavailable
from meet.events import Position
from meet.interfaces import Hear, IBroker, IWatch, Observe, Observer, Record, Stop
from meet.limits import Limits
from meet.look import Look, Numbered

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
    """`IBroker` for one process; remembers as long as it lives, also while it is stopped.

    For tests of several processes, `process` gives another process's view of the same broker,
    `die` ends one as ``kill -9`` does, and `fall_back` loses what came since `save`.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits, shared: Shared | None = None
    ) -> None:
        self._clock = clock
        self._shared = shared or Shared(clock, random, limits)
        self._shared.processes.append(self)
        self._open = False
        self._dead = False
        self._watcher: IWatch | None = None
        self._hearing: dict[str, Hear] = {}
        self._observations: list[Observation] = []
        self._leases: dict[object, Callable[[], Callable[[], None]]] = {}
        self._given_up: dict[object, Callable[[], None]] = {}

    # Several processes, and what becomes of them.

    def process(self) -> MemoryBroker:
        """Another process's view of this broker, not yet started."""
        shared = self._shared
        return MemoryBroker(shared.clock, shared.random, shared.limits, shared)

    def die(self) -> None:
        """End this process at once; the others notice it `NOTICED` seconds later."""
        self._dead = True
        self._end()
        self._shared.processes.remove(self)
        self._clock.callLater(NOTICED, self._shared.gone, self, self._clock.seconds())

    def save(self) -> Saved:
        """What the broker holds now, as a replica of it would."""
        return self._shared.saved()

    def fall_back(self, saved: Saved | None = None) -> None:
        """Let the broker hold what was ``saved`` (None: nothing), as when a replica takes its place."""
        self._shared.fall_back(saved or Saved({}, Records(), Standing()))
        for process in self._shared.processes:
            process.found()

    @property
    def lives(self) -> bool:
        """Whether this process has started and has not ended."""
        return self._open

    @property
    def watches(self) -> bool:
        """Whether this process is told of others that ended."""
        return self._watcher is not None

    def adopt(self, orphans: Orphans) -> None:
        """Tell this process's watcher what is now its to hold."""
        watcher = self._watcher
        if watcher is not None:
            told = self._later(lambda: None)
            told.addCallback(lambda _: watcher.orphaned(orphans.room, orphans.keys, orphans.seen))
            told.addErrback(lambda failure: self._log.failure("Taking over from another process failed", failure))

    def found(self) -> None:
        """Tell this process's watcher that the broker is here, whatever it holds."""
        if self._watcher is not None:
            self._later(self._watcher.back)

    # The broker.

    def start(self) -> Deferred[None]:
        """Nothing is needed; fires at once."""
        self._open = True
        for lease, take in self._leases.items():
            self._given_up[lease] = take()
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Accept nothing more; fires when all that was accepted has been told."""
        if self._open:
            self._shared.turns.gone(self, told=True)
            self._end()
            self._shared.gone(self, self._clock.seconds())
        return self._later(lambda: None)

    def watch(self, watcher: IWatch) -> Deferred[None]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        self._watcher = watcher
        self._shared.tell_orphans()
        if not self._shared.ledgers:
            self.found()
        return self._later(lambda: None)

    def probe(self) -> Deferred[None]:
        """Fires a turn later; there is nothing that could fail."""
        return self._later(lambda: None) if self._open else fail(_away())

    def secret(self) -> Deferred[bytes]:
        """Fires at once with 32 bytes, the same as long as this object lives."""
        return succeed(self._shared.secret)

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
        instead: Numbered = (),
    ) -> Deferred[Position]:
        """As `IBroker` says; those who attend hear it just before the Deferred fires."""
        if not self._open:
            return fail(_away())
        shared = self._shared
        ledger = shared.ledger(room)
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
                instead=instead,
                stands=key is None or shared.standing.may_forget(room, key, self),
            )
        except (Stale, Taken) as refused:
            return self._later(_raising(refused))
        position = published.position
        if published.repeated:
            return self._later(lambda: position)
        shared.ledgers[room] = ledger
        if key is not None and forget:
            shared.standing.forget(room, key)
        elif claim is not None and key == claim[0]:
            shared.standing.stand(room, key, self)
        if erase is not None:
            shared.records.erase(room, erase)
        for place, other in instead:
            shared.records.change(room, place, other)
        shared.records.add(Record(room, position, body), talk=key is None, held=published.held)
        shared.records.release(room, position.epoch, published.passed)
        return self._tell(room, position, body).addCallback(lambda _: position)

    def hold(self, room: str, key: str, owner: str, away: float | None = None) -> Deferred[bool]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        theirs = self._shared.ledger(room).owner(key) == owner
        if theirs:
            self._shared.standing.stand(room, key, self, away)
        return self._later(lambda: theirs)

    def let_go(self, room: str, key: str, owner: str) -> Deferred[bool]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        nobody = self._shared.standing.let_go(room, key, self)
        return self._later(lambda: nobody)

    def lease(self, name: str, gained: Callable[[], None], lost: Callable[[], None]) -> Stop:
        """As `IBroker` says; who asks before the broker is started has a turn after that."""
        lease = object()

        def take() -> Callable[[], None]:
            return self._shared.turns.wait(name, self, gained, lost)

        def give_up() -> Deferred[None]:
            self._leases.pop(lease, None)
            self._given_up.pop(lease, _nothing)()
            return self._later(lambda: None)

        self._leases[lease] = take
        if self._open:
            self._given_up[lease] = take()
        return give_up

    def read(self, room: str) -> Deferred[Look]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        look = self._shared.ledger(room).look()
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

    def journal(self, observer: str, observe: Observe) -> Deferred[Stop]:
        """As `IBroker` says; one at a time of those who observe under one name is told all rooms."""
        if not self._open:
            return fail(_away())
        records = self._shared.records
        begun: list[Observation] = []

        def begin() -> None:
            observation = Observation(
                observe,
                lambda after, count: self._later(lambda: records.after(after, count)),
                lambda number: records.acknowledge(observer, number),
                self._clock,
                records.register(observer),
                0,
            )
            begun.append(observation)
            self._observations.append(observation)
            observation.wake()

        def stop() -> Deferred[None]:
            stopped = begun[0].stop() if begun else succeed(None)
            if begun and begun[0] in self._observations:
                self._observations.remove(begun[0])
            return stopped.addCallback(lambda _: leave())

        records.register(observer)
        leave = self._shared.turns.wait(_telling(observer), self, begin, _nothing)
        return self._later(lambda: stop)

    def observers(self) -> Deferred[Sequence[Observer]]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        quiet = self._shared.turns.quiet
        found = [
            Observer(name, behind, quiet(_telling(name))) for name, behind in self._shared.records.behind().items()
        ]
        return self._later(lambda: found)

    def dismiss(self, observer: str) -> Deferred[bool]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        if self._shared.turns.taken(_telling(observer)):
            return self._later(_raising(there(observer)))
        known = self._shared.records.dismiss(observer)
        return self._later(lambda: known)

    def rooms(self) -> Deferred[Sequence[str]]:
        """As `IBroker` says, in the order of the names."""
        if not self._open:
            return fail(_away())
        names = sorted(self._shared.ledgers)
        return self._later(lambda: names)

    def restore(self, room: str, known: Look, renewed: bytes) -> Deferred[bool]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        shared = self._shared
        restored = shared.ledger(room).restored(known, renewed, shared.epoch(), self._clock.seconds())
        if restored is None:
            return self._later(lambda: False)
        shared.ledgers[room] = ledger = restored.ledger
        rows = {Position(ledger.epoch, row.seq): row for row in ledger.rows}
        behind = dict(restored.records)
        shared.records.renew(
            room, [(Record(room, at, row.body), row.key is None) for at, row in rows.items() if at not in behind]
        )
        for at, body in restored.records:
            shared.records.add(Record(room, at, body), talk=at in rows and rows[at].key is None, held=at in rows)
        return self._tell(room, *restored.renewed).addCallback(lambda _: True)

    def drop(self, room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """As `IBroker` says."""
        if not self._open:
            return fail(_away())
        shared = self._shared
        ledger = shared.ledgers.get(room)
        if ledger is None:
            return self._later(lambda: None)
        if under not in (None, ledger.ruled):
            return self._later(_raising(Stale("The room has changed since.")))
        del shared.ledgers[room]
        shared.standing.drop(room)
        position = ledger.next()
        shared.records.drop(room)
        shared.records.add(Record(room, position, body), talk=False, held=False)
        return self._tell(room, position, body)

    def hear(self, room: str, position: Position, body: bytes) -> None:
        """Tell what became of ``room`` to whoever attends it here, and that the journal has it."""
        hear = self._hearing.get(room)
        if hear is not None:
            try:
                hear(position, body)
            except Exception:
                self._log.failure("Hearing an entry failed")
        for observation in list(self._observations):
            observation.wake()

    def _tell(self, room: str, position: Position, body: bytes) -> Deferred[None]:
        def tell() -> None:
            for process in list(self._shared.processes):
                process.hear(room, position, body)

        self._shared.later(tell)
        return self._later(lambda: None)

    def _end(self) -> None:
        self._open = False
        self._watcher = None
        self._hearing.clear()
        self._given_up.clear()
        for observation in self._observations:
            observation.stop()
        self._observations.clear()

    def _later(self, what: Callable[[], _T]) -> Deferred[_T]:
        """Do it in a later turn, and tell the asker, if this process still lives."""
        done: Deferred[_T] = Deferred()

        def tell() -> None:
            if self._dead:
                return
            try:
                result = what()
            except (Stale, Taken):
                done.errback()
            else:
                done.callback(result)

        self._shared.later(tell)
        return done


def _telling(observer: str) -> str:
    """The work of telling ``observer`` the journal."""
    return f"journal {observer}"


def _nothing() -> None:
    """There is nothing to do then."""


def _away() -> Unavailable:
    return Unavailable("The broker is not running; come again.")


def _raising(error: Exception) -> Callable[[], NoReturn]:
    def fails() -> NoReturn:
        raise error

    return fails
