"""The way out of one connection: bytes to its transport, and an end to those who fall behind.

Fan-out never waits.  While a TCP connection has nothing left to send, a writer hands its bytes
to the kernel itself; what the kernel does not take goes to the transport's own buffer, and
until that is empty everything follows it there.  So the order is the order of writing, the
transport's own control frames among it, and a line costs one system call for each listener and
next to nothing else.  Other transports (TLS, a proxy's introduction) always get what is written.

When the transport's buffer is full it asks us to pause (`IPushProducer`); from then on what is
still written is counted, and a connection that is too far behind, or that has taken nothing for
too long, is ended as ``slow``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.tcp import Connection
from zope.interface import implementer

from meet.limits import Limits


@implementer(IPushProducer)
class Writer:
    """Writes to ``transport``; calls ``slow`` once if its reader does not keep up.

    The transport must have no producer registered; it gets this one until `close`.
    """

    __slots__ = ("_behind", "_clock", "_deadline", "_direct", "_limits", "_send", "_slow", "_transport", "closed")

    def __init__(self, transport: Any, clock: IReactorTime, limits: Limits, slow: Callable[[], None]) -> None:
        self._transport = transport
        self._clock = clock
        self._limits = limits
        self._slow = slow
        self._behind = 0
        self._deadline: IDelayedCall | None = None
        self.closed = False
        self._send = _send_of(transport)
        # The transport as long as it may be passed by.
        self._direct = None if self._send is None else transport
        transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before; after `close` nothing happens."""
        direct = self._direct
        if direct is not None and not direct._tempDataLen and not direct.dataBuffer:
            try:
                sent = self._send(data)  # type: ignore[misc]  # it is there where direct is
            except OSError:
                # It takes nothing now, or nothing any more, which the transport finds out by itself.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self._write_later(data)

    def _write_later(self, data: bytes) -> None:
        if self.closed:
            return
        if self._deadline is not None:
            self._behind += len(data)
            if self._behind > self._limits.bytes_unsent:
                self._give_up()
                return
        self._transport.write(data)

    def close(self) -> None:
        """Write nothing more and leave the transport to others."""
        if self.closed:
            return
        self._end()
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport's buffer is full: count from here."""
        if self._deadline is None and not self.closed:
            self._behind = 0
            self._deadline = self._clock.callLater(self._limits.seconds_unsent, self._expire)

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._stop_waiting()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self._end()

    def _expire(self) -> None:
        self._deadline = None
        self._give_up()

    def _give_up(self) -> None:
        self.close()
        self._slow()

    def _end(self) -> None:
        self.closed = True
        self._direct = None
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()


def _send_of(transport: Any) -> Callable[[bytes], int] | None:
    """What hands bytes to the kernel, if ``transport`` does nothing else with them.

    Twisted (26.10) has no public name for its buffer; the tests hold us to it.
    """
    if isinstance(transport, Connection) and not transport.TLS:
        send: Callable[[bytes], int] = transport.socket.send
        return send
    return None
