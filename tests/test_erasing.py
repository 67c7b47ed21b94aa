"""What somebody asked to be deleted is gone from broker and stores, and cannot come back."""

from __future__ import annotations

import tempfile
from os import urandom
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet import erasing, receipt
from meet.broker.memory import MemoryBroker
from meet.events import Closed, Joined, Opened, Position, Removed, Retitled, Said
from meet.feed import Feed
from meet.interfaces import Record
from meet.limits import Limits
from meet.moments import moment
from meet.reaper import Reaper
from meet.recorder import Recorder
from meet.store import store_for
from meet.wire import decode_event, encode
from tests.contracts.records import START

LIMITS = Limits()
AT = moment(START)


async def say(broker, text, nick="ann"):
    line = encode(Said(at=AT, by="p" * 16, nick=nick, via="web", text=text))
    return await broker.publish("algebra", line, under=(await broker.read("algebra")).law)


async def open_room(broker, begins=START):
    """The room algebra, of somebody whose lines broker and store remember."""
    ends = moment(begins + 3600)
    opening = Opened(at=AT, name="algebra", title="Algebra", ends=ends, limit=140, lock="l" * 16)
    return await broker.publish("algebra", encode(opening), under=None, key="opened", ruling=True)


class Erasing(TestCase):
    async def setUp(self):
        self.clock = Clock()
        self.clock.advance(START)
        self.broker = MemoryBroker(reactor, urandom, LIMITS)
        await self.broker.start()
        self.addCleanup(self.broker.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.stores = [
            store_for(url, data=Path(folder.name), clock=self.clock, limits=LIMITS) for url in ("lines:", "sqlite:")
        ]
        for store in self.stores:
            await store.start()
            self.addCleanup(store.stop)
        await open_room(self.broker)
        self.said = [
            await say(self.broker, f"line {number}", nick) for number, nick in enumerate(["ann", "ben", "Ann"])
        ]
        await self.record()

    async def record(self):
        look = await self.broker.read("algebra")
        for store in self.stores:
            await store.record([Record("algebra", at, body) for at, body in [*look.kept, *look.tail]])

    async def lines(self, nick):
        found = await receipt.broker_lines(self.broker, "algebra", nick)
        for store in self.stores:
            found += [line async for line in receipt.store_lines(store, "algebra", nick)]
        return found

    async def erase(self, nick):
        return await erasing.erase_lines(self.broker, self.stores, await self.lines(nick), LIMITS, START)

    async def test_the_lines_of_one_are_gone_and_those_of_others_stay(self):
        assert len(await self.lines("ann")) == 6
        assert await self.erase("ann") == 2
        assert await self.lines("ann") == []
        assert len(await self.lines("ben")) == 3
        feed = Feed("algebra", LIMITS)
        feed.restore(await self.broker.read("algebra"))
        removed = [item.event for item in feed.tail if isinstance(item.event, Removed)]
        assert [(each.number, each.because) for each in removed] == [
            (self.said[0].seq, "operator"),
            (self.said[2].seq, "operator"),
        ]

    async def test_a_store_that_is_behind_does_not_bring_them_back(self):
        lines = await self.lines("ann")
        await self.erase("ann")
        for store in self.stores:
            await store.record(lines)
        assert await self.lines("ann") == []
        assert await self.erase("ann") == 0

    async def test_also_after_the_room_has_closed(self):
        law = (await self.broker.read("algebra")).law
        closed = encode(Closed(at=AT, because="time"))
        await self.broker.publish("algebra", closed, under=law, key="closed", ruling=True)
        assert await self.erase("ann") == 2
        assert await self.lines("ann") == []

    async def test_also_of_a_log_that_the_broker_has_forgotten(self):
        old = [
            Record("algebra", Position("old", number), encode(Said(at=AT, by="p", nick="ann", via="web", text="x")))
            for number in (3, 4)
        ]
        for store in self.stores:
            await store.record(old)
        assert await self.erase("ann") == 4
        assert await self.lines("ann") == []
        for store in self.stores:
            held = [(at.seq, decode_event(body).number) for at, body in await store.entries("algebra", "old", 0, 9)]
            assert sorted(number for _, number in held) == [3, 4]

    async def test_a_host_who_rules_meanwhile_is_not_in_the_way(self):
        publish = self.broker.publish
        ruled = []

        async def ruling_first(room, body, **how):
            if not ruled:
                ruled.append(True)
                joined = Joined(at=AT, by="h" * 16, nick="host", via="web", host=True)
                claim = (joined.key, joined.by)
                await publish(room, encode(joined), under=how["under"], key=joined.key, ruling=True, claim=claim)
            return await publish(room, body, **how)

        self.patch(self.broker, "publish", ruling_first)
        assert await self.erase("ben") == 1
        assert await self.lines("ben") == []

    async def test_a_room_is_gone_everywhere_and_begins_anew(self):
        title = Retitled(at=AT, by="p", nick="ann", title="Secret")
        for store in self.stores:
            await store.record([Record("algebra", Position("old", 3), encode(title))])
        await erasing.erase_room(self.broker, self.stores, "algebra", START)
        assert await self.lines("") == []
        await self.record()
        again = await open_room(self.broker)
        assert again.epoch != self.said[0].epoch


class _AtOnce:
    """In the place of a store's threads, so that its work is done when it is asked for."""

    def start(self):
        pass

    def stop(self):
        return succeed(None)

    def run(self, work):
        return execute(work)


class InTime(SynchronousTestCase):
    """docs/operations.md promises that all is gone a minute after the grace of a room has passed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.clock = Clock()
        self.clock.advance(START)
        self.broker = MemoryBroker(self.clock, urandom, LIMITS)
        self.done(self.broker.start())
        services = [Reaper(self.broker, self.clock, LIMITS)]
        self.stores = []
        for name, url in (("recorder", "sqlite:"), ("another", "lines:")):
            store = store_for(url, data=self.folder, clock=self.clock, limits=LIMITS)
            store._threads = _AtOnce()
            self.done(store.start())
            self.addCleanup(store.stop)
            self.stores.append(store)
            services.append(Recorder(self.broker, store, self.clock, name))
        for service in services:
            service.startService()
            self.addCleanup(service.stopService)

    def done(self, asked):
        given = Deferred.fromCoroutine(asked) if hasattr(asked, "send") else asked
        while not given.called:
            self.clock.advance(0.001)
        return self.successResultOf(given)

    def held(self):
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())

    def left(self):
        found = len(self.done(receipt.broker_lines(self.broker, "algebra", "")))
        return found + sum(len(self.done(receipt.logs(store, "algebra"))) for store in self.stores)

    def test_a_room_is_gone_from_everywhere_within_a_minute_of_its_grace(self):
        self.done(open_room(self.broker))
        self.done(say(self.broker, "owlpost"))
        self.clock.pump([0.01] * 100)
        assert self.held().count(b"owlpost") >= 2
        self.clock.pump([60.0] * 60)
        self.clock.pump([60.0] * (LIMITS.grace // 60 - 3))
        assert self.left() > 2
        assert self.held().count(b"owlpost") >= 2
        self.clock.pump([60.0] * 4)
        assert self.left() == 0
        assert b"owlpost" not in self.held()

    def test_a_removed_line_is_gone_from_all_files_within_a_second(self):
        self.done(open_room(self.broker))
        at = self.done(say(self.broker, "owlpost"))
        self.clock.pump([0.01] * 100)
        gone = encode(Removed(at=AT, number=at.seq, because="host", by="h", nick="host"))
        law = self.done(self.broker.read("algebra")).law
        self.done(self.broker.publish("algebra", gone, under=law, erase=at))
        self.clock.pump([0.01] * 100)
        assert b"owlpost" not in self.held()
        assert not self.done(receipt.broker_lines(self.broker, "algebra", "ann"))
