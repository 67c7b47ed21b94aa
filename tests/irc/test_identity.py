from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Join, Rename
from meet.irc.identity import fingerprint, own_token
from meet.names import digest
from tests.irc.script import Script

SECRET = b"s" * 32


def mark(password: str = "", address: str = "192.0.2.7", user: str = "mia", realname: str = "Mia") -> str:
    return fingerprint(SECRET, password=password, address=address, user=user, realname=realname)


class Alike:
    """A room into which people come by their tokens."""

    def __init__(self, name: str = "algebra") -> None:
        self._place = Script().room(name)
        self.room = self._place.room

    def come(self, nick: str, token: str) -> None:
        self._place.ask(digest(token), Join(nick=nick, via="irc"))

    def id_of(self, nick: str) -> str:
        [identity] = [person.id for person in self.room.people if person.nick == nick]
        return identity

    def rename(self, nick: str, other: str) -> None:
        self._place.ask(self.id_of(nick), Rename(nick=other))


class IdentityTests(SynchronousTestCase):
    def test_the_same_client_is_known_again(self) -> None:
        assert mark() == mark()
        room = Alike()
        room.come("mia", own_token(SECRET, room.room, "mia", mark()))
        assert own_token(SECRET, room.room, "Mia", mark()) == own_token(SECRET, room.room, "mia", mark())
        assert room.id_of("mia") == digest(own_token(SECRET, room.room, "mia", mark()))

    def test_it_is_known_by_a_nick_that_it_took_since(self) -> None:
        room = Alike()
        token = own_token(SECRET, room.room, "mia", mark())
        room.come("mia", token)
        room.rename("mia", "mila")
        assert own_token(SECRET, room.room, "mila", mark()) == token

    def test_those_alike_are_told_apart_by_their_nicks(self) -> None:
        room = Alike()
        nicks = [f"guest-{number}" for number in range(50)]
        tokens = []
        for nick in nicks:
            tokens.append(own_token(SECRET, room.room, nick, mark()))
            room.come(nick, tokens[-1])
        assert len(set(tokens)) == 50
        assert [own_token(SECRET, room.room, nick, mark()) for nick in nicks] == tokens

    def test_another_is_not_known(self) -> None:
        marks = {mark(), mark(address="192.0.2.8"), mark(user="m"), mark(realname="M"), mark("x")}
        assert len(marks) == 5
        room = Alike()
        room.come("mia", own_token(SECRET, room.room, "mia", mark()))
        for each in marks - {mark()}:
            assert digest(own_token(SECRET, room.room, "mia", each)) != room.id_of("mia")

    def test_a_password_counts_for_more_than_the_address(self) -> None:
        assert mark("x") == mark("x", address="192.0.2.8", user="other", realname="Other")

    def test_no_word_can_pass_for_a_password(self) -> None:
        assert mark("x") != mark(address="pass", user="x")

    def test_every_room_and_broker_has_its_own_tokens(self) -> None:
        first, second = Alike("a"), Alike("b")
        tokens = {
            own_token(secret, room.room, "mia", mark()) for secret in (SECRET, b"t" * 32) for room in (first, second)
        }
        assert len(tokens) == 4

    def test_a_token_is_long_enough_for_sessions(self) -> None:
        assert len(own_token(SECRET, Alike().room, "mia", mark())) == 64
