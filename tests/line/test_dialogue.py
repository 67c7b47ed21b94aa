"""Each line asks for one thing, or is told in a sentence why it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Choose, Close, Command, Extend, Follow, Rename, Retitle, Say
from meet.errors import Refused
from meet.events import Entry, Joined, Opened, Position
from meet.limits import Limits
from meet.line import dialogue
from meet.line.dialogue import Ask, Begin, Depart, Enter, Explain, Followed, HangUp, Moderate, Names, understand
from meet.moments import DAY, HOUR, LIVES
from meet.room import Room
from tests.flow import START


def command(line: str) -> Command:
    wish = understand(line, START)
    assert isinstance(wish, Ask)
    return wish.command


def refused(line: str) -> str:
    with pytest.raises(Refused) as caught:
        understand(line, START)
    return caught.value.detail


class UnderstandTests(SynchronousTestCase):
    def test_any_other_line_is_said(self) -> None:
        assert command("hello /help") == Say(text="hello /help")
        assert command(" /help") == Say(text=" /help")
        assert command("//etc/passwd") == Say(text="/etc/passwd")
        assert command("//") == Say(text="/")

    def test_join(self) -> None:
        assert understand("/join algebra ann", START) == Enter("algebra", "ann")
        assert understand("/JOIN  Algebra   ann  key ", START) == Enter("Algebra", "ann", "key")
        for line in ("/join", "/join algebra", "/join algebra ann key more"):
            assert refused(line) == "Write it as /join room nick."

    def test_open(self) -> None:
        day = START + DAY
        assert understand("/open algebra", START) == Begin("algebra", day)
        assert understand("/open algebra 8h", START) == Begin("algebra", START + 8 * HOUR)
        assert understand("/open algebra Linear Algebra", START) == Begin("algebra", day, "Linear Algebra")
        assert understand("/open algebra as ann", START) == Begin("algebra", day, "", "ann")
        assert understand("/open algebra 1 week as ann Linear Algebra", START) == Begin(
            "algebra", START + 7 * DAY, "Linear Algebra", "ann"
        )
        assert understand("/open algebra 3D printing", START) == Begin("algebra", day, "3D printing")
        assert understand("/open algebra 8hundred", START) == Begin("algebra", day, "8hundred")
        assert refused("/open") == "Write it as /open room 8h as nick A title."
        assert refused("/open algebra as you") == "The nick you could be mistaken for Meet itself."

    def test_every_life_that_is_offered_is_understood(self) -> None:
        for name, seconds in LIVES.items():
            assert understand(f"/open algebra {name}", START) == Begin("algebra", START + seconds)
            assert command(f"/extend {name.replace(' ', '')}") == Extend(ends=START + seconds)

    def test_host_commands(self) -> None:
        assert command("/title Linear  Algebra") == Retitle(title="Linear  Algebra")
        assert command("/extend 45 min") == Extend(ends=START + 45 * 60)
        assert command("/close") == Close()
        assert refused("/extend") == refused("/extend forever") == refused("/extend 2h more")

    def test_voices_from_outside(self) -> None:
        assert command("/follow #pycon @eve") == Follow(words=("#pycon", "@eve"))
        assert isinstance(understand("/follow", START), Followed)
        assert command("/voices quotes off") == Choose(quotes=False)
        assert isinstance(understand("/block @dora.example", START), Moderate)
        assert refused("/remove") == "Write it as /remove name."

    def test_nick(self) -> None:
        assert understand("/nick bob", START) == Ask(Rename(nick="bob"), "You are bob now.")
        assert refused("/nick") == "A nick needs at least one character."
        assert refused("/nick a b") == "A nick has no spaces in it."

    def test_the_rest(self) -> None:
        kinds = [type(understand(line, START)) for line in ("/who", "/leave", "/quit", "/help", "/Help me")]
        assert kinds == [Names, Depart, HangUp, Explain, Explain]

    def test_unknown(self) -> None:
        assert refused("/dance") == "There is no command /dance. /help tells those that there are."
        assert refused("/") == "There is no command /. /help tells those that there are."
        assert refused("/\x1b]0;x\x07" + "y" * 100) == (
            "There is no command /]0;x" + "y" * 20 + ". /help tells those that there are."
        )

    def test_every_command_stands_in_the_help(self) -> None:
        told = {line.split()[0].removeprefix("/") for line in dialogue.HELP if line.startswith("/")}
        assert told - {"/text"} == set(dialogue._WISHES) - {"help"}
        assert all(len(line) <= 100 for line in dialogue.HELP)

    @given(st.one_of(st.text(min_size=1), st.text().map("/join ".__add__), st.text().map("/open a ".__add__)))
    def test_any_line_is_a_wish_or_a_refusal(self, line: str) -> None:
        try:
            understand(line, START)
        except Refused as refusal:
            told = dialogue.refusal(refusal)
        else:
            return
        assert told.startswith("! ")


class SniffTests(SynchronousTestCase):
    def test_other_protocols_are_known_by_their_first_bytes(self) -> None:
        assert dialogue.greets_as_tls(b"\x16\x03\x01\x02\x00\x01")
        assert not dialogue.greets_as_tls(b"/join")
        assert dialogue.greets_as_http("GET / HTTP/1.1")
        assert dialogue.greets_as_http("POST /join HTTP/2")
        assert not dialogue.greets_as_http("GET / is what a browser says")
        assert dialogue.not_http("https://meet.example") == (
            "! This is the line door of Meet, not its pages. The pages are at https://meet.example."
        )


class TellingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.room = Room("algebra", Limits())
        opened = Opened(
            at="2026-11-24T14:00:00.000Z",
            name="algebra",
            title="Linear Algebra",
            ends="2026-11-24T15:10:00.000Z",
            limit=140,
            lock="",
        )
        self.room.apply(Entry(Position("k3q", 1), opened, b""))
        for number, (nick, host) in enumerate((("ann", True), ("bob", False), ("cy", False))):
            joined = Joined(at="2026-11-24T14:00:00.000Z", by=nick, nick=nick, via="line", host=host)
            self.room.apply(Entry(Position("k3q", number + 2), joined, b""))

    def test_coming_in(self) -> None:
        assert dialogue.came_in(self.room, START) == [
            "algebra (Linear Algebra), 3 here, ends 15:10 UTC. "
            "Lines are kept until 16:10 UTC, then deleted; anybody who knows the room's name can read them."
        ]

    def test_who(self) -> None:
        assert dialogue.who(self.room, 200) == "3 here: *ann, bob, cy"
        assert dialogue.who(self.room, 2) == "3 here: *ann, bob and 1 more"
