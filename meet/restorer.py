"""The restorer: when a broker has lost rooms, it gets them back out of the archive.

The law: one process at a time does it, and after the living: what processes still have in
memory is newer than what was recorded, and is given back first (`meet.hub`).  Asking twice
costs a look: a broker that holds all that the archive knows changes nothing.

It looks when its turn comes, and whenever the broker is back.
"""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.errors import Unavailable
from meet.events import Renewed
from meet.feed import Feed
from meet.interfaces import IBroker, IStore, Stop
from meet.limits import Limits
from meet.look import holds
from meet.moments import moment
from meet.recorder import pause
from meet.wire import encode

AFTER_THE_LIVING = 2.0
"""Seconds that processes have to give back what they know themselves."""


class Restorer(Service):
    """Gives ``broker`` back what ``store`` has of rooms that live.  Any number may run beside each other."""

    log = Logger()

    def __init__(self, broker: IBroker, store: IStore, clock: IReactorTime, limits: Limits) -> None:
        self._broker = broker
        self._store = store
        self._clock = clock
        self._limits = limits
        self._give_up: Stop = _nothing
        self._has_turn = False
        self._wanted = False
        self._working: Deferred[None] | None = None

    def startService(self) -> None:
        """Take part."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted 26.10 gives it no types
        self._give_up = self._broker.lease("restorer", self._gained, self._lost)

    def stopService(self) -> Deferred[None]:
        """Take part no longer; fires when another may have the turn."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._lost()
        give_up, self._give_up = self._give_up, _nothing
        return give_up()

    def look(self) -> None:
        """The broker is back, or its turn has come: look at every room, if it has the turn."""
        self._wanted = True
        if self._has_turn and self._working is None:
            self._working = Deferred.fromCoroutine(self._work())
            self._working.addErrback(self._broken)

    def _gained(self) -> None:
        self._has_turn = True
        self.look()

    def _lost(self) -> None:
        self._has_turn = False
        if self._working is not None:
            self._working.cancel()

    async def _work(self) -> None:
        failures = 0
        try:
            await self._sleep(AFTER_THE_LIVING)
            while self._wanted and self._has_turn:
                self._wanted = False
                try:
                    await self._look_at_all()
                    failures = 0
                except Unavailable as away:
                    failures += 1
                    if failures == 1:
                        self.log.warn("Rooms cannot be brought back yet: {away}", away=away)
                    self._wanted = True
                    await self._sleep(pause(failures))
        finally:
            self._working = None

    async def _look_at_all(self) -> None:
        back = 0
        for room, epoch in await self._store.living():
            if not self._has_turn:
                return
            back += await self._look_at(room, epoch)
        if back:
            self.log.info("{back} rooms were brought back out of the archive.", back=back)

    async def _look_at(self, room: str, epoch: str) -> bool:
        """Give the room back if the broker lacks something of it; whether it did."""
        known = await self._store.memory(room, epoch, self._limits.entries_in_tail)
        feed = Feed(room, self._limits)
        feed.restore(known)
        now = self._clock.seconds()
        if known.last is None or not feed.room.exists or now >= feed.room.gone:
            # What should be gone is not brought back.
            return False
        if holds(await self._broker.read(room), known):
            return False
        return await self._broker.restore(room, known, encode(Renewed(at=moment(now), was=epoch)))

    async def _sleep(self, seconds: float) -> None:
        await deferLater(self._clock, seconds, lambda: None)

    def _broken(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            self.log.failure("The restorer broke", failure=failure)


def _nothing() -> Deferred[None]:
    return succeed(None)
