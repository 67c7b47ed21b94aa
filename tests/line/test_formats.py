"""What happens in a room, as lines; equal formats share their bytes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from meet.events import (
    Chosen,
    Closed,
    Entry,
    Event,
    Extended,
    Followed,
    Forgotten,
    Joined,
    Left,
    Noted,
    Opened,
    Position,
    Renamed,
    Retitled,
    Said,
    Unknown,
)
from meet.interfaces import Here, IFormat, Status
from meet.line.formats import LineFormat
from meet.posts import Provenance

AT = "2026-11-24T14:05:09.120Z"
ANN = {"at": AT, "by": "p1", "nick": "ann"}


def told(event: Event) -> str:
    return LineFormat().entry("algebra", Entry(Position("k3q", 12), event, b"")).decode()


class FormatTests(SynchronousTestCase):
    def test_a_format(self) -> None:
        assert verifyObject(IFormat, LineFormat())
        assert LineFormat() == LineFormat("\n")
        assert hash(LineFormat()) == hash(LineFormat("\n"))
        assert LineFormat() != LineFormat("\r\n")

    def test_said(self) -> None:
        said = Said(**ANN, via="web", text="Grüße, wie geht’s? 🙂")
        assert told(said) == "14:05 <ann> Grüße, wie geht’s? 🙂\n"
        entry = Entry(Position("k3q", 12), said, b"")
        assert LineFormat("\r\n").entry("algebra", entry).endswith(b"\r\n")

    def test_what_happens_to_the_room(self) -> None:
        assert told(Retitled(**ANN, title="Algebra II")) == "-- ann calls the room Algebra II now\n"
        assert told(Extended(**ANN, ends="2026-11-24T15:10:00.000Z")) == "-- ann lets the room end 15:10 UTC\n"
        assert told(Extended(**ANN, ends="2026-11-26T15:10:00.000Z")) == "-- ann lets the room end Thu 15:10 UTC\n"
        assert told(Closed(at=AT, because="host")) == "-- the host closed the room\n"
        assert told(Closed(at=AT, because="time")) == "-- the time of the room is over\n"

    def test_what_is_not_told_by_entries(self) -> None:
        opened = Opened(at=AT, name="algebra", title="", ends=AT, limit=140, lock="")
        silent = [
            Joined(**ANN, via="web"),
            Left(**ANN),
            Renamed(**ANN, was="anna", via="web"),
            opened,
            Forgotten(at=AT),
            Unknown(at=""),
        ]
        assert [told(event) for event in silent] == [""] * 6

    def test_comings_and_goings(self) -> None:
        def here(*came: str, went: tuple[str, ...] = ()) -> str:
            return LineFormat().here("algebra", Here(300, came, went)).decode()

        assert here() == ""
        assert here("bob") == "-- bob came in\n"
        assert here("bob", "cy", went=("ann",)) == "-- bob and cy came in\n-- ann left\n"
        assert here(*"abcde") == "-- a, b, c, d and e came in\n"
        both = Here(3, ("bob", "anna"), ("ann",), (("ann", "anna"),))
        assert LineFormat().here("algebra", both) == b"-- bob came in\n-- ann is now anna\n"
        assert here(*"abcdefgh") == "-- a, b, c, d, e and 3 more came in\n"

    def test_whether_lines_are_taken(self) -> None:
        assert LineFormat("\r\n").status("algebra", Status(True, "Not now.")) == b"-- Not now.\r\n"


class VoicesTests(SynchronousTestCase):
    def test_a_voice_from_outside_is_one_line(self) -> None:
        post = Provenance(id="9", handle="dora.example", at=AT, link="https://l/9", warning="cats")
        said = Said(at=AT, by="bluesky:1", nick="Dora", via="bluesky", text="two\nlines", post=post)
        assert told(said)[5:] == " <@dora.example via bluesky> [cats] two lines https://l/9\n"

    def test_of_a_post_without_words_there_is_where_it_stands(self) -> None:
        post = Provenance(id="9", handle="dora", at=AT, link="https://x.com/i/status/9")
        bare = Said(at=AT, by="twitter:1", nick="Dora", via="twitter", text="words", post=post).bare()
        assert told(bare)[5:] == " <twitter> post on X https://x.com/i/status/9\n"

    def test_what_is_followed_and_is_to_know(self) -> None:
        assert told(Followed(at=AT, by="1", nick="ann", words=("#a", "@b"))) == "-- ann lets the room follow #a @b\n"
        assert told(Followed(at=AT, by="1", nick="ann")) == "-- ann lets the room follow nothing outside\n"
        chosen = Chosen(at=AT, by="1", nick="ann", reposts=False, quotes=True, sensitive=False, paused=True)
        assert told(chosen) == "-- ann has set voices from outside: paused\n"
        assert told(Noted(at=AT, via="bluesky", text="More came.")) == "-- bluesky: More came.\n"
