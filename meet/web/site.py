"""HTTP itself: connections, and the bounds on what comes by them.

A request has a time in which all of it must come, and bounds on its head and body; who
passes one gets a short answer and is let go.  After that answer what still comes is thrown
away for a moment, because a connection closed on unread bytes would take the answer with it.
Nothing here writes down who asked for what.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, ISSLTransport, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Site

from meet.errors import Goodbye, Refused
from meet.house import House
from meet.web import problems, security
from meet.web.forwarded import Trust
from meet.web.hints import Hints
from meet.web.request import MeetRequest, too_large

_log = Logger()

_VERSION = re.compile(rb" HTTP/([0-9])\.([0-9])\Z")

_LINGER = 2.0
"""Seconds for which a refused sender may go on before the connection is cut."""

_ON_ITS_WAY = 1.0
"""Seconds that a request has to come when Meet is ending."""


class Connection(Protocol):
    """What the site knows of each connection, also of one that became a WebSocket."""

    def wind_up(self, goodbye: Goodbye) -> None:
        """End soon, with ``goodbye`` if there is a way to say it."""

    def cut(self) -> None:
        """End now."""


class Channel(HTTPChannel):
    """One connection, as long as it speaks HTTP."""

    site: Any
    timeOut: Any
    transport: Any
    persistent: Any
    _networkProducer: Any

    def __init__(self) -> None:
        super().__init__()
        self._over = False
        self._busy = False
        self._served = False
        self._last = False
        self._counted: str | None = None
        self._release: Callable[[], None] = _nothing
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Count the connection, or refuse it."""
        super().connectionMade()
        self.site.connections.add(self)
        peer = str(getattr(self.transport.getPeer(), "host", ""))
        # Whose a proxy's connection is shows only with each request.
        if self.site.trust.trusts(peer) or self.count(peer):
            self._begin()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; after a refusal they are thrown away."""
        if self._over:
            return
        if self._deadline is None and not self._busy:
            self._begin()
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """Take a line of the head."""
        if self._over:
            return
        if not self.requests and (version := _VERSION.search(line)) is not None:
            if version[1] != b"1":
                self.refuse(Refused("bad-input", "Meet speaks version 1.1 of HTTP."), 505)
                return
            # RFC 9110, section 2.5: a later version of HTTP/1 is to be taken for the one that is known.
            if version[2] not in b"01":
                line = line[: version.start()] + b" HTTP/1.1"
        super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        """Take a part of the body."""
        if not self._over:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        """The request line, or a header, does not end."""
        self._refuse_head()

    def allHeadersReceived(self) -> None:
        """Refuse a body that says it is too large before it is asked for, and a Host that cannot be one."""
        most = self.site.house.limits.bytes_in_body
        hosts = self.requests[-1].requestHeaders.getRawHeaders(b"Host", [])
        if self.length is not None and self.length > most:
            self.refuse(too_large(most))
        elif len(hosts) > 1 or not (hosts or self._version == b"HTTP/1.0"):
            # RFC 9112, section 3.2: other than one is a mistake or an attack on a proxy between.
            self.refuse(Refused("bad-input", "A request names one Host."))
        elif hosts and hosts[0] and not security.host_name(hosts[0].decode("latin-1")):
            self.refuse(Refused("bad-input", "That is not the name of a Host."))
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """The request is here in time."""
        if self._over:
            return
        self._stop_deadline()
        self._busy = self._served = True
        super().allContentReceived()

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether another request may follow."""
        # twisted.web 26 takes this list for one of words between spaces.
        words = request.headers("Connection").lower().replace(" ", "").split(",")
        if "close" in words:
            request.requestHeaders.setRawHeaders(b"Connection", [b"close"])
        return not self._last and bool(super().checkPersistence(request, version))

    def requestDone(self, request: Any) -> None:
        """The next request may come."""
        self._busy = False
        super().requestDone(request)

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:
        """Add what stands in every answer."""
        for name, value in security.FIXED:
            headers.setRawHeaders(name, [value])
        # twisted.web 26 has no word for the newer of these.
        reason = HTTPStatus(int(code)).phrase.encode()
        host = self.requests[0].host_header if self.requests else ""
        for name, value in security.framing(host):
            if not headers.hasHeader(name):
                headers.setRawHeaders(name, [value])
        if self._last and b"close" not in headers.getRawHeaders(b"Connection", []):
            headers.addRawHeader(b"Connection", b"close")
        super().writeHeaders(version, code, reason, headers)

    def timeoutConnection(self) -> None:
        """Nothing is under way and nothing comes: close, and note nothing."""
        self._end()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """It is gone."""
        self._over = True
        self._stop_deadline()
        self._release()
        self.site.lost(self)
        super().connectionLost(reason)

    def _respondToBadRequestAndDisconnect(self) -> None:
        # twisted.web 26 answers malformed requests here, and too many or too long headers, with an empty body.
        if self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders:
            self._refuse_head()
            return
        self.refuse(Refused("bad-input", "That is not a request that Meet understands."))

    def count(self, address: str) -> bool:
        """Count the connection as one of ``address``, and no longer as another's; False if it was refused."""
        if address != self._counted:
            self._release()
            self._release, self._counted = _nothing, None
            try:
                self._release = self.site.house.admission.connect(address)
            except Refused as refused:
                self.refuse(refused)
                return False
            self._counted = address
        return True

    # Endings.

    def refuse(self, refused: Refused, status: int = 0) -> None:
        """Answer what was not a request yet, and let go of the connection."""
        if self._over:
            return
        self.transport.write(last_answer(refused, self.site.house.at, status))
        self._end()

    def hand_over(self) -> tuple[Any, Callable[[], None]]:
        """Give the connection to another protocol; returns the transport, which is at work and has no
        producer, and what counts the connection out once it is lost.
        """
        self._over = True
        self._stop_deadline()
        self.setTimeout(None)
        self.site.connections.discard(self)
        release, self._release = self._release, _nothing
        self._networkProducer.unregisterProducer()
        self._networkProducer.resumeProducing()
        transport, self.transport = self.transport, None
        # Nothing here is needed any more, and what knows each other in a circle is found late.
        for request in self.requests:
            request.channel = None
        self.requests.clear()
        return transport, release

    def answer_last(self) -> None:
        """Close once what is under way has been answered."""
        self._last = True
        self.persistent = False

    def wind_up(self, goodbye: Goodbye) -> None:
        """As `Connection` says: a request under way is answered first, and one that is on its way.

        Who came in a moment ago sends it yet, and could not know that the port closed behind them.
        """
        self._last = True
        if self._busy:
            self.answer_last()
        elif self._deadline is not None and self._deadline.active() and (self.requests or not self._served):
            self._deadline.reset(_ON_ITS_WAY)
        else:
            self._end()

    def cut(self) -> None:
        """As `Connection` says."""
        if self.transport is not None:
            self.transport.abortConnection()

    def end_soon(self) -> None:
        """Close once what was written has gone out; cut if that does not happen soon."""
        self._end()

    def _refuse_head(self) -> None:
        if self.requests:
            self.refuse(Refused("too-large", "The head of that request is too large."), 431)
        else:
            self.refuse(Refused("too-large", "That address is too long."), 414)

    def _begin(self) -> None:
        clock = self.site.house.clock
        self._deadline = clock.callLater(self.site.house.limits.seconds_to_request, self._late)

    def _late(self) -> None:
        self._deadline = None
        if self.requests:
            self.refuse(Refused("bad-input", "That request took too long to come."), 408)
        else:
            self._end()

    def _stop_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._stop_deadline()
        self.setTimeout(None)
        self._networkProducer.unregisterProducer()
        if ITCPTransport.providedBy(self.transport) and not ISSLTransport.providedBy(self.transport):
            self._networkProducer.resumeProducing()
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()
        self._deadline = self.site.house.clock.callLater(_LINGER, self.cut)


