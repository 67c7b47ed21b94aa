"""The roll call: whether everybody is there for whom the broker keeps the journal.

The law: what is kept for a name that stays away is never dropped by Meet itself.  It is told
once, with the command that drops it.

One process at a time calls, at the start and then whenever somebody can have been away for
too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.errors import Unavailable
from meet.interfaces import IBroker, Stop
from meet.limits import Limits
from meet.moments import about

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

_SOONEST = 1.0
"""Seconds until the next call at least."""

_AGAIN = 30.0
"""Seconds until the next call if the broker is away."""


class RollCall(Service):
    """Calls the observers of ``broker``; those that are away for longer than ``observer-away`` are logged once."""

    log = Logger()

    def __init__(self, broker: IBroker, clock: IReactorTime, limits: Limits) -> None:
        self._broker = broker
        self._clock = clock
        self._bound = limits.observer_away
        self._missed: set[str] = set()
        self._next: IDelayedCall | None = None
        self._calling: Deferred[None] | None = None
        self._give_up: Stop | None = None

    def startService(self) -> None:
        """Take part, unless the limit is off."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted 26.10 gives it no types
        if self._bound:
            self._give_up = self._broker.lease("roll call", self._call, self._rest)

    def stopService(self) -> Deferred[None] | None:
        """Take part no longer; fires when another may have the turn."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._rest()
        give_up, self._give_up = self._give_up, None
        return None if give_up is None else give_up()

    def _rest(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._calling is not None:
            self._calling.cancel()

    def _call(self) -> None:
        self._next = None
        self._calling = Deferred.fromCoroutine(self._look())
        self._calling.addErrback(self._broken)

    async def _look(self) -> None:
        try:
            observers = await self._broker.observers()
        except Unavailable:
            # That the broker is away is told by others.
            pause = _AGAIN
        else:
            missing = [each for each in observers if each.away >= self._bound]
            for each in missing:
                if each.name not in self._missed:
                    self.log.warn(
                        "The observer {observer} of the journal has been away for {away}, and {behind} records wait "
                        "for it. If it will not come back, drop it: meet observers --dismiss {observer}",
                        observer=each.name,
                        away=about(each.away),
                        behind=each.behind,
                    )
            self._missed = {each.name for each in missing}
            pause = min([self._bound, *(self._bound - each.away for each in observers if each.away < self._bound)])
        self._calling = None
        self._next = self._clock.callLater(max(_SOONEST, pause), self._call)

    def _broken(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            self.log.failure("The roll call failed", failure)
