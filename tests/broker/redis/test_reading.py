"""What the scripts answer is read as what was written, and what restores a room is written as it is read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.ledger import Ledger, Row
from meet.broker.redis.reading import ledger_of, restored_words
from meet.bus import MARGIN, look_of, position_of, till
from meet.events import Closed, Extended, Joined, Opened, Position, Renewed, Retitled, Said
from meet.limits import Limits
from meet.look import Look
from meet.moments import moment
from meet.wire import encode

LIMITS = Limits().but({"entries-in-tail": 4})
EPOCHS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=16)
NUMBERS = st.integers(1, 2**53)
KEYS = st.sampled_from(["who:ann", "title", "settings", "who:müller: a b"])
BODIES = st.binary(max_size=30)
ROWS = st.dictionaries(NUMBERS, st.tuples(st.none() | KEYS, BODIES), max_size=12)
AT = "2026-11-24T14:05:09.120Z"


def ledgers(epoch: str, rows: dict[int, tuple[str | None, bytes]], law: int, floor: int) -> Ledger:
    """A ledger that holds ``rows``, of each key the newest."""
    found: dict[Any, Row] = {}
    for number, (key, body) in sorted(rows.items()):
        found.pop(key or number, None)
        found[key or number] = Row(number, key, None, body)
    return Ledger.rebuilt(
        epoch, LIMITS, last=max(rows, default=0) + 1, law=law, floor=floor, rows=found.values(), marks=()
    )


def answered(ledger: Ledger, *, keys: bool, places: dict[int, bytes]) -> list[Any]:
    """What ``read.lua`` answers of it, or with ``keys`` ``whole.lua``: hashes are in no order."""
    state = sorted((row for row in ledger.rows if row.key is not None), key=lambda row: row.body)
    kept: list[bytes] = []
    for row in state:
        kept += [(row.key or "").encode()] if keys else []
        kept.append(b"%d %b" % (row.seq, row.body))
    tail = [
        [b"%d-0" % row.seq, [b"b", row.body, b"j", places.get(row.seq, b"")]] for row in ledger.rows if row.key is None
    ]
    law = b"%d" % ledger.law if ledger.law else b""
    return [ledger.epoch.encode(), b"%d" % ledger.last, law, b"%d" % ledger.floor, kept, tail]


class Answers(SynchronousTestCase):
    @given(EPOCHS, NUMBERS)
    def test_a_position_is_read_as_it_was_written(self, epoch: str, number: int) -> None:
        assert position_of(str(Position(epoch, number)).encode()) == Position(epoch, number)

    @given(EPOCHS, ROWS, NUMBERS | st.just(0), st.integers(0, 100))
    def test_a_look_is_what_the_ledger_holds(
        self, epoch: str, rows: dict[int, tuple[str | None, bytes]], law: int, floor: int
    ) -> None:
        ledger = ledgers(epoch, rows, law, floor)
        assert look_of(answered(ledger, keys=False, places={})) == ledger.look()

    @given(EPOCHS, ROWS, NUMBERS | st.just(0), st.integers(0, 100), st.dictionaries(NUMBERS, st.just(b"17-3")))
    def test_a_ledger_comes_back_whole_and_knows_where_its_talk_is(
        self,
        epoch: str,
        rows: dict[int, tuple[str | None, bytes]],
        law: int,
        floor: int,
        journaled: dict[int, bytes],
    ) -> None:
        ledger = ledgers(epoch, rows, law, floor)
        places = {row.seq: journaled.get(row.seq, b"") for row in ledger.rows if row.key is None}
        again, found = ledger_of(answered(ledger, keys=True, places=places), "new", LIMITS)
        assert again.look() == ledger.look()
        assert again.rows == ledger.rows
        assert found == places

    def test_of_an_unknown_room_nothing_is_known(self) -> None:
        assert look_of([]) == Look(None, None, [], [], 0)
        ledger, places = ledger_of([], "new", LIMITS)
        assert (ledger.epoch, ledger.known, places) == ("new", False, {})


class Restoring(SynchronousTestCase):
    """The words of ``restore.lua``, taken as it takes them."""

    def written(self, words: list[Any]) -> tuple[dict[str, tuple[int, bytes]], list[Any], list[Any], dict[str, int]]:
        states, talks, tolds, marks = words[:4]
        rest = iter(words[4:])
        state = {next(rest): (next(rest), next(rest)) for _ in range(states)}
        talk = [(next(rest), next(rest), next(rest)) for _ in range(talks)]
        told = [(next(rest), next(rest)) for _ in range(tolds)]
        noted = {next(rest): next(rest) for _ in range(marks)}
        assert list(rest) == []
        return state, talk, told, noted

    @given(st.integers(0, 6), st.integers(0, 6), st.booleans())
    def test_it_is_written_as_it_was_restored(self, said: int, lost: int, renamed: bool) -> None:
        full = Ledger("old", LIMITS)
        lines = [Said(at=AT, by="p7", nick="ann", via="web", text="hi", ref=f"{each}") for each in range(said)]
        full.publish(encode(Retitled(at=AT, by="p7", nick="ann", title="One")), 0, under=None, key="title")
        for line in lines:
            full.publish(encode(line), 0, under=None, once=line.once)
        if renamed:
            full.publish(encode(Retitled(at=AT, by="p7", nick="ann", title="Two")), 0, under=None, key="title")
        known = full.look()
        assert known.last is not None
        rows = [row for row in full.rows if row.seq <= known.last.seq - lost]
        behind = Ledger.rebuilt(
            "old", LIMITS, last=max(0, known.last.seq - lost), law=0, floor=full.floor, rows=rows, marks=()
        )
        places = {row.seq: b"%d-1" % row.seq for row in behind.rows if row.key is None}
        restored = behind.restored(known, encode(Renewed(at=AT, was="old")), "new", 0)
        if restored is None:
            assert not lost
            return
        state, talk, told, marks = self.written(restored_words(restored, places, lambda once: f"mark:{once}"))
        look = restored.ledger.look()
        assert sorted(state.values()) == [(position.seq, body) for position, body in look.kept]
        assert [(seq, body) for seq, body, _ in talk] == [(position.seq, body) for position, body in look.tail]
        # What the journal has already keeps its place there, and is erased there with it.
        assert {seq: place for seq, _, place in talk if place} == {
            seq: place for seq, place in places.items() if any(position.seq == seq for position, _ in look.tail)
        }
        assert told == [(position.seq, body) for position, body in restored.records]
        assert told[0] == (look.last.seq if look.last else 0, state["renewed"][1])
        assert len(marks) == len(look.tail)
        assert all(seq in marks.values() for seq, _, _ in talk)


class Till(SynchronousTestCase):
    """Until when a room's keys stay: its end, the grace, and a day in which the reaper should have come."""

    OPENED = Opened(at=AT, name="algebra", title="", ends="2026-11-24T15:00:00.000Z", limit=140, lock="")

    def stays(self, *events: Any) -> float | None:
        found = till(events, LIMITS)
        return None if found is None else found / 1000 - LIMITS.grace - MARGIN

    def test_until_it_ends(self) -> None:
        self.assertEqual(moment(self.stays(self.OPENED) or 0), "2026-11-24T15:00:00.000Z")

    def test_until_the_end_that_was_told_last(self) -> None:
        extended = Extended(at=AT, by="p7", nick="ann", ends="2026-11-25T15:00:00.000Z")
        self.assertEqual(moment(self.stays(self.OPENED, extended) or 0), "2026-11-25T15:00:00.000Z")

    def test_from_when_it_was_closed_whatever_else_it_says(self) -> None:
        closed = Closed(at="2026-11-24T14:30:00.000Z", because="host")
        extended = Extended(at=AT, by="p7", nick="ann", ends="2026-11-25T15:00:00.000Z")
        for events in ((self.OPENED, closed, extended), (closed, self.OPENED), (closed,)):
            self.assertEqual(moment(self.stays(*events) or 0), "2026-11-24T14:30:00.000Z")

    def test_others_say_nothing_of_it(self) -> None:
        self.assertIsNone(self.stays())
        self.assertIsNone(self.stays(Joined(at=AT, by="p7", nick="ann", via="web")))

    def test_what_is_no_time_is_passed_over(self) -> None:
        for ends in ("", "tomorrow", "2026-11-24T15:00:00", "99999-01-01T00:00:00Z"):
            wrong = Extended(at=AT, by="p7", nick="ann", ends=ends)
            self.assertIsNone(self.stays(wrong))
            self.assertEqual(moment(self.stays(self.OPENED, wrong) or 0), "2026-11-24T15:00:00.000Z")
