"""The broker in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from meet.broker.memory import MemoryBroker, make_broker
from meet.errors import Unavailable
from meet.limits import Limits
from tests.contracts.broker import BrokerContract, chance

T = TypeVar("T")


class MemoryContract(BrokerContract, TestCase):
    kept: MemoryBroker | None = None

    def make(self, clock: Clock, limits: Limits) -> Any:
        if self.kept is None:
            self.kept = MemoryBroker(clock, chance, limits)
        return self.kept

    def make_another(self) -> Any:
        return self.broker.process()

    def kill(self, broker: Any) -> None:
        broker.die()

    def done(self, deferred: Deferred[T]) -> Awaitable[T]:
        while not deferred.called and any(
            call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()
        ):
            self.clock.advance(0)
        return deferred

    async def test_what_was_accepted_is_told_before_it_stops(self) -> None:
        asked = self.broker.publish("algebra", b"hi", under=None)
        await self.done(self.broker.stop())
        self.assertEqual(self.successResultOf(asked).seq, 1)

    def test_stopped_it_is_unavailable(self) -> None:
        self.broker.stop()
        for asked in (
            self.broker.publish("algebra", b"hi", under=None),
            self.broker.read("algebra"),
            self.broker.rooms(),
            self.broker.drop("algebra", b""),
            self.broker.attend("algebra", print),
            self.broker.journal("recorder", print),
            self.broker.watch(print),
        ):
            self.failureResultOf(asked, Unavailable)

    def test_its_url_takes_nothing(self) -> None:
        with self.assertRaisesRegex(ValueError, "takes nothing after its name"):
            make_broker("memory:x", data=Path(), clock=self.clock, random=chance, limits=Limits())