class MeetSite(Site):
    """The factory of all HTTP connections.  It keeps no access log."""

    protocol = Channel  # type: ignore[assignment]  # without HTTP/2 nothing has to be negotiated

    def __init__(self, resource: Resource, house: House) -> None:
        super().__init__(
            resource,
            requestFactory=MeetRequest,
            timeout=house.limits.seconds_idle,
            reactor=house.clock,
            parsePOSTFormSubmission=False,
        )
        self.house = house
        self.trust = Trust(house.trust)
        self.hints = Hints(lambda hint: _log.warn("{hint}", hint=hint), house.at)
        self.connections: set[Connection] = set()
        self._empty: list[Deferred[None]] = []

    def startFactory(self) -> None:
        """There is no log to open."""

    def stopFactory(self) -> None:
        """There is no log to close."""

    def log(self, request: Any) -> None:
        """Nobody writes down who asked for what."""

    def lost(self, connection: Connection) -> None:
        """``connection`` is gone."""
        self.connections.discard(connection)
        if not self.connections:
            waiting, self._empty = self._empty, []
            for each in waiting:
                each.callback(None)

    def wind_up(self, goodbye: Goodbye) -> Deferred[None]:
        """End every connection; fires when the last is gone, within a few seconds."""
        for connection in list(self.connections):
            connection.wind_up(goodbye)
        if not self.connections:
            return succeed(None)
        gone: Deferred[None] = Deferred()
        self._empty.append(gone)
        late = self.house.clock.callLater(_LINGER, self._cut_all)

        def done(result: None) -> None:
            if late.active():
                late.cancel()

        return gone.addCallback(done)

    def _cut_all(self) -> None:
        for connection in list(self.connections):
            connection.cut()


def last_answer(refused: Refused, at: str, status: int = 0, *more: tuple[str, str]) -> bytes:
    """A whole HTTP answer that refuses what was not a request yet; ``more`` are further headers.

    ``at`` is the path under which the pages stand.
    The connection is to be closed after it.
    """
    status = status or refused.refusal.status
    body = problems.document(refused, at, status)
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(f"Retry-After: {seconds}" for seconds in problems.come_again(status)),
        *(f"{name}: {value}" for name, value in more),
    ]
    fixed = b"".join(b"%s: %s\r\n" % header for header in (*security.FIXED, *security.framing("")))
    return "".join(f"{line}\r\n" for line in head).encode() + fixed + b"\r\n" + body


def _nothing() -> None:
    pass
