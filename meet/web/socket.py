"""WebSocket (RFC 6455) on the port of the pages, by Autobahn; subprotocol ``meet.v1``.

The handshake is judged before the connection is taken over from HTTP, so whatever is wrong
with it, or with its wishes, is answered by a problem document.  Frames of a room are built
once for all (`meet.web.formats`) and pass by Autobahn's sender; Autobahn reads and closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from meet import names, wire
from meet.errors import GOODBYES, Goodbye, Refused
from meet.house import House
from meet.web import handshake
from meet.web.conversation import Conversation, Visit
from meet.web.pings import Pings
from meet.web.request import MeetRequest
from meet.web.site import MeetSite
from meet.web.websocket import LightWebSocket
from meet.writer import Writer

_CLOSING = 2
"""Seconds that the other side has to answer a close."""


_log = Logger()


class RoomSocket(LightWebSocket):
    """One WebSocket; what it says and hears is `Conversation`'s."""

    factory: RoomSockets

    def __init__(self, site: MeetSite, release: Callable[[], None]) -> None:
        super().__init__()
        self._site = site
        self._release = release
        self._pinged = False

    def open(self, answer: bytes, visit: Visit) -> None:
        """Give the handshake's ``answer`` and come in, for ``visit``, once connected."""
        self._site.connections.add(self)
        house = self.factory.house
        self._writer = Writer(self.transport, house.clock, house.limits, self._slow)
        self._conversation = Conversation(house, visit, self._writer.write, self._close, self._pause)
        self.factory.pings.add(self)
        self._writer.write(answer)
        self._conversation.begin()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes, which are a sign of life."""
        if self._pinged:
            self._pinged = False
            self.factory.pings.heard(self)
        super().dataReceived(data)

    def onFrame(self) -> None:
        """Count what comes, also pings and the pieces of one message, of which Autobahn takes any number."""
        self._conversation.count()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take one message; nothing that happens in it is raised to Autobahn, which would drop us."""
        conversation = self._conversation
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
        self.factory.pings.remove(self)
        self._writer.stopProducing()
        self._conversation.gone()
        self._release()
        self._site.lost(self)
        super().connectionLost(reason)
        # They know this one; apart, each is free as soon as nobody needs it.
        del self._conversation, self._writer

    def ping(self) -> None:
        """As `meet.web.pings.Pinged` says."""
        self._pinged = True
        self.sendPing()

    def silent(self) -> None:
        """As `meet.web.pings.Pinged` says."""
        self.dropConnection(abort=True)

    def wind_up(self, goodbye: Goodbye) -> None:
        """As `meet.web.site.Connection` says."""
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
        self._conversation.gone()
        self._close(GOODBYES["slow"])

    def _close(self, goodbye: Goodbye) -> None:
        self._writer.close()
        # Autobahn's sendClose takes no code of 1011 to 1013.
        self.sendCloseFrame(code=goodbye.close, reasonUtf8=goodbye.name.encode(), isReply=False)


class RoomSockets(WebSocketServerFactory):
    """All WebSockets of one process."""

    def __init__(self, house: House) -> None:
        super().__init__(reactor=house.clock)
        self.house = house
        self.pings = Pings(house.clock)
        limits = house.limits
        self.setProtocolOptions(
            failByDrop=False,
            # `LightWebSocket` does it.
            applyMask=False,
            maxFramePayloadSize=limits.bytes_in_frame,
            maxMessagePayloadSize=limits.bytes_in_frame,
            closeHandshakeTimeout=_CLOSING,
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
        try:
            answer = handshake.agreed(request.requestHeaders)
        except Refused:
            request.channel.answer_last()
            raise
        return _Takeover(self, visit, answer)


class _Takeover(Resource):
    """Takes one connection over from HTTP, for one visit."""

    isLeaf = True

    def __init__(self, sockets: RoomSockets, visit: Visit, answer: bytes) -> None:
        super().__init__()
        self._sockets = sockets
        self._visit = visit
        self._answer = answer

    def render(self, request: MeetRequest) -> Any:
        """Take over."""
        channel = request.channel
        transport, release = channel.hand_over()
        socket = RoomSocket(channel.site, release)
        socket.factory = self._sockets
        # The place of the channel is on the transport, or on what wraps it: TLS, or a proxy's introduction.
        if isinstance(transport, ProtocolWrapper):
            transport.wrappedProtocol = socket
        elif isinstance(transport.protocol, ProtocolWrapper):
            transport.protocol.wrappedProtocol = socket
        else:
            transport.protocol = socket
        socket.makeConnection(transport)
        socket.open(self._answer, self._visit)
        return NOT_DONE_YET
