"""What is left in Redis of an observer that was dismissed: nothing."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from meet.events import Position
from tests.broker.redis.ground import RedisGround
from tests.contracts.broker_ground import BrokerGround
from tests.contracts.hearing import Failing, Heard


class Dismissing(RedisGround, BrokerGround, TestCase):
    """On one server."""

    def found(self, pattern: str) -> list[str]:
        """This test's keys like ``pattern``."""
        return sorted(key for _, key in self.keys(pattern))

    def fields(self, what: str) -> list[str]:
        """The fields of a hash of the house."""
        ((node, key),) = list(self.keys(f"{{house}}:{what}")) or [(None, "")]
        return [] if node is None else node.command("HKEYS", key)

    def journaled(self) -> int:
        """Records in all journals."""
        return sum(int(node.command("XLEN", key)) for node, key in self.keys("*:journal"))

    async def was_there(self, name: str) -> None:
        """Let ``name`` take what there is, and go."""
        observer = Heard()
        stop = await self.done(self.broker.journal(name, observer.observe))
        await self.say(b"fence", room=name)
        await self.done(observer.upto(1))
        await self.done(stop())

    async def said(self, count: int) -> list[Position]:
        return [await self.say(b"%d" % each) for each in range(count)]

    async def test_the_last_takes_the_journals_along(self) -> None:
        await self.was_there("old")
        await self.said(5)
        self.assertEqual(len(self.found("*:journal")), 64)
        self.assertTrue(await self.done(self.broker.dismiss("old")))
        self.assertEqual(self.found("*:journal") + self.found("*:asleep") + self.found("*:backfill:*"), [])
        self.assertEqual(self.fields("seen") + self.fields("workers") + self.fields("shares"), [])

    async def test_what_it_alone_had_not_taken_goes_and_the_rest_stays(self) -> None:
        await self.was_there("old")
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.said(30)
        await self.done(observer.upto(30))
        await self.look()
        self.assertGreaterEqual(self.journaled(), 30)
        self.assertTrue(await self.done(self.broker.dismiss("old")))
        self.assertEqual(self.journaled(), 0)
        self.assertEqual(self.fields("seen"), ["recorder"])
        await self.said(1)
        await self.done(observer.upto(31))

    async def test_one_that_died_before_it_was_told_anything(self) -> None:
        await self.said(3)
        other = await self.another()
        await self.done(other.journal("old", Failing(1000).observe))
        self.ended(other)
        await self.pass_time(15)
        self.assertNotEqual(self.found("*:backfill:old"), [])
        self.assertTrue(await self.done(self.broker.dismiss("old")))
        self.assertEqual(self.found("*:backfill:old"), [])
        self.assertEqual(self.fields("seen") + self.fields("workers") + self.fields("shares"), [])

    async def test_what_is_behind_is_counted_where_redis_does_not_know_it(self) -> None:
        await self.was_there("old")
        positions = await self.said(2500)
        await self.say(b"erased", erase=positions[-3])
        (node, key) = next(
            (node, key) for node, key in self.keys("*:journal") if node.command("XLEN", key) not in (0, "0")
        )
        self.assertIn(None, node.command("XINFO", "GROUPS", key)[0])
        (old,) = await self.done(self.broker.observers())
        self.assertEqual(old.behind, 2500)

    async def test_one_that_redis_lost_sight_of_is_away_from_then_on(self) -> None:
        await self.was_there("old")
        for node, key in self.keys("{house}:seen"):
            node.command("DEL", key)
        (first,) = await self.done(self.broker.observers())
        (second,) = await self.done(self.broker.observers())
        self.assertGreater(first.away, 0)
        self.assertGreater(second.away, first.away)
