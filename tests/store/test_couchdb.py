"""The store over CouchDB's HTTP, on a real server."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import TestCase

from meet.limits import Limits
from meet.store import store_for
from tests.contracts.store import StoreContract
from tests.servers.couchdb import Couchdb


class OverCouchdb(StoreContract, TestCase):
    def setUp(self):
        self.server = Couchdb.shared()
        self.database = self.server.new()
        self.addCleanup(self.server.drop, self.database)

    def make(self, clock):
        return store_for(self.server.url(self.database), data=Path("/nowhere"), clock=clock, limits=Limits())

    def files(self):
        return self.server.bytes_of(self.database)

    def break_it(self):
        self.server.stop()
        return self.server.start
