from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from meet.commands import Close
from meet.interfaces import IListener
from meet.irc import make_gateway
from meet.irc.visits import Ear
from tests.flow import Flow
from tests.irc.people import Person, numerics, with_command


class VisitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flow = Flow()
        self.gateway = make_gateway(self.flow.house)

    def person(self, address: str = "192.0.2.7") -> Person:
        return Person(self.flow, self.gateway, address)

    def test_an_ear_is_a_listener(self) -> None:
        self.person().enter()
        [session] = [self.flow.sessions.find("algebra", each.token) for each in self._sessions()]
        assert session is not None
        [ear] = session.listeners
        assert isinstance(ear, Ear)
        verifyObject(IListener, ear)

    def _sessions(self) -> list[object]:
        return list(self.flow.sessions._sessions.values())  # type: ignore[return-value]

    # Talk.

    def test_others_hear_what_is_said_and_the_author_does_not(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        assert mia.heard() == [":bob!irc@meet JOIN #algebra"]
        assert mia.send("PRIVMSG #algebra :hi") == []
        assert bob.heard() == [":mia!irc@meet PRIVMSG #algebra :hi"]

    def test_with_echo_the_author_hears_the_room(self) -> None:
        mia = self.person()
        mia.enter("mia", "algebra", "CAP REQ :echo-message message-tags")
        [line] = mia.send("PRIVMSG #algebra :hi")
        assert line.startswith("@msgid=")
        assert line.endswith(" :mia!irc@meet PRIVMSG #algebra :hi")

    def test_echo_replay_and_others_have_the_same_msgid(self) -> None:
        mia, bob, cy = self.person(), self.person("192.0.2.8"), self.person("192.0.2.9")
        mia.enter("mia", "algebra", "CAP REQ :echo-message message-tags")
        bob.enter("bob", "algebra", "CAP REQ message-tags")
        [echo] = with_command(mia.send("PRIVMSG #algebra :hi"), "PRIVMSG")
        [told] = bob.heard()
        [replayed] = with_command(cy.enter("cy", "algebra", "CAP REQ message-tags"), "PRIVMSG")
        msgid = echo.split()[0]
        assert msgid == told.split()[0] == replayed.split()[0]
        position = self.flow.result(self.flow.broker.read("algebra")).tail[-1][0]
        assert msgid == f"@msgid={position}"

    def test_what_a_host_removes_is_told_to_clients_that_can_take_it_back(self) -> None:
        mia, bob, cy = self.person(), self.person("192.0.2.8"), self.person("192.0.2.9")
        mia.enter("mia", "algebra", "CAP REQ :message-tags draft/message-redaction echo-message")
        bob.enter("bob", "algebra", "CAP REQ :message-tags draft/message-redaction")
        cy.enter("cy")
        mia.heard()
        [line] = cy.send("PRIVMSG #algebra :rude") or bob.heard()[-1:]
        msgid = line.split()[0].removeprefix("@msgid=")
        mia.heard()
        [echo] = mia.send(f"REDACT #algebra {msgid}")
        assert echo == f":mia!meet@meet REDACT #algebra {msgid}"
        assert bob.heard() == [echo]
        assert cy.heard() == []
        [forbidden] = bob.send(f"REDACT #algebra {msgid}")
        assert " FAIL REDACT UNKNOWN_MSGID #algebra " in forbidden
        dan = self.person("192.0.2.10")
        assert "rude" not in " ".join(dan.enter("dan", "algebra", "CAP REQ :draft/message-redaction"))

    def test_capabilities_may_change_inside_a_room(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.heard()
        mia.send("CAP REQ :echo-message server-time")
        [echo] = mia.send("PRIVMSG #algebra :hi")
        assert echo.startswith("@time=")
        mia.send("CAP REQ :-echo-message -server-time")
        assert mia.send("PRIVMSG #algebra :again") == []
        bob.heard()
        bob.send("PRIVMSG #algebra :yes")
        assert mia.heard() == [":bob!irc@meet PRIVMSG #algebra :yes"]

    def test_the_web_and_irc_hear_each_other(self) -> None:
        self.flow.open(title="Algebra")
        mia = self.person()
        mia.enter()
        self.flow.join("ann")
        assert mia.heard() == [":ann!web@meet JOIN #algebra"]

    # Nicks.

    def test_a_new_nick_is_told_once_to_each(self) -> None:
        for capability in ("batch", "echo-message"):
            self.setUp()
            mia, bob = self.person(), self.person("192.0.2.8")
            mia.enter("mia", "algebra", f"CAP REQ {capability}")
            bob.enter("bob")
            mia.send("JOIN #other")
            bob.heard()
            assert mia.send("NICK mila") == [":mia!irc@meet NICK mila"]
            self.flow.pass_time(1)
            assert mia.heard() == []
            assert bob.heard() == [":mia!irc@meet NICK mila"]
            assert sorted(self.flow.nicks()) == ["bob", "mila"]
            assert self.flow.nicks("other") == ["mila"]

    def test_a_host_key_is_told_once(self) -> None:
        for capability in ("batch", "echo-message"):
            self.setUp()
            key = self.flow.open()
            mia, bob = self.person(), self.person("192.0.2.8")
            mia.enter("mia", "algebra", f"CAP REQ {capability}")
            bob.enter("bob")
            mia.heard()
            assert mia.send(f"JOIN #algebra {key}") == [":meet.test MODE #algebra +o mia"]
            assert bob.heard() == [":meet.test MODE #algebra +o mia"]
            assert mia.send("TOPIC #algebra :New") == [":mia!irc@meet TOPIC #algebra :New"]

    # Leaving and coming back.

    def test_leaving_is_told_once(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.heard()
        bob.send("PART #algebra :so long")
        assert mia.heard() == [":bob!irc@meet PART #algebra :left"]
        bob.send("JOIN #algebra")
        bob.send("QUIT")
        bob.drop()
        self.flow.pass_time(30)
        assert mia.heard() == [":bob!irc@meet JOIN #algebra", ":bob!irc@meet PART #algebra :left"]

    def test_who_leaves_is_told_once_whatever_they_asked_to_hear(self) -> None:
        for capability in ("batch", "echo-message"):
            mia = self.person()
            mia.enter("mia", "algebra", f"CAP REQ {capability}")
            mia.send("NICK mira")
            assert mia.send("PART #algebra :so long") == [":mira!irc@meet PART #algebra :left"]
            mia.send("JOIN #algebra")
            assert mia.send("QUIT") == ["ERROR :Goodbye."]

    def test_a_lost_connection_keeps_its_place_for_a_while(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.heard()
        bob.drop()
        self.flow.pass_time(19)
        assert mia.heard() == []
        self.flow.pass_time(2)
        assert mia.heard() == [":bob!irc@meet PART #algebra :lost connection"]

    def test_who_comes_back_in_time_was_never_gone(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.heard()
        bob.drop()
        mia.send("PRIVMSG #algebra :while you were away")
        bob = self.person("192.0.2.8")
        lines = bob.enter("Bob".lower())
        assert with_command(lines, "PRIVMSG") == [":mia!irc@meet PRIVMSG #algebra :[14:00] while you were away"]
        self.flow.pass_time(30)
        assert mia.heard() == []
        bob.send("PRIVMSG #algebra :back")
        assert mia.heard() == [":bob!irc@meet PRIVMSG #algebra :back"]

    def test_a_window_that_was_cut_off_gets_what_it_missed_and_no_more(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        mia.send("PRIVMSG #algebra :heard long before")
        self.flow.pass_time(5)
        mia.send("PRIVMSG #algebra :on its way perhaps")
        bob.drop()
        mia.send("PRIVMSG #algebra :missed")
        self.flow.pass_time(10)
        back = self.person("192.0.2.8")
        told = [line.rpartition("] ")[2] for line in with_command(back.enter("bob"), "PRIVMSG")]
        assert told == ["on its way perhaps", "missed"]
        back.send("PART #algebra")
        told = [line.rpartition("] ")[2] for line in with_command(back.send("JOIN #algebra"), "PRIVMSG")]
        assert told == ["heard long before", "on its way perhaps", "missed"]

    def test_who_had_taken_another_nick_comes_back_too(self) -> None:
        bob = self.person()
        bob.enter("bob")
        bob.send("NICK bobby")
        bob.drop()
        bob = self.person()
        bob.register("bobby", user="bob")
        assert numerics(bob.send("JOIN #algebra"))[0] == "JOIN"
        assert self.flow.nicks() == ["bobby"]

    def test_a_new_nick_is_known_in_another_process_too(self) -> None:
        mia = self.person()
        mia.enter()
        mia.send("NICK mila")
        self.flow = Flow(beside=self.flow)
        self.gateway = make_gateway(self.flow.house)
        again = self.person()
        again.register("mila", user="mia")
        lines = again.send("JOIN #algebra")
        assert numerics(lines)[0] == "JOIN"
        assert with_command(lines, "353") == [":meet.test 353 mila = #algebra :@mila"]

    def test_the_old_nick_brings_back_the_place_too(self) -> None:
        mia = self.person()
        mia.enter()
        mia.send("NICK mila")
        mia.drop()
        lines = self.person().enter()
        assert with_command(lines, "353") == [":meet.test 353 mia = #algebra :@mia"]
        assert self.flow.nicks() == ["mia"]

    def test_many_alike_come_in_at_once_and_are_several(self) -> None:
        people = [self.person() for _ in range(10)]
        for number, person in enumerate(people):
            person.register(f"guest-{number}", user="guest", realname="Guest")
        for person in people:
            person.connection.dataReceived(b"JOIN #algebra\r\n")
        self.flow.turn()
        assert sorted(self.flow.nicks()) == [f"guest-{number}" for number in range(10)]
        assert not any(person.ended for person in people)

    def test_another_process_knows_a_client_again(self) -> None:
        mia = self.person()
        mia.enter()
        self.flow = Flow(beside=self.flow)
        self.gateway = make_gateway(self.flow.house)
        again = self.person()
        assert numerics(again.enter())[0] == "JOIN"
        assert self.flow.nicks() == ["mia"]

    def test_another_client_does_not_get_a_kept_place(self) -> None:
        mia = self.person()
        mia.enter()
        mia.drop()
        thief = self.person("192.0.2.66")
        assert numerics(thief.enter()) == ["437", "NOTICE"]

    def test_a_connection_that_lives_keeps_its_place(self) -> None:
        mia = self.person()
        mia.enter()
        other = self.person()
        assert other.enter() == []
        assert mia.heard() == [":meet.test PING :meet.test"]
        mia.send("PONG meet.test")
        lines = other.heard()
        assert numerics(lines) == ["437", "NOTICE"]
        assert "That nick is taken here. Try mia_2?" in lines[0]
        assert not mia.ended
        assert not other.ended

    def test_a_connection_that_is_silent_makes_way(self) -> None:
        mia, bob = self.person(), self.person("192.0.2.8")
        mia.enter()
        bob.enter("bob")
        other = self.person()
        other.enter()
        self.flow.pass_time(4.9)
        assert other.heard() == []
        self.flow.pass_time(0.2)
        assert numerics(other.heard())[0] == "JOIN"
        assert mia.heard()[-1] == "ERROR :You came in again from another connection."
        assert mia.ended
        mia.drop()
        self.flow.pass_time(40)
        assert self.flow.nicks() == ["mia", "bob"]
        assert with_command(bob.heard(), "JOIN") == []

    def test_a_connection_that_is_lost_meanwhile_makes_way_at_once(self) -> None:
        mia = self.person()
        mia.enter()
        other = self.person()
        other.enter()
        mia.drop()
        assert numerics(other.heard())[0] == "JOIN"

    def test_a_password_needs_no_asking(self) -> None:
        mia = self.person()
        mia.enter("mia", "algebra", "PASS secret")
        other = self.person("192.0.2.8")
        assert numerics(other.enter("mia", "algebra", "PASS secret"))[0] == "JOIN"
        assert mia.heard() == ["ERROR :You came in again from another connection."]

    def test_who_is_lost_while_coming_in_is_gone_after_the_grace(self) -> None:
        mia = self.person()
        mia.register()
        mia.connection.dataReceived(b"JOIN #algebra\r\n")
        mia.drop()
        assert self.flow.nicks() == ["mia"]
        self.flow.pass_time(21)
        assert self.flow.nicks() == []

    def test_a_broker_that_is_away_is_told_plainly(self) -> None:
        mia = self.person()
        mia.enter()
        self.flow.wire.cut = True
        for line in ("PRIVMSG #algebra :x", "JOIN #other", "NICK mila", "TOPIC #algebra :x", "LIST #other"):
            assert "cut" in " ".join(mia.send(line)), line
        assert numerics(mia.send("PART #algebra")) == ["PART"]
        self.flow.wire.cut = False
        assert mia.send("QUIT") == ["ERROR :Goodbye."]
        self.flow.pass_time(21)
        assert self.flow.nicks() == []

    # The room's end.

    def test_a_room_that_closes_says_so(self) -> None:
        key = self.flow.open()
        host = self.flow.join("ann", host_key=key)
        mia = self.person()
        mia.enter()
        self.flow.result(host.ask(Close()))
        assert mia.heard() == [
            ":meet.test NOTICE #algebra :The room has closed.",
            ":meet.test KICK #algebra mia :The room has closed.",
        ]
        assert not mia.ended
        assert numerics(mia.send("JOIN #algebra")) == ["403"]
        assert numerics(mia.send("PRIVMSG #algebra :x")) == ["404"]
