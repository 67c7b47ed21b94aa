"""What the tests of the Redis broker stand on: one server for all of them, and keys of each test's own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from meet.address import read_address
from meet.broker.redis import journal
from meet.broker.redis.broker import RedisBroker
from meet.errors import Unavailable
from meet.events import Opened, Said
from meet.interfaces import IWatch
from meet.keys import shard_of, tag_of
from meet.limits import Limits
from meet.wire import encode
from tests.contracts.broker_ground import LIMITS, chance
from tests.contracts.hearing import Heard
from tests.servers.cluster import Cluster
from tests.servers.redis import Redis

PULSE = 0.5
"""Seconds between two pulses of a process in these tests; with three missed it counts as dead."""

OPENED = encode(
    Opened(at="2026-11-24T14:00:00.000Z", name="algebra", title="", ends="2126-11-24T15:00:00.000Z", limit=140, lock="")
)


def line(text: str, ref: str = "") -> bytes:
    return encode(Said(at="2026-11-24T14:05:09.120Z", by="p7", nick="ann", via="web", text=text, ref=ref))


@cache
def server() -> Redis:
    """One Redis for all tests of this run."""
    return Redis().start()


@cache
def cluster() -> Cluster:
    """One Redis Cluster for all tests of this run, without replicas: nobody dies in it."""
    return Cluster(replicas=0).start()


def with_prefix(url: str, prefix: str) -> str:
    """``url`` with keys of their own."""
    return f"{url}{'&' if '?' in url else '?'}prefix={prefix}"


def broker_at(url: str, clock: Any, limits: Limits = LIMITS, pulse: float = PULSE) -> RedisBroker:
    """A broker at ``url``, not yet started."""
    return RedisBroker(read_address(url), clock, chance, limits, pulse)


def kill(broker: RedisBroker) -> Deferred[Any]:
    """End it as ``kill -9`` would: it says nothing more to anybody."""
    standing = broker._standing
    standing._stopped = True
    for call in (standing._next, standing._alone):
        if call is not None and call.active():
            call.cancel()
    return broker._hearing.stop().addCallback(lambda _: broker._servers.stop())


@implementer(IWatch)
class Watcher:
    """Remembers what it is told; `told` fires when that has come."""

    def __init__(self) -> None:
        self.news: list[tuple[Any, ...]] = []
        self._waiting: list[tuple[str, Deferred[None]]] = []

    def away(self, reason: str) -> None:
        self._note("away", reason)

    def back(self) -> None:
        self._note("back")

    def orphaned(self, room: str, keys: Sequence[str], seen: float) -> Deferred[None]:
        self._note("orphaned", room, list(keys))
        return succeed(None)

    def told(self, what: str) -> Deferred[None]:
        """Fires when ``what`` is told from now on."""
        done: Deferred[None] = Deferred()
        self._waiting.append((what, done))
        return done

    def _note(self, what: str, *more: Any) -> None:
        self.news.append((what, *more))
        ready = [done for waited, done in self._waiting if waited == what]
        self._waiting = [each for each in self._waiting if each[0] != what]
        for done in ready:
            done.callback(None)


async def persist(ask: Callable[[], Deferred[Any]]) -> Any:
    """Ask until it is not away, as people do."""
    while True:
        try:
            return await ask()
        except Unavailable:
            await deferLater(reactor, 0.05)  # type: ignore[arg-type]


async def eventually(true: Callable[[], Any]) -> Any:
    """Ask until it is true; what ``true`` says then.  It may block, and is asked in a thread."""
    while True:
        if result := await deferToThread(true):
            return result
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]


class Brokers(TestCase):
    """Tests of brokers at `url`: those that the tests share, under a prefix of their own."""

    timeout = 60

    def setUp(self) -> Any:
        self.patch(journal, "GATHER", 0)
        self.prefix = "t" + os.urandom(6).hex()
        return Deferred.fromCoroutine(self.begin())

    async def begin(self) -> None:
        """What each test begins with."""

    @property
    def redis(self) -> Redis:
        return server()

    @property
    def url(self) -> str:
        return with_prefix(self.redis.url, self.prefix)

    def make(self, url: str = "", clock: Any = reactor, limits: Limits = LIMITS, **wishes: Any) -> RedisBroker:
        """A broker, not started, that is stopped at the end."""
        broker = broker_at(url or self.url, clock, limits, **wishes)
        self.addCleanup(broker.stop)
        return broker

    async def started(self, url: str = "", **wishes: Any) -> RedisBroker:
        broker = self.make(url, **wishes)
        await broker.start()
        return broker

    def closed(self, what: Any) -> Any:
        """``what``, which is closed at the end."""
        self.addCleanup(what.close)
        return what

    def keys(self, pattern: str) -> list[str]:
        """This test's keys like ``pattern``."""
        found: list[str] = self.redis.command("KEYS", f"{self.prefix}:{pattern}")
        return found

    async def walk(self, url: str, rooms: int = 1) -> RedisBroker:
        """Start a broker there, say a line in each of some rooms, hear it, observe it."""
        broker = await self.started(url)
        observer, heard = Heard(), Heard()
        await broker.journal("recorder", observer.observe)
        for each in range(rooms):
            await broker.attend(f"room{each}", heard.hear)
            await broker.publish(f"room{each}", b"hi", under=None, once="p1:1")
        await heard.upto(rooms)
        await observer.upto(rooms)
        self.assertEqual(heard.bodies, [b"hi"] * rooms)
        self.assertEqual(len(await broker.rooms()), rooms)
        await broker.probe()
        return broker


