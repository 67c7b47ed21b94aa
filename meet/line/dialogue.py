"""The words of the line door: what a line asks for, and what is said back.

The law: no I/O.  `understand` turns one line into one wish, or says in a `Refused` why it
is none; every other function gives lines of text.  A line that does not begin with ``/``
is said; ``//`` at the beginning stands for one ``/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from meet import moderation, names
from meet.commands import Close, Command, Extend, Rename, Retitle, Say
from meet.errors import Goodbye, Refused
from meet.feed import Feed
from meet.moments import DAY, DEFAULT_LIFE, HOUR, LIVES, day_time
from meet.room import Room

GREETING = "Meet. /join room nick  ·  /help"

HELP = (
    "/join room nick                go into a room; a host adds the host key after the nick",
    "/open room 8h as nick A title  open a room; its life, your nick and its title may be left out",
    "/who                           who is here",
    "/nick new                      go by another nick",
    "/leave                         leave the room",
    "/quit                          leave and hang up",
    "/title A title                 give the room another title (host)",
    "/extend 2h                     let the room end 2 hours from now (host)",
    "/close                         close the room for everybody (host)",
    "/follow #pycon @speaker        let posts with these words in, or none (host); alone it tells",
    "/voices pause                  let none in; resume; reposts, quotes, sensitive on or off (host)",
    "/block name                    let nothing of that author in (host)",
    "/unblock name                  let them in again (host)",
    "/remove name                   hide the newest line of that name from everybody (host)",
    "//text                         say a line that begins with /",
    "Any other line is said. A life is a number and a unit: 45 min, 8h, 1 day, 1 week, 1 month, 1 year.",
    "Times are UTC.",
)

NOT_IN_A_ROOM = "You are in no room yet. Go into one by /join room nick."
BYE = "Goodbye."
NOT_TLS = "! This door speaks plain text, without TLS."

_UNITS = {
    "min": 60,
    "minute": 60,
    "h": HOUR,
    "hour": HOUR,
    "d": DAY,
    "day": DAY,
    "w": 7 * DAY,
    "week": 7 * DAY,
    "month": 30 * DAY,
    "y": 365 * DAY,
    "year": 365 * DAY,
}
# Lower case only, so that a room about 3D printing can say so in its title.
_LIFE = re.compile(rf"([0-9]{{1,6}}) ?({'|'.join(_UNITS)})s?(?: +|\Z)")
_NICK = re.compile(r"as +(\S+) *", re.IGNORECASE)
_REQUEST = re.compile(r"[A-Z]{3,20} \S+ HTTP/[0-9]")
_TLS_HANDSHAKE = 0x16


@dataclass(frozen=True, slots=True)
class Enter:
    """Go into ``room``."""

    room: str
    nick: str
    host_key: str = ""


@dataclass(frozen=True, slots=True)
class Begin:
    """Open ``room`` until ``ends`` (seconds since 1970), and go in if there is a ``nick``."""

    room: str
    ends: float
    title: str = ""
    nick: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the room one is in for ``command``; if it is granted, ``receipt`` is told to the asker."""

    command: Command
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Moderate:
    """Ask the room one is in for what ``make`` makes of its feed."""

    make: Callable[[Feed], Command]


class Names:
    """Ask who is here."""


class Followed:
    """Ask what the room follows."""


class Depart:
    """Leave the room."""


class HangUp:
    """Leave the room and end the connection."""


class Explain:
    """Ask for the help text."""


Wish = Enter | Begin | Ask | Moderate | Names | Followed | Depart | HangUp | Explain


def understand(line: str, now: float) -> Wish:
    """What ``line``, which is not empty, asks for at ``now`` (seconds since 1970).

    Raises `Refused` for an unknown command or one of the wrong shape.
    """
    if not line.startswith("/"):
        return Ask(Say(text=line))
    if line.startswith("//"):
        return Ask(Say(text=line[1:]))
    word, _, rest = line[1:].partition(" ")
    make = _WISHES.get(word.lower())
    if make is None:
        shown = names.clean(word)[: names.NICK_LENGTH]
        raise Refused("unknown-ask", f"There is no command /{shown}. /help tells those that there are.")
    return make(rest.strip(), now)


def greets_as_tls(data: bytes) -> bool:
    """Whether the first bytes of a connection begin a TLS handshake (RFC 8446 section 5.1)."""
    return data[:1] == bytes((_TLS_HANDSHAKE,))


