"""Moments and spans of time, as text and as numbers.

A moment in an event is text in one fixed form, ``2026-11-24T14:05:09.120Z``: always
UTC, always milliseconds, so that moments compare as text.  Inside the program a moment
is a float, seconds since 1970 (``IReactorTime.seconds``).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

HOUR = 3600
DAY = 24 * HOUR

LIVES: dict[str, int] = {
    "1 hour": HOUR,
    "2 hours": 2 * HOUR,
    "8 hours": 8 * HOUR,
    "1 day": DAY,
    "1 week": 7 * DAY,
    "1 month": 30 * DAY,
    "1 year": 365 * DAY,
}
"""The lives that are offered by name, in seconds."""

DEFAULT_LIFE = "1 day"


def moment(seconds: float) -> str:
    """Write ``seconds`` since 1970 as a moment, cut to whole milliseconds."""
    # A float can lie just under the millisecond that it was read from.
    whole, rest = divmod(math.floor(seconds * 1000 + 0.001), 1000)
    return f"{_second(whole)}.{rest:03d}Z"


def seconds(text: str) -> float:
    """Read a moment, or any ISO 8601 time with a zone, as seconds since 1970.

    Raises `ValueError` if ``text`` is no such time or has no zone.
    """
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return when.timestamp()


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    # Kept: all that happens in one second begins alike, and so do the ends of the rooms here.
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def clock_time(seconds: float) -> str:
    """Write the hour and minute of ``seconds`` since 1970 in UTC, as ``14:05``."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M}"


def day_time(seconds: float, now: float) -> str:
    """Write ``seconds`` for a reader at ``now``: ``15:10``, ``Tue 15:10`` or ``3 Dec 2026 15:10``."""
    when = datetime.fromtimestamp(seconds, UTC)
    if when.date() == datetime.fromtimestamp(now, UTC).date():
        return f"{when:%H:%M}"
    if 0 <= seconds - now < 6 * DAY:
        return f"{when:%a %H:%M}"
    return f"{when.day} {when:%b %Y %H:%M}"


def span(seconds: float) -> str:
    """Write a length of time in its largest whole unit, as ``1 hour`` or ``3 days``."""
    sizes = {"day": DAY, "hour": HOUR, "minute": 60, "second": 1}
    whole = (unit for unit, size in sizes.items() if seconds >= size and seconds % size == 0)
    unit = next(whole, "second")
    count = int(seconds // sizes[unit])
    return f"{count} {unit}" + ("" if count == 1 else "s")


def about(seconds: float) -> str:
    """Write a length of time in whole units, of which there are at least two: ``90 seconds``, ``62 minutes``."""
    sizes = {"day": DAY, "hour": HOUR, "minute": 60}
    unit = next((unit for unit, size in sizes.items() if seconds >= 2 * size), "second")
    count = int(seconds // sizes.get(unit, 1))
    return f"{count} {unit}{'' if count == 1 else 's'}"
