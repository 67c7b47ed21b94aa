"""One room of this process: its feed, who waits for it, and what keeps it in memory."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall

from meet.awaiting import Awaiting
from meet.digest import Digest
from meet.feed import Feed


class Attended:
    """What `meet.hub.Hub` knows of a room; ``holds`` counts those for whom it must stay in memory.

    ``doubtful`` is whether the broker was away since it was read, and may have lost something of it.
    """

    __slots__ = ("awaiting", "digest", "doubtful", "feed", "holds", "linger", "loading", "reading", "retry")

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.holds = 0
        self.doubtful = False
        self.loading: list[Deferred[Feed]] | None = []
        self.reading = DeferredLock()
        self.awaiting = Awaiting()
        self.linger: IDelayedCall | None = None
        self.retry: IDelayedCall | None = None
        self.digest: Digest | None = None


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
