"""What is asked of one room: what it costs, how long Redis keeps it, and how many servers have it."""

from __future__ import annotations

import gc
import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import fail, gatherResults
from twisted.internet.threads import deferToThread

from meet.admission import Admission
from meet.broker.redis import link
from meet.errors import GOODBYES, Taken, Unavailable
from meet.events import Forgotten, Renewed, Said
from meet.hub import Hub
from meet.interfaces import IMeasured
from meet.keys import shard_of
from meet.limits import Limits
from meet.sessions import Sessions
from meet.wire import encode
from tests.broker.redis.ground import OPENED, Brokers, OwnServer, eventually, line, persist
from tests.contracts.hearing import Heard
from tests.servers.redis import Redis


class Sizes(Brokers):
    async def test_every_room_is_weighed(self) -> None:
        broker = await self.started(clock=reactor)
        assert IMeasured.providedBy(broker)
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


class Costs(OwnServer):
    async def begin(self) -> None:
        self.own = self.closed(Redis().start())
        # Its pulse would be counted.
        self.broker = await self.started(pulse=1000)

    async def test_a_say_is_one_command_and_reading_too(self) -> None:
        self.redis.forget_calls()
        await gatherResults(
            [self.broker.publish("algebra", line(str(each)), under=None, once=f"p:{each}") for each in range(50)]
        )
        calls = self.redis.calls()
        self.assertEqual(calls["evalsha"], 50)
        self.assertEqual(calls["publish"], 50)
        await self.broker.read("algebra")
        self.assertEqual(self.redis.calls()["evalsha"], 51)

    async def test_a_join_is_one_command_once_the_room_is_attended(self) -> None:
        limits = Limits()
        clock: Any = reactor
        hub = Hub(self.broker, clock, limits)
        sessions = Sessions(hub, Admission(limits), clock, limits, os.urandom)
        self.addCleanup(hub.stop, GOODBYES["shutting-down"])
        self.addCleanup(sessions.stop, GOODBYES["shutting-down"])
        await sessions.open("algebra", address="192.0.2.1", ends=clock.seconds() + 3600)
        self.redis.forget_calls()
        for nick in ("ann", "bob", "cy"):
            await sessions.join("algebra", via="web", address="192.0.2.1", nick=nick)
        calls = self.redis.calls()
        self.assertEqual((calls["evalsha"], calls.get("subscribe", 0)), (3, 0))


class Lives(Brokers):
    async def test_a_room_expires_by_itself_if_no_reaper_comes(self) -> None:
        broker = await self.started(limits=Limits())
        law = await broker.publish("algebra", OPENED, under=None, key="opened", ruling=True)
        await broker.publish("algebra", b"ann", under=law, key="who:ann", claim=("who:ann", "p1"))
        await broker.publish("algebra", line("hi"), under=law)
        keys = self.keys("*:algebra")
        self.assertEqual(len(keys), 5)
        # A day after its grace: 2126-11-24T15:00 and an hour and a day.
        self.assertEqual({self.redis.command("PEXPIRETIME", key) for key in keys}, {4951296000000})

    async def test_the_name_of_one_that_expired_is_forgotten_when_another_opens(self) -> None:
        broker = await self.started()
        rooms = f"{self.prefix}:{{{shard_of('algebra'):02d}}}:rooms"
        self.redis.command("ZADD", rooms, 1_700_000_000_000, "gone", "+inf", "stays")
        await broker.publish("algebra", OPENED, under=None, key="opened", ruling=True)
        self.assertEqual(sorted(await broker.rooms()), ["algebra", "stays"])

    async def test_a_room_that_was_deleted_is_not_brought_back(self) -> None:
        broker = await self.started()
        law = await broker.publish("algebra", b"law", under=None, key="law", ruling=True)
        await broker.publish("algebra", line("hi"), under=law)
        known = await broker.read("algebra")
        await broker.drop("algebra", b"forgotten")
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=law.epoch))
        self.assertFalse(await broker.restore("algebra", known, renewed))
        self.assertIsNone((await broker.read("algebra")).last)

    async def test_a_deletion_that_was_cut_off_is_ended_by_the_next(self) -> None:
        broker, observer = await self.started(), Heard()
        stop = await broker.journal("recorder", observer.observe)
        await stop()
        for each in range(3):
            await broker.publish("algebra", line(f"rude {each}"), under=None)
        journal = f"{self.prefix}:{{{shard_of('algebra'):02d}}}:journal"
        forgotten = encode(Forgotten(at="2026-11-24T15:00:00.000Z"))
        # Once the room is gone, the connection is.
        ask = broker._servers.ask

        def cut_off(shard: int, *words: Any) -> Any:
            return fail(Unavailable("away")) if words[0] == "XRANGE" else ask(shard, *words)

        broker._servers.ask = cut_off  # type: ignore[method-assign]
        with self.assertRaises(Unavailable):
            await broker.drop("algebra", forgotten)
        broker._servers.ask = ask  # type: ignore[method-assign]
        self.assertIn("rude", str(self.redis.command("XRANGE", journal, "-", "+")))
        await (await self.started()).drop("algebra", forgotten)
        self.assertNotIn("rude", str(self.redis.command("XRANGE", journal, "-", "+")))
        await broker.journal("recorder", observer.observe)
        await observer.upto(1)
        self.assertEqual(observer.bodies, [forgotten])


