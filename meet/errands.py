"""What a source has to ask of one room: again, and in its order, while the broker is away.

The law: what was heard once is not lost because the broker was away for a moment; nothing is
asked again that could stand twice.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from meet.commands import Command
from meet.errors import Refused

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

AGAIN = 1.0
"""Seconds until it is asked again what was refused because a part of Meet was away."""

KEPT = 240.0
"""Seconds for which it is asked again: while the broker still knows, for 300, what was said once."""

MOST = 200
"""What may wait for one room: twice as many as posts that may be under way."""

Ask = Callable[[Command], Deferred[Any]]


class _Errand(NamedTuple):
    number: int
    since: float
    command: Command
    done: Deferred[bool]


class Errands:
    """Asks of one room.  ``ask`` asks it once; ``broke`` is told of a failure that is no refusal."""

    def __init__(self, ask: Ask, clock: IReactorTime, broke: Callable[[Failure], object]) -> None:
        self._ask = ask
        self._clock = clock
        self._broke = broke
        self._numbers = count()
        self._under_way = 0
        self._waiting: list[_Errand] = []
        self._again: IDelayedCall | None = None
        self._stopped = False

    def __len__(self) -> int:
        """How many are not answered yet."""
        return self._under_way + len(self._waiting)

    def ask(self, command: Command) -> Deferred[bool]:
        """Ask for ``command``; fires with whether it was granted, perhaps minutes later, and never fails."""
        errand = _Errand(next(self._numbers), self._clock.seconds(), command, Deferred())
        if self._waiting:
            # Behind what came before.
            self._wait(errand)
        else:
            self._under_way += 1
            self._go(errand)
        return errand.done

    def stop(self) -> None:
        """Ask for nothing more: what waits is not granted."""
        self._stopped = True
        if self._again is not None:
            self._again.cancel()
            self._again = None
        waiting, self._waiting = self._waiting, []
        for errand in waiting:
            errand.done.callback(False)

    def _go(self, errand: _Errand) -> None:
        self._ask(errand.command).addBoth(self._answered, errand)

    def _answered(self, answer: Any, errand: _Errand) -> None:
        self._under_way -= 1
        refused = answer.value if isinstance(answer, Failure) else None
        if isinstance(refused, Refused) and refused.code == "unavailable":
            self._wait(errand)
            return
        if refused is not None and not isinstance(refused, Refused):
            self._broke(answer)
        errand.done.callback(refused is None)

    def _wait(self, errand: _Errand) -> None:
        if self._stopped or len(self._waiting) >= MOST:
            errand.done.callback(False)
            return
        insort(self._waiting, errand, key=lambda each: each.number)
        if self._again is None:
            self._again = self._clock.callLater(AGAIN, self._ask_again)

    def _ask_again(self) -> None:
        self._again = None
        waiting, self._waiting = self._waiting, []
        self._under_way += len(waiting)
        earliest = self._clock.seconds() - KEPT
        for errand in waiting:
            if errand.since < earliest:
                self._under_way -= 1
                errand.done.callback(False)
            else:
                self._go(errand)
