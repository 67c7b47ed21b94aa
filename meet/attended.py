"""One room of this process: its feed, who waits for it, and what keeps it in memory."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IDelayedCall

from meet.awaiting import Awaiting
from meet.digest import Digest
from meet.errors import Unavailable
from meet.feed import Feed


class Attended:
    """What `meet.hub.Hub` knows of a room; ``holds`` counts those for whom it must stay in memory.

    ``doubting`` are those who wait until it was read anew: the broker was away, and may have lost
    something of it.  It is None where there is no doubt, as ``loading`` is in a room that was read.
    """

    __slots__ = ("awaiting", "digest", "doubting", "feed", "holds", "linger", "loading", "reading", "retry")

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.holds = 0
        self.loading: list[Deferred[Feed]] | None = []
        self.doubting: list[Deferred[None]] | None = None
        self.reading = DeferredLock()
        self.awaiting = Awaiting()
        self.linger: IDelayedCall | None = None
        self.retry: IDelayedCall | None = None
        self.digest: Digest | None = None

    @property
    def sure(self) -> bool:
        """Whether it was read, and the broker was there ever since."""
        return self.loading is None and self.doubting is None

    def made_sure(self) -> Deferred[None]:
        """Fires when there is no doubt of it; fails with `Unavailable` if it cannot be read."""
        if self.doubting is None:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self.doubting.append(waiting)
        return waiting

    def settle(self) -> None:
        """There is no doubt of it any more."""
        waiting, self.doubting = self.doubting or [], None
        for each in waiting:
            each.callback(None)

    def turn_away(self, away: Unavailable) -> None:
        """It cannot be read: whoever waits for that learns why, and the doubt stays."""
        if self.doubting is None:
            return
        waiting, self.doubting = self.doubting, []
        for each in waiting:
            each.errback(away)


class Hold:
    """Keeps a room in memory until it is called (once counts); everybody who is here has one."""

    __slots__ = ("_attended", "_released")

    def __init__(self, attended: Attended, released: Callable[[Attended], None]) -> None:
        self._attended: Attended | None = attended
        self._released = released

    def __call__(self) -> None:
        """Hold it no longer."""
        attended, self._attended = self._attended, None
        if attended is not None:
            attended.holds -= 1
            self._released(attended)
