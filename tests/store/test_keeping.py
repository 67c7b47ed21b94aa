"""How entries get out of CouchDB for good: what its whole API can do, and what a user may not."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Unavailable
from meet.events import Noted, Removed, Retitled
from meet.moments import moment
from meet.store import http
from meet.store.http import PATIENCE_TO_WRITE, Address, Couch
from meet.store.keeping import COMPACT_AGAIN, Keeping
from tests.contracts.records import START, forgotten, opened, record, renewed, said
from tests.standins.couchdb import CouchDb


class Forgetting(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(START)
        self.server = CouchDb()
        couch = Couch(Address("http://couch.example", "meet", "", ""), self.clock, PATIENCE_TO_WRITE, self.server.treq)
        self.keeping = Keeping(couch, self.clock)

    def keep(self, *records):
        self.server.told(self.keeping.keep(records, self.clock.seconds()))

    def ids(self):
        return sorted(self.server.documents)

    def test_what_is_forgotten_is_purged_and_leaves_not_even_its_ids(self):
        self.patch(http, "PURGED_AT_ONCE", 2)
        self.keep(opened(), said(2, "one"), said(3, "two"), opened(room="biology"))
        self.keep(forgotten(4))
        ids = ["about!biology!k3q!000000000000000001", "entry!biology!k3q!000000000000000001"]
        assert self.ids() == [*ids, "grave!algebra!k3q", "log!biology!k3q"]
        assert self.server.deleted == set()
        assert self.server.asked[-1] == "POST /_compact"

    def test_where_nobody_may_purge_ids_stay_and_no_words(self):
        self.server.refusals["/_purge"] = 401
        self.keep(opened(), said(2, "one"))
        self.keep(forgotten(3))
        self.keep(opened(room="biology"), forgotten(2, room="biology"))
        assert self.ids() == ["grave!algebra!k3q", "grave!biology!k3q"]
        assert "entry!algebra!k3q!000000000000000002" in self.server.deleted
        assert self.server.asked.count("POST /_purge") == 1

    def test_while_couchdb_compacts_it_is_asked_again_later(self):
        self.keep(opened())
        self.server.compacting = True
        self.keep(forgotten(2))
        for _ in range(2):
            assert "POST /_compact" not in self.server.asked
            self.clock.advance(COMPACT_AGAIN)
            self.server.treq.flush()
        self.server.compacting = False
        self.clock.advance(COMPACT_AGAIN)
        self.server.treq.flush()
        self.server.treq.flush()
        assert self.server.asked.count("POST /_compact") == 1
        assert not self.clock.getDelayedCalls()

    def test_who_may_not_compact_is_told_in_the_log_and_recording_goes_on(self):
        self.server.refusals["/_compact"] = 403
        gone = Removed(at=moment(START), number=2, because="host", by="p" * 16, nick="ann")
        self.keep(opened(), said(2, "one"))
        self.keep(record(3, gone))
        assert self.server.documents["entry!algebra!k3q!000000000000000002"]["gone"] is True
        assert "body" not in self.server.documents["entry!algebra!k3q!000000000000000002"]

    def test_a_log_that_moved_leaves_nothing_behind(self):
        self.keep(opened(), said(2, "one"), renewed(3))
        assert [each.split("!")[2] for each in self.ids() if each.startswith("entry!")] == ["new"] * 3
        assert "grave!algebra!k3q" in self.ids()

    def test_state_in_whose_place_something_else_came_is_nowhere_any_more(self):
        at = moment(START)
        title = Retitled(at=at, by="a", nick="ann", title="Sums")
        self.keep(opened(), record(2, title), record(3, Noted(at=at, via="mastodon", text="owlpost")))
        self.keep(said(2, "hi"), record(3, title))
        one, two, three = (f"algebra!k3q!{number:018d}" for number in (1, 2, 3))
        there = [f"about!{one}", f"about!{three}", *(f"entry!{each}" for each in (one, two, three))]
        assert self.ids() == [*there, "log!algebra!k3q"]
        assert "owlpost" not in str(self.server.documents)
        self.keep(said(2, "hi"), record(3, title))
        assert self.ids() == [*there, "log!algebra!k3q"]

    def test_what_moves_does_not_push_out_what_the_new_log_has_of_its_own(self):
        title = Retitled(at=moment(START), by="a", nick="ann", title="Sums")
        self.keep(opened(), record(2, title))
        self.keep(said(2, "own", epoch="new"), renewed(3))
        entries = {key: held["kind"] for key, held in self.server.documents.items() if key.startswith("entry!")}
        assert list(entries.values()).count("said") == 1
        assert sorted(entries.values()) == ["opened", "renewed", "said"]
        about = [key for key in self.ids() if key.startswith("about!")]
        assert about == ["about!algebra!new!000000000000000001"]

    def test_a_refusal_of_the_server_is_unavailable_and_nothing_is_skipped(self):
        self.server.refusals["/_bulk_docs"] = 507
        with pytest.raises(Unavailable, match=r"CouchDB answers 507: You are not a server admin\.$"):
            self.keep(opened())
        del self.server.refusals["/_bulk_docs"]
        self.keep(opened())
        assert len(self.ids()) == 3

    def test_old_graves_are_gone_once_an_hour_is_over(self):
        self.keep(opened(), forgotten(2))
        self.clock.advance(8 * 86400)
        self.keep(opened(room="biology"))
        assert not [each for each in self.ids() if each.startswith("grave!")]
