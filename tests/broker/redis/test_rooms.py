"""How much Redis holds of each room."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meet.events import Said
from meet.interfaces import IMeasured
from meet.wire import encode
from tests.broker.redis.ground import RedisGround
from tests.contracts.broker_ground import LIMITS


class Sizes(RedisGround, TestCase):
    async def test_every_room_is_weighed(self) -> None:
        broker = self.make(reactor, LIMITS)
        assert IMeasured.providedBy(broker)
        await broker.start()
        assert await broker.sizes() == {}
        body = encode(Said(at="2026-11-24T14:05:09.120Z", by="p7", nick="ann", via="web", text="x" * 500))
        rooms = [f"room-{number}" for number in range(120)]
        for room in rooms:
            await broker.publish(room, body, under=None)
        for _ in range(9):
            await broker.publish("room-7", body, under=None)
        sizes = await broker.sizes()
        assert set(sizes) == set(rooms)
        assert max(sizes, key=sizes.__getitem__) == "room-7"
        assert 500 < sizes["room-8"] < sizes["room-7"]
        assert sizes["room-7"] > 10 * 500
        await broker.stop()
