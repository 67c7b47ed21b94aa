"""Autobahn's WebSocket, made light: what is the same for all connections is kept once.

Ten thousand people who only read are the ordinary case, and each is one of these.  Autobahn
(26.10) keeps some sixty values, two Deferreds, a queue and a validator for each, and makes
an unmasker for every frame; that was half of what a participant took, and a fifth of what a
line cost.  Here those values stand in the class, whole texts, which is what clients send,
are read in one step, and everything else (pieces, pings, closes, mistakes) is Autobahn's to
judge, as before.
"""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats, WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

_WHOLE_TEXT = 0x81
_MASKED = 0x80
_LONG, _LONGER = 126, 127
"""Lengths that say that the length follows, in 2 or 8 bytes (RFC 6455, section 5.2)."""


class _Quiet:
    """What Autobahn logs by: its mistakes are kept, its warnings are not.

    It warns of everyone whose frames are wrong, or who does not answer a close, by their address.
    """

    _log = Logger()

    def debug(self, *_: Any, **__: Any) -> None:
        """Nobody reads it."""

    trace = info = warn = debug

    def error(self, words: str, **more: Any) -> None:
        """Keep it."""
        self._log.error(words, **more)

    def failure(self, words: str, **more: Any) -> None:
        """Keep it."""
        self._log.failure(words, **more)


class _Nobody:
    """Stands where Autobahn has a Deferred: nobody waits for it."""

    def callback(self, result: object) -> None:
        """Nothing waits."""


class LightWebSocket(WebSocketServerProtocol):
    """One WebSocket whose handshake was answered already; its factory has Autobahn's options."""

    transport: Any
    factory: Any
    log: Any = _Quiet()

    # What Autobahn sets for each connection when it begins, and seldom changes.
    state = WebSocketProtocol.STATE_OPEN
    send_state = WebSocketProtocol.SEND_STATE_GROUND
    websocket_version = 13
    data = b""
    send_queue: Any = ()
    triggered = False
    inside_message = False
    current_frame: Any = None
    trackedTimings: Any = None
    trafficStats = TrafficStats()
    is_open = is_closed = _Nobody()
    closedByMe = failedByMe = droppedByMe = wasClean = False
    wasMaxFramePayloadSizeExceeded = wasMaxMessagePayloadSizeExceeded = False
    wasServerConnectionDropTimeout = wasOpenHandshakeTimeout = wasCloseHandshakeTimeout = False
    wasServingFlashSocketPolicyFile = False
    wasNotCleanReason: Any = None
    message_data: Any = None
    localCloseCode: Any = None
    localCloseReason: Any = None
    remoteCloseCode: Any = None
    remoteCloseReason: Any = None
    openHandshakeTimeoutCall = closeHandshakeTimeoutCall = None
    autoPingTimeoutCall = autoPingPending = autoPingPendingCall = None
    _perMessageCompress = None

    def __init__(self) -> None:
        """Keep nothing yet."""

    def __getattr__(self, name: str) -> Any:
        # Autobahn copies its options to each connection.
        if name in self.CONFIG_ATTRS:
            return getattr(self.factory, name)
        if name == "utf8validator":
            self.utf8validator = Utf8Validator()
            return self.utf8validator
        raise AttributeError(name)

    def connectionMade(self) -> None:
        """The connection is ours; its handshake was answered."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone, whatever the reason."""
        WebSocketProtocol._connectionLost(self, str(reason.value))

    def dataReceived(self, data: bytes) -> None:
        """Take bytes: whole texts at once, and let Autobahn read the rest."""
        if self.state == self.STATE_OPEN and not (self.data or self.inside_message or self.current_frame):
            data = self._take_texts(data)
        if data:
            self._dataReceived(data)

    def _take_texts(self, data: bytes) -> bytes:
        """Take the whole texts that ``data`` begins with; return what follows them."""
        at, end, most = 0, len(data), self.factory.maxFramePayloadSize
        while end - at >= 8 and data[at] == _WHOLE_TEXT and data[at + 1] & _MASKED:
            length, start = data[at + 1] & ~_MASKED, at + 6
            if length == _LONG:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
                if length < _LONG:
                    break
            elif length == _LONGER:
                break
            stop = start + length
            if stop > end or length > most:
                break
            payload = unmasked(data[start:stop], data[start - 4 : start])
            try:
                payload.decode()
            except UnicodeDecodeError:
                break
            at = stop
            self.onFrame()
            self.onMessage(payload, False)
            if self.state != self.STATE_OPEN:
                break
        return data[at:] if at else data

    def onFrame(self) -> None:
        """A frame begins, of whatever kind."""

    def onFrameBegin(self) -> None:
        """A frame begins that is no whole text."""
        self.onFrame()
        super().onFrameBegin()

    def onFrameData(self, payload: bytes) -> Any:
        """Unmask a piece of a frame, and let Autobahn take it (it has ``applyMask`` False)."""
        mask = self.current_frame.mask
        if mask is not None:
            at = (self.current_frame_masker.pointer() - len(payload)) % len(mask)
            payload = unmasked(payload, mask[at:] + mask[:at])
        return super().onFrameData(payload)

    def onMessageEnd(self) -> None:
        """A message that came in pieces is whole."""
        pieces, self.message_data = self.message_data, None
        if not self.failedByMe:
            self.onMessage(b"".join(pieces), self.message_is_binary)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send a control frame."""
        self.transport.write(data)


def unmasked(data: bytes, mask: bytes) -> bytes:
    """``data`` without its ``mask`` of 4 bytes, which begins with its first byte (RFC 6455, section 5.3)."""
    length = len(data)
    whole = mask * (length // len(mask) + 1)
    return (int.from_bytes(data, "little") ^ int.from_bytes(whole[:length], "little")).to_bytes(length, "little")
