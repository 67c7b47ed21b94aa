"""The thread on which a store that blocks does its work, so that the reactor's never waits."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from meet.errors import Unavailable

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads

_WAITING_MOST = 1000  # pieces of work; a database this far behind is as good as away

_T = TypeVar("_T")


class _Daemon(Thread):
    """A thread that the end of the process does not wait for."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named, daemon=True)


class Threads:
    """At most ``count`` threads; with one, pieces of work are done in the order in which they were given."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPool | None = None
        self._under_way: set[Deferred[None]] = set()

    def start(self) -> None:
        """Take work from now on."""
        self._pool = ThreadPool(1, self._count, name="meet-store")
        # A database that stands still must not keep a process from its end; `stop` has waited as long as it may.
        self._pool.threadFactory = _Daemon
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """Take no more; fires when what is under way has ended."""
        pool, self._pool = self._pool, None
        ended = DeferredList(list(self._under_way))

        def close(_: object) -> None:
            if pool is not None:
                pool.stop()

        return ended.addCallback(close)

    def run(self, work: Callable[[], _T]) -> Deferred[_T]:
        """Fires with what ``work`` returns; fails with `Unavailable` while none is taken."""
        if self._pool is None:
            return fail(Unavailable("The archive is not open."))
        if len(self._under_way) >= _WAITING_MOST:
            return fail(Unavailable("The archive is too busy."))
        # Whoever imports this module must still be free to choose the reactor.
        from twisted.internet import reactor

        done = deferToThreadPool(cast("IReactorFromThreads", reactor), self._pool, work)
        # Not ``done`` itself: `stop` waits for the work, not for what its asker makes of it.
        over: Deferred[None] = Deferred()
        self._under_way.add(over)

        def ended(result: Any) -> Any:
            self._under_way.discard(over)
            over.callback(None)
            return result

        return done.addBoth(ended)