class Copies(OwnServer):
    """``?wait=1``, and no other server, or one that comes late."""

    async def begin(self) -> None:
        self.patch(link, "COPYING", 200)
        await super().begin()

    @property
    def url(self) -> str:
        return f"{super().url}&wait=1"

    async def replica(self) -> Redis:
        replica = self.closed(Redis(f"replicaof 127.0.0.1 {self.redis.port}"))
        await deferToThread(replica.start)
        await eventually(lambda: "state=online" in self.redis.info("replication").get("slave0", ""))
        return replica

    async def test_all_who_wait_are_told_together_that_there_is_no_copy(self) -> None:
        self.redis.forget_calls()
        asked = [self.broker.publish("algebra", line(str(each)), under=None) for each in range(30)]
        for each in asked:
            with self.assertRaisesRegex(Unavailable, "could not copy this to another server in time"):
                await each
        # One for the first, one for the others: a server does nothing else meanwhile.
        self.assertLessEqual(self.redis.calls()["wait"], 3)
        self.assertEqual((await self.broker.read("algebra")).last.seq, 30)  # type: ignore[union-attr]

    async def test_what_nobody_could_copy_is_accepted_when_it_is_asked_again_and_can_be(self) -> None:
        with self.assertRaises(Unavailable):
            await self.broker.publish("algebra", line("hi"), under=None, once="p1:1")
        replica = await self.replica()
        other = await self.started()
        replica.freeze()
        # It stands there already, but the copy is not there, whoever asks.
        with self.assertRaises(Unavailable):
            await other.publish("algebra", line("hi"), under=None, once="p1:1")
        replica.thaw()
        position = await persist(lambda: other.publish("algebra", line("hi"), under=None, once="p1:1"))
        self.assertEqual(position.seq, 1)
        self.assertEqual(len((await other.read("algebra")).tail), 1)

    async def test_what_is_refused_does_not_wait(self) -> None:
        with self.assertRaises(Unavailable):
            await self.broker.publish("algebra", b"ann", under=None, key="who:ann", claim=("who:ann", "p1"))
        self.redis.forget_calls()
        with self.assertRaises(Taken):
            await self.broker.publish("algebra", line("hi"), under=None, claim=("who:ann", "p2"))
        self.assertNotIn("wait", self.redis.calls())
        # Redis has it that this process stands for her, so this process knows it, too.
        self.assertEqual(self.broker.held, {("algebra", "who:ann"): "p1"})

    async def test_scripts_that_were_forgotten_do_not_let_it_be_skipped(self) -> None:
        await self.replica()
        self.patch(link, "COPYING", 2000)
        self.redis.command("SCRIPT", "FLUSH")
        self.redis.forget_calls()
        await self.broker.publish("algebra", line("hi"), under=None)
        calls = self.redis.calls()
        # The first try wrote nothing, and was not waited for.
        self.assertEqual(calls["wait"], 1)
        self.assertGreaterEqual(calls["evalsha"], 2)

    async def test_a_server_that_dies_before_it_copied_is_told_to_the_asker_alone(self) -> None:
        self.redis.freeze()
        asked: Any = self.broker.publish("algebra", line("hi"), under=None)
        await deferToThread(self.redis.kill)
        with self.assertRaises(Unavailable):
            await asked
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
