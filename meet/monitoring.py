"""The door of those who watch over Meet: liveness, readiness and metrics, over HTTP.

==================  ====================================================================
``/health/live``    200 while the process answers
``/health/ready``   200 while it delivers, otherwise 503 and a problem document that names
                    the part that does not (RFC 9457)
``/metrics``        what it counts, for Prometheus
==================  ====================================================================

Whoever asks is a program of the operator's, so there is no more of HTTP than they need: one
request a connection, a head of a few lines, no body (RFC 9112; a server may close after any
answer, section 9.6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet import metrics
from meet.errors import REFUSALS
from meet.health import Health
from meet.wire import encode

_HEAD_MOST = 8192
_PATIENCE = 10.0
"""Bytes that a request may have, and seconds in which it must come and its answer be taken."""

_CONNECTIONS_MOST = 64
"""Programs that may ask at the same time."""

_TEXT = "text/plain; charset=utf-8"


class _Answer:
    def __init__(self, status: int, reason: str, kind: str, body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.kind = kind
        self.body = body

    def written(self, *, head_only: bool) -> bytes:
        head = (
            f"HTTP/1.1 {self.status} {self.reason}\r\nContent-Type: {self.kind}\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        )
        if self.status == 405:
            head += "Allow: GET, HEAD\r\n"
        return f"{head}\r\n".encode() + (b"" if head_only else self.body)


class Monitoring(Factory):
    """Answers for one process: ``health`` is its health, ``figures()`` its metrics as text."""

    noisy = False
    log = Logger()

    def __init__(self, health: Health, figures: Callable[[], Awaitable[bytes]], clock: IReactorTime) -> None:
        self.clock = clock
        self.asking: set[_Asking] = set()
        self._health = health
        self._figures = figures

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A connection, or None, which closes it, if there are too many."""
        return _Asking(self) if len(self.asking) < _CONNECTIONS_MOST else None

    def cut(self) -> None:
        """End every connection now."""
        for asking in list(self.asking):
            asking.cut()

    async def answer(self, head: bytes) -> bytes:
        """The whole answer to a request whose head, up to its empty line, is ``head``."""
        words = head.split(b"\r\n", 1)[0].split(b"\n", 1)[0].split()
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _Answer(400, "Bad Request", _TEXT, b"That is not a request that Meet understands.\n").written(
                head_only=False
            )
        if words[0] not in (b"GET", b"HEAD"):
            return _Answer(405, "Method Not Allowed", _TEXT, b"That cannot be done here.\n").written(head_only=False)
        answer = await self._found(words[1].partition(b"?")[0])
        return answer.written(head_only=words[0] == b"HEAD")

    async def _found(self, path: bytes) -> _Answer:
        if path == b"/health/live":
            return _Answer(200, "OK", _TEXT, b"live\n")
        if path == b"/health/ready":
            return self._readiness()
        if path == b"/metrics":
            return _Answer(200, "OK", metrics.TYPE, await self._figures())
        return _Answer(404, "Not Found", _TEXT, b"Here are /health/live, /health/ready and /metrics.\n")

    def _readiness(self) -> _Answer:
        trouble = self._health.trouble
        if trouble is None:
            return _Answer(200, "OK", _TEXT, b"ready\n")
        refusal = REFUSALS["unavailable"]
        problem = {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": refusal.status,
            "detail": trouble.detail,
            "code": "unavailable",
            "part": trouble.part,
        }
        return _Answer(refusal.status, "Service Unavailable", "application/problem+json", encode(problem))


class _Asking(Protocol):
    """One request, and the end of its connection."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._head = b""
        self._answering = False
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Wait for the request, but not for ever."""
        self._monitoring.asking.add(self)
        self._late = self._monitoring.clock.callLater(_PATIENCE, self.cut)

    def dataReceived(self, data: bytes) -> None:
        """Take a piece of the head; what comes after it is thrown away."""
        if self._answering:
            return
        self._head += data
        if len(self._head) > _HEAD_MOST:
            self.cut()
            return
        for end in (b"\r\n\r\n", b"\n\n"):
            if end in self._head:
                self._answering = True
                answering = Deferred.fromCoroutine(self._monitoring.answer(self._head))
                answering.addCallbacks(self._answered, self._broken)
                return

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self._monitoring.asking.discard(self)
        if self._late is not None and self._late.active():
            self._late.cancel()

    def cut(self) -> None:
        """End now."""
        cast("ITCPTransport", self.transport).abortConnection()

    def _answered(self, answer: bytes) -> None:
        assert self.transport is not None
        self.transport.write(answer)
        self.transport.loseConnection()

    def _broken(self, failure: Failure) -> None:
        self._monitoring.log.failure("A question about health could not be answered", failure)
        self.cut()
