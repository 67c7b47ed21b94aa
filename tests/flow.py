"""A house over `MemoryBroker` and `Clock`: real parts, and time that moves when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.admission import Admission
from meet.broker.memory import MemoryBroker
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import Entry, Joined, Left, Position, Said
from meet.house import House
from meet.hub import Hub
from meet.interfaces import Hear, Here, IFormat, IListener, IStore, IWatch, Record, Status, Stop
from meet.limits import Limits
from meet.look import Look
from meet.moments import HOUR
from meet.presence import Watch
from meet.session import Session
from meet.sessions import Sessions
from meet.wire import decode_event

START = 1_795_528_800.0
"""2026-11-24T14:00:00Z: where a test's clock begins."""


def chance() -> Callable[[int], bytes]:
    """Bytes that differ at each call, and are the same in each run."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


class Wire:
    """The way from one process to the broker; it can be cut, lose what is told, or read nothing.

    It stands where a network stands: `IBroker` as far as a hub uses it.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self.cut = False
        self.losing = False
        self.unreadable = False
        self.reads = 0
        self.attended: dict[str, Hear] = {}
        self._broker = broker

    def publish(self, room: str, body: bytes, **guards: Any) -> Deferred[Position]:
        return self._through(lambda: self._broker.publish(room, body, **guards))

    def read(self, room: str) -> Deferred[Look]:
        self.reads += 1
        if self.unreadable:
            return fail(Unavailable("Nothing can be read."))
        return self._through(lambda: self._broker.read(room))

    def attend(self, room: str, hear: Hear) -> Deferred[None]:
        if self.cut:
            return fail(Unavailable("The wire is cut."))

        def arrive(position: Position, body: bytes) -> None:
            if not self.losing and not self.cut:
                hear(position, body)

        self.attended[room] = arrive
        return self._broker.attend(room, arrive)

    def neglect(self, room: str) -> None:
        self.attended.pop(room, None)
        self._broker.neglect(room)

    def hold(self, room: str, key: str, owner: str, away: float | None = None) -> Deferred[bool]:
        return self._through(lambda: self._broker.hold(room, key, owner, away))

    def let_go(self, room: str, key: str, owner: str) -> Deferred[bool]:
        return self._through(lambda: self._broker.let_go(room, key, owner))

    def restore(self, room: str, known: Look, renewed: bytes) -> Deferred[bool]:
        return self._through(lambda: self._broker.restore(room, known, renewed))

    def watch(self, watcher: IWatch) -> Deferred[None]:
        return self._through(lambda: self._broker.watch(watcher))

    def lease(self, name: str, gained: Callable[[], None], lost: Callable[[], None]) -> Stop:
        return self._broker.lease(name, gained, lost)

    def rooms(self) -> Deferred[Sequence[str]]:
        return self._through(self._broker.rooms)

    def _through(self, ask: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        return fail(Unavailable("The wire is cut.")) if self.cut else ask()


@implementer(IStore)
class NoArchive:
    """A store of a house that keeps no history beyond the tail."""

    def start(self) -> Deferred[None]:
        return succeed(None)

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        return succeed(None)

    def living(self) -> Deferred[Sequence[tuple[str, str]]]:
        return succeed([])

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        return succeed(Look(None, None, [], [], 0))

    def history(self, room: str, before: Position, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        return succeed([])

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        return succeed([])


class Flow:
    """One process: hub, sessions and house over a broker that other flows may share."""

    def __init__(self, beside: Flow | None = None, **limits: int) -> None:
        self.limits = Limits().but({name.replace("_", "-"): value for name, value in limits.items()})
        if beside is None:
            self.clock = Clock()
            self.clock.advance(START)
            self.random = chance()
            self.broker = MemoryBroker(self.clock, self.random, self.limits)
        else:
            self.clock, self.random = beside.clock, beside.random
            self.broker = beside.broker.process()
        self.broker.start()
        self.wire = Wire(self.broker)
        self.hub = Hub(self.wire, self.clock, self.limits)
        self.admission = Admission(self.limits)
        self.sessions = Sessions(self.hub, self.admission, self.clock, self.limits, self.random)
        self.watch = Watch(self.wire, self.hub, self.sessions, self.clock)
        self.house = House(
            hub=self.hub,
            sessions=self.sessions,
            admission=self.admission,
            archive=NoArchive(),
            clock=self.clock,
            limits=self.limits,
            random=self.random,
            secret=b"s" * 32,
            name="meet.test",
            public_url="",
            ports={},
        )

    def watching(self) -> Flow:
        """Let it be told of its broker and of other processes."""
        self.result(self.watch.start())
        return self

    def dies(self) -> None:
        """End this process as ``kill -9`` does: it tells nobody and is told nothing."""
        self.wire.cut = True
        self.broker.die()

    def drains(self) -> None:
        """End this process in order, as SIGTERM does."""
        self.sessions.stop(GOODBYES["shutting-down"])
        self.hub.stop(GOODBYES["shutting-down"])
        self.result(self.broker.stop())

    @property
    def now(self) -> float:
        return self.clock.seconds()

    def turn(self) -> None:
        """Let everything happen that happens without time passing."""
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` pass, and all that they bring happen."""
        self.turn()
        self.clock.advance(seconds)
        self.turn()

    def result(self, deferred: Deferred[Any]) -> Any:
        """What ``deferred`` fires with, without time passing; raises what it fails with."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.turn()
        assert results, "It has not fired."
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def refusal(self, deferred: Deferred[Any]) -> Refused:
        """Why ``deferred`` was refused."""
        try:
            result = self.result(deferred)
        except Refused as refused:
            return refused
        raise AssertionError(f"It was granted: {result!r}")

    def open(self, room: str = "algebra", **wishes: Any) -> str:
        """Open a room for an hour; its host key."""
        wishes.setdefault("ends", self.now + HOUR)
        _, host_key = self.result(self.sessions.open(room, address="192.0.2.1", **wishes))
        return str(host_key)

    def join(self, nick: str = "ann", room: str = "algebra", **wishes: Any) -> Session:
        wishes.setdefault("via", "web")
        session: Session = self.result(self.sessions.join(room, nick=nick, address="192.0.2.1", **wishes))
        return session

    def nicks(self, room: str = "algebra") -> list[str]:
        """Who is here, as this process knows it."""
        return [person.nick for person in self.result(self.hub.feed(room)).room.people]

    def log(self, room: str = "algebra") -> list[tuple[str, str]]:
        """What this room's talk is in the broker: nick and text."""
        look = self.result(self.broker.read(room))
        events = [decode_event(body) for _, body in look.tail]
        return [(event.nick, event.text) for event in events if isinstance(event, Said)]


@implementer(IFormat)
class Plain:
    """One word for each entry; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    def entry(self, room: str, entry: Entry) -> bytes:
        if self.broken:
            raise RuntimeError("This format is broken.")
        self.asked += 1
        match entry.event:
            case Said() as said:
                return f"{said.nick}:{said.text};".encode()
            case Joined() as joined:
                return f"+{joined.nick};".encode()
            case Left() as left:
                return f"-{left.nick}({left.because});".encode()
        return f"{type(entry.event).__name__};".encode()

    def here(self, room: str, here: Here) -> bytes:
        return f"[{here.count} +{','.join(here.came)} -{','.join(here.went)}];".encode()

    def status(self, room: str, status: Status) -> bytes:
        return b"away;" if status.away else b"back;"


@implementer(IListener)
class Ear:
    """A listener that remembers each piece it was handed, and how it ended."""

    def __init__(self, form: IFormat | None = None, skips: str = "") -> None:
        self.format = form or Plain()
        self.skips = skips
        self.pieces: list[str] = []
        self.ends: list[str] = []
        self.broken = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def heard(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("This listener is broken.")
        self.pieces.append(data.decode())

    def ended(self, goodbye: Goodbye) -> None:
        self.ends.append(goodbye.name)
