"""A host's typed words, as what is asked of the room."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet import moderation
from meet.commands import Block, Choose, Follow, Remove, Unblock
from meet.errors import Refused
from meet.events import Blocked, Event, Followed, Position, Renewed, Said
from meet.feed import Feed
from meet.limits import Limits
from meet.moments import moment
from meet.posts import Provenance
from meet.wire import encode
from tests.stories import NOON, joined, opened

AT = moment(NOON)


class Words(SynchronousTestCase):
    def setUp(self) -> None:
        self.feed = Feed("algebra", Limits())
        self.feed.hole = False
        post = Provenance(id="9", handle="dora.example", at=AT, link="https://l")
        self.happened(
            opened(),
            joined("Ann", host=True),
            Said(at=AT, by="id-bob", nick="Bob", via="web", text="one"),
            Said(at=AT, by="bluesky:1", nick="Dora D", via="bluesky", text="two", post=post),
            Said(at=AT, by="id-bob", nick="Bob", via="web", text="three"),
        )

    def happened(self, *events: Event) -> None:
        for event in events:
            seq = self.feed.last.seq + 1 if self.feed.last else 1
            self.feed.hear(Position("k3q", seq), encode(event))

    def refused(self, code: str, detail: str, make: object, *arguments: object) -> None:
        with self.assertRaises(Refused) as no:
            make(*arguments)  # type: ignore[operator]
        assert (no.exception.code, no.exception.detail) == (code, detail)

    def test_following(self) -> None:
        assert moderation.follow(["#pycon", "@eve"]) == Follow(words=("#pycon", "@eve"))
        assert moderation.follow(["none"]) == Follow(words=())
        detail = "Say what to follow: hashtags and authors, like #pycon @speaker, or none."
        self.refused("bad-input", detail, moderation.follow, [])

    def test_choosing(self) -> None:
        assert moderation.choose(["Pause"]) == Choose(paused=True)
        assert moderation.choose(["resume"]) == Choose(paused=False)
        assert moderation.choose(["reposts", "on"]) == Choose(reposts=True)
        detail = "Say pause, resume, or one of reposts, quotes and sensitive with on or off."
        self.refused("bad-input", detail, moderation.choose, ["louder"])

    def test_a_position_names_a_line_that_stands_or_has_become_too_old_and_nothing_else(self) -> None:
        assert moderation.remove_at(self.feed, Position("k3q", 4)) == Remove(number=4)
        for place in (Position("k3q", 1), Position("k3q", 6), Position("old", 4)):
            self.refused("not-found", "There is no such line.", moderation.remove_at, self.feed, place)
        self.happened(Renewed(at=AT, was="old"))
        assert moderation.remove_at(self.feed, Position("old", 4)) == Remove(number=4)
        look = self.feed.memory()
        short = Feed("algebra", Limits())
        short.restore(look._replace(tail=look.tail[1:], floor=look.tail[0][0].seq))
        assert moderation.remove_at(short, Position("k3q", 3)) == Remove(number=3)
        empty = Feed("biology", Limits())
        self.refused("not-found", "There is no such line.", moderation.remove_at, empty, Position("k3q", 1))

    def test_a_line_is_named_by_who_said_it_or_by_its_position(self) -> None:
        assert moderation.remove(self.feed, "bob") == Remove(number=5)
        assert moderation.remove(self.feed, "@dora.example") == Remove(number=4)
        assert moderation.remove(self.feed, "k3q.3") == Remove(number=3)
        self.refused("not-found", "Nothing in the newest lines was said by cy.", moderation.remove, self.feed, "cy")

    def test_only_who_speaks_from_outside_is_blocked_by_name(self) -> None:
        block = Block(author="bluesky:1", name="Dora D")
        assert moderation.block(self.feed, "Dora D") == moderation.block(self.feed, "@Dora.Example") == block
        self.refused(
            "not-found", "Nobody from outside goes by Bob in the newest lines.", moderation.block, self.feed, "Bob"
        )

    def test_who_is_blocked_is_let_in_again_by_name_or_id(self) -> None:
        self.happened(Blocked(at=AT, by="id-ann", nick="Ann", author="bluesky:1", name="Dora D"))
        room = self.feed.room
        assert (
            moderation.unblock(room, "dora d") == moderation.unblock(room, "bluesky:1") == Unblock(author="bluesky:1")
        )
        self.refused("not-found", "Nobody is blocked here as eve.", moderation.unblock, room, "eve")

    def test_what_is_followed_is_told_in_a_sentence(self) -> None:
        assert moderation.told(self.feed.room) == "This room follows nothing outside."
        self.happened(Followed(at=AT, by="id-ann", nick="Ann", words=("#a", "@b")))
        assert moderation.told(self.feed.room) == "This room follows #a @b. With quotes."
