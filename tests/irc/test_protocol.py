from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.irc import make_gateway
from tests.flow import Flow
from tests.irc.people import Person, numerics, with_command


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self, **limits: int) -> None:
        self.flow = Flow(**limits)
        self.gateway = make_gateway(self.flow.house)

    def person(self, address: str = "192.0.2.7") -> Person:
        return Person(self.flow, self.gateway, address)

    # Lines.

    def test_takes_lines_in_whatever_pieces_they_come(self) -> None:
        mia = self.person()
        for byte in b"NICK mia\nUSER mia 0 * :Mia\r\n\r\n  \nPING x\n":
            mia.connection.dataReceived(bytes([byte]))
        lines = mia.heard()
        assert "001" in numerics(lines)
        assert lines[-1] == ":meet.test PONG meet.test :x"

    def test_a_line_too_long_is_refused_and_the_connection_goes_on(self) -> None:
        mia = self.person()
        mia.register()
        for line in ("PRIVMSG #a :" + "x" * 499, "@" + "a" * 4095 + " PING x", "x" * 20_000):
            assert numerics(mia.send(line)) == ["417"], line[:20]
        assert numerics(mia.send("PING " + "x" * 505)) == ["PONG"]
        assert numerics(mia.send("@" + "a" * 4094 + " PING x")) == ["PONG"]
        assert not mia.ended

    def test_a_line_too_long_in_pieces_is_refused_once(self) -> None:
        mia = self.person()
        mia.register()
        for _ in range(20):
            mia.connection.dataReceived(b"x" * 1000)
        assert numerics(mia.heard()) == ["417"]
        assert numerics(mia.send("", "PING x")) == ["PONG"]

    def test_what_is_not_utf_8_is_refused(self) -> None:
        mia = self.person()
        mia.enter()
        assert mia.send_bytes(b"PRIVMSG #algebra :caf\xe9\r\n") == [
            ":meet.test FAIL PRIVMSG INVALID_UTF8 :Meet takes only UTF-8. That line was not taken."
        ]
        assert self.flow.log() == []

    def test_nul_and_other_control_characters_harm_nobody(self) -> None:
        mia = self.person()
        mia.enter()
        assert numerics(mia.send_bytes(b"\0\1\2 \0\r\r\nNICK \0\r\nPRIVMSG #algebra :a\0b\7c\r\n"))[:2] == [
            "421",
            "432",
        ]
        assert self.flow.log() == [("mia", "abc")]

    def test_bad_input_in_plenty_ends_the_connection(self) -> None:
        mia = self.person()
        lines = mia.send_bytes(b"\xff\xfe\n" * 30)
        assert lines[-1].startswith("ERROR :Too much of what came")
        assert mia.ended

    def test_lines_to_rooms_are_on_their_way_side_by_side_and_in_order(self) -> None:
        self.begin(says_per_participant=0)
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.heard()
        before = len(self.flow.log())
        lines = [f"PRIVMSG #algebra :{number}" for number in range(50)]
        written: list[bytes] = []
        write = bob.transport.write
        bob.transport.write = lambda data: (written.append(data), write(data))  # type: ignore[method-assign, assignment, func-returns-value]
        assert mia.send(*lines) == []
        assert [text for _, text in self.flow.log()[before:]] == [str(number) for number in range(50)]
        assert len(bob.heard()) == 50
        assert len(written) <= 2

    def test_whatever_else_comes_after_lines_waits_for_them(self) -> None:
        self.begin(says_per_participant=2)
        mia = self.person()
        mia.enter()
        lines = mia.send("privmsg #algebra :one", "NOTICE #algebra :two", "PRIVMSG #algebra :three", "PING x")
        assert numerics(lines) == ["404", "PONG"]
        assert self.flow.log() == [("mia", "one"), ("mia", "two")]
        self.flow.pass_time(11)
        assert mia.send("PRIVMSG #algebra :four", "PART #algebra", "PRIVMSG #algebra :five")[0].split()[1] == "PART"
        assert self.flow.log()[2:] == [("mia", "four")]

    def test_lines_on_their_way_are_said_when_the_other_side_has_nothing_more_to_send(self) -> None:
        mia = self.person()
        mia.enter()
        mia.connection.dataReceived(b"PRIVMSG #algebra :last\r\nPRIVMSG #algebra :words\r\n")
        mia.connection.readConnectionLost()
        self.flow.turn()
        assert self.flow.log() == [("mia", "last"), ("mia", "words")]
        assert mia.ended

    def test_a_browser_is_sent_away_at_its_first_line(self) -> None:
        mia = self.person()
        lines = mia.send("POST / HTTP/1.1", "Host: meet", "", "NICK mia", "USER mia 0 * :Mia", "JOIN #algebra")
        assert numerics(lines) == ["ERROR"]
        assert mia.ended
        self.flow.turn()
        assert self.flow.hub.outbox.rooms() == []

    @given(st.lists(st.binary(max_size=600), max_size=6))
    @settings(max_examples=60)
    def test_any_bytes_are_survived(self, pieces: list[bytes]) -> None:
        self.begin()
        mia = self.person()
        mia.enter()
        for piece in pieces:
            mia.connection.dataReceived(piece)
        mia.heard()
        self.flow.pass_time(300)
        assert mia.ended
        assert self.flushLoggedErrors() == []

    # Order and speed.

    def test_lines_wait_for_the_one_under_way(self) -> None:
        mia = self.person()
        mia.register()
        mia.connection.dataReceived(
            b"JOIN #algebra\r\nPRIVMSG #algebra :first\r\nPRIVMSG #algebra :second\r\nPING x\r\n"
        )
        lines = mia.heard()
        assert numerics(lines)[0] == "JOIN"
        assert numerics(lines)[-1] == "PONG"
        assert self.flow.log() == [("mia", "first"), ("mia", "second")]

    def test_too_fast_is_slowed_down_and_nothing_is_lost(self) -> None:
        self.begin(commands_per_connection=30)
        mia = self.person()
        mia.register()
        lines = mia.send(*(f"PING {number}" for number in range(60)))
        assert mia.transport.producerState == "paused"
        assert len(lines) < 30
        for _ in range(40):
            self.flow.pass_time(1)
        lines += mia.heard()
        assert [line.partition(" :")[2] for line in lines] == [str(number) for number in range(60)]
        assert mia.transport.producerState == "producing"

    def test_far_too_fast_ends_it(self) -> None:
        self.begin(commands_per_connection=30)
        mia = self.person()
        assert mia.send(*["PING x"] * 300)[-1] == "ERROR :Too much came too fast."
        assert mia.ended

    def test_without_the_limit_everything_passes(self) -> None:
        self.begin(commands_per_connection=0)
        assert len(self.person().send(*["PING x"] * 3000)) == 3000

    def test_a_client_that_rejoins_ten_rooms_is_not_slowed_down(self) -> None:
        mia = self.person()
        mia.register()
        rooms = [f"#r{number}" for number in range(10)]
        lines = mia.send(*(f"{command} {room}" for room in rooms for command in ("JOIN", "MODE", "WHO", "MODE b")))
        assert len(with_command(lines, "315")) == 10

    # Time.

    def test_silence_is_asked_about_and_ended(self) -> None:
        mia = self.person()
        mia.register()
        self.flow.pass_time(61)
        assert mia.heard() == [":meet.test PING :meet.test"]
        mia.send("PONG meet.test")
        self.flow.pass_time(61)
        assert mia.heard() == [":meet.test PING :meet.test"]
        self.flow.pass_time(61)
        assert mia.heard() == ["ERROR :Nothing was heard from you for too long."]
        assert mia.ended

    def test_who_talks_is_not_asked(self) -> None:
        mia = self.person()
        mia.register()
        for _ in range(10):
            self.flow.pass_time(50)
            assert numerics(mia.send("PING x")) == ["PONG"]

    def test_registration_has_its_time(self) -> None:
        mia = self.person()
        mia.send("NICK mia", "PING x")
        self.flow.pass_time(50)
        mia.send("PING x")
        self.flow.pass_time(11)
        assert mia.heard()[-1].startswith("ERROR")
        assert mia.ended

    def test_who_does_not_take_the_goodbye_is_cut_off(self) -> None:
        mia = self.person()
        mia.register()
        mia.send("QUIT")
        assert not mia.transport.aborted
        self.flow.pass_time(6)
        assert mia.transport.aborted

    # Ends.

    def test_quit_is_told_goodbye(self) -> None:
        mia = self.person()
        mia.enter()
        assert mia.send("QUIT :bye") == ["ERROR :Goodbye."]
        assert mia.ended
        assert self.flow.nicks() == []

    def test_who_sends_everything_and_hangs_up_is_heard(self) -> None:
        mia = self.person()
        mia.connection.dataReceived(b"NICK mia\nUSER mia 0 * :Mia\nJOIN #algebra\nPRIVMSG #algebra :hi\n")
        mia.connection.readConnectionLost()
        lines = mia.heard()
        assert lines[-1] == "ERROR :Goodbye."
        assert mia.ended
        assert self.flow.log() == [("mia", "hi")]
        assert self.flow.nicks() == ["mia"]
        self.flow.pass_time(21)
        assert self.flow.nicks() == []

    def test_nothing_is_read_after_the_end(self) -> None:
        mia = self.person()
        mia.enter()
        assert mia.send("QUIT", "PRIVMSG #algebra :x", "PING y") == ["ERROR :Goodbye."]
        assert mia.send("PING z") == []
        mia.drop()
        assert self.flow.log() == []

    def test_too_many_connections_from_one_address(self) -> None:
        self.begin(connections_per_address=1)
        first, second, other = self.person(), self.person(), self.person("192.0.2.8")
        assert second.heard() == ["ERROR :There are 1 connections from your address already."]
        assert second.ended
        assert not other.ended
        second.drop()
        first.drop()
        assert not self.person().ended

    def test_a_reader_that_does_not_keep_up_is_ended(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.transport.producer.pauseProducing()
        self.flow.pass_time(31)
        assert mia.ended
        assert numerics(bob.send("PRIVMSG #algebra :on we go", "PING x")) == ["PONG"]

    def test_no_call_is_left_behind(self) -> None:
        mia = self.person()
        mia.register()
        self.flow.pass_time(1)
        mia.drop()
        assert self.flow.clock.getDelayedCalls() == []
