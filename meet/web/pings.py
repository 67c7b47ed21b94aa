"""Signs of life: who has been silent is asked, and who does not answer is gone.

One timer serves all connections of a process: they wait in the order in which they were last
heard, so those whose time has come stand in front.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

PING = 30.0
"""Seconds after which a browser is pinged: under the 45 s of impatient proxies."""

PONG = 20.0
"""Seconds that it has to send anything."""

_TOGETHER = 0.5
"""Seconds by which somebody may be asked early, so that many are asked in one turn."""


class Pinged(Protocol):
    """A connection that can be asked for a sign of life."""

    def ping(self) -> None:
        """Ask for one."""

    def silent(self) -> None:
        """None came."""


class Pings:
    """Who is pinged when.  Who is added is pinged, and after each answer again, until removed."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # Each in the order of the moments, for all wait for the same time.
        self._resting: dict[Pinged, float] = {}
        self._asked: dict[Pinged, float] = {}
        self._call: IDelayedCall | None = None

    def add(self, connection: Pinged) -> None:
        """``connection`` was heard just now; ping it when it has rested."""
        self._resting[connection] = self._clock.seconds() + PING
        if self._call is None:
            self._call = self._clock.callLater(PING, self._turn)

    def heard(self, connection: Pinged) -> None:
        """``connection`` has sent something; if it was asked, that is the answer."""
        if self._asked.pop(connection, None) is not None:
            self.add(connection)

    def remove(self, connection: Pinged) -> None:
        """``connection`` is gone."""
        self._resting.pop(connection, None)
        self._asked.pop(connection, None)
        if self._call is not None and not self._resting and not self._asked:
            self._call.cancel()
            self._call = None

    def _turn(self) -> None:
        self._call = None
        now = self._clock.seconds()
        for connection in _due(self._asked, now):
            connection.silent()
        for connection in _due(self._resting, now):
            self._asked[connection] = now + PONG
            connection.ping()
        first = [next(iter(waiting.values())) for waiting in (self._resting, self._asked) if waiting]
        if first and self._call is None:
            self._call = self._clock.callLater(max(0.0, min(first) - now), self._turn)


def _due(waiting: dict[Pinged, float], now: float) -> list[Pinged]:
    """Those whose time has come, who wait no longer."""
    due = []
    for connection, moment in waiting.items():
        if moment > now + _TOGETHER:
            break
        due.append(connection)
    for connection in due:
        del waiting[connection]
    return due
