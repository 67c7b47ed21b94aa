"""The SQL store over SQLite: the contract, its tables, and what an operator is told."""

from __future__ import annotations

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateTable
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.errors import Unavailable
from meet.events import Closed, Extended, Retitled
from meet.limits import Limits
from meet.moments import moment
from meet.store import sql, store_for
from meet.store.archive import _insert_or_ignore, upgrade
from meet.store.tables import ENTRIES, METADATA, ROOMS, fit
from tests.contracts.store import START, StoreContract, forgotten, opened, pieces, record, said


class OverSqlite(StoreContract, TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name) / "data"
        self.patch(sql, "_BUSY", 0.05)

    def make(self, clock):
        return store_for("sqlite:", data=self.data, clock=clock, limits=Limits())

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

    def rows(self, table):
        engine = create_engine(f"sqlite:///{self.data}/archive.sqlite3")
        try:
            with engine.connect() as connection:
                return connection.execute(select(table)).all()
        finally:
            engine.dispose()

    async def test_the_tables_are_those_that_the_code_means(self):
        await self.started()
        engine = create_engine(f"sqlite:///{self.data}/archive.sqlite3")
        self.addCleanup(engine.dispose)
        with engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection), METADATA)
        assert differences == []

    async def test_a_room_is_known_as_it_is_now(self):
        store = await self.started()
        at, ends = moment(START + 60), moment(START + 7200)
        await store.record([opened()])
        (room,) = self.rows(ROOMS)
        assert (room.title, room.opened, room.closed) == ("Algebra", moment(START), None)
        changes = [
            record(2, Retitled(at=at, by="a", nick="ann", title="Sums")),
            record(3, Extended(at=at, by="a", nick="ann", ends=ends)),
            record(4, Closed(at=at, because="host")),
        ]
        await store.record(changes)
        (room,) = self.rows(ROOMS)
        assert (room.title, room.ends, room.closed) == ("Sums", ends, at)

    async def test_an_old_title_that_comes_again_changes_nothing(self):
        store = await self.started()
        old = record(2, Retitled(at=moment(START), by="a", nick="ann", title="Old"))
        new = record(3, Retitled(at=moment(START), by="a", nick="ann", title="New"))
        await store.record([opened(), old, new])
        await store.record([old])
        assert self.rows(ROOMS)[0].title == "New"

    async def test_an_entry_can_be_read_by_its_columns(self):
        store = await self.started()
        await store.record([said(2, "hi")])
        (row,) = self.rows(ENTRIES)
        assert (row.kind, row.nick, row.via, row.text) == ("said", "ann", "web", "hi")

    async def test_the_row_of_a_forgotten_room_is_gone(self):
        store = await self.started()
        await store.record([opened(), said(2, "hi"), forgotten(3)])
        assert self.rows(ROOMS) == []

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

    def pages_at_most(self, store, count):
        raw = store._engine.raw_connection()
        raw.cursor().execute(f"PRAGMA max_page_count = {count}")
        raw.close()

    async def test_the_steps_go_down_as_well(self):
        store = await self.started()
        await store.stop()
        config = Config()
        config.set_main_option("script_location", "meet.store:migrations")
        engine = create_engine(f"sqlite:///{self.data}/archive.sqlite3")
        self.addCleanup(engine.dispose)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "base")
            assert inspect(connection).get_table_names() == ["alembic_version"]

    async def test_a_file_that_is_no_database_is_told_in_a_sentence(self):
        self.data.mkdir()
        (self.data / "archive.sqlite3").write_bytes(b"not a database " * 100)
        await self.refused("not a database")

    async def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(self):
        self.data.write_text("a file stands here")
        await self.refused("cannot be made")

    async def test_an_archive_of_a_newer_version_is_left_alone(self):
        store = await self.started()
        await store.stop()
        with sqlite3.connect(self.data / "archive.sqlite3") as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
        await self.refused("newer version")

    async def refused(self, words):
        clock = Clock()
        with pytest.raises(ValueError, match=words) as caught:
            await self.make(clock).start()
        assert "\n" not in str(caught.value)


class SideBySide(SynchronousTestCase):
    def test_many_processes_may_make_a_new_archive_at_once(self):
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(8) as threads:
            for turn in range(25):
                together = Barrier(8)
                engines = [sql._engine(make_url(f"sqlite:///{folder}/{turn}")) for _ in range(8)]

                def begin(engine, together=together):
                    together.wait()
                    with engine.begin() as connection:
                        upgrade(connection)

                try:
                    list(threads.map(begin, engines))
                finally:
                    for engine in engines:
                        engine.dispose()


class Dialects(SynchronousTestCase):
    """What can be said of the other databases without a server: the statements are in their words."""

    dialects = (sqlite.dialect(), postgresql.dialect(), mysql.dialect())

    def test_every_table_can_be_written_down(self):
        for dialect in self.dialects:
            for table in METADATA.sorted_tables:
                assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))

    def test_what_is_there_is_left_as_it_is(self):
        texts = [str(_insert_or_ignore(each.name, ENTRIES).compile(dialect=each)) for each in self.dialects]
        assert "ON CONFLICT DO NOTHING" in texts[0]
        assert "ON CONFLICT DO NOTHING" in texts[1]
        assert "INSERT IGNORE INTO" in texts[2]


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
