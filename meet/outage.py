"""The broker is away: asks are refused with one sentence, and people are told once if it lasts."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from meet.interfaces import IListener, Status
from meet.outbox import Outbox

UNNOTICED = 1.0
"""Seconds for which the broker may be away before people are told."""

AWAY = Status(True, "Meet cannot take lines right now. What is here can still be read; try again in a moment.")
BACK = Status(False, "Meet takes lines again.")


class Outage:
    """Whether the broker is away, as the listeners of ``outbox`` are told.

    ``gap`` is for how many seconds it was away the last time.
    """

    def __init__(self, outbox: Outbox, clock: IReactorTime) -> None:
        self.gap = 0.0
        self._outbox = outbox
        self._clock = clock
        self._since: float | None = None
        self._told = False
        self._telling: IDelayedCall | None = None

    def __bool__(self) -> bool:
        """Whether it lasts."""
        return self._since is not None

    def begin(self) -> None:
        """The broker is away."""
        if self._since is None:
            self._since = self._clock.seconds()
            self._telling = self._clock.callLater(UNNOTICED, self._tell)

    def end(self) -> None:
        """The broker is back."""
        if self._since is not None:
            self.gap = self._clock.seconds() - self._since
        self.stop()
        if self._told:
            self._told = False
            for room in self._outbox.rooms():
                self._outbox.put(room, [BACK])

    def stop(self) -> None:
        """Tell nobody any more."""
        self._since = None
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def greet(self, room: str, listener: IListener) -> None:
        """``listener`` has just come: it is told behind what it is told in this turn."""
        if self._told:
            self._clock.callLater(0, self._greet, room, listener)

    def _tell(self) -> None:
        self._telling = None
        self._told = True
        for room in self._outbox.rooms():
            self._outbox.put(room, [AWAY])

    def _greet(self, room: str, listener: IListener) -> None:
        if self._told:
            self._outbox.tell(room, listener, AWAY)
