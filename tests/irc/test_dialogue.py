from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.irc.message import read
from tests.irc.script import Script


def codes(lines: list[str]) -> list[str]:
    return [line.split(" ")[0] for line in lines]


class RegistrationTests(SynchronousTestCase):
    def test_nick_and_user_are_enough(self) -> None:
        script = Script()
        assert script.send("NICK mia") == []
        lines = script.send("USER mia 0 * :Mia")
        assert codes(lines)[:4] == ["001", "002", "003", "004"]
        assert codes(lines)[-2:] == ["422", "221"]
        assert lines[0] == "001 mia :Welcome to Meet, mia."

    def test_everything_else_must_wait(self) -> None:
        script = Script()
        assert script.send("JOIN :") == ["451 * :You have not registered."]
        assert script.send("NONSENSE") == ["451 * :You have not registered."]

    def test_a_negotiation_holds_it(self) -> None:
        script = Script()
        lines = script.send("CAP LS 302", "NICK mia", "USER mia 0 * :Mia")
        assert codes(lines) == ["CAP"]
        assert "echo-message" in lines[0]
        assert script.send("CAP REQ :server-time") == ["CAP mia ACK :server-time"]
        assert "001 mia :Welcome" in script.send("CAP END")[0]

    def test_the_end_before_our_answer_is_taken(self) -> None:
        lines = Script().send("NICK mia", "CAP REQ :batch", "CAP END", "USER mia 0 * :Mia")
        assert "001" in codes(lines)

    def test_capabilities(self) -> None:
        script = Script()
        assert script.send("CAP REQ :sasl batch") == ["CAP * NAK :sasl batch"]
        assert script.send("CAP REQ :batch echo-message") == ["CAP * ACK :batch echo-message"]
        assert script.send("CAP REQ :-batch") == ["CAP * ACK :-batch"]
        assert script.send("CAP LIST") == ["CAP * LIST :echo-message"]
        assert script.send("CAP WHAT") == ["410 * WHAT :Meet does not know that CAP command."]
        assert "cap-notify" not in script.send("CAP LS")[0]

    def test_server_time_is_on_every_line(self) -> None:
        script = Script().register()
        script.send("CAP REQ :server-time")
        [line] = script.send("PING token")
        assert read(line).tags["time"] == "2026-11-24T14:00:00.000Z"

    def test_what_is_wrong_is_said(self) -> None:
        script = Script()
        assert script.send("NICK") == ["431 * :No nick given."]
        assert script.send("NICK a@b") == ["432 * a@b :A nick cannot have @ in it."]
        assert codes(script.send("NICK meet")) == ["432"]
        assert codes(script.send("USER mia")) == ["461"]
        assert codes(script.send("PASS")) == ["461"]
        script.register()
        assert codes(script.send("PASS x", "USER a b c d")) == ["462", "462"]

    def test_the_password_is_remembered_and_never_told(self) -> None:
        script = Script()
        script.send("PASS geheim")
        lines = script.register().send("WHOIS mia", "JOIN #algebra", "WHO #algebra")
        assert script.client.password == "geheim"
        assert "geheim" not in "".join(lines)

    def test_ping_is_answered_at_any_time(self) -> None:
        assert Script().send("PING x") == ["PONG meet :x"]
        assert Script().send("PING") == ["409 * :No token given."]
        assert Script().send("PONG x") == []

    def test_isupport_is_told_in_rows_of_thirteen(self) -> None:
        script = Script()
        lines = [line for line in script.send("NICK mia", "USER m 0 * :M") if line.startswith("005")]
        for line in lines:
            tokens = read(line).params[1:-1]
            assert len(tokens) <= 13
            assert all(token.count("=") <= 1 for token in tokens)
        everything = " ".join(lines)
        for token in ("CASEMAPPING=ascii", "CHANTYPES=#", "PREFIX=(o)@", "NICKLEN=24", "UTF8ONLY", "WHOX"):
            assert f" {token} " in everything


class AnyLineTests(SynchronousTestCase):
    @given(
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.builds(
                    lambda command, params: " ".join([command, *params]),
                    st.sampled_from(
                        [
                            "CAP",
                            "NICK",
                            "USER",
                            "JOIN",
                            "PART",
                            "MODE",
                            "WHO",
                            "WHOIS",
                            "LIST",
                            "NAMES",
                            "TOPIC",
                            "PRIVMSG",
                            "NOTICE",
                            "KICK",
                            "INVITE",
                            "AWAY",
                            "USERHOST",
                            "ISON",
                            "PING",
                            "QUIT",
                            "HELP",
                            "MOTD",
                            "TAGMSG",
                            "PASS",
                            "OPER",
                            "WHOWAS",
                            "LINKS",
                            "ADMIN",
                        ]
                    ),
                    st.lists(
                        st.sampled_from(
                            ["#algebra", "#", "", ":", "mia", "0", "*", "b", "+o", "%tn,7", "a,b", "#a,#b,,#", ":x y"]
                        ),
                        max_size=4,
                    ),
                ),
            ),
            max_size=12,
        )
    )
    def test_never_breaks(self, lines: list[str]) -> None:
        script = Script().register()
        script.send("JOIN #algebra")
        for answer in script.send(*(line.replace("\n", " ").replace("\r", " ") for line in lines)):
            assert len(answer.encode()) <= 510
