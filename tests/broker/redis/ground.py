"""What the tests of the Redis broker stand on: one server for all of them, and keys of each test's own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from meet.broker.redis.address import read_address
from meet.broker.redis.broker import RedisBroker
from meet.broker.redis.names import shard_of, tag_of
from meet.errors import Unavailable
from meet.limits import Limits
from tests.contracts.broker_ground import LIMITS, chance
from tests.servers.cluster import Cluster
from tests.servers.redis import Redis

PULSE = 0.5
"""Seconds between two pulses of a process in these tests; with three missed it counts as dead."""


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
    broker._standing._stopped = True
    return broker._hearing.stop().addCallback(lambda _: broker._servers.stop())


async def persist(ask: Callable[[], Deferred[Any]]) -> Any:
    """Ask until it is not away, as people do."""
    while True:
        try:
            return await ask()
        except Unavailable:
            await deferLater(reactor, 0.05)  # type: ignore[arg-type]


class RedisGround:
    """`make` for a test of the contract: each test has a prefix, so that none sees another's keys."""

    clock: Clock
    prefix = ""
    timeout = 20

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
        kill(broker)

    async def lose(self, room: str) -> None:
        """Let Redis have lost all that it held of ``room``."""
        for node, key in self.keys(f"{{{tag_of(shard_of(room))}}}:*:{room}"):
            node.command("DEL", key)

    async def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` pass, for Redis too: what expires does so earlier by as much.

        Pulses have a time of their own, in which they come so often that a few of them are soon missed.
        """
        really = 5 * PULSE if seconds >= 10 else 0
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
