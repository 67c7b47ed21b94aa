"""What the contract of brokers stands on: one broker, a clock, and short ways to ask."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from meet.events import Position
from meet.feed import Look
from meet.limits import Limits

T = TypeVar("T")
LIMITS = Limits().but({"entries-in-tail": 10})


def chance(count: int) -> bytes:
    """Bytes that nobody can guess."""
    return os.urandom(count)


class BrokerGround:
    """Needs `make`; a broker whose Deferreds fire by the clock alone needs `done` as well."""

    clock: Clock
    broker: Any

    def make(self, clock: Clock, limits: Limits) -> Any:
        """A broker that was not started, on what the last one of this test has left."""
        raise NotImplementedError

    def done(self, deferred: Deferred[T]) -> Awaitable[T]:
        """Let it fire."""
        return deferred

    def files(self) -> bytes:
        """Every byte that the broker keeps in files."""
        return b""

    def setUp(self) -> Deferred[None]:
        self.clock = Clock()
        self.clock.advance(1_790_000_000)
        return ensureDeferred(self.begin())

    def tearDown(self) -> Deferred[None]:
        return ensureDeferred(self.end())

    async def begin(self) -> None:
        self.broker = self.make(self.clock, LIMITS)
        await self.done(self.broker.start())

    async def end(self) -> None:
        await self.done(self.broker.stop())

    async def restart(self) -> None:
        await self.end()
        await self.begin()

    async def say(self, body: bytes, room: str = "algebra", **guards: Any) -> Position:
        guards.setdefault("under", None)
        return await self.done(self.broker.publish(room, body, **guards))

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
