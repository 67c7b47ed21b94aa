"""Redis's answers as looks and ledgers, and back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.redis.reading import MARGIN, ledger_of, look_of, position_of, till
from meet.events import Closed, Extended, Opened, Position, Retitled
from meet.limits import Limits
from meet.look import Look
from meet.moments import seconds

BODIES = st.binary(max_size=20)
AT = "2026-11-24T12:00:00.000Z"
OPENED = Opened(at=AT, name="algebra", title="", ends="2026-11-24T13:00:00.000Z", limit=140, lock="")


def after(moment: str) -> int:
    return round(1000 * (seconds(moment) + Limits().grace + MARGIN))


class ReadingTests(SynchronousTestCase):
    def test_an_unknown_room(self) -> None:
        assert look_of([]) == Look(None, None, [], [], 0)
        ledger, places = ledger_of([], "new", Limits())
        assert (ledger.epoch, ledger.known, places) == ("new", False, {})

    @given(st.dictionaries(st.integers(1, 10**15), st.tuples(st.booleans(), BODIES), min_size=1), st.booleans())
    def test_what_was_written_is_read(self, entries: dict[int, tuple[bool, bytes]], ruled: bool) -> None:
        state = {seq: body for seq, (kept, body) in entries.items() if kept}
        talk = {seq: body for seq, (kept, body) in sorted(entries.items()) if not kept}
        last, law = max(entries), min(entries) if ruled else None
        tail = [[b"%d-0" % seq, [b"b", body, b"j", b"%d-1" % seq]] for seq, body in talk.items()]
        head: list[Any] = [b"k3q", b"%d" % last, b"%d" % law if law else b"", b"0"]
        look = look_of([*head, [b"%d " % seq + body for seq, body in state.items()], tail])
        assert look == Look(
            Position("k3q", last),
            Position("k3q", law) if law else None,
            [(Position("k3q", seq), body) for seq, body in sorted(state.items())],
            [(Position("k3q", seq), body) for seq, body in talk.items()],
            0,
        )
        pairs = [word for seq, body in state.items() for word in (b"key:%d" % seq, b"%d " % seq + body)]
        ledger, places = ledger_of([*head, pairs, tail], "new", Limits().but({"entries-in-tail": 10**6}))
        assert ledger.look() == look
        assert places == {seq: b"%d-1" % seq for seq in talk}

    def test_a_position(self) -> None:
        assert position_of(b"k3q.12") == Position("k3q", 12)

    def test_keys_stay_as_long_as_their_room_says(self) -> None:
        limits = Limits()
        extended = Extended(at=AT, by="p", nick="ann", ends="2026-11-24T15:00:00.000Z")
        closed = Closed(at="2026-11-24T12:30:00.000Z", because="host")
        assert till([OPENED], limits) == after("2026-11-24T13:00:00.000Z")
        assert till([OPENED, extended], limits) == after("2026-11-24T15:00:00.000Z")
        assert till([OPENED, extended, closed], limits) == after("2026-11-24T12:30:00.000Z")
        assert till([Retitled(at=AT, by="p", nick="ann", title="x")], limits) is None
        broken = Extended(at=AT, by="p", nick="ann", ends="some day")
        assert till([OPENED, broken], limits) == after("2026-11-24T13:00:00.000Z")
