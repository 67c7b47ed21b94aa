"""What a log has lost of what is known: all of it, nothing else, and nothing of another log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.events import Joined, Opened, Position, Presence, Renewed, Retitled, Said
from meet.limits import Limits
from meet.look import Look, holds, lacking, lineage, related
from meet.wire import decode_event, encode
from tests.strategies import Numbered, logs

LIMITS = Limits().but({"entries-in-tail": 5})
NOTHING = Look(None, None, [], [], 0)


def look(*events: object, epoch: str = "k3q", floor: int = 0) -> Look:
    """A look at a log whose entries are ``events``; None stands for one that has passed."""
    numbered = [(Position(epoch, seq), event) for seq, event in enumerate(events, 1)]
    bodies = [(at, encode(event), event.key) for at, event in numbered if event is not None]  # type: ignore[attr-defined]
    kept = {key: (at, body) for at, body, key in bodies if key is not None}
    tail = [(at, body) for at, body, key in bodies if key is None and at.seq > floor]
    return Look(Position(epoch, len(events)), None, sorted(kept.values()), tail, floor)


def said(text: str, ref: str = "", at: str = "") -> Said:
    return Said(at=at, by="p1", nick="Ann", via="web", text=text, ref=ref)


def title(text: str) -> Retitled:
    return Retitled(at="", by="p1", nick="Ann", title=text)


def seqs(there: Look, known: Look) -> list[int]:
    return [item.position.seq for item in lacking(there, known)]


class Stories(SynchronousTestCase):
    def test_who_knows_nothing_more_has_lost_nothing(self) -> None:
        known = look(said("1"), title("A"), said("2"))
        for there in (known, look(said("1"), title("A"), said("2"), title("B"), said("3"))):
            assert holds(there, known)
        assert holds(known, NOTHING)
        assert not holds(NOTHING, known)
        assert seqs(NOTHING, known) == [1, 2, 3]

    def test_fewer_numbers_are_a_loss(self) -> None:
        known = look(said("1"), said("2"), title("A"), None)
        assert not holds(look(said("1")), known)
        assert seqs(look(said("1")), known) == [2, 3]
        assert not holds(look(said("1"), said("2"), title("A")), known)

    def test_another_entry_at_a_number_is_a_loss(self) -> None:
        known = look(said("1"), said("2"))
        assert seqs(look(said("1"), said("other"), said("3")), known) == [2]
        assert seqs(look(said("1"), title("A"), said("3")), known) == [2]

    def test_what_passed_out_of_the_tail_is_not_lost(self) -> None:
        known = look(said("1"), said("2"), said("3"))
        assert holds(look(None, None, said("3"), said("4"), floor=2), known)

    def test_state_with_a_newer_word_is_not_lost_and_with_an_older_one_it_is(self) -> None:
        known = look(title("A"), title("B"))
        assert holds(look(None, None, title("C")), known)
        assert seqs(look(title("A"), None, None), known) == [2]

    def test_what_was_erased_is_not_lost(self) -> None:
        known = look(said("rude"), said("2"))
        assert holds(look(None, said("2"), title("erased")), known)

    def test_a_line_that_stands_elsewhere_is_not_lost(self) -> None:
        known = look(title("A"), said("hi", ref="7"))
        assert holds(look(title("A"), title("B"), said("hi", ref="7", at="later")), known)
        assert holds(look(title("A"), title("B"), said("hi", ref="7")), known)

    def test_people_and_what_nobody_knows_are_left_out(self) -> None:
        joined = Joined(at="", by="p1", nick="Ann", via="web")
        assert holds(look(title("A"), None, title("B")), look(title("A"), joined))
        odd = look(title("A"))._replace(kept=[(Position("k3q", 1), b'{"kind":"polled"}')])
        assert lacking(look(title("A"), title("B")), odd) == []

    def test_another_log_has_lost_nothing_and_one_that_goes_on_may_have(self) -> None:
        known = look(said("1"), said("2"))
        renewed = Renewed(at="", was="e2", before=("k3q", "e0"))
        assert holds(look(said("other"), epoch="new"), known)
        assert holds(look(said("1"), said("2"), renewed, epoch="e3"), known)
        assert seqs(look(said("1"), None, renewed, epoch="e3"), known) == [2]
        assert lineage(look(said("1"), None, renewed, epoch="e3")) == ("e2", "k3q", "e0")
        assert related(look(renewed, epoch="e3"), known)
        assert not related(look(renewed, epoch="e3"), look(said("1"), epoch="e1"))

    def test_a_broker_that_fell_back_to_a_former_log_has_lost_the_later_one(self) -> None:
        known = look(said("1"), Renewed(at="", was="k3q"), epoch="e2")
        assert not holds(look(said("1")), known)
        assert related(look(said("1")), known)

    def test_logs_that_go_on_from_one_can_each_lack_something(self) -> None:
        known = look(said("1"), Renewed(at="", was="k3q"), said("2"), epoch="e2")
        other = look(said("1"), Renewed(at="", was="k3q"), epoch="e3")
        assert seqs(other, known) == [3]
        assert not holds(other, known)
        assert holds(known, other)


class Properties(SynchronousTestCase):
    @given(logs(LIMITS), st.data())
    def test_every_later_look_holds_every_earlier_one(self, log: list[Numbered], data: st.DataObject) -> None:
        early, late = sorted(data.draw(st.tuples(st.integers(0, len(log) - 1), st.integers(0, len(log) - 1))))
        assert holds(log[late].look, log[early].look)

    @given(logs(LIMITS), st.data())
    def test_what_a_log_lost_is_what_is_known_and_not_there(self, log: list[Numbered], data: st.DataObject) -> None:
        early, late = sorted(data.draw(st.tuples(st.integers(0, len(log) - 1), st.integers(0, len(log) - 1))))
        there, known = log[early].look, log[late].look
        lost = {(item.position, item.body) for item in lacking(there, known)}
        expected = {
            each
            for each in (*known.kept, *known.tail)
            if each[0].seq > there.last.seq and not isinstance(decode_event(each[1]), Presence)
        }
        assert lost == expected
        assert holds(there, known) == (early == late)

    @given(logs(LIMITS))
    def test_nothing_is_lost_of_an_opening(self, log: list[Numbered]) -> None:
        known = log[-1].look
        assert any(isinstance(item.event, Opened) for item in lacking(NOTHING, known))
