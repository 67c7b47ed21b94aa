"""From a request to its route, and from what that returns to the answer.

The routes are Klein's, the way through them is not: its resource makes functions for each request
that know each other, and with them the request and all that it holds stays in memory until
Python looks for such circles, which stands still the longer the more there are
(``docs/performance.md``).

The law: a request whose answer was sent is held by nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

if TYPE_CHECKING:
    from meet.web.request import MeetRequest

_FOUND_BEFORE = 1000
"""Addresses of which the route is known without looking: most that are asked for are asked for again."""


class Routes(Resource):
    """The routes of ``app``; ``failed(request, failure)`` makes the answer where one cannot grant a request.

    A route returns bytes, None where it has written all by itself, a resource that takes the request
    over, or a Deferred of bytes or None, which is cancelled when the asker has gone.
    """

    isLeaf = True
    log = Logger()

    def __init__(self, app: Klein, failed: Callable[[MeetRequest, Failure], bytes]) -> None:
        super().__init__()
        self._app = app
        self._failed = failed
        # No route depends on the host's name.
        self._find = lru_cache(_FOUND_BEFORE)(app.url_map.bind("localhost").match)

    def render(self, request: Any) -> Any:
        """Answer ``request``, now or when its route can."""
        path = b"/".join(request.postpath).decode()
        try:
            route, named = self._find(path if path.startswith("/") else f"/{path}", request.method.decode())
            told: Any = self._app.execute_endpoint(route, request, **named)
            if IResource.providedBy(told):
                return told.render(request)
        except Exception:
            told = self._failed(request, Failure())
        if isinstance(told, Deferred):
            request.notifyFinish().addErrback(_cancel, told)
            told.addErrback(self._refuse, request).addCallback(_answer, request).addErrback(self._broken)
        else:
            _answer(told, request)
        return NOT_DONE_YET

    def _refuse(self, failure: Failure, request: MeetRequest) -> bytes | None:
        if not request.over:
            return self._failed(request, failure)
        # Nobody is there to be told; that the work for them was cancelled is why.
        if not failure.check(CancelledError):
            self._broken(failure)
        # What was under way, and with it the request, is in its traceback.
        failure.cleanFailure()
        return None

    def _broken(self, failure: Failure) -> None:
        self.log.failure("A request could not be answered", failure)


def _answer(told: bytes | None, request: MeetRequest) -> None:
    if not request.over:
        if told is not None:
            request.write(told)
        request.finish()


def _cancel(failure: Failure, work: Deferred[Any]) -> None:
    work.cancel()
