"""The documents of the CouchDB store: their order, and what is done where two are meant for one place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from meet.events import Position, Retitled
from meet.interfaces import Record
from meet.moments import moment
from meet.store import documents
from meet.store.documents import NUMBER_MOST, document, removed, settled
from tests.contracts.records import START, record, said

LOG = ("algebra", "k3q")
ROOMS = some.text("abz019-", min_size=1, max_size=40)
EPOCHS = some.text("abz019", min_size=1, max_size=16)


class Ids(SynchronousTestCase):
    @given(*[some.tuples(ROOMS, EPOCHS, some.integers(0, NUMBER_MOST))] * 2)
    def test_their_order_is_that_of_room_epoch_and_number(self, one, other):
        ids = [documents.name(documents.ENTRY, each[:2], each[2]) for each in (one, other)]
        assert (ids[0] < ids[1]) == (one < other)
        assert (documents.log_of(ids[0]), documents.number_of(ids[0])) == (one[:2], one[2])

    @given(some.text(min_size=1), some.text(min_size=1))
    def test_any_name_of_a_room_has_ids_of_its_own(self, room, other):
        name = documents.name(documents.LOG, (room, "k3q"))
        assert documents.log_of(name) == (room, "k3q")
        assert name.isascii()
        assert (name == documents.name(documents.LOG, (other, "k3q"))) == (room == other)

    def test_a_span_leaves_its_ends_out(self):
        def has(number, **bounds):
            low, high = documents.span(LOG, **bounds)
            return low <= documents.name(documents.ENTRY, LOG, number) <= high

        assert [number for number in range(9) if has(number, after=2, before=6)] == [3, 4, 5]
        assert has(NUMBER_MOST)
        assert not has(1, before=1)

    def test_what_is_next_to_an_id(self):
        ids = [documents.name(documents.ENTRY, LOG, number) for number in (99, 100, 101)]
        assert ids[0] < documents.after(ids[0]) < ids[1] < documents.after(ids[1]) < ids[2]
        assert documents.before(ids[2]) == ids[1]
        first = documents.name(documents.ENTRY, LOG, 0)
        assert documents.before(first) < first


class Bodies(SynchronousTestCase):
    @given(some.binary() | some.text().map(str.encode))
    def test_every_body_comes_back_byte_for_byte(self, body):
        held = document(Record("algebra", Position("k3q", 1), body))
        assert documents.numbered(held) == (Position("k3q", 1), body)

    def test_what_a_parser_may_not_like_is_no_text(self):
        for character in ("\x00", "\ufffe", "\ufdd3", "\U0010ffff"):
            assert document(Record("a", Position("k", 1), f'"{character}"'.encode())).body == ""
        assert document(said(2, "Grüße 🦉")).base64 == ""


class Settling(SynchronousTestCase):
    def settle(self, mine, there, replace=True):
        return settled(mine, there, replace=replace)

    def held(self, numbered, rev="1-a"):
        return documents.Document(**{**{f: getattr(numbered, f) for f in numbered.__struct_fields__}, "rev": rev})

    def test_nothing_is_in_the_way(self):
        mine = document(said(2, "hi"))
        assert self.settle(mine, None) is mine

    def test_the_same_is_there_already(self):
        mine = document(said(2, "hi"))
        assert self.settle(mine, self.held(mine)) is None

    def test_what_comes_later_takes_its_place_unless_it_only_moves(self):
        mine, there = document(said(2, "hi")), self.held(document(said(2, "ho")))
        assert self.settle(mine, there) == self.held(mine)
        assert self.settle(mine, there, replace=False) is None

    def test_talk_that_was_removed_does_not_come_back_and_only_talk_is_removed(self):
        gone, talk = removed(LOG, 2), document(said(2, "hi"))
        state = document(record(2, Retitled(at=moment(START), by="a", nick="ann", title="Sums")))
        assert self.settle(gone, self.held(talk)) == self.held(gone)
        assert self.settle(gone, self.held(talk), replace=False) == self.held(gone)
        assert self.settle(talk, self.held(gone)) is None
        assert self.settle(gone, self.held(gone)) is None
        assert self.settle(gone, self.held(state)) is None
        assert self.settle(state, self.held(gone)) == self.held(state)
