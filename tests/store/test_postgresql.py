"""The SQL store over a real PostgreSQL."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import TestCase

from meet.errors import Unavailable
from tests.contracts.records import opened, pieces, said
from tests.servers.postgresql import Postgresql
from tests.store.ground import ServerContract


class OverPostgresql(ServerContract, TestCase):
    server_class = Postgresql

    async def test_a_database_that_only_reads_is_unavailable_for_what_is_recorded_and_still_told(self):
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        self.server.statement(f"ALTER DATABASE {self.database} SET default_transaction_read_only = on")
        self.hang_up()
        again = await self.started()
        with pytest.raises(Unavailable, match="read-only transaction"):
            await again.record([said(3, "after")])
        assert await self.all_of(again) == pieces(said(2, "before"))
        self.server.statement(f"ALTER DATABASE {self.database} SET default_transaction_read_only = off")
        self.hang_up()
        await again.record([said(3, "after")])
        assert await self.all_of(again) == pieces(said(2, "before"), said(3, "after"))

    async def test_a_user_who_may_not_make_tables_is_told_so_in_a_sentence(self):
        self.fresh()
        self.server.statement("DROP ROLE IF EXISTS guest")
        self.server.statement("CREATE ROLE guest LOGIN")
        self.url = self.url.replace("meet@", "guest@", 1)
        await self.refused("cannot be prepared: permission denied")

    def hang_up(self):
        others = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database}'"
        self.server.statement(others)
