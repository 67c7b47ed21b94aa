"""What a site asks of a room: looked at, decided by Meet's own rules, published, and done again if it was stale.

A site speaks as a participant like everybody else: it takes a nick, says its line and lets go of the nick.
Who it is, only the site can be: its token is made of the site's secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from meet import names
from meet.commands import Close, Command, Extend, Join, Leave, Open, Retitle, Say
from meet.errors import Refused, Stale, Taken, Unavailable
from meet.events import Position
from meet.feed import Feed
from meet.limits import Limits
from meet.rasputin.bus import Bus

VIA = "site"
"""The door by which a site comes in."""

_TRIES = 20
"""How often a room that changes under us is looked at anew."""

_COMMANDS: dict[str, type[Command]] = {
    "open": Open,
    "say": Say,
    "retitle": Retitle,
    "extend": Extend,
    "close": Close,
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: under which ``nick``, with what ``token``, with the room's ``host_key`` if they have it."""

    nick: str
    token: str
    host_key: str = ""

    @property
    def id(self) -> str:
        """The participant's id."""
        return names.digest(self.token)


def words_of(command: Command) -> str:
    """A command as text, for keeping."""
    told: dict[str, Any] = msgspec.to_builtins(command)
    return msgspec.json.encode({"ask": type(command).__name__.lower(), **told}).decode()


def command_of(words: str) -> Command:
    """What `words_of` has written."""
    told = msgspec.json.decode(words)
    return msgspec.convert(told, _COMMANDS[told.pop("ask")])


def feed_of(bus: Bus, room: str, limits: Limits) -> Feed:
    """The room as it is now."""
    feed = Feed(room, limits)
    feed.restore(bus.look(room))
    return feed


def ask(bus: Bus, limits: Limits, room: str, command: Command, asker: Asker, now: float) -> Position:
    """Have ``command`` done at ``now`` (seconds since 1970); the position of what became true.

    Raises `Refused` with Meet's reason, `Unavailable` if the bus is away; to ask again does no harm.
    """
    for _ in range(_TRIES):
        feed = feed_of(bus, room, limits)
        try:
            if isinstance(command, Open):
                if feed.room.exists and not feed.room.closed and feed.room.lock == command.lock:
                    # Asked before, and the answer did not come.
                    return feed.room.ruled or Position("", 0)
                return _grant(bus, feed, command, "", now)
            person = feed.room.people.person(asker.id)
            if person is None or (asker.host_key and not person.host):
                _grant(bus, feed, Join(nick=asker.nick, via=VIA, host_key=asker.host_key), asker.id, now)
                continue
            position = _grant(bus, feed, command, asker.id, now)
        except (Stale, Taken):
            continue
        except Refused:
            _leave(bus, limits, room, asker, now)
            raise
        _leave(bus, limits, room, asker, now)
        return position
    raise Unavailable("Too much is changing in this room. Ask again.")


def _grant(bus: Bus, feed: Feed, command: Command, who: str, now: float) -> Position:
    event = feed.room.decide(command, who, now)
    return bus.publish(feed.name, event, feed.room.guards(event))


def _leave(bus: Bus, limits: Limits, room: str, asker: Asker, now: float) -> None:
    """Let go of the nick, also of one that a process which died had taken."""
    for _ in range(_TRIES):
        try:
            _grant(bus, feed_of(bus, room, limits), Leave(), asker.id, now)
        except Stale:
            continue
        except (Refused, Taken, Unavailable):
            # It has left already, with another's line, or with the room; or the bus is away, and the room ends once.
            return
        return
