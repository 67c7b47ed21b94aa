"""One durable observer of a journal: told in order, acknowledged, told again after a failure.

The law: the next batch is not read before this one was taken, so that an observer that is
slow holds up nobody else and no memory; what was not acknowledged is told again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.errors import Taken
from meet.interfaces import Observe, Record

RECORDS_IN_BATCH = 1000
"""Records told at once: one transaction of a store, a twentieth of a second."""

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between two tries; each failure doubles the pause."""

GATHER = 1.0
"""Seconds for which news of a lively room gathers, so that a store has one transaction for many
lines; what comes after a silence is told at once.
"""


class Batch(NamedTuple):
    """Records, each with the number by which it is acknowledged, ascending; ``more`` says whether others were there."""

    records: Sequence[tuple[int, Record]]
    more: bool


def there(observer: str) -> Taken:
    """Why ``observer`` cannot be dismissed."""
    return Taken(f"The observer {observer} is there: a process tells it. End that process first.")


class Observation:
    """Tells ``observe`` what ``fetch(after, count)`` gives of the journal, oldest first.

    ``acknowledge(number)`` is called when everything up to ``number`` was taken.  Nothing
    is asked for until the first `wake`.  What comes within ``gather`` seconds of what was taken
    waits for their end.
    """

    _log = Logger()

    def __init__(
        self,
        observe: Observe,
        fetch: Callable[[int, int], Deferred[Batch]],
        acknowledge: Callable[[int], None],
        clock: IReactorTime,
        after: int,
        gather: float,
    ) -> None:
        self._observe = observe
        self._fetch = fetch
        self._acknowledge = acknowledge
        self._clock = clock
        self._after = after
        self._gather = gather
        self._gathered = 0.0
        self._pause = SHORTEST_PAUSE
        self._retry: IDelayedCall | None = None
        self._busy = False
        self._telling = False
        self._woken = False
        self._stopped = False
        self._ended: list[Deferred[None]] = []

    def wake(self) -> None:
        """There is something new in the journal."""
        self._woken = True
        if not self._busy and not self._stopped:
            self._begin()

    def stop(self) -> Deferred[None]:
        """Tell nothing more; fires when the batch that is being told has ended."""
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if not self._telling:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._ended.append(ended)
        return ended

    def _begin(self) -> None:
        wait = self._gathered - self._clock.seconds()
        if wait > 0:
            self._busy = True
            self._retry = self._clock.callLater(wait, self._next)
        else:
            self._next()

    def _next(self) -> None:
        self._busy, self._woken, self._retry = True, False, None
        fetched = self._fetch(self._after, RECORDS_IN_BATCH)
        fetched.addCallbacks(self._tell, self._again)
        fetched.addErrback(self._broken)

    def _tell(self, batch: Batch) -> None:
        if self._stopped:
            return
        if not batch.records:
            self._busy = False
            if self._woken:
                self._begin()
            return
        self._telling = True
        told = maybeDeferred(self._observe, [record for _, record in batch.records])
        told.addCallbacks(self._taken, self._again, callbackArgs=(batch,))
        told.addErrback(self._broken)

    def _taken(self, result: None, batch: Batch) -> None:
        self._telling = False
        self._pause = SHORTEST_PAUSE
        self._after = batch.records[-1][0]
        self._gathered = self._clock.seconds() + self._gather
        self._acknowledge(self._after)
        if self._over():
            return
        if batch.more:
            self._next()
        else:
            # What has come meanwhile gathers, too.
            self._begin()

    def _again(self, failure: Failure) -> None:
        self._telling = False
        if self._over():
            return
        self._log.warn(
            "An observer of the journal did not take its records ({error}); again in {pause} s.",
            error=type(failure.value).__name__,
            pause=self._pause,
        )
        # Read anew: what was dropped or erased in the meantime must not be told again.
        self._retry = self._clock.callLater(self._pause, self._next)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _over(self) -> bool:
        ended, self._ended = self._ended, []
        for each in ended:
            each.callback(None)
        return self._stopped

    def _broken(self, failure: Failure) -> None:
        self._log.failure("An observation of the journal ended", failure)
