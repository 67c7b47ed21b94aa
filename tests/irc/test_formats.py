from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from meet.events import (
    Closed,
    Entry,
    Event,
    Extended,
    Followed,
    Joined,
    Left,
    Noted,
    Opened,
    Position,
    Removed,
    Renamed,
    Renewed,
    Retitled,
    Said,
    Unknown,
)
from meet.interfaces import Here, IFormat, Status
from meet.irc.formats import Lines
from meet.posts import Provenance
from meet.wire import encode

AT = "2026-11-24T14:05:09.120Z"


def entry(event: Event) -> Entry:
    return Entry(Position("k3q", 12), event, encode(event))


def line(event: Event, **capabilities: bool) -> str:
    return Lines("meet.test", **capabilities).entry("algebra", entry(event)).decode()


def said(text: str = "hi") -> Said:
    return Said(at=AT, by="1", nick="ann", via="web", text=text)


class VoicesTests(SynchronousTestCase):
    def test_a_voice_from_outside_is_one_safe_line_of_the_servers(self) -> None:
        post = Said(
            at=AT,
            by="bluesky:1",
            nick="Dora D",
            via="bluesky",
            text="two\nlines",
            post=Provenance(id="9", handle="dora.example", at=AT, link="https://l/9", warning="cats"),
        )
        assert line(post) == (
            ":meet.test PRIVMSG #algebra :<@dora.example via bluesky> [cats] two lines https://l/9\r\n"
        )

    def test_of_a_post_without_words_there_is_where_it_stands(self) -> None:
        post = Provenance(id="9", handle="dora", at=AT, link="https://x.com/i/status/9")
        bare = Said(at=AT, by="twitter:1", nick="Dora", via="twitter", text="words", post=post).bare()
        assert line(bare) == ":meet.test PRIVMSG #algebra :<twitter> post on X https://x.com/i/status/9\r\n"

    def test_what_is_to_be_seen_no_more_is_told_to_those_who_know_how(self) -> None:
        entry = Entry(Position("k3q", 9), Removed(at=AT, number=7, because="host", by="1", nick="ann"), b"")
        assert Lines("meet.test").entry("algebra", entry) == b""
        told = Lines("meet.test", redaction=True, times=True)
        assert told.entry("algebra", entry).decode() == f"@time={AT} :ann!meet@meet REDACT #algebra k3q.7\r\n"
        gone = Entry(Position("k3q", 9), Removed(at=AT, number=7, because="source"), b"")
        assert Lines("meet.test", redaction=True).entry("algebra", gone) == (
            b":meet.test REDACT #algebra k3q.7 :It was deleted where it was written.\r\n"
        )

    def test_what_the_room_follows_and_is_to_know_is_a_notice(self) -> None:
        assert line(Followed(at=AT, by="1", nick="ann", words=("#a",))) == (
            ":meet.test NOTICE #algebra :ann lets the room follow #a.\r\n"
        )
        assert line(Noted(at=AT, via="bluesky", text="More came.")) == (
            ":meet.test NOTICE #algebra :bluesky: More came.\r\n"
        )


class LinesTests(SynchronousTestCase):
    def test_is_a_format(self) -> None:
        verifyObject(IFormat, Lines("meet.test"))

    def test_the_same_capabilities_share_their_bytes(self) -> None:
        assert Lines("meet", tags=True) == Lines("meet", tags=True)
        assert len({Lines("meet"), Lines("meet"), Lines("meet", times=True)}) == 2

    def test_a_line_is_said(self) -> None:
        assert line(said()) == ":ann!web@meet PRIVMSG #algebra :hi\r\n"

    def test_tags_are_for_those_who_asked(self) -> None:
        assert line(said(), tags=True) == "@msgid=k3q.12 :ann!web@meet PRIVMSG #algebra :hi\r\n"
        assert line(said(), times=True) == f"@time={AT} :ann!web@meet PRIVMSG #algebra :hi\r\n"

    def test_a_line_too_long_for_irc_becomes_several_and_loses_nothing(self) -> None:
        text = " ".join(["längst"] * 70)
        lines = line(said(text), tags=True, times=True).split("\r\n")[:-1]
        assert len(lines) > 1
        assert "".join(each.partition("#algebra :")[2] for each in lines) == text
        assert [each.count("msgid=") for each in lines] == [1] + [0] * (len(lines) - 1)
        assert all(len(each.partition(" ")[2].encode()) <= 510 for each in lines)

    def test_earlier_lines_show_their_time_to_everybody(self) -> None:
        assert ":[14:05] hi" in Lines("meet").said("algebra", entry(said()), earlier=True).decode()
        timed = Lines("meet", times=True).said("algebra", entry(said()), "b", earlier=True).decode()
        assert timed == f"@time={AT};batch=b :ann!web@meet PRIVMSG #algebra :hi\r\n"

    def test_comings(self) -> None:
        joined = Joined(at=AT, by="1", nick="ann", via="web")
        assert line(joined) == ":ann!web@meet JOIN #algebra\r\n"
        assert line(joined, extended_join=True) == ":ann!web@meet JOIN #algebra * :ann\r\n"
        host = Joined(at=AT, by="1", nick="ann", via="web", host=True)
        assert line(host) == ":ann!web@meet JOIN #algebra\r\n:meet.test MODE #algebra +o ann\r\n"

    def test_goings(self) -> None:
        for because, told in (
            ("left", ":ann!line@meet PART #algebra :left\r\n"),
            ("lost", ":ann!line@meet PART #algebra :lost connection\r\n"),
            ("kicked", ":meet.test KICK #algebra ann :A host ended it.\r\n"),
            ("renamed", ""),
        ):
            assert line(Left(at=AT, by="1", nick="ann", because=because, via="line")) == told

    def test_nicks_and_hosts(self) -> None:
        renamed = Renamed(at=AT, by="1", nick="anna", was="ann", via="web")
        assert line(renamed) == ":ann!web@meet NICK anna\r\n"
        host = Renamed(at=AT, by="1", nick="ann", was="ann", via="web", host=True)
        assert line(host) == ":meet.test MODE #algebra +o ann\r\n"
        assert line(Renamed(at=AT, by="1", nick="ann", was="ann", via="web")) == ""

    def test_what_hosts_change(self) -> None:
        assert (
            line(Retitled(at=AT, by="1", nick="ann", title="Algebra I"))
            == ":ann!meet@meet TOPIC #algebra :Algebra I\r\n"
        )
        assert (
            line(Extended(at=AT, by="1", nick="ann", ends="2026-11-24T16:00:00.000Z"))
            == ":meet.test NOTICE #algebra :ann has set another end: the room closes 16:00 UTC.\r\n"
        )

    def test_what_irc_has_no_word_for_is_left_out(self) -> None:
        opened = Opened(at=AT, name="algebra", title="Algebra", ends=AT, limit=140, lock="x")
        for event in (opened, Closed(at=AT, because="time"), Unknown(at="")):
            assert line(event) == ""
        assert Lines("meet").here("algebra", Here(3, ["ann"], [])) == b""
        assert line(Renewed(at=AT, was="e1")) == ""

    def test_whether_lines_are_taken_is_a_notice(self) -> None:
        assert Lines("meet").status("algebra", Status(True, "Not now.")) == b":meet NOTICE #algebra :Not now.\r\n"
