"""The connection that does not end, and on which X writes a line for each post.

The law: nothing is read here faster than it is understood, nothing that was read is lost, and a
stream is over only when its connection is closed; nobody may open the next one before.

X writes an empty line at least every 20 seconds.  A stream that was silent for 30 is dead, even if
the system still takes it for alive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from meet.twitter.lines import Lines

SILENCE = 30.0
"""Seconds without a byte after which the stream is dead."""

AT_ONCE = 32
"""Lines that are understood in one turn of the reactor: some milliseconds of work."""

MOST_WAITING = 1024
"""Lines that may wait; above, the connection is read no further until half of them are done."""


class Stream(Protocol):
    """One such connection.

    ``heard(line)`` is called for each line; ``cut`` closes the connection at once.  ``done`` fires
    when it is closed and all that came is told, with a sentence that says why.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, heard: Callable[[bytes], object], cut: Callable[[], None]) -> None:
        self.done: Deferred[str] = Deferred()
        self._clock = clock
        self._heard = heard
        self._cut = cut
        self._lines = Lines()
        self._dropped = 0
        self._waiting: deque[bytes] = deque()
        self._turn: IDelayedCall | None = None
        self._silence: IDelayedCall | None = None
        self._paused = False
        self._why = ""
        self._lost = False

    def connectionMade(self) -> None:
        """The answer has begun: from now on X has to give signs of life."""
        self._watch()

    def dataReceived(self, data: bytes) -> None:
        """Keep the lines that ``data`` ends, for the turns that come."""
        if self._why:
            return
        self._watch()
        self._waiting.extend(self._lines.take(data))
        if self._lines.dropped > self._dropped:
            self._dropped = self._lines.dropped
            self.log.warn("X sent a line of more than a mebibyte, which was left out.")
        if len(self._waiting) > MOST_WAITING and not self._paused:
            self._paused = True
            self._unwatch()
            self._producer().pauseProducing()
        self._go_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed; what has come is still told, unless it was closed from here."""
        self._unwatch()
        self._lost = True
        if not self._why:
            ended = reason.check(ResponseDone) is not None
            self._why = "X ended the connection." if ended else "The connection to X broke."
        self._go_on()

    def close(self, why: str) -> None:
        """Tell no more and close the connection, for ``why``, a sentence; the first reason counts."""
        self._waiting.clear()
        self._unwatch()
        self._why = self._why or why
        if not self._lost:
            self._cut()

    def _watch(self) -> None:
        if self._paused:
            return
        if self._silence is None:
            self._silence = self._clock.callLater(SILENCE, self._silent)
        else:
            self._silence.reset(SILENCE)

    def _unwatch(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _silent(self) -> None:
        self._silence = None
        # What came before the silence is told: only what has no end yet goes.
        while self._waiting:
            self._tell(self._waiting.popleft())
        self.close(f"Nothing came from X for {SILENCE:.0f} seconds.")

    def _go_on(self) -> None:
        if self._waiting and self._turn is None:
            self._turn = self._clock.callLater(0, self._take_turn)
        elif not self._waiting and self._lost and not self.done.called:
            self.done.callback(self._why)

    def _take_turn(self) -> None:
        self._turn = None
        for _ in range(min(AT_ONCE, len(self._waiting))):
            if not self._waiting:
                break  # it was closed meanwhile
            self._tell(self._waiting.popleft())
        if self._paused and len(self._waiting) <= MOST_WAITING // 2 and not self._lost and not self._why:
            self._paused = False
            self._watch()
            self._producer().resumeProducing()
        self._go_on()

    def _producer(self) -> IPushProducer:
        # What a body comes from is no whole transport, but it can be paused.
        return cast("IPushProducer", self.transport)

    def _tell(self, line: bytes) -> None:
        try:
            self._heard(line)
        except Exception:
            # One line may not cost the others.
            self.log.failure("A line of X could not be told")
