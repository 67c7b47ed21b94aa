"""A room as the web shows it: objects for programs, values for templates.

Everything here is made of a feed as it stands; nothing asks or waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from meet.events import Entry, Said
from meet.feed import Feed, Since
from meet.limits import Limits
from meet.moments import clock_time, moment, seconds
from meet.posts import SOURCES
from meet.search import marks
from meet.session import Session
from meet.web.formats import is_told
from meet.wire import pair

_RUN = 180.0
"""Seconds within which the next line of the same speaker continues a run."""

_HUES = 10
_LINK = re.compile(r"https?://[^\s<>\"]+")
_NOT_LAST = ".,;:!?'\"’”"


def room_object(feed: Feed) -> dict[str, Any]:
    """The room for programs."""
    room = feed.room
    return {
        "name": room.name,
        "title": room.title,
        "opened": moment(room.opened),
        "ends": moment(room.ends),
        "limit": room.limit,
        "closed": bool(room.closed),
        "follows": list(room.voices.words),
        **room.voices.choices._asdict(),
    }


def here_object(feed: Feed, limits: Limits) -> dict[str, Any]:
    """How many are here, and their nicks as long as they are few."""
    people = feed.room.people
    here: dict[str, Any] = {"count": len(people)}
    if len(people) <= limits.names_in_here:
        here["names"] = nicks(feed)
    return here


def nicks(feed: Feed) -> list[str]:
    """The nicks of all who are here, in the order in which they came."""
    return [person.nick for person in feed.room.people]


def gone(feed: Feed) -> str:
    """The moment by which all of the room is deleted."""
    return moment(feed.room.gone)


def outline(feed: Feed, limits: Limits, now: float) -> dict[str, Any]:
    """What anybody may know of a room."""
    return {
        "room": room_object(feed),
        "law": str(feed.room.ruled or ""),
        "here": here_object(feed, limits),
        "keeps": feed.room.promise(now),
        "gone": gone(feed),
    }


def welcome(feed: Feed, limits: Limits, now: float, session: Session | None, since: Since) -> dict[str, Any]:
    """What one who comes in is told first.  A lurker (no ``session``) is nobody and has no token."""
    told: dict[str, Any] = {"kind": "welcome", **outline(feed, limits, now), "resumed": since.resumed}
    told["entries"] = [raw(item) for item in since.entries if is_told(item)]
    if session is not None:
        person = session.person
        if person is not None and person.host:
            told["blocked"] = [[author, name] for author, name in feed.room.voices.blocked.items()]
        told["you"] = you_object(session)
        told["token"] = session.token
    return told


def you_object(session: Session) -> dict[str, Any]:
    """The participant to themselves."""
    person = session.person
    return {"id": session.id, "nick": session.nick, "host": person is not None and person.host}


def raw(item: Entry) -> msgspec.Raw:
    """The entry on the wire, to stand inside of JSON as it is."""
    return msgspec.Raw(pair(item))


def hue(nick: str) -> int:
    """Which of the ten colours a nick has; the page's script counts the same."""
    number = 0
    for byte in nick.lower().encode():
        number = (number * 31 + byte) % 1_000_003
    return number % _HUES


def parts(text: str) -> list[tuple[bool, str]]:
    """``text`` in pieces, each with whether it is a link."""
    found: list[tuple[bool, str]] = []
    at = 0
    for match in _LINK.finditer(text):
        link = match[0].rstrip(_NOT_LAST)
        while link.endswith((")", "]")) and link.count(link[-1]) > link.count("(" if link[-1] == ")" else "["):
            link = link[:-1].rstrip(_NOT_LAST)
        if link in ("http://", "https://", "http:/", "https:/"):
            continue
        if match.start() > at:
            found.append((False, text[at : match.start()]))
        found.append((True, link))
        at = match.start() + len(link)
    if at < len(text):
        found.append((False, text[at:]))
    return found


def lines(entries: Iterable[Entry], you: str = "", found: str = "") -> list[dict[str, Any]]:
    """What was said, for the template ``lines.html``; ``you`` is the reader's id.

    Lines that were found by a search stand each for itself, with the words ``found`` marked.
    """
    shown: list[dict[str, Any]] = []
    before: Said | None = None
    day = ""
    for item in entries:
        event = item.event
        if not isinstance(event, Said):
            continue
        at = _seconds(event.at)
        newday = _day(at) != day
        day = _day(at)
        follows = (
            before is not None
            and not found
            and event.post is None
            and not newday
            and (event.by, event.nick, event.via) == (before.by, before.nick, before.via)
            and at - _seconds(before.at) <= _RUN
        )
        shown.append(
            {
                "position": str(item.position),
                "at": event.at,
                "by": event.by,
                "nick": event.nick,
                "via": event.via,
                "text": event.text,
                "parts": [(is_link, text, marks(text, found)) for is_link, text in parts(event.text)],
                "names": marks(event.nick, found),
                "time": clock_time(at),
                "day": day,
                "mine": bool(you) and event.by == you,
                "first": not follows,
                "hue": hue(event.nick),
                "newday": newday,
                "post": event.post,
                "bare": event.is_bare,
                "source": SOURCES.get(event.via, event.via),
                "when": _when(event.post.at) if event.post is not None else "",
            }
        )
        before = event
    return shown


def _when(at: str) -> str:
    when = _seconds(at)
    return f"{clock_time(when)}, {_day(when)}" if when else ""


def _day(at: float) -> str:
    when = datetime.fromtimestamp(at, UTC)
    return f"{when:%a} {when.day} {when:%b}"


def _seconds(at: str) -> float:
    # An entry of another program may have no time that can be read; it is for display only.
    try:
        return seconds(at)
    except (ValueError, OverflowError):
        return 0.0
