"""The way out of one connection: bytes to its transport, and an end to those who fall behind.

Fan-out never waits.  While a TCP connection has nothing left to send, a writer hands its bytes
to the kernel itself; what the kernel does not take goes to the transport's own buffer, and
until that is empty everything follows it there.  So the order is the order of writing, the
transport's own control frames among it, and a line costs one `send` of the kernel for each listener
and next to nothing else: `write_past` has it done for many by one system call (`meet.uring`), or,
where the system has no such, by calls one after the other without a step of Python between.  Other
transports (TLS, a proxy's introduction) always get what is written.

When the transport's buffer is full it asks us to pause (`IPushProducer`); from then on what is
still written is counted.  A connection that is too far behind then, or of which the kernel has
taken nothing for too long, is ended as ``slow``; one that takes a little all the time is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from itertools import repeat
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.tcp import Connection
from zope.interface import implementer

from meet.limits import Limits
from meet.uring import BYTES_MOST, Ring

NO_FILE: Final = -1
"""In the place of a file's number: this cannot be written past its transport, or not now."""

_MANY = 16
"""Files from which on one call for all of them costs less than a call for each."""


@implementer(IPushProducer)
class Writer:
    """Writes to ``transport``; calls ``slow`` once if its reader does not keep up.

    The transport must have no producer registered; ``consumer``, or else the transport itself,
    gets this one until `close`.  ``file`` is what `write_past` takes in place of `write`; ``changes``
    counts how often that became another one, of all writers.
    """

    changes: ClassVar[int] = 0

    __slots__ = (
        "_behind",
        "_clock",
        "_connection",
        "_consumer",
        "_deadline",
        "_limits",
        "_past",
        "_slow",
        "_taken_at",
        "_transport",
        "closed",
        "file",
    )

    def __init__(
        self, transport: Any, clock: IReactorTime, limits: Limits, slow: Callable[[], None], consumer: Any = None
    ) -> None:
        self._transport = transport
        self._consumer = consumer or transport
        self._connection = _connection_of(transport)
        self._clock = clock
        self._limits = limits
        self._slow = slow
        self._behind = 0
        self._taken_at = 0.0
        self._deadline: IDelayedCall | None = None
        self.closed = False
        # As `write_past` takes it; and the same whether or not that may be done now.
        self.file = NO_FILE
        self._past = NO_FILE
        if self._connection is transport and not transport.TLS:
            self._past = transport.fileno()
            transport.startWriting = self._begun
            transport.stopWriting = self._emptied
            self._look()
        self._consumer.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before; after `close` nothing happens."""
        if self.file != NO_FILE:
            try:
                sent = os.write(self.file, data)
            except OSError:
                # It takes nothing now, or nothing any more, which the transport finds out by itself.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self.write_on(data)

    def write_on(self, data: bytes) -> None:
        """Send ``data``, of which the kernel has not taken what stood before it, or not yet."""
        if self.closed:
            return
        if self._deadline is not None:
            self._behind += len(data)
            if min(self._behind, self._unsent()) > self._limits.bytes_unsent:
                self._give_up()
                return
        self._transport.write(data)

    def close(self) -> None:
        """Write nothing more and leave the transport to others."""
        if self.closed:
            return
        self._end()
        self._consumer.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport's buffer is full: count from here."""
        if self._deadline is None and not self.closed:
            self._behind = 0
            self._taken_at = self._clock.seconds()
            self._deadline = self._clock.callLater(self._limits.seconds_unsent, self._expire)
            if self._connection is not None:
                self._connection.writeSomeData = self._write_some

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._stop_waiting()

    def stopProducing(self) -> None:
        """The connection is gone; a request, should it be one's, keeps its producer."""
        self._end()
        self._consumer = None

    # In the place of the connection's own methods, which it calls for its own bytes and ours.

    def _begun(self) -> None:
        self._have(NO_FILE)
        type(self._transport).startWriting(self._transport)

    def _emptied(self) -> None:
        type(self._transport).stopWriting(self._transport)
        self._look()

    def _write_some(self, data: bytes) -> int | BaseException:
        taken: int | BaseException = type(self._connection).writeSomeData(self._connection, data)
        if not isinstance(taken, BaseException) and taken > 0:
            self._taken_at = self._clock.seconds()
        return taken

    def _look(self) -> None:
        """Pass the transport by from now on, if it has nothing left to send."""
        if not self._unsent() and not self.closed:
            self._have(self._past)

    def _have(self, file: int) -> None:
        self.file = file
        Writer.changes += 1

    def _unsent(self) -> int:
        """Bytes that the connection has still to send; where that cannot be seen, those since it was full.

        Twisted (26.10) has no public name for its buffer; the tests hold us to it.
        """
        connection = self._connection
        if connection is None:
            return self._behind
        unsent: int = len(connection.dataBuffer) - connection.offset + connection._tempDataLen
        return unsent

    def _expire(self) -> None:
        left = self._taken_at + self._limits.seconds_unsent - self._clock.seconds()
        if left > 0:
            self._deadline = self._clock.callLater(left, self._expire)
        else:
            self._give_up()

    def _give_up(self) -> None:
        slow = self._slow
        self.close()
        slow()

    def _end(self) -> None:
        self._stop_waiting()
        self.closed = True
        # Whoever has this writer is known by it no longer, so both are free without a search.
        self._slow = _nobody
        if self._past != NO_FILE:
            # The transport closes the file after this; then its number may be another connection's.
            self._past = NO_FILE
            self._have(NO_FILE)
            del self._transport.startWriting, self._transport.stopWriting

    def _stop_waiting(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is None:
            return
        if self._connection is not None:
            del self._connection.writeSomeData
        if deadline.active():
            deadline.cancel()


def _nobody() -> None:
    """Who was to be told has gone."""


def writer_of(write: Callable[[bytes], object]) -> Writer | None:
    """The writer whose `Writer.write` that is; None if it is something else."""
    owner = getattr(write, "__self__", None)
    return owner if isinstance(owner, Writer) and write == owner.write else None


def write_past(files: Sequence[int], data: bytes) -> list[int]:
    """Hand ``data`` to the kernel for each of ``files``, past their transports; how much it took of it for each.

    Of `NO_FILE`, and of a connection that takes nothing now or nothing any more, that is 0.
    """
    if len(files) >= _MANY and len(data) <= BYTES_MOST and (ring := _ring()) is not None:
        return ring.send(files, data)
    taken: list[int] = []
    calls = map(os.write, files, repeat(data))
    while len(taken) < len(files):
        try:
            # What was taken before one refuses stands in the list already.
            taken.extend(calls)
        except OSError:
            taken.append(0)
    return taken


@cache
def _ring() -> Ring | None:
    """The ring of this process, if it may have one: made when it is first of use, behind all forks."""
    try:
        return Ring()
    except OSError:
        return None


def _connection_of(transport: Any) -> Any:
    """The TCP connection, or Unix socket, at the bottom of ``transport``; None if that cannot be seen."""
    while transport is not None and not isinstance(transport, Connection):
        transport = getattr(transport, "transport", None)
    return transport
