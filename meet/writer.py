"""The way out of one connection: bytes to its transport, and an end to those who fall behind.

Fan-out never waits.  While the other side takes what it is sent, a writer only passes
bytes on.  When the transport's own buffer is full it asks us to pause (`IPushProducer`);
from then on what is still written is counted, and a connection that is too far behind, or
that has taken nothing for too long, is ended as ``slow``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from meet.limits import Limits


@implementer(IPushProducer)
class Writer:
    """Writes to ``transport``; calls ``slow`` once if its reader does not keep up.

    The transport must have no producer registered; it gets this one until `close`.
    """

    __slots__ = ("_behind", "_clock", "_deadline", "_limits", "_slow", "_transport", "closed")

    def __init__(self, transport: Any, clock: IReactorTime, limits: Limits, slow: Callable[[], None]) -> None:
        self._transport = transport
        self._clock = clock
        self._limits = limits
        self._slow = slow
        self._behind = 0
        self._deadline: IDelayedCall | None = None
        self.closed = False
        transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before; after `close` nothing happens."""
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
        self.closed = True
        self._stop_waiting()
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
        self.closed = True
        self._stop_waiting()

    def _expire(self) -> None:
        self._deadline = None
        self._give_up()

    def _give_up(self) -> None:
        self.close()
        self._slow()

    def _stop_waiting(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()
