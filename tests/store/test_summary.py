"""What the entries of a log come to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.events import Closed, Extended, Position, Retitled
from meet.interfaces import Kept
from meet.moments import moment
from meet.store import summary
from meet.wire import decode_event
from tests.contracts.records import START, opened, pieces, record, said

AT, ENDS = moment(START + 60), moment(START + 7200)


class Summaries(SynchronousTestCase):
    def test_a_log_is_listed_as_its_changes_left_it_wherever_its_opening_comes(self):
        changes = [
            record(2, Retitled(at=AT, by="a", nick="ann", title="Old")),
            record(3, Extended(at=AT, by="a", nick="ann", ends=ENDS)),
            record(4, Retitled(at=AT, by="a", nick="ann", title="Sums")),
            record(5, Closed(at=AT, because="host")),
        ]
        for records in ([opened(), *changes], [*changes, opened(6)]):
            kept = summary.kept("algebra", "k3q", [decode_event(each.body) for each in records])
            assert kept == Kept("algebra", "k3q", "Sums", moment(START), ENDS, AT)

    def test_without_an_opening_nothing_is_said_of_it(self):
        title = Retitled(at=AT, by="a", nick="ann", title="Sums")
        assert summary.kept("algebra", "k3q", [title]) == Kept("algebra", "k3q", "", "", "", "")

    def test_a_memory_has_the_newest_state_of_each_key_and_says_what_talk_may_be_missing(self):
        title = [record(seq, Retitled(at=AT, by="a", nick="ann", title=f"Title {seq}")) for seq in (2, 5)]
        talk = [said(3, "one"), said(4, "two"), said(6, "three")]
        look = summary.memory(Position("k3q", 6), pieces(opened(), *title), pieces(*talk), 2)
        assert list(look.kept) == pieces(opened(), title[1])
        assert list(look.tail) == pieces(*talk[1:])
        assert (look.last, look.law, look.floor) == (Position("k3q", 6), Position("k3q", 1), 3)
        assert summary.memory(Position("k3q", 6), [], pieces(*talk), 3).floor == 0
