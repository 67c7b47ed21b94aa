"""The SQL store over SQLite: the contract, its tables, and what an operator is told."""

from __future__ import annotations

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import make_url
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.errors import Unavailable
from meet.limits import Limits
from meet.store import dialects, sql
from meet.store.archive import upgrade
from meet.store.dialects import engine_for
from meet.store.tables import ENTRIES, fit
from tests.contracts.records import opened, pieces, said
from tests.store.ground import SqlContract


class OverSqlite(SqlContract, TestCase):
    url = "sqlite:"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name) / "data"
        self.data.mkdir()
        self.patch(dialects, "_BUSY", 0.05)

    def files(self):
        return b"".join(path.read_bytes() for path in self.data.glob("*"))

    def break_it(self):
        # Another program that holds the write lock, until the store has waited long enough.
        other = sqlite3.connect(self.data / "archive.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")

        def mend():
            other.execute("ROLLBACK")
            other.close()

        return mend

    async def test_a_full_disk_is_unavailable_and_loses_nothing(self):
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        self.pages_at_most(store, 20)
        lines = [said(seq, "w" * 400) for seq in range(3, 300)]
        with pytest.raises(Unavailable) as caught:
            await store.record(lines)
        assert "full" in str(caught.value)
        assert await self.all_of(store) == pieces(said(2, "before"))
        self.pages_at_most(store, 1_000_000)
        await store.record(lines)
        assert await self.all_of(store) == pieces(said(2, "before"), *lines)

    async def test_two_that_record_side_by_side_leave_what_each_was_told(self):
        # On a busy machine they stand in each other's way for longer than the others are to wait.
        self.patch(dialects, "_BUSY", 5.0)
        await super().test_two_that_record_side_by_side_leave_what_each_was_told()

    def pages_at_most(self, store, count):
        raw = store._engine.raw_connection()
        raw.cursor().execute(f"PRAGMA max_page_count = {count}")
        raw.close()

    async def test_a_file_that_is_no_database_is_told_in_a_sentence(self):
        (self.data / "archive.sqlite3").write_bytes(b"not a database " * 100)
        await self.refused("not a database")

    async def test_the_folder_is_made(self):
        self.data.rmdir()
        store = await self.started()
        await store.record([opened(), said(2, "hi")])
        assert (self.data / "archive.sqlite3").exists()

    async def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(self):
        self.data.rmdir()
        self.data.write_text("a file stands here")
        await self.refused("cannot be made")


class SideBySide(SynchronousTestCase):
    def test_many_processes_may_make_a_new_archive_at_once(self):
        # On a busy machine the last of them waits for longer than a statement of a Meet would.
        self.patch(dialects, "_BUSY", 60.0)
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(8) as threads:
            for turn in range(25):
                together = Barrier(8)
                engines = [engine_for(make_url(f"sqlite:///{folder}/{turn}")) for _ in range(8)]

                def begin(engine, together=together):
                    together.wait()
                    with engine.begin() as connection:
                        upgrade(connection)

                try:
                    list(threads.map(begin, engines))
                finally:
                    for engine in engines:
                        engine.dispose()


class Addresses(SynchronousTestCase):
    def make(self, url):
        return sql.make_store(url, data=Path("/srv/meet"), clock=Clock(), limits=Limits())

    def test_the_default_is_a_file_in_the_data_folder(self):
        for url in ("sqlite:", "sqlite://"):
            assert self.make(url)._engine.url.database == "/srv/meet/archive.sqlite3"

    def test_a_file_can_be_named(self):
        assert self.make("sqlite:////srv/a.db")._engine.url.database == "/srv/a.db"
        assert self.make("sqlite:///a.db")._engine.url.database == str(Path("a.db").absolute())

    def test_what_is_no_url_is_told_in_a_sentence(self):
        with pytest.raises(ValueError, match="looks like"):
            self.make("sqlite:what")

    def test_what_is_too_wide_is_cut(self):
        assert fit("a\x00b" * 100, ENTRIES.c.kind) == ("ab" * 100)[:32]
        assert fit("a" * 1000, ENTRIES.c.text) == "a" * 1000
