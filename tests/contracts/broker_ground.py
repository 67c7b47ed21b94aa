"""What the contract of brokers stands on: one broker, a clock, and short ways to ask."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from meet.events import Position
from meet.limits import Limits
from meet.look import Look
from tests.contracts.hearing import Watching

T = TypeVar("T")
LIMITS = Limits().but({"entries-in-tail": 10})


def chance(count: int) -> bytes:
    """Bytes that nobody can guess."""
    return os.urandom(count)


class BrokerGround:
    """Needs `make`; a broker whose Deferreds fire by the clock alone needs `done` as well, one
    that has its own time `pass_time`, one of several processes `make_another` and `kill`.
    """

    clock: Clock
    broker: Any
    begins = 1_790_000_000.0

    def make(self, clock: Clock, limits: Limits) -> Any:
        """A broker that was not started, on what the last one of this test has left."""
        raise NotImplementedError

    def make_another(self) -> Any:
        """What another process has of the same broker, not started; None if it is for one process."""
        return None

    def kill(self, broker: Any) -> None:
        """End what `another` gave as ``kill -9`` ends its process."""
        raise NotImplementedError

    async def lose(self, room: str) -> None:
        """Let the broker have lost all that it held of ``room``."""
        await self.done(self.broker.drop(room, b"forgotten"))

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass, as the broker counts it."""
        self.clock.advance(seconds)

    def done(self, deferred: Deferred[T]) -> Awaitable[T]:
        """Let it fire."""
        return deferred

    def files(self) -> bytes:
        """Every byte that the broker keeps in files."""
        return b""

    def setUp(self) -> Deferred[None]:
        self.others: list[Any] = []
        self.clock = Clock()
        self.clock.advance(self.begins)
        return ensureDeferred(self.begin())

    def tearDown(self) -> Deferred[None]:
        return ensureDeferred(self.end())

    async def begin(self) -> None:
        self.broker = self.make(self.clock, LIMITS)
        await self.done(self.broker.start())

    async def end(self) -> None:
        others, self.others = self.others, []
        for broker in [*others, self.broker]:
            await self.done(broker.stop())

    async def another(self) -> Any:
        """Another process's broker, started; None where there is only one."""
        broker = self.make_another()
        if broker is not None:
            self.others.append(broker)
            await self.done(broker.start())
        return broker

    def ended(self, broker: Any) -> None:
        """Kill what `another` gave."""
        self.others.remove(broker)
        self.kill(broker)

    async def restart(self) -> None:
        await self.end()
        await self.begin()

    async def say(self, body: bytes, room: str = "algebra", **guards: Any) -> Position:
        guards.setdefault("under", None)
        return await self.done(self.broker.publish(room, body, **guards))

    async def watched(self, broker: Any = None) -> Watching:
        """Watch ``broker``, or the first one."""
        watching = Watching()
        await self.done((broker or self.broker).watch(watching))
        return watching

    async def look(self, room: str = "algebra") -> Look:
        return await self.done(self.broker.read(room))

    async def refused(self, error: type[Exception], body: bytes = b"no", **guards: Any) -> None:
        before = await self.look()
        try:
            await self.say(body, **guards)
        except error:
            self.assertEqual(await self.look(), before)
            return
        self.fail(f"it was numbered, without {error.__name__}")
