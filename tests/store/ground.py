"""What the stores of databases do beside the contract, and the SQL store whichever database it is over."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text
from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock

from meet.errors import Unavailable
from meet.events import Closed, Extended, Position, Retitled
from meet.limits import Limits
from meet.moments import moment
from meet.store import store_for
from meet.store.archive import upgrade
from meet.store.dialects import address_of, changing, engine_for
from meet.store.tables import ENTRIES, METADATA, ROOMS
from tests.contracts.records import START, forgotten, opened, pieces, record, said
from tests.contracts.store import StoreContract


class SharedContract(StoreContract):
    """Over a place that several processes may use at once."""

    async def refused(self, words):
        with pytest.raises(ValueError, match=words) as caught:
            await self.make(Clock()).start()
        assert "\n" not in str(caught.value)

    async def test_two_that_record_side_by_side_leave_what_each_was_told(self):
        stores = [await self.started(), await self.started()]
        await stores[0].record([opened()])
        for turn in range(6):
            batch = [said(2 + turn * 20 + number, f"line {number}") for number in range(20)]
            room = f"room{turn}"
            await gatherResults(
                [
                    stores[0].record([*batch, opened(room=room), said(2, "goes", room=room)]),
                    stores[1].record([*reversed(batch), opened(room=room), forgotten(3, room=room)]),
                ]
            )
        assert len(await self.all_of(stores[0])) == 120
        assert list(await stores[1].living()) == [("algebra", "k3q")]
        for turn in range(6):
            assert await self.all_of(stores[0], f"room{turn}") == []


class ServedContract(SharedContract):
    """Over a `tests.servers.database.Database` that is ``server``."""

    def break_it(self):
        self.server.stop()
        return self.server.start

    async def test_who_reads_from_a_server_that_stands_still_is_told_in_time(self):
        clock = Clock()
        clock.advance(START)
        store = await self.started(clock)
        await store.record([opened(), said(2, "before")])
        with self.server.frozen():
            recorded = store.record([said(3, "after")])
            asked = store.history("algebra", Position("k3q", 9), 5)
            clock.advance(10)
            with pytest.raises(Unavailable, match="does not answer"):
                await asked
            assert not recorded.called
        await recorded
        assert await self.all_of(store) == pieces(said(2, "before"), said(3, "after"))

    async def test_a_server_that_is_away_at_the_start_is_unavailable(self):
        mend = self.break_it()
        try:
            with pytest.raises(Unavailable):
                await self.make(Clock()).start()
        finally:
            mend()


class SqlContract(SharedContract):
    """``url`` names an empty database; ``data`` is the folder that a file without a name is in."""

    url: str
    data = Path("/nowhere")

    def make(self, clock):
        return store_for(self.url, data=self.data, clock=clock, limits=Limits())

    @contextlib.contextmanager
    def connected(self):
        engine = engine_for(address_of(self.url, self.data))
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def fresh(self):
        """Go on with a database that has no tables yet."""

    def rows(self, table):
        with self.connected() as connection:
            return connection.execute(select(table)).all()

    async def test_the_tables_are_those_that_the_code_means(self):
        await self.started()
        with self.connected() as connection:
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

    async def test_the_steps_go_down_as_well(self):
        self.fresh()
        store = await self.started()
        await store.stop()
        config = Config()
        config.set_main_option("script_location", "meet.store:migrations")
        with self.connected() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "base")
            assert inspect(connection).get_table_names() == ["alembic_version"]

    async def test_an_archive_of_the_first_version_is_brought_up_to_date_with_all_that_it_holds(self):
        self.fresh()
        config = Config()
        config.set_main_option("script_location", "meet.store:migrations")
        with self.connected() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            row = {"room": "algebra", "epoch": "k3q", "seq": 2, "kind": "said", "at": moment(START), "by": "p"}
            line = said(2, "from before 🦉")
            words = {"nick": "ann", "via": "web", "text": "from before 🦉", "body": line.body}
            connection.execute(ENTRIES.insert(), [row | words])
        store = await self.started()
        assert await self.all_of(store) == pieces(line)
        with self.connected() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []

    async def test_an_archive_of_a_newer_version_is_left_alone(self):
        self.fresh()
        store = await self.started()
        await store.record([opened()])
        await store.stop()
        with self.connected() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await self.refused("newer version")
        with self.connected() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


class ServerContract(ServedContract, SqlContract):
    """Over a database of its own of ``server_class``, a `tests.servers.database.Database`."""

    def setUp(self):
        self.server = self.server_class.shared()
        self.database = self.server.shared_database()
        self.url = self.server.url(self.database)
        self.addCleanup(self.empty, self.database)

    def empty(self, database):
        for table in METADATA.tables:
            with contextlib.suppress(Exception):
                self.server.statement(f"DELETE FROM {table}", database)

    def fresh(self):
        self.database = self.server.new()
        self.addCleanup(self.server.drop, self.database)
        self.url = self.server.url(self.database)

    def test_many_processes_may_make_a_new_archive_at_once(self):
        self.fresh()
        together = Barrier(4)
        engines = [engine_for(address_of(self.url, self.data)) for _ in range(4)]

        def begin(engine):
            together.wait()
            with changing(engine).begin() as connection:
                upgrade(connection)

        try:
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(begin, engines))
        finally:
            for engine in engines:
                engine.dispose()

    async def test_a_server_killed_in_the_middle_of_a_batch_keeps_all_of_it_or_none(self):
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        lines = [said(seq, "w" * 200) for seq in range(3, 6000)]
        killed = Thread(target=self.server.kill)
        under_way = store.record(lines)
        killed.start()
        with contextlib.suppress(Unavailable):
            await under_way
        killed.join()
        self.server.start()
        held = await store.transcript("algebra", "k3q", 2, 10_000)
        assert len(held) in (0, len(lines))
        await store.record(lines)
        assert await self.all_of(store) == pieces(said(2, "before"), *lines)

    async def test_tables_of_somebody_else_are_left_alone(self):
        self.fresh()
        self.server.statement("CREATE TABLE rooms (beds integer)", self.database)
        await self.refused("a table rooms that is not Meet's")
        assert self.server.statement("SELECT * FROM rooms", self.database) == []
