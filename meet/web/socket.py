"""WebSocket (RFC 6455) on the port of the pages, by Autobahn; subprotocol ``meet.v1``.

The handshake's wishes are checked before the connection is taken over from HTTP, so
whatever is wrong with them is answered by a problem document.  Frames of a room are built
once for all (`meet.web.formats`) and pass by Autobahn's sender; Autobahn reads, pings and closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from zope.interface import implementer

from meet import names, wire
from meet.errors import GOODBYES, Goodbye, Refused
from meet.house import House
from meet.web.conversation import Conversation, Visit
from meet.web.request import MeetRequest
from meet.web.site import MeetSite, last_answer
from meet.writer import Writer

SUBPROTOCOL = "meet.v1"

_PING = 30
"""Seconds of silence after which the browser is pinged: under the 45 s of impatient proxies."""

_PONG = 20
_CLOSING = 2
"""Seconds that the other side has to answer a close."""


_log = Logger()


@implementer(ILogObserver)
class _OfAutobahn:
    """Takes what Autobahn logs: its mistakes are kept, its warnings are not.

    It warns of everyone whose frames are wrong, or who does not answer a close, by their address.
    """

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            globalLogPublisher(event)


class RoomSocket(WebSocketServerProtocol):
    """One WebSocket; what it says and hears is `Conversation`'s."""

    # Autobahn's name for what it logs by.
    log = Logger(observer=_OfAutobahn())
    house: House
    site: MeetSite
    visit: Visit
    release: Callable[[], None]
    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self._conversation: Conversation | None = None
        self._writer: Writer | None = None

    def connectionMade(self) -> None:
        """The connection is ours now."""
        self.site.connections.add(self)
        super().connectionMade()

    def onConnect(self, request: Any) -> str | None:
        """Choose the subprotocol; none if none was asked for."""
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        """Refuse a handshake that is wrong; Autobahn's own answer would be a status line alone."""
        refused = Refused("bad-input", "That is not a WebSocket handshake that Meet understands.")
        self.sendData(last_answer(refused, self.house.at, code, *(responseHeaders or ())))
        self.dropConnection(abort=False)

    def onOpen(self) -> None:
        """Come in."""
        # twisted.web's channel is still registered as the transport's producer.
        self.transport.unregisterProducer()
        self._writer = Writer(self.transport, self.house.clock, self.house.limits, self._slow)
        self._conversation = Conversation(self.house, self.visit, self._writer.write, self._close, self._pause)
        self._conversation.begin()

    def onFrameBegin(self) -> None:
        """Count what comes, also pings and the pieces of one message, of which Autobahn takes any number."""
        if self._conversation is not None:
            self._conversation.count()
        super().onFrameBegin()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take one message; nothing that happens in it is raised to Autobahn, which would drop us."""
        conversation = self._conversation
        if conversation is None:
            return
        try:
            if isBinary:
                conversation.take_binary()
            else:
                conversation.take(payload)
        except Exception:
            _log.failure("A message could not be taken")
            conversation.end(GOODBYES["internal"])

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone, whatever the reason."""
        if self._writer is not None:
            self._writer.stopProducing()
        if self._conversation is not None:
            self._conversation.gone()
        self.release()
        self.site.lost(self)
        super().connectionLost(reason)

    def wind_up(self, goodbye: Goodbye) -> None:
        """As `meet.web.site.Connection` says."""
        if self._conversation is None:
            self.cut()
        else:
            self._conversation.end(goodbye)

    def cut(self) -> None:
        """As `meet.web.site.Connection` says."""
        self.transport.abortConnection()

    def _pause(self, paused: bool) -> None:
        if paused:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def _slow(self) -> None:
        # The writer has let go already; the goodbye waits in the transport behind the rest,
        # and the connection is cut if it is not taken within _CLOSING.
        conversation = self._conversation
        if conversation is not None:
            goodbye = GOODBYES["slow"]
            conversation.gone()
            self._close(goodbye)

    def _close(self, goodbye: Goodbye) -> None:
        if self._writer is not None:
            self._writer.close()
        # Autobahn's sendClose takes no code of 1011 to 1013.
        self.sendCloseFrame(code=goodbye.close, reasonUtf8=goodbye.name.encode(), isReply=False)


class RoomSockets(WebSocketServerFactory):
    """All WebSockets of one process."""

    protocol = RoomSocket

    def __init__(self, house: House) -> None:
        super().__init__(reactor=house.clock)
        self.house = house
        limits = house.limits
        self.setProtocolOptions(
            webStatus=False,
            failByDrop=False,
            # Other sites' pages are refused before the connection is taken over.
            allowedOrigins=["*"],
            allowNullOrigin=True,
            maxFramePayloadSize=limits.bytes_in_frame,
            maxMessagePayloadSize=limits.bytes_in_frame,
            openHandshakeTimeout=limits.seconds_to_register,
            closeHandshakeTimeout=_CLOSING,
            autoPingInterval=_PING,
            autoPingTimeout=_PONG,
        )
        self.startFactory()

    def takeover(self, request: MeetRequest, room: str) -> IResource:
        """What turns ``request`` into a WebSocket in ``room``.

        Raises `Refused` for what is wrong with its wishes, before anything is taken over.
        """
        if request.header("Upgrade").lower() != "websocket":
            raise Refused("bad-input", "This address speaks WebSocket.")
        request.refuse_other_sites()
        after = request.query("after")
        visit = Visit(
            room=names.room_name(room),
            address=request.address,
            nick=request.query("nick"),
            token=request.query("token"),
            host_key=request.query("host_key"),
            after=wire.position(after) if after else None,
        )
        return _Takeover(self, visit)


class _Takeover(WebSocketResource):
    """Takes one connection over from HTTP, for one visit."""

    def __init__(self, factory: RoomSockets, visit: Visit) -> None:
        super().__init__(self)
        self._sockets = factory
        self._visit = visit
        self._channel: Any = None

    def buildProtocol(self, address: Any) -> Any:
        """The protocol for this visit's connection; where Autobahn would ask its factory."""
        socket: Any = self._sockets.buildProtocol(address)
        socket.house = self._sockets.house
        socket.visit = self._visit
        socket.site = self._channel.site
        socket.release = self._channel.hand_over()
        return socket

    def render(self, request: MeetRequest) -> Any:
        """Take over."""
        self._channel = request.channel
        return super().render(request)
