"""What the broker on Redis promises beyond the contract: what it costs, and how it lives through Redis's troubles."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from meet.admission import Admission
from meet.errors import GOODBYES, Unavailable
from meet.events import Opened, Position, Renewed
from meet.hub import Hub
from meet.limits import Limits
from meet.sessions import Sessions
from meet.wire import encode
from tests.broker.redis.case import Case, Watcher, line
from tests.contracts.hearing import Heard


class CostTests(Case):
    async def test_a_say_is_one_command_and_reading_too(self) -> None:
        # Its pulse would be counted.
        quiet = await self.another(pulse=1000)
        await self.broker.stop()
        self.redis.forget_calls()
        await gatherResults(
            [quiet.publish("algebra", line(str(each)), under=None, once=f"p:{each}") for each in range(50)]
        )
        calls = self.redis.calls()
        self.assertEqual(calls["evalsha"], 50)
        self.assertEqual(calls["publish"], 50)
        await quiet.read("algebra")
        self.assertEqual(self.redis.calls()["evalsha"], 51)

    async def test_a_join_is_one_command_once_the_room_is_attended(self) -> None:
        quiet = await self.another(pulse=1000)
        await self.broker.stop()
        limits = Limits()
        reactor: Any = the_reactor
        hub = Hub(quiet, reactor, limits)
        sessions = Sessions(hub, Admission(limits), reactor, limits, os.urandom)
        self.addCleanup(hub.stop, GOODBYES["shutting-down"])
        self.addCleanup(sessions.stop, GOODBYES["shutting-down"])
        await sessions.open("algebra", address="192.0.2.1", ends=reactor.seconds() + 3600)
        self.redis.forget_calls()
        for nick in ("ann", "bob", "cy"):
            await sessions.join("algebra", via="web", address="192.0.2.1", nick=nick)
        calls = self.redis.calls()
        self.assertEqual((calls["evalsha"], calls.get("subscribe", 0)), (3, 0))

    async def test_only_rooms_that_are_attended_are_heard(self) -> None:
        heard = Heard()
        before = set(self.redis.command("PUBSUB", "CHANNELS"))
        await self.broker.attend("algebra", heard.hear)
        channels = set(self.redis.command("PUBSUB", "CHANNELS")) - before
        self.assertEqual(len(channels), 1)
        self.assertTrue(channels.pop().endswith(":room:algebra"))
        self.broker.neglect("algebra")
        # Behind the leaving, on the same connection.
        await self.broker.attend("botany", heard.hear)
        channels = set(self.redis.command("PUBSUB", "CHANNELS")) - before
        self.assertEqual([channel.rpartition(":")[2] for channel in channels], ["botany"])

    async def test_a_room_expires_by_itself_if_no_reaper_comes(self) -> None:
        opened = Opened(
            at="2026-11-24T14:00:00.000Z", name="algebra", title="", ends="2027-11-24T15:00:00.000Z", limit=140, lock=""
        )
        law = await self.broker.publish("algebra", encode(opened), under=None, key="opened", ruling=True)
        await self.broker.publish("algebra", b"ann", under=law, key="who:ann", claim=("who:ann", "p1"))
        await self.broker.publish("algebra", line("hi"), under=law)
        keys = self.redis.command("KEYS", "meet:*:algebra")
        self.assertEqual(len(keys), 5)
        # A day after its grace: 2027-11-24T15:00 and an hour and a day.
        self.assertEqual({self.redis.command("PEXPIRETIME", key) for key in keys}, {1827158400000})


class FullTests(Case):
    wishes = {"maxmemory": "4mb"}  # noqa: RUF012

    async def test_what_was_accepted_stays_and_more_is_refused_plainly(self) -> None:
        accepted = 0
        with self.assertRaisesRegex(Unavailable, "Redis has no memory left"):
            while True:
                await self.broker.publish(f"room{accepted % 50}", line("x" * 4000), under=None)
                accepted += 1
        looks = [await self.broker.read(f"room{each}") for each in range(50)]
        self.assertEqual(sum(len(look.tail) for look in looks), accepted)
        with self.assertRaisesRegex(Unavailable, "no memory left"):
            await self.broker.probe()
        self.redis.command("CONFIG", "SET", "maxmemory", "0")
        await self.broker.publish("room0", line("again"), under=None)
        await self.broker.probe()


class TroubleTests(Case):
    options = ("appendfsync everysec",)
    wishes = {"aof": True}  # noqa: RUF012

    async def test_away_is_told_and_back_and_what_was_said_meanwhile_can_be_read(self) -> None:
        watcher, heard = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.attend("algebra", heard.hear)
        await self.broker.publish("algebra", line("before"), under=None)
        await heard.upto(1)
        away = watcher.told("away")
        await deferToThread(self.redis.kill)
        await away
        with self.assertRaises(Unavailable):
            await self.broker.publish("algebra", line("no"), under=None)
        with self.assertRaises(Unavailable):
            await self.broker.read("algebra")
        back = watcher.told("back")
        await deferToThread(self.redis.start)
        await back
        self.assertEqual(len((await self.broker.read("algebra")).tail), 1)
        await self.broker.publish("algebra", line("after"), under=None)
        await heard.upto(2)
        self.assertEqual([news[0] for news in watcher.news], ["back", "away", "back"])

    async def test_a_redis_that_stands_still_is_given_up_and_found_again(self) -> None:
        watcher, heard = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.attend("algebra", heard.hear)
        away = watcher.told("away")
        self.redis.freeze()
        asked = self.broker.publish("algebra", line("held up"), under=None, once="p7:1")
        await away
        with self.assertRaises(Unavailable):
            await asked
        back = watcher.told("back")
        self.redis.thaw()
        await back
        # It may have been taken after all: asked again it is there once.
        await self.persist(lambda: self.broker.publish("algebra", line("held up"), under=None, once="p7:1"))
        self.assertEqual(len((await self.broker.read("algebra")).tail), 1)

    async def test_an_emptied_redis_is_filled_from_what_is_known(self) -> None:
        watcher, observer = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.journal("recorder", observer.observe)
        opened = Opened(
            at="2026-11-24T14:00:00.000Z", name="algebra", title="", ends="2027-11-24T15:00:00.000Z", limit=140, lock=""
        )
        law = await self.broker.publish("algebra", encode(opened), under=None, key="opened", ruling=True)
        said = await self.broker.publish("algebra", line("hi", ref="1"), under=law, once="p7:1")
        await observer.upto(2)
        known = await self.broker.read("algebra")
        secret = await self.broker.secret()
        back = watcher.told("back")
        await deferToThread(self.redis.kill)
        await deferToThread(self.redis.empty)
        await deferToThread(self.redis.start)
        await back
        self.assertIsNone((await self.broker.read("algebra")).last)
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=law.epoch))
        both = [self.broker.restore("algebra", known, renewed) for _ in range(2)]
        self.assertEqual(await gatherResults(both), [True, False])
        look = await self.broker.read("algebra")
        assert look.last is not None
        self.assertNotEqual(look.last.epoch, law.epoch)
        self.assertEqual([(position.seq, body) for position, body in look.tail], [(said.seq, line("hi", ref="1"))])
        self.assertEqual([body for _, body in look.kept], [encode(opened), renewed])
        self.assertEqual(look.law, look.last)
        # The line that was said before is still said once, and the store hears what it may have missed.
        again = await self.broker.publish("algebra", line("hi", ref="1"), under=look.law, once="p7:1")
        self.assertEqual(again, Position(look.last.epoch, said.seq))
        await observer.upto(5)
        self.assertEqual(observer.bodies[2:], [renewed, encode(opened), line("hi", ref="1")])
        other = await self.another()
        self.assertEqual(await other.secret(), secret)

    async def test_a_room_that_was_deleted_is_not_brought_back(self) -> None:
        law = await self.broker.publish("algebra", b"law", under=None, key="law", ruling=True)
        await self.broker.publish("algebra", line("hi"), under=law)
        known = await self.broker.read("algebra")
        await self.broker.drop("algebra", b"forgotten")
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=law.epoch))
        self.assertFalse(await self.broker.restore("algebra", known, renewed))
        self.assertIsNone((await self.broker.read("algebra")).last)
