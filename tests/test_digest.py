"""A crowd that comes in is one message, and a coming that ends at once is none."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.digest import Digest
from meet.events import Closed, Joined, Left, Position, Renamed
from meet.interfaces import Here
from meet.limits import Limits
from meet.roster import Roster

AT = "2026-11-24T14:00:00.000Z"


def joined(nick: str, by: str = "") -> Joined:
    return Joined(at=AT, by=by or f"p-{nick}", nick=nick, via="web")


def left(nick: str, by: str = "", because: str = "left") -> Left:
    return Left(at=AT, by=by or f"p-{nick}", nick=nick, because=because)


def renamed(nick: str, was: str, by: str) -> Renamed:
    return Renamed(at=AT, by=by, nick=nick, was=was, via="web")


class DigestTests(SynchronousTestCase):
    """Ann is here already."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[Here] = []
        people = Roster()
        people.came(joined("ann"), Position("k3q", 2))
        self.digest = Digest(people, self.clock, Limits(), self.told.append)

    def take(self, *events: Joined | Left | Renamed | Closed) -> None:
        for event in events:
            self.digest.take(event)

    def test_changes_of_a_quarter_second_are_one(self) -> None:
        self.take(joined("bob"), left("ann"))
        self.clock.advance(0.2)
        self.take(joined("cy"))
        assert self.told == []
        self.clock.advance(0.05)
        assert self.told == [Here(2, ["bob", "cy"], ["ann"])]
        self.clock.advance(10)
        assert len(self.told) == 1
        self.take(joined("dan"))
        self.clock.advance(0.25)
        assert self.told[1:] == [Here(3, ["dan"], [])]

    def test_a_hall_is_told_its_count_once_a_second(self) -> None:
        self.take(*(joined(f"p{number}") for number in range(200)))
        self.clock.advance(0.25)
        assert self.told == [Here(201, [], [])]
        for number in range(200, 204):
            self.take(joined(f"p{number}"))
            self.clock.advance(0.25)
        assert self.told[1:] == [Here(205, [], [])]

    def test_who_comes_and_goes_is_not_mentioned(self) -> None:
        self.take(joined("bob"), left("bob"), left("ann"), joined("ann"))
        self.clock.advance(1)
        assert self.told == []

    def test_another_nick_is_a_going_and_a_coming(self) -> None:
        self.take(renamed("anna", "ann", "p-ann"), left("ann", because="renamed"))
        self.clock.advance(1)
        assert self.told == [Here(1, ["anna"], ["ann"], (("ann", "anna"),))]

    def test_another_spelling_or_a_host_s_right(self) -> None:
        self.take(renamed("ann", "ann", "p-ann"))
        self.clock.advance(1)
        assert self.told == []
        self.take(renamed("Ann", "ann", "p-ann"))
        self.clock.advance(1)
        assert self.told == [Here(1, ["Ann"], ["ann"], (("ann", "Ann"),))]

    def test_a_crowd_is_only_counted(self) -> None:
        self.take(*(joined(f"n{number}") for number in range(199)))
        self.clock.advance(1)
        assert (self.told[0].count, len(self.told[0].came)) == (200, 199)
        self.take(joined("one-more"))
        self.clock.advance(1)
        assert self.told[1] == Here(201, [], [])
        self.take(left("one-more"))
        self.clock.advance(1)
        assert self.told[2] == Here(200, [], ["one-more"])

    def test_stopped_tells_nothing(self) -> None:
        self.take(joined("bob"))
        self.digest.stop()
        self.clock.advance(1)
        assert self.told == []
