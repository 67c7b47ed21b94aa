"""What is said in one turn goes out in one piece, and nobody pays for another's trouble."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import GOODBYES
from meet.events import Entry, Position, Said
from meet.interfaces import Here, Status
from meet.outbox import AT_ONCE, Outbox
from meet.wire import encode
from tests.flow import Ear, Plain


def said(text: str, seq: int = 1, by: str = "p1", nick: str = "ann") -> Entry:
    event = Said(at="2026-11-24T14:00:00.000Z", by=by, nick=nick, via="web", text=text)
    return Entry(Position("k3q", seq), event, encode(event))


class OutboxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.outbox = Outbox(self.clock)

    def turn(self) -> None:
        self.clock.advance(0)

    def test_one_listener_is_told_alone(self) -> None:
        ears = [Ear(), Ear(), Ear()]
        for ear in ears[:2]:
            self.outbox.add("algebra", ear)
        ears[1].broken = True
        for ear in ears:
            self.outbox.tell("algebra", ear, Status(True, "Not now."))
        assert [ear.text for ear in ears] == ["away;", "", ""]
        assert ears[1].ends == ["internal"]
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_one_write_a_turn(self) -> None:
        ear = Ear()
        self.outbox.add("algebra", ear)
        self.outbox.put("algebra", [said("1"), said("2")])
        self.outbox.put("algebra", [Here(3, ["bob"], [])])
        self.outbox.put("algebra", [said("3")])
        assert ear.pieces == []
        self.turn()
        assert ear.pieces == ["ann:1;ann:2;[3 +bob -];ann:3;"]
        self.turn()
        assert len(ear.pieces) == 1

    def test_each_format_writes_an_entry_once(self) -> None:
        form, other = Plain(), Plain()
        ears = [Ear(form) for _ in range(50)]
        for ear in [*ears, Ear(other)]:
            self.outbox.add("algebra", ear)
        self.outbox.put("algebra", [said("1"), said("2")])
        self.turn()
        assert (form.asked, other.asked) == (2, 2)
        assert all(ear.pieces == ["ann:1;ann:2;"] for ear in ears)

    def test_nobody_listens(self) -> None:
        self.outbox.put("algebra", [said("1")])
        ear = Ear()
        self.outbox.add("algebra", ear)
        self.turn()
        assert ear.pieces == []

    def test_rooms_are_apart(self) -> None:
        here, there = Ear(), Ear()
        self.outbox.add("algebra", here)
        self.outbox.add("biology", there)
        self.outbox.put("algebra", [said("1")])
        self.turn()
        assert (here.text, there.text) == ("ann:1;", "")
        assert self.outbox.rooms() == ["algebra", "biology"]

    def test_who_comes_hears_nothing_older(self) -> None:
        first, second = Ear(), Ear()
        self.outbox.add("algebra", first)
        self.outbox.put("algebra", [said("1")])
        self.outbox.add("algebra", second)
        self.outbox.put("algebra", [said("2")])
        self.turn()
        assert first.pieces == ["ann:1;ann:2;"]
        assert second.pieces == ["ann:2;"]

    def test_who_goes_hears_nothing_more(self) -> None:
        ear, other = Ear(), Ear()
        self.outbox.add("algebra", ear)
        self.outbox.add("algebra", other)
        self.outbox.put("algebra", [said("1")])
        assert self.outbox.remove("algebra", ear)
        assert not self.outbox.remove("algebra", ear)
        assert not self.outbox.remove("nowhere", ear)
        self.turn()
        assert (ear.text, other.text) == ("", "ann:1;")

    def test_own_entries_are_skipped(self) -> None:
        form = Plain()
        mine, other = Ear(form, skips="p1"), Ear(form)
        self.outbox.add("algebra", mine)
        self.outbox.add("algebra", other)
        self.outbox.put("algebra", [said("1"), said("2", 2, "p2", "bob"), said("3", 3)])
        self.turn()
        assert (mine.text, other.text) == ("bob:2;", "ann:1;bob:2;ann:3;")
        self.outbox.put("algebra", [said("4", 4)])
        self.turn()
        assert mine.pieces == ["bob:2;"]

    def test_a_broken_listener_alone_is_removed(self) -> None:
        form = Plain()
        ears = [Ear(form) for _ in range(3)]
        ears[1].broken = True
        for ear in ears:
            self.outbox.add("algebra", ear)
        self.outbox.put("algebra", [said("1")])
        self.turn()
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        assert [ear.ends for ear in ears] == [[], ["internal"], []]
        self.outbox.put("algebra", [said("2")])
        self.turn()
        assert [ear.text for ear in ears] == ["ann:1;ann:2;", "", "ann:1;ann:2;"]

    def test_a_broken_format_costs_only_its_own(self) -> None:
        form = Plain()
        form.broken = True
        broken, whole = [Ear(form), Ear(form)], Ear()
        for ear in [*broken, whole]:
            self.outbox.add("algebra", ear)
        self.outbox.put("algebra", [said("1")])
        self.turn()
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        assert [ear.ends for ear in broken] == [["internal"], ["internal"]]
        assert (whole.text, whole.ends) == ("ann:1;", [])
        assert list(self.outbox.listeners("algebra")) == [whole]

    def test_the_end_comes_after_what_was_said(self) -> None:
        ear, other = Ear(), Ear()

        def fails(goodbye: object) -> None:
            raise RuntimeError("This listener is broken at its end.")

        other.ended = fails  # type: ignore[method-assign, assignment]
        self.outbox.add("algebra", other)
        self.outbox.add("algebra", ear)
        self.outbox.put("algebra", [said("1")])
        self.outbox.end("algebra", GOODBYES["room-closed"])
        assert (ear.text, ear.ends) == ("ann:1;", ["room-closed"])
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        self.outbox.put("algebra", [said("2")])
        self.turn()
        assert (ear.text, self.outbox.rooms()) == ("ann:1;", [])

    def test_a_large_room_has_many_turns_and_what_others_ask_is_answered_between(self) -> None:
        form = Plain()
        crowd = [Asking(self.clock, form) for _ in range(2 * AT_ONCE + 1)]
        for ear in crowd:
            self.outbox.add("hall", ear)
        self.outbox.put("hall", [said("1")])
        found: list[int] = []
        # The first who is told asks for something.
        crowd[0].ask = lambda: found.append(sum(bool(ear.pieces) for ear in crowd))
        self.turn()
        assert found == [AT_ONCE]
        assert [ear.text for ear in crowd] == ["ann:1;"] * len(crowd)
        assert (form.asked, self.outbox.delivered) == (1, len(crowd))

    def test_a_burst_in_a_large_room_keeps_no_other_waiting(self) -> None:
        crowd = [Asking(self.clock) for _ in range(2 * AT_ONCE + 1)]
        other = Asking(self.clock)
        for ear in crowd:
            self.outbox.add("hall", ear)
        self.outbox.add("algebra", other)
        self.outbox.put("hall", [said("1")])
        self.outbox.put("algebra", [said("2")])
        found: list[bool] = []
        other.ask = lambda: found.append(bool(crowd[-1].pieces))
        self.turn()
        assert found == [False]
        assert (other.text, crowd[-1].text) == ("ann:2;", "ann:1;")

    def test_the_last_of_many_rooms_have_their_turn_too(self) -> None:
        rooms = {f"room-{number}": [Ear() for _ in range(AT_ONCE // 10)] for number in range(25)}
        for room, crowd in rooms.items():
            for ear in crowd:
                self.outbox.add(room, ear)
            self.outbox.put(room, [said("1")])
        self.turn()
        assert {ear.text for crowd in rooms.values() for ear in crowd} == {"ann:1;"}

    def test_who_comes_between_the_turns_of_a_large_room_has_no_hole_and_nothing_twice(self) -> None:
        form = Plain()
        crowd, late = [Asking(self.clock, form) for _ in range(AT_ONCE + 1)], Ear(form)
        for ear in crowd:
            self.outbox.add("hall", ear)

        def come() -> None:
            self.outbox.put("hall", [said("2")])
            self.outbox.add("hall", late)
            self.outbox.put("hall", [said("3")])

        crowd[0].ask = come
        self.outbox.put("hall", [said("1")])
        self.turn()
        assert [ear.text for ear in crowd] == ["ann:1;ann:2;ann:3;"] * len(crowd)
        assert late.text == "ann:3;"

    def test_a_large_room_ends_some_at_a_time_and_whoever_goes_meanwhile_is_left_alone(self) -> None:
        crowd = [Asking(self.clock) for _ in range(AT_ONCE)]
        for ear in crowd:
            self.outbox.add("hall", ear)
        self.outbox.put("hall", [said("1")])
        self.outbox.end("hall", GOODBYES["room-closed"])
        assert self.outbox.rooms() == []
        gone, stays = crowd[-1], Ear()
        assert gone.ends == []
        assert self.outbox.remove("hall", gone)
        self.outbox.add("hall", stays)
        self.turn()
        assert [ear.ends for ear in crowd] == [*[["room-closed"]] * (AT_ONCE - 1), []]
        assert stays.ends == []
        assert self.clock.getDelayedCalls() == []

    def test_one_catches_up_before_the_others(self) -> None:
        form = Plain()
        first, other = Ear(form), Ear(form)
        for ear in (first, other):
            self.outbox.add("algebra", ear)
        self.outbox.put("algebra", [said("1")])
        self.outbox.catch_up("algebra", first)
        assert (first.text, other.text) == ("ann:1;", "")
        self.outbox.put("algebra", [said("2")])
        self.turn()
        assert (first.text, other.text) == ("ann:1;ann:2;", "ann:1;ann:2;")
        self.outbox.catch_up("nowhere", first)


class Asking(Ear):
    """A listener whose owner asks for something once it has heard: that comes in the next turn."""

    def __init__(self, clock: Clock, form: Plain | None = None) -> None:
        super().__init__(form)
        self.clock = clock
        self.ask: Callable[[], None] | None = None

    def heard(self, data: bytes) -> None:
        super().heard(data)
        ask, self.ask = self.ask, None
        if ask is not None:
            self.clock.callLater(0, ask)
