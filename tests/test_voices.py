"""Stories of a room that hears voices from outside."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Block, Choose, Close, Erase, Expire, Follow, Note, Relay, Remove, Spend, Unblock, Withdraw
from meet.events import Blocked, Chosen, Expired, Followed, Noted, Position, Removed, Said, Spent
from meet.limits import Limits
from meet.moments import DAY, moment
from meet.posts import Media, Post, Provenance
from tests.stories import NOON, Story, joined, opened

AT = moment(NOON)


def post(**but: Any) -> Post:
    values: dict[str, Any] = {
        "source": "bluesky",
        "id": "9",
        "author": "did:plc:1",
        "name": "Dora",
        "handle": "dora.example",
        "at": AT,
        "text": "hello #pycon",
        "link": "https://bsky.example/9",
    }
    return Post(**values | but)


def story(limits: Limits | None = None) -> Story:
    """Ann is the room's host, Bob is in it."""
    return Story(limits).given(opened(), joined("Ann", host=True), joined("Bob"))


def following(limits: Limits | None = None) -> Story:
    return story(limits).when("id-ann", Follow(words=("#pycon",)))


class Following(SynchronousTestCase):
    def test_a_host_follows_words_as_they_are_compared_each_once(self) -> None:
        story().when("id-ann", Follow(words=(" #PyCon", "#pycon", "@Speaker"))).then(
            Followed(at=AT, by="id-ann", nick="Ann", words=("#pycon", "@speaker"))
        )

    def test_nobody_else_does(self) -> None:
        story().when("id-bob", Follow(words=("#pycon",))).refused("not-host", "Only the host of this room can do that.")

    def test_words_are_hashtags_and_authors_and_few(self) -> None:
        story().when("id-ann", Follow(words=("pycon",))).refused(
            "bad-input", "Follow a hashtag, like #pycon, or an author, like @speaker; not 'pycon'."
        )
        story().when("id-ann", Follow(words=tuple(f"#a{number}" for number in range(6)))).refused(
            "bad-input", "A room follows at most 5 words, not 6."
        )

    def test_what_is_not_chosen_stays_as_it_is(self) -> None:
        told = story()
        told.when("id-ann", Choose(reposts=True)).then(
            Chosen(at=AT, by="id-ann", nick="Ann", reposts=True, quotes=True, sensitive=False, paused=False)
        )
        told.when("id-ann", Choose(paused=True)).then(
            Chosen(at=AT, by="id-ann", nick="Ann", reposts=True, quotes=True, sensitive=False, paused=True)
        )

    def test_an_author_is_blocked_and_let_in_again(self) -> None:
        told = story().when("id-ann", Block(author="bluesky:did:plc:1", name="Dora"))
        told.then(Blocked(at=AT, by="id-ann", nick="Ann", author="bluesky:did:plc:1", name="Dora"))
        told.when("id-ann", Unblock(author="bluesky:did:plc:1")).then(
            Blocked(at=AT, by="id-ann", nick="Ann", author="bluesky:did:plc:1", name="Dora", lifted=True)
        )
        told.when("id-ann", Unblock(author="bluesky:did:plc:1")).refused(
            "bad-input", "That author is not blocked here."
        )

    def test_a_participant_is_no_author_and_the_blocked_are_bounded(self) -> None:
        told = story(Limits().but({"authors-blocked": 1}))
        told.when("id-ann", Block(author="id-bob")).refused(
            "bad-input", "Only somebody who speaks from outside can be blocked."
        )
        told.when("id-ann", Block(author="bluesky:1")).when("id-ann", Block(author="bluesky:2")).refused(
            "bad-input", "1 authors are blocked here, more than that do not fit."
        )


