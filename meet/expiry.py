"""When the words of posts must go that may not be kept for as long as the room.

Pure.  What a room remembers is seen at each look.  Of what has left its tail, and is in archives
only, two moments are remembered here: by when the first of its words must go, and the last.

The law: no words stay past their moment, and a room is told of it at most once in `STEP`; so some
go that much before.
"""

from __future__ import annotations

import math

from meet.events import Position
from meet.look import Look
from meet.moments import HOUR, moment, seconds
from meet.posts import KEEP_MOST
from meet.room import Room
from meet.wire import bare, decode_event, expires

STEP = float(HOUR)
"""Seconds; words that must go within them go together with those that must go now."""


class Expiry:
    """What is known of the posts of one room."""

    __slots__ = ("_first", "_last", "_looked")

    def __init__(self) -> None:
        self._first = math.inf
        self._last = 0.0
        self._looked = False

    def heard(self, at: str) -> bool:
        """A post was told whose words must be gone by the moment ``at``; whether it is the earliest known."""
        when = _seconds(at, math.inf)
        if when == math.inf:
            return False
        first, self._first = self._first, min(self._first, when)
        self._last = max(self._last, when)
        return when < first

    def due(self, room: Room, look: Look, now: float) -> float:
        """When words of ``room``, as ``look`` shows it, must go next (seconds since 1970); infinity if none must."""
        gone = _seconds(room.voices.expired, 0.0)
        if not self._looked:
            self._looked = True
            voices = room.voices
            if look.floor and (voices.words or voices.spent or gone):
                # Another process has heard what left the tail before.
                oldest = _seconds(decode_event(look.tail[0][1]).at, now) if look.tail else now
                self._first, self._last = 0.0, max(self._last, oldest + KEEP_MOST)
        here = [_seconds(at, math.inf) for _, body in look.tail if (at := expires(body))]
        passed = max(self._first, gone) if look.floor and self._last > gone else math.inf
        return min([passed, *here])


def instead(look: Look, before: float) -> list[tuple[Position, bytes]]:
    """What stays of the posts in the tail of ``look`` whose words must be gone by ``before``."""
    at = moment(before)
    rest = ((position, body, bare(body, at)) for position, body in look.tail)
    return [(position, other) for position, body, other in rest if other is not body]


def _seconds(text: str, otherwise: float) -> float:
    try:
        return seconds(text)
    except (ValueError, OverflowError):
        return otherwise
