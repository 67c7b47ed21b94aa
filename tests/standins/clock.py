"""The real reactor's sockets under a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock


async def turns(count: int = 20) -> None:
    """So many turns of the reactor pass: what one socket of this process was given another has read."""
    for _ in range(count):
        turn: Deferred[None] = Deferred()
        cast("Any", reactor).callLater(0, turn.callback, None)
        await turn


class Skewed:
    """The real reactor, but timers fire when `advance` says so, by which its clock is ahead of the real one."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._reactor: Any = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def seconds(self) -> float:
        """Now."""
        return float(self._reactor.seconds() + self._clock.seconds())

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As `IReactorTime` says."""
        return self._clock.callLater(delay, call, *args, **kwargs)

    def advance(self, seconds: float) -> None:
        """Let time go on."""
        self._clock.advance(seconds)

    async def later(self, true: Callable[[], Any], step: float = 0.05) -> None:
        """Let time go on, slowly beside the sockets, until ``true()`` is."""
        while not true():
            turn: Deferred[None] = Deferred()
            self._reactor.callLater(0, turn.callback, None)
            await turn
            self.advance(step)