class Posts(SynchronousTestCase):
    def test_a_post_becomes_a_line_that_tells_where_it_is_from(self) -> None:
        picture = Media(link="https://bsky.example/picture", about="A cat")
        whole = post(text=" two\r\nlines\t!\x01\n", media=(picture, Media(link="javascript:alert(1)")), warning="cats")
        following().when("", Relay(post=whole)).then(
            Said(
                at=AT,
                by="bluesky:did:plc:1",
                nick="Dora",
                via="bluesky",
                text="two\nlines !",
                post=Provenance(
                    id="9",
                    handle="dora.example",
                    at=AT,
                    link="https://bsky.example/9",
                    media=(picture,),
                    warning="cats",
                ),
            )
        )

    def test_of_a_longer_one_the_beginning(self) -> None:
        told = following(Limits().but({"characters-in-post": 5})).when("", Relay(post=post(text="abcdefg")))
        assert isinstance(told.became, Said)
        assert told.became.text == "abcd…"

    def test_one_without_a_name_goes_by_its_handle(self) -> None:
        told = following().when("", Relay(post=post(name="\u202e \n")))
        assert isinstance(told.became, Said)
        assert told.became.nick == "dora.example"

    def test_no_post_comes_that_the_room_does_not_want(self) -> None:
        no = ("not-here", "This room does not take that post.")
        story().when("", Relay(post=post())).refused(*no)
        following().when("", Relay(post=post(repost=True))).refused(*no)
        following().when("", Relay(post=post(sensitive=True))).refused(*no)
        following().when("id-ann", Choose(quotes=False)).when("", Relay(post=post(quote=True))).refused(*no)
        following().when("id-ann", Choose(paused=True)).when("", Relay(post=post())).refused(*no)
        following().when("id-ann", Block(author="bluesky:did:plc:1")).when("", Relay(post=post())).refused(*no)
        following().when("id-ann", Follow(words=())).when("", Relay(post=post())).refused(*no)

    def test_an_empty_one_is_refused(self) -> None:
        following().when("", Relay(post=post(text="\u202e"))).refused("empty", "There is nothing in that post.")

    def test_the_same_post_is_said_once_and_an_edit_of_it_again(self) -> None:
        room = following().room
        first, again, edit = (
            room.decide(Relay(post=each), "", NOON) for each in (post(), post(name="D"), post(text="b", was="9"))
        )
        assert first.once == again.once == "bluesky:9"
        assert edit.once not in (None, first.once)

    def test_it_needs_nobodys_nick_and_stands_under_the_law(self) -> None:
        room = following().room
        guards = room.guards(room.decide(Relay(post=post()), "", NOON))
        assert (guards.claim, guards.key, guards.ruling, guards.under) == (None, None, False, room.ruled)


class Removing(SynchronousTestCase):
    def test_a_host_removes_any_line_and_its_words_are_erased(self) -> None:
        told = story().when("id-ann", Remove(number=2))
        told.then(Removed(at=AT, number=2, because="host", by="id-ann", nick="Ann"))
        assert told.became is not None
        assert told.room.guards(told.became).erase == Position("e1", 2)

    def test_nobody_else_does_but_the_source(self) -> None:
        told = story().when("id-bob", Remove(number=2))
        told.refused("not-host", "Only the host of this room can do that.")
        told.when("", Withdraw(number=2)).then(Removed(at=AT, number=2, because="source"))

    def test_the_operator_erases_also_when_the_room_has_closed(self) -> None:
        told = story().when("id-ann", Close())
        told.when("", Erase(number=2)).then(Removed(at=AT, number=2, because="operator"))
        told.when("id-ann", Remove(number=2)).refused("room-closed", "The room algebra has closed.")

    def test_lines_are_numbered_from_one(self) -> None:
        story().when("id-ann", Remove(number=0)).refused("bad-input", "Lines are numbered from 1 on.")


class Notes(SynchronousTestCase):
    def test_the_room_is_told_and_what_was_spent_is_remembered(self) -> None:
        told = following()
        told.when("", Note(source="bluesky", text="More\ncame.")).then(Noted(at=AT, via="bluesky", text="More came."))
        told.when("", Spend(source="twitter", day="2026-11-24", count=3)).then(
            Spent(at=AT, via="twitter", day="2026-11-24", count=3)
        )
        assert told.room.voices.spent == {"twitter": ("2026-11-24", 3)}


class Expiring(SynchronousTestCase):
    def until(self, keep: int) -> str:
        said = following().when("", Relay(post=post(keep=keep))).became
        assert isinstance(said, Said)
        assert said.post is not None
        return said.post.expires

    def test_a_post_whose_words_may_not_be_kept_says_until_when_they_may(self) -> None:
        assert self.until(600) == moment(NOON + 600)
        assert self.until(0) == ""

    def test_words_that_may_not_be_kept_as_long_as_the_room_are_kept_for_a_day_at_most(self) -> None:
        assert self.until(9 * DAY) == moment(NOON + DAY)

    def test_what_has_expired_stays_so_and_a_closed_room_is_no_hindrance(self) -> None:
        told = story().when("", Expire(before=NOON + 60))
        told.then(Expired(at=AT, until=moment(NOON + 60)))
        told.when("", Expire(before=NOON)).then(Expired(at=AT, until=moment(NOON + 60)))
        told.when("id-ann", Close()).when("", Expire(before=NOON + 90))
        told.then(Expired(at=AT, until=moment(NOON + 90)))
