"""The archive moves from store to store while people talk: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import coiterate, deferLater
from twisted.trial.unittest import TestCase

from meet import carrying
from meet.broker.memory import MemoryBroker
from meet.events import Forgotten, Opened, Retitled, Said
from meet.limits import Limits
from meet.moments import moment
from meet.recorder import Recorder
from meet.store import store_for
from meet.wire import decode_event, encode
from tests.servers.couchdb import Couchdb
from tests.servers.mariadb import Mariadb
from tests.servers.postgresql import Postgresql
from tests.servers.program import PATIENCE

SPEAKERS = 50


class Swap(TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.limits = Limits().but({"entries-in-tail": 100_000})
        self.broker = MemoryBroker(reactor, os.urandom, self.limits)
        self.said: list[str] = []
        self.talking = True

    def urls(self):
        yield f"sqlite:///{self.folder}/first"
        for server in (Postgresql.shared(), Mariadb.shared(), Couchdb.shared()):
            database = server.new()
            self.addCleanup(server.drop, database)
            yield server.url(database)
        yield "lines:"
        yield f"sqlite:///{self.folder}/last"

    async def opened(self, url):
        store = store_for(url, data=self.folder, clock=reactor, limits=self.limits)
        await store.start()
        self.addCleanup(store.stop)
        return store

    def talk(self):
        for number in itertools.count():
            if not self.talking:
                return
            nick = f"speaker{number % SPEAKERS}"
            text = f"{nick} says {number}"
            self.said.append(text)
            yield self.broker.publish(
                "algebra", encode(Said(at=moment(time.time()), by="p", nick=nick, via="web", text=text)), under=self.law
            )
            yield deferLater(reactor, 0.002)

    async def open(self, room):
        event = Opened(
            at=moment(time.time()), name=room, title=room, ends=moment(time.time() + 9999), limit=140, lock="l"
        )
        return await self.broker.publish(room, encode(event), under=None, key="opened", ruling=True)

    async def until_it_has(self, store, position):
        deadline = time.monotonic() + PATIENCE
        while not await store.entries("algebra", position.epoch, position.seq - 1, 1):
            assert time.monotonic() < deadline, "The new archive does not get what the old one has."
            await deferLater(reactor, 0.02)

    async def test_sqlite_postgresql_mysql_couchdb_lines_sqlite(self):
        await self.broker.start()
        self.addCleanup(self.broker.stop)
        self.law = await self.open("algebra")
        epoch = self.law.epoch
        urls = self.urls()
        old = await self.opened(next(urls))
        recorder = Recorder(self.broker, old, reactor, "archive0")
        recorder.startService()
        talk = coiterate(self.talk())
        for turn, url in enumerate(urls, 1):
            goes = f"goes{turn}"
            law = await self.open(goes)
            title = Retitled(at=moment(time.time()), by="p", nick="ann", title=f"Title {turn}")
            await self.broker.publish("algebra", encode(title), under=self.law, key="title")
            new = await self.opened(url)
            second = Recorder(self.broker, new, reactor, f"archive{turn}")
            second.startService()
            lines: list[bytes] = []
            await carrying.give(old, lines.append, lambda count: None)
            await self.broker.drop(goes, encode(Forgotten(at=moment(time.time()))), under=law)
            await carrying.take(new, lines, lambda count: None)
            await recorder.stopService()
            await self.broker.dismiss(f"archive{turn - 1}")
            last = (await old.memory("algebra", epoch, 1)).last
            await self.until_it_has(new, last)
            same, differences = await carrying.compare(old, new, lambda count: None)
            assert same > turn
            # The new one goes on; what was deleted meanwhile may have been heard by the old one or not.
            assert all(not each.missing and not each.other for each in differences if each.room == "algebra")
            assert [each.room for each in await new.rooms(("", ""), 99)] == ["algebra"]
            assert (await new.rooms(("", ""), 1))[0].title == f"Title {turn}"
            old, recorder = new, second
        self.talking = False
        await talk
        await self.until_it_has(old, (await self.broker.read("algebra")).last)
        held = [decode_event(body).text for _, body in await old.transcript("algebra", epoch, 0, 100_000)]
        assert held == self.said
        assert len(held) > SPEAKERS
        await recorder.stopService()
