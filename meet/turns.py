"""The order of one participant's asks.

Lines may be on their way side by side: the broker numbers what one process publishes to one
room in the order of publishing.  What changes who somebody is (a new nick, leaving, coming
back) is done alone: after all that was asked before, and before all that is asked after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

_T = TypeVar("_T")


class Turns:
    """Begins each ask in the order in which they came."""

    __slots__ = ("_alone", "_queue", "_together")

    def __init__(self) -> None:
        # A queue while something waits, which is seldom: an empty one takes more room than all the rest.
        self._queue: deque[tuple[bool, Callable[[], Deferred[Any]], Deferred[Any]]] | None = None
        self._together = 0
        self._alone = False

    def __len__(self) -> int:
        """How many have not ended."""
        return len(self._queue or ()) + self._together + self._alone

    def together(self, ask: Callable[[], Deferred[_T]]) -> Deferred[_T]:
        """Begin ``ask`` beside others of its kind; fires and fails as it does."""
        if self._alone or self._queue:
            return self._wait(False, ask)
        self._together += 1
        return maybeDeferred(ask).addBoth(self._ended)

    def alone(self, ask: Callable[[], Deferred[_T]]) -> Deferred[_T]:
        """Begin ``ask`` when nothing else is under way, and nothing else until it has ended."""
        if self._alone or self._queue or self._together:
            return self._wait(True, ask)
        self._alone = True
        return maybeDeferred(ask).addBoth(self._ended)

    def _wait(self, alone: bool, ask: Callable[[], Deferred[_T]]) -> Deferred[_T]:
        done: Deferred[_T] = Deferred()
        if self._queue is None:
            self._queue = deque()
        self._queue.append((alone, ask, done))
        return done

    def _ended(self, result: Any) -> Any:
        if self._alone:
            self._alone = False
        else:
            self._together -= 1
        while self._queue and not self._alone and not (self._queue[0][0] and self._together):
            alone, ask, done = self._queue.popleft()
            if alone:
                self._alone = True
            else:
                self._together += 1
            maybeDeferred(ask).addBoth(self._ended).chainDeferred(done)
        if not self._queue:
            self._queue = None
        return result
