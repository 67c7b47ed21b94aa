"""Timers that do not jump when somebody sets the clock.

Twisted's reactor counts everything by the wall clock (26.10: `ReactorBase.seconds` is
``time.time``).  Set back by an hour, it does nothing for an hour of what was to come, the
batch of lines that was due at once included; set forward, everybody is too late for
everything.

The law: what the reactor calls the time is the wall clock's, and what is to come in so many
seconds comes in so many seconds.  A step shows as soon as the reactor looks at the time
again, which it does before it compares it with anything; then all that is to come is moved
by as much as the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

_STEP_LEAST = 0.5
"""Seconds between the wall clock and the steady one that count as a step: it may be as much
between the readings of the two, on a machine that is busy."""

_log = Logger()


def steady(
    reactor: Any, wall: Callable[[], float] = time.time, since_boot: Callable[[], float] = time.monotonic
) -> None:
    """Let the timers of ``reactor`` keep their distance when the ``wall`` clock is set.

    ``since_boot`` is a clock that nobody sets.
    """
    apart = wall() - since_boot()

    def seconds() -> float:
        nonlocal apart
        now = wall()
        step = now - since_boot() - apart
        if abs(step) >= _STEP_LEAST:
            apart += step
            for call in reactor.getDelayedCalls():
                call.delay(step)
            # It may be about to sleep by what it knew before.
            reactor.wakeUp()
            _log.warn("The clock was set by {step:+.1f} s; what was to come keeps its distance.", step=step)
        return now

    reactor.seconds = seconds