def greets_as_http(line: str) -> bool:
    """Whether the first line of a connection is an HTTP request's."""
    return _REQUEST.match(line) is not None


def not_http(public_url: str) -> str:
    """The answer to an HTTP client; ``public_url`` is the pages' address, or empty."""
    where = f" The pages are at {public_url}." if public_url else ""
    return f"! This is the line door of Meet, not its pages.{where}"


def refusal(refused: Refused) -> str:
    """How a refusal is told."""
    return f"! {refused.detail}"


def goodbye(ending: Goodbye) -> str:
    """The last line of a connection."""
    return ending.text


def came_in(room: Room, now: float) -> list[str]:
    """What somebody who comes in is told before the newest lines."""
    title = "" if room.title == room.name else f" ({room.title})"
    ends = day_time(room.ends, now)
    return [f"{room.name}{title}, {len(room.people)} here, ends {ends} UTC. {room.promise(now)}"]


def left(room: str) -> str:
    """What somebody is told who has left."""
    return f"You left {room}."


def opened(room: Room, host_key: str, now: float) -> list[str]:
    """What somebody is told who has opened a room: the key only they get."""
    return [
        f"{room.name} is open until {day_time(room.ends, now)} UTC.",
        f"Your host key: {host_key}",
        f"Keep it. With it, /join {room.name} nick key makes you its host again.",
    ]


def who(room: Room, most: int) -> str:
    """Who is here, at most ``most`` of them by name; hosts are marked with ``*``."""
    nicks = [("*" if person.host else "") + person.nick for _, person in zip(range(most), room.people, strict=False)]
    more = len(room.people) - len(nicks)
    return f"{len(room.people)} here: {', '.join(nicks)}" + (f" and {more} more" if more else "")


def _enter(rest: str, now: float) -> Wish:
    words = rest.split()
    if not 2 <= len(words) <= 3:
        _shape("/join room nick")
    return Enter(*words)


def _begin(rest: str, now: float) -> Wish:
    room, _, rest = rest.partition(" ")
    if not room:
        _shape("/open room 8h as nick A title")
    rest = rest.strip()
    ends = now + LIVES[DEFAULT_LIFE]
    if life := _LIFE.match(rest):
        ends = now + _seconds(life)
        rest = rest[life.end() :]
    nick = ""
    if called := _NICK.match(rest):
        # Before the room is opened, so that it is not opened in vain.
        nick = names.nick(called[1])
        rest = rest[called.end() :]
    return Begin(room, ends, rest, nick)


def _rename(rest: str, now: float) -> Wish:
    nick = names.nick(rest)
    return Ask(Rename(nick=nick), f"You are {nick} now.")


def _retitle(rest: str, now: float) -> Wish:
    return Ask(Retitle(title=rest))


def _extend(rest: str, now: float) -> Wish:
    life = _LIFE.fullmatch(rest)
    if life is None:
        raise Refused("bad-life", "Say for how long from now: /extend 2h, 1 day, 1 week, 1 month or 1 year.")
    return Ask(Extend(ends=now + _seconds(life)))


def _follow(rest: str, now: float) -> Wish:
    return Ask(moderation.follow(rest.split())) if rest else Followed()


def _of_somebody(make: Callable[[Feed, str], Command], word: str) -> Callable[[str, float], Wish]:
    def wish(rest: str, now: float) -> Wish:
        if not rest:
            _shape(f"/{word} name")
        return Moderate(lambda feed: make(feed, rest))

    return wish


def _seconds(life: re.Match[str]) -> float:
    return int(life[1]) * _UNITS[life[2].lower()]


def _shape(example: str) -> NoReturn:
    raise Refused("bad-input", f"Write it as {example}.")


_WISHES: dict[str, Callable[[str, float], Wish]] = {
    "join": _enter,
    "open": _begin,
    "who": lambda rest, now: Names(),
    "nick": _rename,
    "leave": lambda rest, now: Depart(),
    "quit": lambda rest, now: HangUp(),
    "title": _retitle,
    "extend": _extend,
    "close": lambda rest, now: Ask(Close()),
    "follow": _follow,
    "voices": lambda rest, now: Ask(moderation.choose(rest.split())),
    "block": _of_somebody(moderation.block, "block"),
    "unblock": _of_somebody(lambda feed, name: moderation.unblock(feed.room, name), "unblock"),
    "remove": _of_somebody(moderation.remove, "remove"),
    "help": lambda rest, now: Explain(),
}
