"""The store over CouchDB's HTTP, on a real server."""

from __future__ import annotations

import contextlib
from pathlib import Path
from threading import Thread

import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet import search as searching
from meet.errors import Unavailable
from meet.events import Position
from meet.limits import Limits
from meet.store import couchdb, http, store_for
from tests.contracts.records import opened, pieces, said
from tests.servers.couchdb import Couchdb
from tests.store.ground import ServedContract

READ_ONLY = """function (fresh) {
  if (fresh._id.indexOf("_design/") !== 0) throw({forbidden: "This copy is read-only."});
}"""


class OverCouchdb(ServedContract, TestCase):
    def setUp(self):
        self.server = Couchdb.shared()
        self.database = self.server.new()
        self.url = self.server.url(self.database)
        self.addCleanup(self.server.drop, self.database)

    def make(self, clock):
        return store_for(self.url, data=Path("/nowhere"), clock=clock, limits=Limits())

    def files(self):
        return self.server.bytes_of(self.database)

    def documents(self):
        return self.server.ask("GET", f"{self.database}/_all_docs")["total_rows"]

    def marker(self, **changes):
        held = self.server.ask("GET", f"{self.database}/meet")
        self.server.ask("PUT", f"{self.database}/meet", held | changes)

    async def test_a_database_that_is_not_there_is_made_also_by_many_at_once(self):
        store, *_ = await gatherResults([Deferred.fromCoroutine(self.started()) for _ in range(4)])
        await store.record([opened(), said(2, "hi")])
        assert await self.all_of(store) == pieces(said(2, "hi"))

    async def test_a_server_killed_in_the_middle_of_a_batch_has_all_of_it_when_it_comes_again(self):
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        lines = [said(seq, "w" * 200) for seq in range(3, 1500)]
        killed = Thread(target=self.server.kill)
        under_way = store.record(lines)
        killed.start()
        with contextlib.suppress(Unavailable):
            await under_way
        killed.join()
        self.server.start()
        held = await self.all_of(store)
        assert held == [each for each in pieces(said(2, "before"), *lines) if each in held]
        await store.record(lines)
        assert await self.all_of(store) == pieces(said(2, "before"), *lines)

    async def test_a_database_that_only_reads_is_unavailable_for_what_is_recorded_and_still_told(self):
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        design = f"{self.database}/_design/copy"
        made = self.server.ask("PUT", design, {"validate_doc_update": READ_ONLY})
        with pytest.raises(Unavailable, match=r"does not write into the archive: This copy is read-only\.$"):
            await store.record([said(3, "after")])
        assert await self.all_of(store) == pieces(said(2, "before"))
        self.server.ask("DELETE", f"{design}?rev={made['rev']}")
        await store.record([said(3, "after")])
        assert await self.all_of(store) == pieces(said(2, "before"), said(3, "after"))

    async def test_a_wrong_password_is_told_without_it(self):
        self.url = self.url.replace("pass%20word", "owlpost")
        with pytest.raises(ValueError, match="does not accept the user or the password") as caught:
            await self.make(Clock()).start()
        assert "owlpost" not in str(caught.value)

    async def test_documents_of_somebody_else_are_left_alone(self):
        self.server.ask("PUT", self.database)
        self.server.ask("PUT", f"{self.database}/shopping", {"milk": 2})
        await self.refused(f"The database {self.database} has documents that are not Meet's")
        assert self.documents() == 1

    async def test_an_archive_of_another_version_is_left_alone(self):
        store = await self.started()
        await store.record([opened()])
        await store.stop()
        before = self.documents()
        for version, words in ((2, "newer version"), ("2b", "newer version"), (0, "older version")):
            self.marker(version=version)
            await self.refused(words)
            assert self.documents() == before
        self.marker(version=1)
        assert list(await (await self.started()).living()) == [("algebra", "k3q")]

    async def test_a_database_that_somebody_deletes_is_unavailable_until_meet_starts_again(self):
        store = await self.started()
        self.server.drop(self.database)
        with pytest.raises(Unavailable, match="does not have it"):
            await store.record([said(2, "hi")])
        again = await self.started()
        await again.record([said(2, "hi")])
        assert await self.all_of(again) == pieces(said(2, "hi"))

    async def test_long_lines_are_read_in_as_many_answers_as_they_need(self):
        store = await self.started()
        lines = [said(seq, "w" * 3000) for seq in range(2, 40)]
        await store.record([opened(), *lines])
        self.patch(http, "LONGEST", 20_000)
        assert await self.all_of(store) == pieces(*lines)
        assert list(await store.history("algebra", Position("k3q", 99), 30)) == pieces(*lines[-30:])
        await store.record([*lines[::-1], said(40, "new")])
        assert len(await self.all_of(store)) == 39
        self.patch(http, "LONGEST", 2000)
        with pytest.raises(Unavailable, match="more than 2000 bytes"):
            await self.all_of(store)

    async def test_a_search_goes_no_further_than_its_reach(self):
        self.patch(couchdb, "REACH", 30)
        self.patch(searching, "REACH", 1000)
        self.patch(couchdb, "AT_ONCE", 20)
        store = await self.started()
        await store.record([opened(), said(2, "owl"), *[said(seq, "x") for seq in range(3, 60)]])
        first = await store.search("algebra", Position("k3q", 60), "owl", 9)
        assert (list(first.talk), first.down_to) == ([], 30)
        second = await store.search("algebra", Position("k3q", first.down_to), "owl", 9)
        assert (list(second.talk), second.down_to) == (pieces(said(2, "owl")), 0)


class Addresses(SynchronousTestCase):
    def make(self, url):
        return store_for(url, data=Path("/srv/meet"), clock=Clock(), limits=Limits())

    def test_what_is_no_url_is_told_in_a_sentence_without_the_password(self):
        for url, words in (
            ("couchdb:", "looks like"),
            ("couchdb://u:owlpost@h:x/a", "looks like"),
            ("couchdb://u:owlpost@h/", "must name a database"),
            ("couchdbs://u:owlpost@h/Archive", "must name a database"),
            ("couchdb://u:owlpost@h/a/b", "must name a database"),
            ("couchdb://u:owlpost@h/a?tls=1", "takes password-file, not tls"),
            ("couchdb://u@h/a?password-file=/no/such", "password file /no/such cannot be read"),
        ):
            with pytest.raises(ValueError, match=words) as caught:
                self.make(url)
            assert "owlpost" not in str(caught.value)
