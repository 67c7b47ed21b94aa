"""Work that one at a time does: whose turn it is, within one computer process.

The law: nobody's turn begins in the call that ended another's, and it begins only when that
has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class _Turn:
    __slots__ = ("begun", "call", "gained", "lost", "name", "who")

    def __init__(self, name: str, who: Any, gained: Callable[[], None], lost: Callable[[], None]) -> None:
        self.name = name
        self.who = who
        self.gained = gained
        self.lost = lost
        self.begun = False
        self.call: IDelayedCall | None = None


class Turns:
    """Who waits for which work, in the order in which they came."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queues: dict[str, list[_Turn]] = {}
        self._left: dict[str, float] = {}

    def wait(self, name: str, who: Any, gained: Callable[[], None], lost: Callable[[], None]) -> Callable[[], None]:
        """Wait for the work called ``name``; ``gained`` is called when it is ``who``'s turn.

        Returns a function that gives the turn, or the waiting for it, up.
        """
        turn = _Turn(name, who, gained, lost)
        self._queues.setdefault(name, []).append(turn)
        self._next(name)
        return lambda: self._leave(turn)

    def taken(self, name: str) -> bool:
        """Whether somebody has or awaits the work called ``name``."""
        return name in self._queues

    def quiet(self, name: str) -> float:
        """Seconds since somebody had or awaited the work called ``name``; 0 while somebody does."""
        now = self._clock.seconds()
        return 0.0 if self.taken(name) else now - self._left.setdefault(name, now)

    def gone(self, who: Any, *, told: bool) -> None:
        """``who`` ends all its turns; if ``told``, ``lost`` is called for those that had begun."""
        for queue in list(self._queues.values()):
            for turn in [each for each in queue if each.who is who]:
                if turn.begun and told:
                    turn.lost()
                self._leave(turn)

    def _leave(self, turn: _Turn) -> None:
        queue = self._queues.get(turn.name, [])
        if turn not in queue:
            return
        queue.remove(turn)
        if turn.call is not None:
            turn.call.cancel()
        if queue:
            self._next(turn.name)
        else:
            del self._queues[turn.name]
            self._left[turn.name] = self._clock.seconds()

    def _next(self, name: str) -> None:
        turn = self._queues[name][0]
        if not turn.begun and turn.call is None:
            turn.call = self._clock.callLater(0, self._begin, turn)

    def _begin(self, turn: _Turn) -> None:
        turn.call = None
        turn.begun = True
        turn.gained()
