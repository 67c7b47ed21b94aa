"""How long to wait before X is asked again.  Pure: times and chance come in.

=========  ==========================================  =================================
cause      what happened                               waits, in seconds
=========  ==========================================  =================================
``LOST``   a connection ended, broke, or fell silent   0, then 0.25 more each time, to 16
``AWAY``   X answered 5xx, or what nobody expects      5, doubled each time, to 320
``LIMIT``  X answered 429, or 402                      60, doubled each time, to 960, and
                                                       not before the time that X named
=========  ==========================================  =================================

The waits are those of X's page "Handling disconnections".  Chance adds up to a quarter, so that
many who lost X together do not come back together.  Only a connection that lived for a minute
makes up for what failed before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PROVEN = 60.0
"""Seconds after which a connection has proved that all is well."""

JITTER = 0.25
"""The part of a wait that chance may add to it."""

LATEST = 24 * 3600.0
"""Seconds beyond which a time that X names is not believed: its longest window is a day."""


class Cause(Enum):
    """Why X has to be asked again; the value is the first wait, the step, its growth and the longest wait."""

    LOST = (0.0, 0.25, 1, 16.0)
    AWAY = (5.0, 5.0, 2, 320.0)
    LIMIT = (60.0, 60.0, 2, 960.0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Where the waiting stands: ``failures`` in a row of ``cause``."""

    cause: Cause | None = None
    failures: int = 0

    def failed(self, cause: Cause, lived: float = 0.0) -> Backoff:
        """It failed again, for ``cause``, after a connection that was there for ``lived`` seconds."""
        if cause is self.cause and lived < PROVEN:
            return Backoff(cause, self.failures + 1)
        # A connection that lost its life early is no reason to be quicker than X asked for.
        again = self.failures if cause is Cause.LOST and self.cause is not None and lived < PROVEN else 0
        return Backoff(cause, again + 1)

    def wait(self, now: float, reset: float, chance: float) -> float:
        """Seconds until X may be asked again.

        ``now`` and ``reset``, when X's limit ends (0: it did not say), are seconds since 1970;
        ``chance`` is from 0 to 1.
        """
        if self.cause is None:
            return 0.0
        first, step, growth, longest = self.cause.value
        # More than ten doublings are past every longest wait.
        times = max(self.failures - 1, 0)
        wait = first + step * times if growth == 1 else first * growth ** min(times, 10)
        wait = min(wait, longest)
        if self.cause is Cause.LIMIT and 0 < reset - now <= LATEST:
            wait = max(wait, reset - now)
        return wait * (1 + JITTER * chance)
