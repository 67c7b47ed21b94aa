"""What posts that cost money may still come, by rooms and in all; a day at a time (UTC).

Pure.  A post that was delivered is paid for, whether or not somebody sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from meet.limits import Limits
from meet.moments import DAY


class Budget:
    """The posts of one source that costs, counted for each room and for the installation."""

    def __init__(self, limits: Limits) -> None:
        self._of_room = limits.paid_posts_per_room
        self._of_all = limits.paid_posts
        self._day = ""
        self._ends = 0.0
        self._all = 0
        self._rooms: dict[str, int] = {}

    def know(self, room: str, day: str, count: int, now: float) -> None:
        """So much had been counted for ``room`` on ``day``, perhaps by another process."""
        self._turn(now)
        if day == self._day and count > self._rooms.get(room, 0):
            self._all += count - self._rooms.get(room, 0)
            self._rooms[room] = count

    def pay(self, rooms: Iterable[str], now: float) -> None:
        """One post was delivered, for ``rooms``."""
        self._turn(now)
        self._all += 1
        for room in rooms:
            self._rooms[room] = self._rooms.get(room, 0) + 1

    def spent(self, room: str, now: float) -> str:
        """Why nothing more may come for ``room`` today, in a sentence; empty if it may."""
        self._turn(now)
        if 0 < self._of_room <= self._rooms.get(room, 0):
            return (
                f"This room has had the {self._of_room} posts that it may have in a day. More come from 00:00 UTC on."
            )
        if 0 < self._of_all <= self._all:
            return f"The {self._of_all} posts of this day have been used up. More come from 00:00 UTC on."
        return ""

    def count(self, room: str, now: float) -> tuple[str, int]:
        """The day, and what was counted for ``room`` on it."""
        self._turn(now)
        return self._day, self._rooms.get(room, 0)

    def _turn(self, now: float) -> None:
        if self._ends - DAY <= now < self._ends:
            # Asked for each post of a flood.
            return
        self._ends = now + next_day(now)
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        if day != self._day:
            self._day = day
            self._all = 0
            self._rooms.clear()


def next_day(now: float) -> float:
    """Seconds from ``now`` until the next day begins (UTC)."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=1)).timestamp() - now
