"""One walk along the way that a URL leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meet.broker import broker_for
from meet.limits import Limits
from tests.broker.redis.ground import persist
from tests.contracts.broker_ground import chance
from tests.contracts.hearing import Heard


def broker_at(url: str) -> Any:
    return broker_for(url, data=Path(), clock=reactor, random=chance, limits=Limits())  # type: ignore[arg-type]


class Walking(TestCase):
    """Tests that reach a Redis of some kind."""

    persist = staticmethod(persist)
    timeout = 60

    def close(self, what: Any) -> Any:
        self.addCleanup(what.close)
        return what

    async def walk(self, url: str, rooms: int = 1) -> Any:
        """Start a broker there, say a line in each of some rooms, hear it, observe it."""
        broker = broker_at(url)
        await broker.start()
        self.addCleanup(broker.stop)
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
