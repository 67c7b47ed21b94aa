"""Durable observers: `Following` hears the journal, and `Recorder` hands it to a store.

The law: an observer acknowledges only what it has dealt with.  It never skips and never
retries by itself: what failed comes again from the journal, in order, after its pause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.errors import Unavailable
from meet.interfaces import IBroker, IStore, Observe, Record, Stop

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_PAUSE = 1.0  # seconds before a second try
_PAUSE_MOST = 30.0


def pause(failures: int) -> float:
    """Seconds to wait after so many ``failures`` in a row: 1, doubling, to 30."""
    return min(_PAUSE_MOST, _PAUSE * 2.0 ** min(max(failures - 1, 0), 10))


class Following(Service):
    """The journal of ``broker``, told to ``observe`` under the durable name ``observer``."""

    log = Logger()

    def __init__(self, broker: IBroker, clock: IReactorTime, observer: str, observe: Observe) -> None:
        self._broker = broker
        self._clock = clock
        self._observer = observer
        self._observe = observe
        self._following = False
        self._begun: Deferred[Callable[[], Deferred[None]] | None] = succeed(None)
        self._pausing: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin to hear; if the broker is away, as soon as it is back."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted 26.10 gives it no types
        self.begin()

    def stopService(self) -> Deferred[None]:
        """Hear no more; fires when the batch under way has ended."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.end()

    def begin(self) -> None:
        """Follow the journal from now on."""
        self._following = True
        self._begun = Deferred.fromCoroutine(self._begin())
        self._begun.addErrback(self._broken)

    def end(self) -> Deferred[None]:
        """Follow it no more, until it is begun again; fires when the batch under way has ended."""
        self._following = False
        if self._pausing is not None:
            self._pausing.cancel()
        begun, self._begun = self._begun, succeed(None)
        return begun.addCallback(_stop)

    async def _begin(self) -> Callable[[], Deferred[None]] | None:
        failures = 0
        while self._following:
            try:
                return await self._broker.journal(self._observer, self._observe)
            except Unavailable as away:
                failures += 1
                if failures == 1:
                    self.log.warn("{observer} waits for the broker: {away}", observer=self._observer, away=away)
            self._pausing = deferLater(self._clock, pause(failures), lambda: None)
            try:
                await self._pausing
            except CancelledError:
                break
            finally:
                self._pausing = None
        return None

    def _broken(self, failure: Failure) -> None:
        self.log.failure("{observer} cannot follow the journal", failure=failure, observer=self._observer)


class FollowingInTurn(Following):
    """A `Following` that any number of processes take part in, and one at a time does, by the lease ``work``."""

    def __init__(self, broker: IBroker, clock: IReactorTime, observer: str, observe: Observe, work: str) -> None:
        super().__init__(broker, clock, observer, observe)
        self._work = work
        self._at_work = False
        self._give_up: Stop = _nothing

    def startService(self) -> None:
        """Take part: follow the journal and look at every room that there is, when it is this one's turn."""
        Service.startService(self)  # type: ignore[no-untyped-call]  # Twisted 26.10 gives it no types
        self._give_up = self._broker.lease(self._work, self._gained, self._lost)

    def stopService(self) -> Deferred[None]:
        """Take part no longer; fires when what is under way has ended and another may have the turn."""
        Service.stopService(self)  # type: ignore[no-untyped-call]
        give_up, self._give_up = self._give_up, _nothing
        return self._rest().addCallback(lambda _: give_up())

    def _gained(self) -> None:
        self._at_work = True
        self.begin()
        self._survey()

    def _lost(self) -> None:
        self._rest().addErrback(self._bug)

    def _survey(self) -> None:
        """Look at every room."""
        raise NotImplementedError

    def _rest(self) -> Deferred[None]:
        """Do nothing more, for now; fires when what is under way has ended."""
        raise NotImplementedError

    def _bug(self, failure: Failure) -> None:
        """Something failed that nobody foresaw."""
        raise NotImplementedError


class Recorder(Following):
    """A durable observer: what the journal tells is kept in ``store``.

    Recorders of one ``name`` share the work of one store; each store has a name of its own.
    """

    log = Logger()

    def __init__(self, broker: IBroker, store: IStore, clock: IReactorTime, name: str = "recorder") -> None:
        super().__init__(broker, clock, name, self._record)
        self._store = store
        self._away = ""

    def probe(self) -> Deferred[None]:
        """Try the store out: it answers, and did not refuse what it was given last.

        Fires when it has answered; fails with `Unavailable`.
        """
        if self._away:
            return fail(Unavailable(self._away))
        return self._store.transcript("", "", 0, 1).addCallback(lambda _: None)

    def _record(self, records: Sequence[Record]) -> Deferred[None]:
        return self._store.record(records).addCallbacks(self._recorded, self._refused)

    def _recorded(self, _: None) -> None:
        if self._away:
            self._away = ""
            self.log.info("The store is back, recording goes on.")

    def _refused(self, failure: Failure) -> Failure:
        if isinstance(failure.value, Unavailable):
            if not self._away:
                self.log.warn("The store is away, the journal keeps what it misses: {reason}", reason=failure.value)
            self._away = str(failure.value) or "The store is away."
        return failure


def _stop(stop: Callable[[], Deferred[None]] | None) -> Deferred[None]:
    return succeed(None) if stop is None else stop()


def _nothing() -> Deferred[None]:
    return succeed(None)
