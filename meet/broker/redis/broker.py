"""`meet.interfaces.IBroker` on Redis: its beginning and end, and what becomes of Redis meanwhile.

The law: while Redis is away nothing is accepted and nothing is guessed; when it is back whoever
attends reads anew.  An ask whose answer was lost may have been accepted: ``once`` makes it safe
to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from txredisapi import ResponseError
from zope.interface import implementer

from meet.address import Address
from meet.broker.redis.cluster import Cluster
from meet.broker.redis.hearing import Hearing
from meet.broker.redis.journal import Journal
from meet.broker.redis.link import UNTRUSTED
from meet.broker.redis.observers import Observers
from meet.broker.redis.reaching import greeting
from meet.broker.redis.rooms import Rooms, closed
from meet.broker.redis.scripts import ALL, ORPHANS, PROBE
from meet.broker.redis.servers import Forbidden, OneServer, Servers
from meet.broker.redis.standing import Standing
from meet.bus import PULSE_EVERY, position_of
from meet.errors import Unavailable
from meet.interfaces import Hear, IBroker, IMeasured, IWatch, Observe, Observer, Stop
from meet.keys import HOUSE, SHARDS, Names
from meet.limits import Limits

_BEGINNING = 10.0
"""Seconds for which a start waits for a Redis that is away."""

_AGAIN = 1.0
"""Seconds after which it is tried again to come back to a Redis that is there and refuses."""

_PROBE = 4.0
"""Seconds in which a probe must come back."""

_OUR_MISTAKE = ("WRONGPASS", "NOAUTH", "NOPERM", "invalid DB", "DB index", "cluster support disabled", UNTRUSTED)
"""What Redis says when an operator must mend something, in whole or in part."""


@implementer(IBroker, IMeasured)
class RedisBroker(Rooms):
    """The broker at ``address``; ``random(n)`` gives n bytes that nobody can guess.

    ``clock`` times the pauses of observers; everything that Redis is part of has the reactor's.
    """

    log = Logger()

    def __init__(
        self,
        address: Address,
        clock: IReactorTime,
        random: Callable[[int], bytes],
        limits: Limits,
        pulse: float = PULSE_EVERY,
    ) -> None:
        # txredisapi has installed it by now.
        from twisted.internet import reactor

        process = random(9).hex()
        names = Names(address.prefix)
        kind = Cluster if address.kind == "cluster" else OneServer
        servers: Servers = kind(
            address,
            [script.text for script in ALL],
            reactor,
            random,
            lambda: self._there("asking"),
            lambda why: self._gone("asking", why),
        )
        super().__init__(servers, names, process, address.wait, clock, random, limits)
        self._address = address
        self._reactor: Any = reactor
        self._hearing = Hearing(
            servers.listening_endpoint(),
            greeting(address, master=kind is not Cluster),
            self._reactor,
            random,
            lambda: self._there("hearing"),
            lambda why: self._gone("hearing", why),
        )
        self._standing = Standing(process, servers, names, self._reactor, self._adopt, self._lapsed, pulse)
        self._observers = Observers(servers, names, self._standing)
        self._lacking = {"asking": "", "hearing": ""}
        self._reason = ""
        self._starting = False
        self._ended = False
        self._started: Deferred[None] = Deferred()
        self._away = False
        self._again: IDelayedCall | None = None
        self._empty = False
        self._secret = b""
        self._watcher: IWatch | None = None
        self._journals: list[Journal] = []
        self._adopting: set[str] = set()
        self._unfinished: set[str] = set()
        self._probes: dict[bytes, Deferred[None]] = {}
        self._probe_shards = cycle(range(SHARDS))

    # Beginning and end.

    def start(self) -> Deferred[None]:
        """Connect; fails with `ValueError` where an operator must mend something, with `Unavailable`
        if Redis stays away for 10 seconds.
        """
        self._starting = True
        self._hearing.subscribe(self._names.probe(self._process), self._probed).addErrback(_ignore)
        self._hearing.subscribe(self._names.wake, self._woken).addErrback(_ignore)
        self._servers.start()
        self._hearing.start()
        started = self._started.addTimeout(_BEGINNING, self._reactor)
        started.addCallback(lambda _: Deferred.fromCoroutine(self._prepare()))
        return started.addErrback(self._not_started)

    def stop(self) -> Deferred[None]:
        """Accept nothing more; fires when the others may have what is ours and all is closed."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self._ended = True
        self.open = False
        if self._again is not None and self._again.active():
            self._again.cancel()
        for waiting in ([self._started] if self._starting else []) + list(self._probes.values()):
            if not waiting.called:
                waiting.errback(closed())
        self._watcher = None
        journals, self._journals = self._journals, []
        # A batch that is being told may take its time; its observer, not the broker, is asked to wait.
        for journal in journals:
            journal.stop().addErrback(_ignore)
        await self._standing.stop()
        await self._hearing.stop()
        await self._servers.stop()

    async def _prepare(self) -> None:
        self._secret, _ = await self._first("secret", self._random(32))
        _, self._empty = await self._first("born", self._random(8).hex().encode())
        if not self._ended:
            await self._standing.start()
        if self._ended:
            raise closed()
        self.open = True

    async def _first(self, what: str, value: bytes) -> tuple[bytes, bool]:
        """What Redis was first told of ``what``, and whether it is told only now.

        Nothing is written where it has it: without memory it would refuse that.
        """
        key = self._names.house(what)
        known = await self._servers.ask(HOUSE, "GET", key)
        if known is not None:
            return known, False
        written = await self._servers.ask(HOUSE, "SET", key, value, "NX")
        return await self._servers.ask(HOUSE, "GET", key), written is not None

    def _not_started(self, failure: Failure) -> Failure:
        self.stop().addErrback(_ignore)
        if failure.check(TookTooLong):
            why = self._reason or "it does not answer."
            return Failure(Unavailable(f"The broker, Redis at {self._address}, cannot be reached: {why}"))
        if isinstance(failure.value, Forbidden):
            return self._not_usable(failure.value.words)
        if failure.check(ResponseError):
            return self._not_usable(str(failure.value))
        return failure

    def _not_usable(self, reason: str) -> Failure:
        return Failure(ValueError(f"The broker, Redis at {self._address}, cannot be used: {reason}"))

    def secret(self) -> Deferred[bytes]:
        """Fires at once, with what this Redis was given first."""
        return succeed(self._secret) if self.open else fail(closed())

    def watch(self, watcher: IWatch) -> Deferred[None]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        self._watcher = watcher
        if self._empty:
            self._empty = False
            self._tell(watcher.back)
        self._standing.adopts = True
        self._standing.hasten()
        return succeed(None)

    def probe(self) -> Deferred[None]:
        """As `IBroker` says; each probe goes to the next shard, so that all servers have their turn."""
        if not self.open:
            return fail(closed())
        shard = next(self._probe_shards)
        mark = self._random(6).hex().encode()
        back = self._probes[mark] = Deferred()
        keys = [self._names.of(shard, "probe")]
        sent = PROBE.run(self._servers, shard, keys, [self._names.probe(self._process), mark])
        sent.addErrback(self._not_sent, mark)
        back.addTimeout(_PROBE, self._reactor, lambda _, __: self._missed(taken=sent.called))
        return back.addBoth(self._came_back, mark)

    # Down.

    def attend(self, room: str, hear: Hear) -> Deferred[None]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())

        def told(message: bytes) -> None:
            position, _, body = message.partition(b" ")
            hear(position_of(position), body)

        return self._hearing.subscribe(self._names.channel(room), told)

    def neglect(self, room: str) -> None:
        """As `IBroker` says."""
        self._hearing.unsubscribe(self._names.channel(room))

    def lease(self, name: str, gained: Callable[[], None], lost: Callable[[], None]) -> Stop:
        """As `IBroker` says."""
        return self._standing.lease(name, gained, lost)

    def journal(self, observer: str, observe: Observe) -> Deferred[Stop]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        journal = Journal(observer, observe, self._process, self._servers, self._names, self._standing, self._clock)
        self._journals.append(journal)

        def stop() -> Deferred[None]:
            if journal in self._journals:
                self._journals.remove(journal)
            return journal.stop()

        return journal.start().addCallback(lambda _: stop)

    def observers(self) -> Deferred[Sequence[Observer]]:
        """As `IBroker` says."""
        return Deferred.fromCoroutine(self._observers.all()) if self.open else fail(closed())

    def dismiss(self, observer: str) -> Deferred[bool]:
        """As `IBroker` says."""
        return Deferred.fromCoroutine(self._observers.dismiss(observer)) if self.open else fail(closed())

    # What becomes of Redis, and of other processes.

    def _there(self, part: str) -> None:
        self._lacking.pop(part, None)
        if not self._lacking:
            self._whole()

    def _whole(self) -> None:
        if not self._started.called:
            self._started.callback(None)
        elif self.open and self._away and not self._lacking:
            Deferred.fromCoroutine(self._come_back()).addErrback(self._not_back)

    def _gone(self, part: str, reason: str) -> None:
        self._reason = reason
        self._lacking[part] = reason
        if not self._started.called and any(word in reason for word in _OUR_MISTAKE):
            self._started.errback(self._not_usable(reason))
        if self.open and not self._away:
            self._away = True
            self.log.warn("Redis at {address} is away: {reason}", address=self._address, reason=reason)
            if self._watcher is not None:
                watcher = self._watcher
                self._tell(lambda: watcher.away(reason))

    async def _come_back(self) -> None:
        # Should it have been emptied, doors know their people by this secret.
        await self._first("secret", self._secret)
        await self._first("born", self._random(8).hex().encode())
        if self._lacking or not self._away or not self.open:
            # Lost once more meanwhile: whoever makes it whole comes here again, or was here already.
            return
        self._away = False
        self.log.info("Redis at {address} is back.", address=self._address)
        for journal in self._journals:
            journal.renew()
        self._standing.hasten()
        if self._watcher is not None:
            self._tell(self._watcher.back)

    def _not_back(self, failure: Failure) -> None:
        if failure.check(Unavailable) is None:
            self.log.failure("Redis came back in a way that was not understood", failure)
        if self.open and self._away and not self._lacking and (self._again is None or not self._again.active()):
            self._again = self._reactor.callLater(_AGAIN, self._whole)

    def _lapsed(self) -> None:
        """Others may hold what we held: stand for it beside them."""
        for (room, key), owner in list(self.held.items()):
            self.hold(room, key, owner).addErrback(_ignore)

    def _adopt(self, dead: str, seen: float) -> None:
        watcher = self._watcher
        if dead in self._adopting or watcher is None:
            return
        self._adopting.add(dead)
        adopted = Deferred.fromCoroutine(self._take_on(dead, seen, watcher))
        adopted.addErrback(self._not_adopted, dead).addCallback(lambda _: self._adopting.discard(dead))

    async def _take_on(self, dead: str, seen: float, watcher: IWatch) -> None:
        again = "again" if dead in self._unfinished else ""
        for shard in range(SHARDS):
            keys = [self._names.of(shard, "rooms"), self._names.of(shard, "holders:")]
            found = await ORPHANS.run(self._servers, shard, keys, [dead, self._process, f"{seen:.3f}", again])
            left: dict[tuple[str, float], list[str]] = {}
            for room, key, last in zip(found[::3], found[1::3], found[2::3], strict=True):
                left.setdefault((room.decode(), float(last)), []).append(key.decode())
            for (name, last), held in left.items():
                await watcher.orphaned(name, held, last)
        self._unfinished.discard(dead)
        await self._standing.buried(dead)

    def _not_adopted(self, failure: Failure, dead: str) -> None:
        # Its turn comes again with the next pulse, and what Redis gave us without our hearing of it, too.
        self._unfinished.add(dead)
        if failure.check(Unavailable) is None:
            self.log.failure("The people of a process that died could not be taken on", failure)

    # Small things.

    def _woken(self, shard: bytes) -> None:
        for journal in self._journals:
            journal.woken(int(shard))

    def _probed(self, mark: bytes) -> None:
        back = self._probes.get(mark)
        if back is not None and not back.called:
            back.callback(None)

    def _not_sent(self, failure: Failure, mark: bytes) -> None:
        back = self._probes.get(mark)
        if back is not None and not back.called:
            back.errback(failure)

    def _missed(self, *, taken: bool) -> None:
        if not taken:
            raise Unavailable("Redis does not answer.")
        # The server that tells us may be cut off from the others, and not know it.
        self._hearing.renew()
        raise Unavailable("What Redis takes is not heard by this process.")

    def _came_back(self, result: Any, mark: bytes) -> Any:
        self._probes.pop(mark, None)
        return result

    def _tell(self, told: Callable[[], object]) -> None:
        try:
            told()
        except Exception:
            self.log.failure("Something that watches the broker broke")


def _ignore(_failure: Failure) -> None:
    """Told in another way, or of no consequence."""
