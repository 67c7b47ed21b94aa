"""A conversation at the line door, and what bad input, silence and slowness come to."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from meet.commands import Say
from meet.interfaces import IListener
from meet.line.formats import LineFormat
from meet.line.protocol import LAST_WORDS, Ear
from meet.writer import Writer
from tests.flow import Flow
from tests.line.client import Door, DoorTestCase, Wire
from tests.line.test_reader import BYTES

GREETING = "Meet. /join room nick  ·  /help"
KEPT = "Lines are kept until 16:00 UTC, then deleted; anybody who knows the room's name can read them."


class ConversationTests(DoorTestCase):
    def test_a_conversation(self) -> None:
        ann = self.door.client()
        assert ann.seen() == [GREETING]
        assert ann.type("/join algebra ann") == [f"algebra, 1 here, ends 15:00 UTC. {KEPT}"]
        assert ann.type("hello") == ["14:00 <ann> hello"]
        bob = self.door.client()
        assert bob.type("/join Algebra bob")[1:] == [
            f"algebra, 2 here, ends 15:00 UTC. {KEPT}",
            "14:00 <ann> hello",
        ]
        self.flow.pass_time(120)
        assert ann.seen() == ["-- ann and bob came in"]
        assert bob.type("//shrug") == ["-- ann and bob came in", "14:02 <bob> /shrug"]
        assert bob.type("/who") == ["2 here: ann, bob"]
        assert bob.type("/leave") == ["You left algebra."]
        assert bob.type("anybody?") == ["! You are in no room yet. Go into one by /join room nick."]
        assert bob.type("/quit") == ["Goodbye."]
        assert bob.hung_up
        self.flow.pass_time(1)
        assert ann.seen() == ["14:02 <bob> /shrug", "-- bob left"]
        assert ann.type("/quit") == ["You left algebra."]
        assert ann.hung_up
        assert self.flow.nicks() == []

    def test_a_room_opened_here(self) -> None:
        ann = self.door.client()
        told = ann.type("/open Biology 8h as ann The living world")
        key = told[2].removeprefix("Your host key: ")
        assert told[1:] == [
            "biology is open until 22:00 UTC.",
            f"Your host key: {key}",
            "Keep it. With it, /join biology nick key makes you its host again.",
            "biology (The living world), 1 here, ends 22:00 UTC. "
            "Lines are kept until 23:00 UTC, then deleted; anybody who knows the room's name can read them.",
        ]
        host = self.client(f"/join biology eve {key}")
        assert host.type("/who", "/quit")[0] == "2 here: *ann, *eve"
        bob = self.client("/join biology bob")
        ann.seen()
        assert bob.type("/close", "/title Mine") == ["! Only the host of this room can do that."] * 2
        assert ann.type("/title All life", "/extend 2h") == [
            "-- ann calls the room All life now",
            "-- ann lets the room end 16:00 UTC",
        ]
        bob.seen()
        assert bob.type("/open biology") == [
            "! A room called biology is open. Go in, or take another name.",
        ]
        ann.seen()
        assert ann.type("/close") == ["-- the host closed the room", "The room has closed."]
        assert bob.seen() == ["-- the host closed the room", "The room has closed."]
        assert (ann.hung_up, bob.hung_up) == (True, True)

    def test_a_room_opened_and_not_entered(self) -> None:
        ann = self.client()
        assert ann.type("/open biology")[0] == "biology is open until Wed 14:00 UTC."
        assert ann.type("hello")[0].startswith("! You are in no room yet.")

    def test_the_host_key_makes_a_host(self) -> None:
        ann = self.client("/join algebra ann")
        assert ann.type(f"/join algebra ann {self.host_key}")[0].startswith("algebra, 1 here")
        assert ann.type("/who") == ["1 here: *ann"]
        bob = self.client()
        assert bob.type("/join algebra bob letmein") == ["! That is not the host key of this room."]

    def test_another_nick(self) -> None:
        ann = self.client("/join algebra ann")
        bob = self.client("/join algebra bob")
        ann.seen()
        assert bob.type("/nick Ann") == ["! That nick is taken here. Try Ann_2?"]
        assert bob.type("/nick rob") == ["You are rob now."]
        assert bob.type("/join algebra bob") == [
            "! You are here already, as rob. Go by another nick by /nick bob.",
        ]
        self.flow.pass_time(1)
        assert ann.seen() == ["-- bob is now rob"]

    def test_one_room_at_a_time(self) -> None:
        self.flow.open("biology")
        ann = self.client("/join algebra ann")
        assert ann.type("/join chemistry ann") == ["! There is no room chemistry. Open it first."]
        assert ann.type("still here") == ["14:00 <ann> still here"]
        assert ann.type("/join biology ann")[0] == "You left algebra."
        assert (self.flow.nicks(), self.flow.nicks("biology")) == ([], ["ann"])
        assert ann.type("hello") == ["14:00 <ann> hello"]
        assert self.flow.log("biology") == [("ann", "hello")]

    def test_lines_typed_ahead_are_taken_in_order(self) -> None:
        ann = self.door.client()
        ann.send(b"/join algebra ann\none\r\ntwo\n/who\n/leave\nthree\n")
        assert [line.partition("> ")[2] or line for line in ann.seen()][2:] == [
            "one",
            "two",
            "1 here: ann",
            "You left algebra.",
            "! You are in no room yet. Go into one by /join room nick.",
        ]

    def test_pressing_enter_says_nothing(self) -> None:
        assert self.client("/join algebra ann").type("", "") == []
        assert self.client("/join algebra bob").type("  ") == ["! There is nothing to say in that line."]

    def test_refusals_cost_nothing(self) -> None:
        ann = self.client("/join algebra ann")
        assert ann.type("x" * 141) == ["! 141 characters, this room takes 140."]
        assert ann.type("/dance") == ["! There is no command /dance. /help tells those that there are."]
        assert ann.type("fine") == ["14:00 <ann> fine"]

    def test_help(self) -> None:
        told = self.client().type("/help")
        assert any(line.startswith("/join room nick") for line in told)
        assert told[-1] == "Times are UTC."

    def test_the_newest_lines_are_told_on_coming_in(self) -> None:
        talker = self.flow.join("tom", via="api")
        for number in range(60):
            self.flow.pass_time(1)
            self.flow.result(talker.ask(Say(text=str(number))))
        told = self.door.client().type("/join algebra ann")
        assert [line.partition("> ")[2] for line in told[2:]] == [str(number) for number in range(10, 60)]

    def test_lines_end_as_the_other_side_ends_them(self) -> None:
        ann, bob = self.door.client(), self.door.client()
        ann.send(b"/join algebra ann\r\n")
        bob.send(b"/join algebra bob\n")
        self.flow.pass_time(1)
        ann.wire.clear()
        bob.wire.clear()
        ann.send(b"hi\r\n")
        assert ann.wire.value() == b"14:00 <ann> hi\r\n"
        assert bob.wire.value() == b"14:00 <ann> hi\n"


class BadInputTests(DoorTestCase):
    def test_tls(self) -> None:
        client = self.door.client()
        client.seen()
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200))
        assert client.seen() == ["! This door speaks plain text, without TLS."]
        assert client.hung_up

    def test_http(self) -> None:
        for request in (
            b"GET / HTTP/1.1\r\nHost: localhost:2323\r\n\r\n",
            b"POST /x HTTP/1.1\r\n\r\n/join algebra x\r\n",
        ):
            client = self.door.client()
            client.seen()
            client.send(request)
            assert client.seen() == ["! This is the line door of Meet, not its pages."]
            assert client.hung_up
        assert self.flow.nicks() == []

    def test_what_is_not_text(self) -> None:
        ann = self.client("/join algebra ann")
        ann.send(b"\xff\xfe\x00gr\xfc\xdfe\r\n")
        assert ann.seen() == ["! That line is not text in UTF-8."]
        ann.send(b"x" * 10_000 + b"\r\n")
        assert ann.seen() == ["! A line has at most 8192 bytes here."]
        assert ann.type("fine") == ["14:00 <ann> fine"]

    def test_a_broken_client_is_ended(self) -> None:
        ann = self.client("/join algebra ann")
        for _ in range(20):
            ann.send(b"\xc0\n")
        assert not ann.hung_up
        ann.seen()
        ann.send(b"\xc0\n")
        assert ann.seen()[-1] == "Too much of what came could not be understood."
        assert ann.hung_up
        ann.send(b"hello\n")
        assert ann.seen() == []

    def test_wishes_that_are_refused_end_nobody(self) -> None:
        ann = self.client("/join algebra ann")
        for _ in range(50):
            ann.type("x" * 141)
        assert not ann.hung_up

    def test_telnet_is_answered(self) -> None:
        ann = self.client()
        ann.send(b"/join algebra ann\r\n")
        ann.wire.clear()
        ann.send(b"\xff\xf4\xff\xfd\x06")
        assert ann.wire.value() == b"\xff\xfc\x06"
        ann.wire.clear()
        ann.send(b"\xff\xfb\x1f\xff\xfb\x20hello\r\x00")
        assert ann.wire.value() == b"\xff\xfe\x1f\xff\xfe\x2014:00 <ann> hello\r\n"


class PaceTests(DoorTestCase):
    limits: ClassVar = {"commands_per_connection": 30, "says_per_participant": 0}

    def test_what_comes_too_fast_waits_its_turn(self) -> None:
        ann = self.client("/join algebra ann")
        ann.send(b"".join(b"%d\n" % number for number in range(100)))
        assert 0 < len(self.flow.log()) <= 30
        assert ann.wire.producerState == "paused"
        for _ in range(100):
            self.flow.pass_time(1)
        assert [text for _, text in self.flow.log()] == [str(number) for number in range(100)]
        assert ann.wire.producerState == "producing"
        assert not ann.hung_up

    def test_a_flood_of_empty_lines_waits_too(self) -> None:
        ann = self.client("/join algebra ann")
        ann.send(b"\n" * 1000)
        assert ann.wire.producerState == "paused"
        assert ann.seen() == []

    def test_lost_while_lines_wait(self) -> None:
        ann = self.client("/join algebra ann")
        ann.send(b"hello\n" * 100)
        ann.lose()
        said = len(self.flow.log())
        self.flow.pass_time(100)
        assert len(self.flow.log()) == said
        assert self.flow.nicks() == []


class EndTests(DoorTestCase):
    limits: ClassVar = {"connections_per_address": 2, "bytes_unsent": 100}

    def test_silence_outside_a_room(self) -> None:
        client = self.door.client()
        client.seen()
        self.flow.pass_time(119)
        client.type("/help")
        self.flow.pass_time(119)
        assert not client.hung_up
        self.flow.pass_time(2)
        assert client.seen()[-1] == "Nothing was heard from you for too long."
        assert client.hung_up

    def test_silence_in_a_room_is_listening(self) -> None:
        ann = self.client("/join algebra ann")
        self.flow.pass_time(3000)
        assert ann.type("hi") == ["14:50 <ann> hi"]
        ann.type("/leave")
        self.flow.pass_time(121)
        assert ann.hung_up

    def test_too_many_from_one_address(self) -> None:
        pair = [self.door.client(), self.door.client()]
        third = self.door.client()
        assert third.seen() == ["! There are 2 connections from your address already."]
        assert third.hung_up
        third.lose()
        assert self.door.client("192.0.2.8").seen() == [GREETING]
        pair[0].lose()
        assert self.door.client().seen() == [GREETING]

    def test_who_does_not_keep_up_is_ended_and_may_come_back(self) -> None:
        ann = self.client("/join algebra ann")
        bob = self.client("/join algebra bob")
        assert ann.wire.producer is not None
        ann.wire.producer.pauseProducing()
        for _ in range(4):
            bob.type("x" * 40)
        assert ann.seen()[-1] == "Your connection did not keep up. Come back, nothing is lost."
        assert ann.hung_up
        assert not ann.wire.aborted
        self.flow.pass_time(LAST_WORDS)
        assert ann.wire.aborted
        ann.lose()
        assert self.door.client().type("/join algebra ann")[1].startswith("algebra, 2 here")

    def test_the_broker_is_away(self) -> None:
        ann = self.client("/join algebra ann")
        bob = self.client()
        self.flow.wire.cut = True
        assert ann.type("hello") == ["! The wire is cut."]
        assert bob.type("/join biology bob") == ["! The wire is cut."]
        self.flow.wire.cut = False
        assert ann.type("hello") == ["14:00 <ann> hello"]

    def test_hanging_up_while_the_broker_is_away(self) -> None:
        ann = self.client("/join algebra ann")
        self.flow.wire.cut = True
        assert ann.type("/quit") == ["! The wire is cut."]
        assert ann.hung_up
        ann.lose()
        self.flow.wire.cut = False
        self.flow.pass_time(21)
        assert self.flow.nicks() == []

    def test_the_end_of_the_room_s_time(self) -> None:
        ann = self.client("/join algebra ann")
        self.flow.pass_time(3700)
        assert ann.type("hello") == ["! The room algebra has closed."]

    def test_nothing_stays_when_the_connection_is_gone(self) -> None:
        self.flow.pass_time(100)
        before = len(self.flow.clock.getDelayedCalls())
        for number in range(10):
            self.door.client().lose()
            ann = self.client(f"/join algebra ann{number}", "/quit")
            ann.lose()
        self.flow.pass_time(100)
        assert len(self.flow.clock.getDelayedCalls()) <= before
        assert len(self.flow.sessions) == 0
        assert list(self.flow.hub.outbox.rooms()) == []


class ListenerTests(DoorTestCase):
    def test_an_ear_is_a_listener(self) -> None:
        writer = Writer(Wire(), self.flow.clock, self.flow.limits, lambda: None)
        assert verifyObject(IListener, Ear(self.flow.join(), LineFormat(), writer, lambda ear, goodbye: None))


class AnythingTests(SynchronousTestCase):
    @settings(max_examples=60)
    @given(st.lists(st.one_of(BYTES, st.sampled_from([b"/join algebra ann\n", b"/leave\n", b"/who\n"])), max_size=12))
    def test_any_bytes_harm_nobody(self, pieces: list[bytes]) -> None:
        flow = Flow()
        flow.open()
        door = Door(flow)
        bob = door.client("192.0.2.8")
        bob.type("/join algebra bob")
        mad = door.client()
        for piece in pieces:
            mad.send(piece)
        mad.lose()
        flow.pass_time(25)
        bob.seen()
        assert bob.type("fine") == ["14:00 <bob> fine"]
        assert flow.nicks() == ["bob"]
        assert self.flushLoggedErrors() == []
