"""One WebSocket of Jetstream.

The law: one that says nothing is as good as dead and is dropped; one that says too much at once is
ended; and nothing that is heard can break it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger

from meet.bluesky.posts import COLLECTION
from meet.errors import Unavailable

SILENCE = 30.0
"""Seconds without an event after which a connection is dead: the network says some fifty a second."""

PATIENCE = 15.0
"""Seconds in which a connection opens."""

LONGEST = 262_144
"""Bytes of an event that we want; a post has about a thousand, and Jetstream leaves longer ones out."""

_CLOSING = 3.0


class Connection(WebSocketClientProtocol):
    """A connection that gives each event to ``heard``.

    ``opened`` fires when events may come, or fails with `Unavailable`; ``ended`` fires with a
    sentence that says why they come no more; ``closing`` says whether we ended it.
    """

    _meet_log = Logger(namespace="meet.bluesky.connection")

    def __init__(self, clock: Any, heard: Callable[[bytes], None]) -> None:
        super().__init__()
        self.opened: Deferred[None] = Deferred()
        self.ended: Deferred[str] = Deferred()
        self._clock = clock
        self._heard = heard
        self.closing = False
        self._silence: IDelayedCall | None = None
        self._why = ""

    def onOpen(self) -> None:
        """Events may come."""
        self._silence = self._clock.callLater(SILENCE, self._stalled)
        self.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """An event."""
        if self._silence is None or self._why:
            return
        self._silence.reset(SILENCE)
        try:
            self._heard(payload)
        except Exception:
            self._meet_log.failure("An event of Bluesky could not be taken")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """It ended, or never opened."""
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        self._silence = None
        why = self._why or f"{' '.join(str(reason or 'Bluesky ended the connection').split())[:300].rstrip('.')}."
        if not self.opened.called:
            self.opened.errback(Unavailable(why))
        if not self.ended.called:
            self.ended.callback(why)

    def close(self, why: str) -> None:
        """End it in good order, within `_CLOSING` seconds; what still comes is not heard."""
        if not self._why:
            self._why = why
            self.closing = True
            self.sendClose(1000)

    def _stalled(self) -> None:
        self._why = f"Bluesky has said nothing for {SILENCE:.0f} seconds."
        self.dropConnection(abort=True)


def connect(
    reactor: Any,
    host: str,
    cursor: int,
    heard: Callable[[bytes], None],
    collections: Sequence[str] = (COLLECTION,),
) -> Deferred[Connection]:
    """Connect to ``host`` (``wss://…`` or ``ws://…``); fires when it is open, or fails with `Unavailable`.

    ``cursor`` is from when on events are told, in µs since 1970; 0: from now on.  ``collections`` are
    those whose events are told.
    """
    return Deferred.fromCoroutine(_connect(reactor, host, factory_of(reactor, host, cursor, heard, collections)))


class _Factory(WebSocketClientFactory):
    """Makes the `Connection` that gives events to ``heard``."""

    noisy = False
    heard: Callable[[bytes], None]

    def buildProtocol(self, addr: Any) -> Any:
        """The connection."""
        connection = Connection(self.reactor, self.heard)
        connection.factory = self
        return connection


def factory_of(
    reactor: Any, host: str, cursor: int, heard: Callable[[bytes], None], collections: Sequence[str] = (COLLECTION,)
) -> Any:
    """What opens a WebSocket to ``host`` for events of ``collections`` from ``cursor`` on."""
    query: dict[str, Any] = {"wantedCollections": collections, "maxMessageSizeBytes": LONGEST}
    if cursor:
        query["cursor"] = cursor
    factory = _Factory(f"{host}/subscribe?{urlencode(query, doseq=True)}", useragent="Meet", reactor=reactor)
    factory.heard = heard
    # Not Autobahn but `read` judges text that is no UTF-8, so that one bad event ends no connection.
    factory.setProtocolOptions(
        maxFramePayloadSize=4 * LONGEST,
        maxMessagePayloadSize=4 * LONGEST,
        utf8validateIncoming=False,
        openHandshakeTimeout=PATIENCE,
        closeHandshakeTimeout=_CLOSING,
        serverConnectionDropTimeout=_CLOSING,
        autoPingInterval=0,
        tcpNoDelay=True,
        failByDrop=False,
    )
    return factory


async def _connect(reactor: Any, host: str, factory: Any) -> Connection:
    try:
        connection: Connection = await _endpoint(reactor, host).connect(factory)
    except CancelledError:
        raise
    except Exception as problem:
        raise Unavailable(f"Bluesky cannot be reached: {str(problem) or type(problem).__name__}") from None
    try:
        await connection.opened
    except BaseException:
        connection.dropConnection(abort=True)
        raise
    return connection


def _endpoint(reactor: Any, host: str) -> Any:
    parts = urlsplit(host)
    secure = parts.scheme == "wss"
    name = parts.hostname or ""
    plain = HostnameEndpoint(reactor, name, parts.port or (443 if secure else 80), timeout=PATIENCE)
    return wrapClientTLS(optionsForClientTLS(name), plain) if secure else plain
