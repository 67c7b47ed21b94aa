"""``meet receipt``, as an operator runs it: what was deleted is proved to be gone, and what is left is told."""

from __future__ import annotations

import hashlib
import tempfile
from os import urandom
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.broker import broker_for
from meet.events import Removed
from meet.interfaces import Record
from meet.limits import Limits
from meet.proving import ReceiptOptions
from meet.store import store_for
from meet.wire import decode_event
from tests.contracts.records import opened, said
from tests.servers.mariadb import Mariadb
from tests.servers.postgresql import Postgresql
from tests.servers.program import until
from tests.servers.redis import Redis
from tests.test_erasing import open_room, say

SECRET = "owlpost is what only ann has said"


class Words(SynchronousTestCase):
    def test_options_stand_before_the_room(self):
        for words, told in ((["algebra", "--delete"], "before the room"), ([], "say which room"), (["#"], "room")):
            with pytest.raises(SystemExit) as ended:
                ReceiptOptions().parseOptions(words)
            assert told in str(ended.value).lower()


class Commands(TestCase):
    async def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.broker = self.make_broker()
        await self.broker.start()
        await open_room(self.broker)
        await say(self.broker, SECRET)
        await say(self.broker, "what ben said stays", "ben")
        look = await self.broker.read("algebra")
        self.records = [Record("algebra", at, body) for at, body in [*look.kept, *look.tail]]

    def make_broker(self):
        return broker_for("local:", data=self.folder, clock=reactor, random=urandom, limits=Limits())

    async def fill(self, *urls):
        await self.broker.stop()
        for url in urls:
            store = store_for(url, data=self.folder, clock=reactor, limits=Limits())
            await store.start()
            await store.record([*self.records, opened(room="biology"), said(2, "of another room", room="biology")])
            await store.stop()

    async def meet(self, *words):
        asked = ReceiptOptions()
        asked.parseOptions(["--data", str(self.folder), *words])
        told = await asked.told(reactor)
        body, _, last = told.rpartition("\n")
        assert last == "sha256 " + hashlib.sha256(body.encode() + b"\n").hexdigest()
        return asked.content, body.splitlines()

    def held(self):
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())

    async def test_what_is_there_is_told_and_nothing_is_changed(self):
        await self.fill("sqlite:", f"lines:{self.folder}/lines")
        before = self.held()
        clean, lines = await self.meet("algebra", f"lines:{self.folder}/lines")
        assert not clean
        assert lines[1] == "the room algebra"
        assert lines[2] == "broker local:: found: 3"
        assert "store sqlite:: found: 3" in lines
        assert f"store lines:{self.folder}/lines: found: 3" in lines
        assert lines[-1] == "Something is left."
        assert SECRET.encode() in before
        assert not any("owlpost" in line for line in lines)
        clean, lines = await self.meet("--nick", "ann", "algebra")
        assert lines[2] == "broker local:: found: 1"
        assert SECRET.encode() in self.held()

    async def test_what_one_has_said_is_deleted_from_everywhere_and_from_all_bytes(self):
        lines = f"lines:{self.folder}/lines"
        await self.fill("sqlite:", lines)
        clean, told = await self.meet("--nick", "Ann", "--delete", "algebra", lines)
        assert clean, told
        assert told[1] == "the lines of Ann in the room algebra, and in files 1 of its texts"
        assert told[-1] == "Nothing is left."
        assert b"owlpost" not in self.held()
        assert b"what ben said stays" in self.held()
        assert (await self.meet("--nick", "ann", "--words", SECRET, "algebra", lines))[0]
        assert not (await self.meet("--nick", "ben", "algebra", lines))[0]

    async def test_a_room_is_deleted_from_everywhere_and_from_all_bytes(self):
        lines = f"lines:{self.folder}/lines"
        await self.fill("sqlite:", lines)
        clean, told = await self.meet("--delete", "algebra", lines)
        assert clean, told
        assert b"owlpost" not in self.held()
        assert b"what ben said" not in self.held()
        assert b"of another room" in self.held()
        assert (await self.meet("algebra", lines))[0]

    async def test_while_meet_runs_its_files_are_looked_through_and_nothing_can_be_deleted(self):
        await self.fill("sqlite:")
        running = self.make_broker()
        await running.start()
        try:
            clean, told = await self.meet("algebra")
            assert not clean
            assert told[2].startswith("broker local:: not looked at (The folder")
            assert told[3].startswith(f"  {self.folder}/broker.sqlite3: found: ")
            with self.assertRaisesRegex(
                ValueError, r"^Nothing was deleted\. The folder .* is in use by another Meet\.$"
            ):
                await self.meet("--delete", "algebra")
            with self.assertRaises(ValueError):
                await self.meet("--store", "floppy:", "algebra")
        finally:
            await running.stop()

    async def test_with_redis_it_works_while_others_are_in_the_room(self):
        await self.broker.stop()
        redis = Redis(aof=True).start()
        self.addCleanup(redis.stop)
        url = redis.url
        running = broker_for(url, data=self.folder, clock=reactor, random=urandom, limits=Limits())
        await running.start()
        self.addCleanup(running.stop)
        # Redis forgets by its own clock what has ended.
        await open_room(running, reactor.seconds())
        await say(running, SECRET)
        heard = []
        await running.attend("algebra", lambda position, body: heard.append(decode_event(body)))
        clean, told = await self.meet("--broker", url, "--nick", "ann", "--delete", "algebra")
        assert clean, told
        assert told[2] == f"broker {url}: nothing"
        assert [event.because for event in heard if isinstance(event, Removed)] == ["operator"]
        # As docs/operations.md says: its own file has the words until it is written anew.
        assert SECRET in self.written(redis)
        redis.command("BGREWRITEAOF")
        await deferToThread(until, lambda: SECRET not in self.written(redis), "an append-only file without the words")

    def written(self, redis):
        return "".join(path.read_text(errors="replace") for path in redis.data.rglob("*") if path.is_file())

    async def on_a_server(self, server_class):
        server = server_class.shared()
        database = server.new()
        self.addCleanup(server.drop, database)
        url = server.url(database)
        await self.fill(url)
        clean, told = await self.meet("--store", url, "algebra")
        assert sum(line.startswith("  /") and "found: " in line for line in told) >= 2, told
        clean, told = await self.meet("--store", url, "--nick", "ann", "--delete", "algebra")
        assert clean, told
        store = store_for(url, data=self.folder, clock=reactor, limits=Limits())
        await store.start()
        paths = await store.files()
        await store.stop()
        held = b"".join(path.read_bytes() for path in paths)
        assert b"what ben said stays" in held
        assert b"owlpost" not in held
        clean, told = await self.meet("--store", url, "--delete", "algebra")
        assert clean, told

    async def test_on_postgresql(self):
        await self.on_a_server(Postgresql)

    async def test_on_mariadb(self):
        await self.on_a_server(Mariadb)
