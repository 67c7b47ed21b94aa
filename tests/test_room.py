"""What a room grants and refuses, told as stories."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Command, Extend, GiveUp, Join, Leave, Open, Rename, Retitle, Return, Say
from meet.events import (
    Closed,
    Entry,
    Extended,
    Forgotten,
    Joined,
    Left,
    Opened,
    Position,
    Renamed,
    Renewed,
    Retitled,
    Said,
    Unknown,
)
from meet.limits import Limits
from meet.moments import DAY, HOUR, moment, seconds
from meet.room import Guards, Room
from meet.wire import encode
from tests.stories import HOST_KEY, NOON, Story, joined, opened
from tests.strategies import events

AT = moment(NOON)


def an_open_room() -> Story:
    """Ann is the host; Bob is here."""
    return Story().given(opened(), joined("Ann", host=True), joined("Bob", via="irc"))


def opening(*, ends: float = NOON + HOUR, title: str = "", limit: int = 140) -> Open:
    return Open(title=title, ends=ends, limit=limit, lock="lock")


class Returning(SynchronousTestCase):
    """The broker has lost who is here; those who stand for people tell them back in."""

    def test_one_is_here_again_as_one_was(self) -> None:
        Story().given(opened()).when("id-ann", Return(nick="Ann", via="irc", host=True)).then(
            Joined(at=AT, by="id-ann", nick="Ann", via="irc", host=True)
        )

    def test_not_under_a_nick_that_somebody_else_has_taken(self) -> None:
        Story().given(opened(), joined("Ann")).when("id-bob", Return(nick="ann", via="web", host=False)).refused(
            "nick-taken", "That nick is taken here. Try ann_2?"
        )

    def test_who_is_here_already_is_here_once(self) -> None:
        story = Story().given(opened(), joined("Ann")).when("id-ann", Return(nick="Ann", via="web", host=True))
        story.then(Renamed(at=AT, by="id-ann", nick="Ann", was="Ann", via="web", host=True))
        assert len(story.room.people) == 1

    def test_not_twice(self) -> None:
        Story().given(opened(), joined("Ann")).when("id-ann", Return(nick="Anne", via="web", host=False)).refused(
            "nick-taken", "You are here already, as Ann."
        )

    def test_a_log_that_goes_on_is_under_a_law_of_its_own(self) -> None:
        story = Story().given(opened(), Renewed(at=AT, was="k3q"))
        assert story.room.exists
        assert story.room.ruled == Position("e1", 2)


class Opening(SynchronousTestCase):
    def test_a_room_opens(self) -> None:
        Story().when("", opening(title=" Algebra\t1 ")).then(
            Opened(at=AT, name="algebra", title="Algebra 1", ends=moment(NOON + HOUR), limit=140, lock="lock")
        )

    def test_without_a_title_it_is_called_by_its_name(self) -> None:
        assert Story().when("", opening()).room.title == "algebra"

    def test_a_room_that_is_open_is_not_opened_again(self) -> None:
        an_open_room().when("", opening()).refused(
            "room-exists", "A room called algebra is open. Go in, or take another name."
        )

    def test_a_room_that_has_closed_keeps_its_name_for_the_grace(self) -> None:
        an_open_room().given(Closed(at=AT, because="host")).when("", opening()).refused(
            "room-exists", "The room algebra has closed. Its name is free again at 13:00 UTC."
        )

    def test_a_room_whose_time_has_come_keeps_its_name_for_the_grace(self) -> None:
        an_open_room().later(HOUR).when("", opening(ends=NOON + 2 * HOUR)).refused(
            "room-exists", "The room algebra has closed. Its name is free again at 14:00 UTC."
        )

    def test_a_line_takes_1_to_500_characters(self) -> None:
        for limit in (1, 500):
            assert Story().when("", opening(limit=limit)).room.limit == limit
        for limit in (-1, 0, 501):
            Story().when("", opening(limit=limit)).refused(
                "bad-input", f"A line can have 1 to 500 characters, not {limit}."
            )

    def test_a_life_is_a_minute_to_a_year(self) -> None:
        Story().when("", opening(ends=NOON + 59)).refused("bad-life", "A room is open for at least 1 minute.")
        Story().when("", opening(ends=NOON - 5)).refused("bad-life", "A room is open for at least 1 minute.")
        Story().when("", opening(ends=NOON + 366 * DAY + 1)).refused("bad-life", "A room is open for at most 366 days.")
        for life in (60, 366 * DAY):
            assert Story().when("", opening(ends=NOON + life)).room.ends == NOON + life

    def test_a_life_without_end_or_number_is_refused(self) -> None:
        for ends in (float("inf"), 1e300):
            Story().when("", opening(ends=ends)).refused("bad-life", "A room is open for at most 366 days.")
        assert Story().when("", opening(ends=float("nan"))).no is not None

    def test_a_title_has_80_characters(self) -> None:
        Story().when("", opening(title="x" * 81)).refused("bad-title", "A title has at most 80 characters.")


class Nowhere(SynchronousTestCase):
    def test_nothing_but_opening_is_granted_where_there_is_no_room(self) -> None:
        for command in every_command():
            Story().when("id-ann", command).refused("no-room", "There is no room algebra. Open it first.")

    def test_nothing_is_granted_in_a_room_that_was_closed(self) -> None:
        for command in every_command():
            an_open_room().given(Closed(at=AT, because="host")).when("id-ann", command).refused(
                "room-closed", "The room algebra has closed."
            )

    def test_nothing_but_closing_is_granted_once_the_time_has_come(self) -> None:
        for command in every_command():
            if not isinstance(command, Close):
                an_open_room().later(HOUR).when("id-ann", command).refused(
                    "room-closed", "The room algebra has closed."
                )

    def test_who_is_not_here_is_granted_nothing_but_joining(self) -> None:
        for command in every_command():
            if not isinstance(command, Join | GiveUp):
                an_open_room().when("id-eve", command).refused("not-here", "You are not in algebra. Join it first.")


def every_command() -> list[Command]:
    return [
        Join(nick="Cy", via="web"),
        Rename(nick="Cy"),
        Say(text="hi"),
        Leave(),
        GiveUp(nick="Ann"),
        Retitle(title="Sets"),
        Extend(ends=NOON + 2 * HOUR),
        Close(),
    ]


class Joining(SynchronousTestCase):
    def test_somebody_comes_in(self) -> None:
        an_open_room().when("id-cy", Join(nick=" Cy ", via="line")).then(
            Joined(at=AT, by="id-cy", nick="Cy", via="line")
        )

    def test_the_host_key_makes_a_host(self) -> None:
        an_open_room().when("id-cy", Join(nick="Cy", via="web", host_key=HOST_KEY)).then(
            Joined(at=AT, by="id-cy", nick="Cy", via="web", host=True)
        )

    def test_another_key_is_refused(self) -> None:
        an_open_room().when("id-cy", Join(nick="Cy", via="web", host_key="guess")).refused(
            "wrong-key", "That is not the host key of this room."
        )

    def test_a_nick_is_taken_in_any_case_and_width(self) -> None:
        for nick in ("Bob", "bob", "BOB", "ｂｏｂ"):
            an_open_room().when("id-cy", Join(nick=nick, via="web")).refused(
                "nick-taken", f"That nick is taken here. Try {nick}_2?"
            )

    def test_the_nick_proposed_is_free(self) -> None:
        an_open_room().given(joined("bob_2")).when("id-cy", Join(nick="bob", via="web")).refused(
            "nick-taken", "That nick is taken here. Try bob_3?"
        )

    def test_nicks_that_could_be_mistaken_for_meet_are_kept(self) -> None:
        for nick in ("Meet", "YOU", "server", "host", "system"):
            an_open_room().when("id-cy", Join(nick=nick, via="web")).refused(
                "bad-nick", f"The nick {nick} could be mistaken for Meet itself."
            )

    def test_who_is_here_does_not_come_in_under_another_nick(self) -> None:
        an_open_room().when("id-bob", Join(nick="Cy", via="web")).refused("nick-taken", "You are here already, as Bob.")

    def test_coming_in_again_changes_the_spelling_and_keeps_the_door(self) -> None:
        story = an_open_room().when("id-bob", Join(nick="BOB", via="web"))
        story.then(Renamed(at=AT, by="id-bob", nick="BOB", was="Bob", via="irc"))
        assert len(story.room.people) == 2

    def test_coming_in_again_with_the_key_makes_a_host_and_without_it_no_less_of_one(self) -> None:
        story = an_open_room().when("id-bob", Join(nick="Bob", via="irc", host_key=HOST_KEY))
        story.then(Renamed(at=AT, by="id-bob", nick="Bob", was="Bob", via="irc", host=True))
        story.when("id-bob", Join(nick="Bob", via="irc"))
        story.then(Renamed(at=AT, by="id-bob", nick="Bob", was="Bob", via="irc", host=True))

    def test_a_full_room_is_full_for_those_who_are_not_in_it(self) -> None:
        story = Story(Limits().but({"people-in-room": 2})).given(opened(), joined("Ann"), joined("Bob"))
        story.when("id-cy", Join(nick="Cy", via="web")).refused(
            "room-full", "2 people are here, more than that do not fit."
        )
        story.when("id-bob", Join(nick="bob", via="web"))
        assert story.no is None

    def test_a_room_without_that_limit_is_never_full(self) -> None:
        story = Story(Limits().but({"people-in-room": 0})).given(opened())
        assert story.when("id-cy", Join(nick="Cy", via="web")).no is None

    def test_the_door_promises_what_is_kept_and_until_when(self) -> None:
        assert an_open_room().room.promise(NOON) == (
            "Lines are kept until 14:00 UTC, then deleted; anybody who knows the room's name can read them."
        )


class Renaming(SynchronousTestCase):
    def test_the_new_nick_is_theirs_and_the_old_one_until_it_is_given_up(self) -> None:
        story = an_open_room().when("id-ann", Rename(nick="Anne"))
        story.then(Renamed(at=AT, by="id-ann", nick="Anne", was="Ann", via="web", host=True))
        story.when("id-cy", Join(nick="ann", via="web")).refused("nick-taken", "That nick is taken here. Try ann_2?")
        story.when("id-ann", GiveUp(nick="ann"))
        story.then(Left(at=AT, by="id-ann", nick="Ann", because="renamed", host=True, via="web"))
        assert [person.nick for person in story.room.people] == ["Bob", "Anne"]
        assert story.when("id-cy", Join(nick="ann", via="web")).no is None

    def test_another_case_of_the_same_nick_is_the_same_nick(self) -> None:
        story = an_open_room().when("id-bob", Rename(nick="bob"))
        story.then(Renamed(at=AT, by="id-bob", nick="bob", was="Bob", via="irc"))
        story.when("id-bob", GiveUp(nick="Bob")).refused("bad-nick", "Bob is not a nick that you could give up.")

    def test_a_nick_of_somebody_else_is_refused(self) -> None:
        an_open_room().when("id-bob", Rename(nick="ANN")).refused("nick-taken", "That nick is taken here. Try ANN_2?")

    def test_a_nick_of_somebody_else_cannot_be_given_up(self) -> None:
        for nick in ("Ann", "Zoe"):
            an_open_room().when("id-bob", GiveUp(nick=nick)).refused(
                "bad-nick", f"{nick} is not a nick that you could give up."
            )


class Saying(SynchronousTestCase):
    def test_a_line_is_said_in_clean_words_under_the_nick_and_door_of_the_speaker(self) -> None:
        an_open_room().when("id-bob", Say(text=" cafe\u0301\r\n\u202eok ", ref="7")).then(
            Said(at=AT, by="id-bob", nick="Bob", via="irc", text="café  ok", ref="7")
        )

    def test_a_line_as_long_as_the_room_takes_is_said_and_a_longer_one_refused(self) -> None:
        for limit in (1, 140, 500):
            story = Story().given(opened(limit=limit), joined("Ann"))
            assert story.when("id-ann", Say(text="é" * limit)).no is None
            story.when("id-ann", Say(text="é" * (limit + 1))).refused(
                "too-long", f"{limit + 1} characters, this room takes {limit}."
            )

    def test_nothing_visible_is_nothing_said(self) -> None:
        for text in ("", " \t\n", "\u200b\u200d", "\x00\x1b", "\u202e\u2066"):
            an_open_room().when("id-bob", Say(text=text)).refused("empty", "There is nothing to say in that line.")

    def test_a_ref_has_64_characters(self) -> None:
        assert an_open_room().when("id-bob", Say(text="hi", ref="r" * 64)).no is None
        an_open_room().when("id-bob", Say(text="hi", ref="r" * 65)).refused(
            "bad-input", "A ref has at most 64 characters."
        )

    def test_who_has_left_says_nothing(self) -> None:
        an_open_room().when("id-bob", Leave()).when("id-bob", Say(text="hi")).refused(
            "not-here", "You are not in algebra. Join it first."
        )


class Leaving(SynchronousTestCase):
    def test_somebody_goes_and_the_nick_is_free(self) -> None:
        story = an_open_room().when("id-bob", Leave())
        story.then(Left(at=AT, by="id-bob", nick="Bob", because="left", via="irc"))
        assert story.when("id-cy", Join(nick="bob", via="web")).no is None

    def test_a_lost_connection_is_told_as_such(self) -> None:
        an_open_room().when("id-ann", Leave(because="lost")).then(
            Left(at=AT, by="id-ann", nick="Ann", because="lost", host=True, via="web")
        )

    def test_leaving_twice_is_refused(self) -> None:
        an_open_room().when("id-bob", Leave()).when("id-bob", Leave()).refused(
            "not-here", "You are not in algebra. Join it first."
        )

    def test_a_host_who_left_and_came_again_without_the_key_is_none(self) -> None:
        an_open_room().when("id-ann", Leave()).when("id-ann", Join(nick="Ann", via="web")).when(
            "id-ann", Close()
        ).refused("not-host", "Only the host of this room can do that.")


class Hosting(SynchronousTestCase):
    def test_only_a_host_retitles_extends_and_closes(self) -> None:
        for command in (Retitle(title="Sets"), Extend(ends=NOON + 2 * HOUR), Close()):
            an_open_room().when("id-bob", command).refused("not-host", "Only the host of this room can do that.")

    def test_a_host_gives_another_title(self) -> None:
        story = an_open_room().when("id-ann", Retitle(title=" Sets\n"))
        story.then(Retitled(at=AT, by="id-ann", nick="Ann", title="Sets", via="web"))
        assert story.room.title == "Sets"

    def test_an_empty_title_is_the_name(self) -> None:
        assert an_open_room().when("id-ann", Retitle(title=" ")).room.title == "algebra"

    def test_a_title_too_long_is_refused(self) -> None:
        an_open_room().when("id-ann", Retitle(title="x" * 81)).refused(
            "bad-title", "A title has at most 80 characters."
        )

    def test_a_host_lets_the_room_end_later_or_sooner(self) -> None:
        for life in (60, 2 * HOUR, 366 * DAY):
            story = an_open_room().when("id-ann", Extend(ends=NOON + life))
            story.then(Extended(at=AT, by="id-ann", nick="Ann", ends=moment(NOON + life)))
            assert story.room.ends == NOON + life
            assert story.later(life - 1).when("id-bob", Say(text="hi")).no is None
            assert story.later(1).when("id-bob", Say(text="hi")).no is not None

    def test_an_end_in_the_past_or_beyond_a_year_is_refused(self) -> None:
        an_open_room().when("id-ann", Extend(ends=NOON)).refused("bad-life", "A room is open for at least 1 minute.")
        an_open_room().when("id-ann", Extend(ends=NOON + 367 * DAY)).refused(
            "bad-life", "A room is open for at most 366 days."
        )

    def test_a_host_closes_and_nobody_is_here_any_more(self) -> None:
        story = an_open_room().when("id-ann", Close())
        story.then(Closed(at=AT, because="host", by="id-ann", nick="Ann"))
        assert (len(story.room.people), story.room.closed, story.room.over(NOON)) == (0, "host", True)

    def test_anybody_may_close_once_the_time_has_come(self) -> None:
        for who in ("", "id-bob", "id-ann"):
            story = an_open_room().later(HOUR).when(who, Close())
            story.then(Closed(at=moment(NOON + HOUR), because="time"))
            assert story.room.closed == "time"

    def test_nobody_closes_before_the_time_has_come(self) -> None:
        an_open_room().later(HOUR - 1).when("", Close()).refused("not-here", "You are not in algebra. Join it first.")


class Guarding(SynchronousTestCase):
    """What the broker is told to check for each event."""

    def guards(self, who: str, command: Command) -> Guards:
        room = an_open_room().room
        return room.guards(room.decide(command, who, NOON))

    def test_an_opening_is_under_no_law(self) -> None:
        room = Room("algebra", Limits())
        assert room.guards(room.decide(opening(), "", NOON)) == Guards(None, "opened", False, True, None, None)

    def test_each_event_is_guarded_by_the_law_and_the_nick(self) -> None:
        law = Position("e1", 2)
        bobs = ("who:bob", "id-bob")
        anns = ("who:ann", "id-ann")
        for who, command, expected in [
            ("id-cy", Join(nick="Cy", via="web"), Guards(law, "who:cy", False, False, ("who:cy", "id-cy"), None)),
            ("id-bob", Rename(nick="Cy"), Guards(law, "who:cy", False, False, ("who:cy", "id-bob"), None)),
            ("id-bob", Say(text="hi"), Guards(law, None, False, False, bobs, None)),
            ("id-bob", Say(text="hi", ref="7"), Guards(law, None, False, False, bobs, "id-bob:7")),
            ("id-bob", Leave(), Guards(law, "who:bob", True, False, bobs, None)),
            ("id-ann", Leave(), Guards(law, "who:ann", True, True, anns, None)),
            ("id-ann", Retitle(title="Sets"), Guards(law, "title", False, False, anns, None)),
            ("id-ann", Extend(ends=NOON + 60), Guards(law, "ends", False, True, anns, None)),
            ("id-ann", Close(), Guards(law, "closed", False, True, anns, None)),
        ]:
            assert self.guards(who, command) == expected

    def test_a_closing_by_time_needs_no_nick(self) -> None:
        room = an_open_room().room
        assert room.guards(room.decide(Close(), "", NOON + HOUR)).claim is None


class Applying(SynchronousTestCase):
    @given(st.lists(events(), max_size=8))
    def test_any_event_can_be_applied_and_the_same_ones_give_the_same_room(self, happened: list[object]) -> None:
        rooms = []
        for _ in range(2):
            room = Room("algebra", Limits())
            for seq, event in enumerate(happened, 1):
                room.apply(Entry(Position("e1", seq), event, encode(event)))  # type: ignore[arg-type]
            rooms.append(room)
        assert rooms[0].state == rooms[1].state

    def test_what_this_version_does_not_know_changes_nothing(self) -> None:
        story = an_open_room()
        before = story.room.state
        story.given(Unknown(at=AT), Forgotten(at=AT), Said(at=AT, by="id-ann", nick="Ann", via="web", text="hi"))
        assert story.room.state == before

    def test_an_opening_says_all_that_a_room_is(self) -> None:
        room = Story().given(opened()).room
        assert (room.exists, room.title, room.limit, room.opened) == (True, "Algebra", 140, NOON)
        assert (room.ends, room.ruled) == (seconds(opened().ends), Position("e1", 1))
