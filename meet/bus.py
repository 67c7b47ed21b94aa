"""How Redis is asked to publish and to tell a room, and what its answers mean.  Pure.

The broker asks by Twisted, a site of Django without it, another language by a client of its own:
all of them give the Lua files the same words, and these stand here alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from meet.errors import Stale, Taken
from meet.events import Closed, Event, Extended, Opened, Position
from meet.keys import ROOM, Names, shard_of
from meet.limits import Limits
from meet.look import Look, Numbered
from meet.moments import DAY, seconds
from meet.wire import decode_event

Word = str | bytes | int

MARGIN = DAY
"""Seconds for which a room's keys outlive the time at which the reaper should have dropped it."""


PULSE_EVERY = 2.0
"""Seconds between two pulses of a process."""

PATIENCE = 3 * PULSE_EVERY
"""Seconds without one after which a process counts as dead."""


class Asked(NamedTuple):
    """The ``KEYS`` and the ``ARGV`` of one script."""

    keys: list[Word]
    words: list[Word]


def room_keys(names: Names, room: str) -> list[Word]:
    """The keys that every script begins with that changes a room."""
    shard = shard_of(room)
    keys: list[Word] = [names.room(shard, what, room) for what in ROOM]
    return keys + [names.of(shard, what) for what in ("journal", "asleep", "rooms")]


def to_read(names: Names, room: str) -> Asked:
    """What ``read.lua`` is given."""
    shard = shard_of(room)
    return Asked([names.room(shard, what, room) for what in ("head", "tail", "kept")], [])


def to_publish(
    names: Names,
    room: str,
    body: bytes,
    *,
    under: Position | None,
    key: str | None = None,
    forget: bool = False,
    ruling: bool = False,
    claim: tuple[str, str] | None = None,
    once: str | None = None,
    erase: Position | None = None,
    instead: Numbered = (),
    process: str,
    epoch: str,
    limits: Limits,
) -> Asked:
    """What ``publish.lua`` is given for ``body``, by ``process``; a room that is new gets the log ``epoch``.

    The guards are those of `meet.interfaces.IBroker.publish`.
    """
    shard = shard_of(room)
    keys = room_keys(names, room)
    if once is not None:
        keys.append(names.once(shard, room, once))
    claimed, owner = claim or ("", "")
    flags = ("k" if key is not None else "") + ("f" if forget else "") + ("r" if ruling else "")
    stays = till([decode_event(body)], limits) if ruling else None
    words: list[Word] = [
        room,
        body,
        str(under) if under is not None else "",
        key or "",
        flags + ("c" if claim is not None else ""),
        claimed,
        owner,
        process,
        epoch,
        limits.entries_in_tail,
        names.channel(room),
        names.wake,
        shard,
        "" if stays is None else stays,
        str(erase) if erase is not None else "",
        1000 * limits.once_kept,
        *(word for at, other in instead for word in (str(at), other)),
    ]
    return Asked(keys, words)


def published(answer: bytes) -> Position:
    """What ``publish.lua`` answered; raises `Stale` or `Taken`."""
    if answer == b"stale":
        raise Stale("A ruling was numbered since.")
    if answer == b"taken":
        raise Taken("That belongs to somebody else.")
    return position_of(answer.removeprefix(b"="))


def position_of(text: bytes) -> Position:
    """Read ``epoch.seq``."""
    epoch, _, number = text.rpartition(b".")
    return Position(epoch.decode(), int(number))


def look_of(answer: Sequence[Any]) -> Look:
    """Read what ``read.lua`` answers."""
    if not answer:
        return Look(None, None, [], [], 0)
    epoch, last, law, floor, kept, tail = answer
    log = epoch.decode()
    state = []
    for each in kept:
        number, _, body = each.partition(b" ")
        state.append((Position(log, int(number)), body))
    state.sort(key=lambda item: item[0].seq)
    talk = [(Position(log, int(number.partition(b"-")[0])), fields[1]) for number, fields in tail]
    return Look(Position(log, int(last)), Position(log, int(law)) if law else None, state, talk, int(floor))


def till(events: Iterable[Event], limits: Limits) -> int | None:
    """Until when a room's keys must stay, in milliseconds since 1970, by its state; None if that does not say."""
    ends: float | None = None
    for event in events:
        try:
            match event:
                case Closed():
                    ends = seconds(event.at)
                    break
                case Opened() | Extended():
                    ends = seconds(event.ends)
        except (ValueError, OverflowError):
            continue
    return None if ends is None else round(1000 * (ends + limits.grace + MARGIN))
