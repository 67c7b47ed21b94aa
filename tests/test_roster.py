"""Who is here, and under which nick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.events import Joined, Left, Position, Renamed
from meet.roster import Participant, Roster


def at(seq: int) -> Position:
    return Position("e1", seq)


def joined(identity: str, nick: str, host: bool = False) -> Joined:
    return Joined(at="", by=identity, nick=nick, via="web", host=host)


def renamed(identity: str, nick: str, was: str) -> Renamed:
    return Renamed(at="", by=identity, nick=nick, was=was, via="web")


def left(identity: str, nick: str) -> Left:
    return Left(at="", by=identity, nick=nick)


class Rosters(SynchronousTestCase):
    def here(self, roster: Roster) -> list[str]:
        return [person.nick for person in roster]

    def test_who_came_is_here_in_that_order_until_they_leave(self) -> None:
        roster = Roster()
        roster.came(joined("1", "Ann", host=True), at(1))
        roster.came(joined("2", "Bob"), at(2))
        assert self.here(roster) == ["Ann", "Bob"]
        assert roster.person("1") == Participant("1", "Ann", "web", True, at(1))
        assert roster.holder("who:bob") == roster.person("2")
        roster.went(left("1", "ANN"))
        assert (self.here(roster), roster.person("1"), roster.holder("who:ann")) == (["Bob"], None, None)

    def test_one_who_renames_is_here_once_and_holds_both_nicks_till_the_old_is_given_up(self) -> None:
        roster = Roster()
        roster.came(joined("1", "Ann"), at(1))
        roster.came(joined("2", "Bob"), at(2))
        roster.came(renamed("1", "Cy", "Ann"), at(3))
        assert (self.here(roster), len(roster)) == (["Bob", "Cy"], 2)
        assert roster.skeletons() == {"ann", "bob", "cy"}
        roster.went(left("1", "Ann"))
        assert roster.skeletons() == {"bob", "cy"}
        assert self.here(roster) == ["Bob", "Cy"]

    def test_all_nicks_of_one_are_told_the_newest_last(self) -> None:
        roster = Roster()
        roster.came(joined("1", "Ann"), at(1))
        roster.came(joined("2", "Bob"), at(2))
        roster.came(renamed("1", "Anna", "Ann"), at(3))
        assert [person.nick for person in roster.nicks("1")] == ["Ann", "Anna"]
        assert roster.nicks("3") == []

    def test_giving_up_the_newer_nick_leaves_them_under_the_older(self) -> None:
        roster = Roster()
        roster.came(joined("1", "Ann"), at(1))
        roster.came(renamed("1", "Cy", "Ann"), at(2))
        roster.went(left("1", "Cy"))
        assert self.here(roster) == ["Ann"]

    def test_the_leaving_of_nobody_changes_nothing(self) -> None:
        roster = Roster()
        roster.went(left("1", "Ann"))
        assert (len(roster), roster == Roster()) == (0, True)

    def test_everybody_can_be_gone_at_once(self) -> None:
        roster = Roster()
        roster.came(joined("1", "Ann"), at(1))
        roster.clear()
        assert (len(roster), self.here(roster), roster.skeletons()) == (0, [], frozenset())

    @given(
        st.lists(
            st.tuples(st.booleans(), st.sampled_from("123"), st.sampled_from(["Ann", "ann", "Bob", "Cy"])), max_size=30
        )
    )
    def test_the_newest_entry_for_each_nick_gives_the_same_roster_in_the_same_order(
        self, changes: list[tuple[bool, str, str]]
    ) -> None:
        roster = Roster()
        newest: dict[str, tuple[Joined, Position]] = {}
        for seq, (coming, identity, nick) in enumerate(changes, 1):
            event = joined(identity, nick)
            newest.pop(event.key, None)
            if coming:
                roster.came(event, at(seq))
                newest[event.key] = event, at(seq)
            else:
                roster.went(left(identity, nick))
        again = Roster()
        for event, position in newest.values():
            again.came(event, position)
        assert again == roster
        assert list(again) == list(roster)
        assert len(roster) == len(list(roster)) == len({person.id for _, person in roster.held()})
