"""Bytes to words and back: the JSON of events, entries, positions and clients' asks.

An entry on the wire is the pair ``["k3q.12", {"kind": …}]``.  It is put together from
the event's bytes as they were numbered, so an event is encoded once in its life and passed
on untouched, keys that this version does not know included.
"""

from __future__ import annotations

import functools
import operator
import re
from typing import Any, NamedTuple

import msgspec

from meet.commands import Block, Choose, Close, Command, Extend, Follow, Leave, Remove, Rename, Retitle, Say, Unblock
from meet.errors import Refused
from meet.events import KINDS, Entry, Event, Position, Said, Unknown
from meet.moments import HOUR, seconds

_POSITION = re.compile(r"([0-9a-z]{1,16})\.([0-9]{1,18})\Z")
_TEXTS_MOST = 100
_encoder = msgspec.json.Encoder()
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(functools.reduce(operator.or_, KINDS))
_anything = msgspec.json.Decoder()


class Who(NamedTuple):
    """Asks for the names of those who are here."""


class Beat(NamedTuple):
    """Asks for a sign of life."""


class Asked(NamedTuple):
    """What a client's frame asks for, and the mark it will know the answer by."""

    ask: Command | Who | Beat
    ref: str


def encode(value: object) -> bytes:
    """The JSON of an event or of anything made of plain values."""
    return _encoder.encode(value)


def decode_event(body: bytes) -> Event:
    """Read an event; a kind or a shape this version does not know becomes `Unknown`."""
    try:
        return _event.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unknown(at="")


def expires(body: bytes) -> str:
    """The moment by which the words in ``body`` must be gone; empty if they may stay as long as the room."""
    if b'"expires"' not in body:
        return ""
    event = decode_event(body)
    return event.post.expires if isinstance(event, Said) and event.post is not None else ""


def bare(body: bytes, until: str = "") -> bytes:
    """``body``, without its words if they may be kept until the moment ``until`` at most (empty: until any)."""
    at = expires(body)
    if not at or (until and at > until):
        return body
    event = decode_event(body)
    return encode(event.bare()) if isinstance(event, Said) else body


def entry(position: Position, body: bytes) -> Entry:
    """Put an entry together out of what a broker carries."""
    return Entry(position, decode_event(body), body)


def pair(item: Entry) -> bytes:
    """The entry on the wire: ``["epoch.seq", {event}]``."""
    return b'["%s.%d",%s]' % (item.position.epoch.encode(), item.position.seq, item.body)


def position(text: str) -> Position:
    """Read a position; raises `Refused` ``bad-input`` if it is none."""
    match = _POSITION.match(text)
    if match is None:
        raise Refused("bad-input", "A position looks like k3q.12.")
    return Position(match[1], int(match[2]))


def json_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object from a client; raises `Refused` ``bad-input`` for anything else."""
    try:
        value = _anything.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("bad-input", "That is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise Refused("bad-input", "A JSON object is expected.")
    return value


def text_field(value: dict[str, Any], name: str, default: str | None = None) -> str:
    """The text under ``name``; raises `Refused` ``bad-input`` if it is missing or no text."""
    found = value.get(name, default)
    if not isinstance(found, str):
        raise Refused("bad-input", f"The field {name} must be a text.")
    return found


def texts_field(value: dict[str, Any], name: str) -> tuple[str, ...]:
    """The texts under ``name``, at most 100; raises `Refused` ``bad-input`` if they are no list of texts."""
    found = value.get(name)
    if not isinstance(found, list) or len(found) > _TEXTS_MOST or not all(isinstance(each, str) for each in found):
        raise Refused("bad-input", f"The field {name} must be a list of texts.")
    return tuple(found)


def switch_field(value: dict[str, Any], name: str) -> bool | None:
    """True, false or nothing under ``name``; raises `Refused` ``bad-input`` for anything else."""
    found = value.get(name)
    if found is not None and not isinstance(found, bool):
        raise Refused("bad-input", f"The field {name} must be true or false.")
    return found


def life(value: dict[str, Any], now: float, default: float) -> float:
    """When a room asked for in ``value`` ends, in seconds since 1970.

    ``hours`` (a number) or ``ends`` (an ISO 8601 time with zone) say so; with neither it is
    ``default``.  Raises `Refused` ``bad-life`` if it is neither.
    """
    if "ends" in value:
        try:
            return seconds(text_field(value, "ends"))
        except (ValueError, OverflowError):
            raise Refused("bad-life", "The field ends must be a time such as 2026-11-24T15:10:00Z.") from None
    hours = value.get("hours")
    if hours is None:
        return default
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours < 1e6:
        raise Refused("bad-life", "The field hours must be a number of hours.")
    return now + hours * HOUR


def asked(data: bytes, now: float) -> Asked:
    """Read one frame of a client: ``{"ask": "say", "text": …, "ref": …}``.

    Raises `Refused`, and ``ref`` stands in `refused_ref` of the same bytes.
    """
    value = json_object(data)
    ref = text_field(value, "ref", "")
    match text_field(value, "ask"):
        case "say":
            ask: Command | Who | Beat = Say(text=text_field(value, "text"), ref=ref)
        case "rename":
            ask = Rename(nick=text_field(value, "nick"))
        case "retitle":
            ask = Retitle(title=text_field(value, "title"))
        case "extend":
            ask = Extend(ends=life(value, now, now))
        case "close":
            ask = Close()
        case "remove":
            ask = Remove(number=position(text_field(value, "position")).seq)
        case "follow":
            ask = Follow(words=texts_field(value, "words"))
        case "choose":
            ask = Choose(**{name: switch_field(value, name) for name in Choose.__struct_fields__})
        case "block":
            ask = Block(author=text_field(value, "author"), name=text_field(value, "name", ""))
        case "unblock":
            ask = Unblock(author=text_field(value, "author"))
        case "leave":
            ask = Leave()
        case "who":
            ask = Who()
        case "beat":
            ask = Beat()
        case other:
            raise Refused("unknown-ask", f"Nothing can be asked by the name of {other[:40]!r}.")
    return Asked(ask, ref)


def refused_ref(data: bytes) -> str:
    """The ``ref`` in a frame that was refused, as far as it has one."""
    try:
        return text_field(json_object(data), "ref", "")
    except Refused:
        return ""
