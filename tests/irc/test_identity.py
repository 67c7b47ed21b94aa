from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.irc.identity import fingerprint, token

SECRET = b"s" * 32


def mark(password: str = "", address: str = "192.0.2.7", user: str = "mia", realname: str = "Mia") -> str:
    return fingerprint(SECRET, password=password, address=address, user=user, realname=realname)


class IdentityTests(SynchronousTestCase):
    def test_the_same_client_is_known_again(self) -> None:
        assert mark() == mark()
        assert token(SECRET, "algebra", "Mia", mark()) == token(SECRET, "algebra", "mia", mark())

    def test_another_is_not(self) -> None:
        assert len({mark(), mark(address="192.0.2.8"), mark(user="m"), mark(realname="M"), mark("x")}) == 5
        tokens = {token(SECRET, room, nick, mark()) for room in ("a", "b") for nick in ("mia", "bob")}
        assert len(tokens) == 4

    def test_a_password_counts_for_more_than_the_address(self) -> None:
        assert mark("x") == mark("x", address="192.0.2.8", user="other", realname="Other")

    def test_no_word_can_pass_for_a_password(self) -> None:
        assert mark("x") != mark(address="pass", user="x")

    def test_another_broker_makes_other_tokens(self) -> None:
        assert token(SECRET, "a", "mia", mark()) != token(b"t" * 32, "a", "mia", mark())

    def test_a_token_is_long_enough_for_sessions(self) -> None:
        assert len(token(SECRET, "a", "mia", mark())) == 64
