"""Whether this process delivers: what an entry goes through is tried out again and again.

A process that lives, beside a broker that answers, can still tell nobody anything: after a
failover, with a subscription that is dead, on a disk that is full.  So each part is asked to
do its real work every few seconds (`meet.interfaces.IBroker.probe`).  The law: a part that
did not do it within its time is away, and is here again with the next time that it does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.errors import Unavailable

Probe = Callable[[], "Deferred[None]"]
"""Tries a part out; its Deferred fires when the part has done its work, or fails with `Unavailable`."""

_PAUSE = 3.0
_PATIENCE = 5.0
"""Seconds between two tries, and for one: what breaks shows within 8."""

_TICK = 1.0
_TICKS = 60
"""Seconds between two looks at the reactor's own delay, and how many are remembered."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a process from delivering: the ``part``, and a sentence."""

    part: str
    detail: str


class Part:
    """One part as it was found last.

    ``trouble`` is a sentence, or empty while all is well; ``took`` the seconds of the last try that succeeded.
    """

    def __init__(self, name: str, probe: Probe) -> None:
        self.name = name
        self.probe = probe
        self.trouble = f"The {name} was not tried out yet."
        self.took = 0.0
        self.told_away = False


class Health:
    """The parts of one process, tried out until `stop`, and how late its reactor is."""

    log = Logger()

    def __init__(self, clock: IReactorTime, probes: Mapping[str, Probe]) -> None:
        """``probes`` has each part by its name, the most important first."""
        self.parts = [Part(name, probe) for name, probe in probes.items()]
        self._clock = clock
        self._stage: Trouble | None = Trouble("start", "Meet is starting.")
        self._calls: dict[str, IDelayedCall] = {}
        self._lags: deque[float] = deque(maxlen=_TICKS)

    @property
    def trouble(self) -> Trouble | None:
        """The first thing that keeps this process from delivering; None if it does deliver."""
        if self._stage is not None:
            return self._stage
        return next((Trouble(part.name, part.trouble) for part in self.parts if part.trouble), None)

    @property
    def lag(self) -> float:
        """By how many seconds the reactor was late at worst, in the last minute."""
        return max(self._lags, default=0.0)

    def begin(self) -> Deferred[None]:
        """Try everything out now, and then again and again; fires when each part was tried out once, well or not."""
        self._stage = None
        tried: Deferred[None] = Deferred()
        DeferredList([self._try(part) for part in self.parts]).addCallback(lambda _: tried.callback(None))
        self._look_again()
        return tried

    def stop(self) -> None:
        """Try nothing more, and be in trouble from now on: the process is ending."""
        self._stage = Trouble("end", "Meet is shutting down.")
        while self._calls:
            self._calls.popitem()[1].cancel()

    # Trying out.

    def _try(self, part: Part) -> Deferred[None]:
        self._calls.pop(part.name, None)
        began = self._clock.seconds()
        trying = maybeDeferred(part.probe).addTimeout(_PATIENCE, self._clock)
        trying.addCallbacks(self._well, self._away, callbackArgs=(part, began), errbackArgs=(part,))
        return trying.addBoth(lambda _: self._pause(part))

    def _well(self, _: object, part: Part, began: float) -> None:
        part.took = self._clock.seconds() - began
        part.trouble = ""
        if part.told_away:
            part.told_away = False
            self.log.info("The {part} does its work again.", part=part.name)

    def _away(self, failure: Failure, part: Part) -> None:
        problem = failure.value
        if isinstance(problem, Unavailable):
            part.trouble = str(problem) or f"The {part.name} is away."
        elif isinstance(problem, TookTooLong):
            part.trouble = f"The {part.name} did not do its work within {_PATIENCE:.0f} seconds."
        else:
            part.trouble = f"The {part.name} broke."
            if not part.told_away:
                self.log.failure("The {part} could not be tried out", failure, part=part.name)
        if not part.told_away and self._stage is None:
            part.told_away = True
            self.log.warn("Not ready: {trouble}", trouble=part.trouble)

    def _pause(self, part: Part) -> None:
        if self._stage is None:
            self._calls[part.name] = self._clock.callLater(_PAUSE, self._try, part)

    # The reactor.

    def _look_again(self) -> None:
        due = self._clock.seconds() + _TICK
        self._calls["tick"] = self._clock.callLater(_TICK, partial(self._look, due))

    def _look(self, due: float) -> None:
        self._lags.append(max(0.0, self._clock.seconds() - due))
        self._look_again()