class OwnServer(Brokers):
    """Tests that do things to a server of their own, with a broker on it."""

    options: Sequence[str] = ()
    wishes: dict[str, Any] = {}  # noqa: RUF012  # nobody writes to it
    own: Redis

    async def begin(self) -> None:
        self.own = self.closed(Redis(*self.options, **self.wishes).start())
        self.broker = await self.started()

    @property
    def redis(self) -> Redis:
        return self.own


class RedisGround:
    """`make` for a test of the contract: each test has a prefix, so that none sees another's keys."""

    clock: Clock
    prefix = ""
    timeout = 20

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.dead: list[str] = []

    def setUp(self) -> Any:
        self.patch(journal, "GATHER", 0)
        return super().setUp()

    @property
    def url(self) -> str:
        return server().url

    def nodes(self) -> list[Redis]:
        """Every server that has keys."""
        return [server()]

    def keys(self, pattern: str) -> Iterator[tuple[Redis, str]]:
        """This test's keys like ``pattern``, and where each is."""
        for node in self.nodes():
            for key in node.command("KEYS", f"{self.prefix}:{pattern}"):
                yield node, key

    @property
    def begins(self) -> float:
        """Redis has a clock of its own."""
        return time.time()

    def make(self, clock: Clock, limits: Limits) -> Any:
        self.prefix = self.prefix or "t" + os.urandom(6).hex()
        return broker_at(with_prefix(self.url, self.prefix), clock, limits)

    def make_another(self) -> Any:
        return broker_at(with_prefix(self.url, self.prefix), self.clock)

    def kill(self, broker: Any) -> None:
        self.dead.append(broker._process)
        kill(broker)

    async def lose(self, room: str) -> None:
        """Let Redis have lost all that it held of ``room``."""
        for node, key in self.keys(f"{{{tag_of(shard_of(room))}}}:*:{room}"):
            node.command("DEL", key)

    async def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` pass, for Redis too: what expires does so earlier by as much, and who is dead
        was last alive as much earlier.

        Pulses of those who live have a time of their own, in which a few of them come.
        """
        for process in self.dead:
            for node, key in self.keys("{house}:alive"):
                node.command("ZINCRBY", key, round(-1000 * seconds), process)
        really = 2 * PULSE if seconds >= 10 else 0
        if really:
            await deferLater(reactor, really)  # type: ignore[arg-type]
        earlier = round(1000 * (seconds - really))
        for node, key in self.keys("*"):
            left = node.command("PTTL", key)
            if 0 < left <= earlier:
                node.command("DEL", key)
            elif left > 0:
                node.command("PEXPIRE", key, left - earlier)
        self.clock.advance(seconds)
