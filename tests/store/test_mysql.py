"""The SQL store over a real MariaDB."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import TestCase

from meet.errors import Unavailable
from tests.contracts.records import opened, pieces, said
from tests.servers.mariadb import Mariadb
from tests.store.ground import ServerContract


class OverMariadb(ServerContract, TestCase):
    server_class = Mariadb

    async def test_a_database_that_only_reads_is_unavailable_for_what_is_recorded_and_still_told(self):
        self.server.statement("DROP USER IF EXISTS guest@'127.0.0.1'")
        self.server.statement("CREATE USER guest@'127.0.0.1'")
        self.server.statement(f"GRANT ALL ON {self.database}.* TO guest@'127.0.0.1'")
        self.url = self.url.replace("root@", "guest@", 1)
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        self.server.statement("SET GLOBAL read_only = 1")
        self.addCleanup(self.server.statement, "SET GLOBAL read_only = 0")
        with pytest.raises(Unavailable, match="read-only"):
            await store.record([said(3, "after")])
        assert await self.all_of(store) == pieces(said(2, "before"))
        self.server.statement("SET GLOBAL read_only = 0")
        await store.record([said(3, "after")])
        assert await self.all_of(store) == pieces(said(2, "before"), said(3, "after"))
