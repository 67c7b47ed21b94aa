"""The connection on which a process hears: one for all its rooms.

The law: `subscribe` fires only when the server has confirmed, so that what is read after it and
what is heard have no gap between them.  A connection that is made again subscribes to
everything first, and only then counts as there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.broker.redis.link import Greet, Line, Link, Lost, pack

_AT_ONCE = 500
"""Channels in one command: a server should not be busy for long with one of them."""

Hear = Callable[[bytes], None]


class _Ear(Line):
    """A connection that is told messages between its answers."""

    def __init__(self, told: Callable[[bytes, bytes], None]) -> None:
        super().__init__()
        self._told = told
        self._confirming: dict[bytes, deque[Deferred[None]]] = {}

    def subscribe(self, channels: Sequence[str]) -> Deferred[Any]:
        """Fires when the server has confirmed all ``channels``."""
        confirmed = []
        for start in range(0, len(channels), _AT_ONCE):
            some = channels[start : start + _AT_ONCE]
            for channel in some:
                done: Deferred[None] = Deferred()
                self._confirming.setdefault(channel.encode(), deque()).append(done)
                confirmed.append(done)
            self.transport.write(pack(["SUBSCRIBE", *some]))
        return gatherResults(confirmed, consumeErrors=True)

    def unsubscribe(self, channel: str) -> None:
        """Hear nothing more of ``channel``."""
        self.transport.write(pack(["UNSUBSCRIBE", channel]))

    def replyReceived(self, reply: Any) -> None:
        """Tell messages apart from confirmations and answers."""
        what = reply[0] if isinstance(reply, list) and reply else None
        if what == b"message":
            self.answered += 1
            self._told(reply[1], reply[2])
        elif what == b"subscribe":
            self.answered += 1
            waiting = self._confirming.get(reply[1])
            if waiting:
                waiting.popleft().callback(None)
                if not waiting:
                    del self._confirming[reply[1]]
        elif what == b"unsubscribe":
            self.answered += 1
        else:
            super().replyReceived(b"PONG" if what == b"pong" else reply)

    def connectionLost(self, reason: Failure) -> None:
        """Fail what was not confirmed."""
        confirming, self._confirming = self._confirming, {}
        super().connectionLost(reason)
        for waiting in confirming.values():
            for done in waiting:
                done.errback(Lost("The connection to Redis was lost."))


class Hearing:
    """What this process hears.  ``up()`` when all of it is heard, ``down(reason)`` when not."""

    log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        greet: Greet,
        reactor: IReactorTime,
        random: Callable[[int], bytes],
        up: Callable[[], None],
        down: Callable[[str], None],
    ) -> None:
        self._channels: dict[bytes, Hear] = {}
        self._greet = greet
        self._link = Link(endpoint, self._begin, (), reactor, random, up, down, lambda: _Ear(self._told))

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def stop(self) -> Deferred[None]:
        """Close; fires when it is closed."""
        self._channels.clear()
        return self._link.stop()

    def subscribe(self, channel: str, hear: Hear) -> Deferred[None]:
        """Call ``hear(message)`` for what is sent to ``channel``; fires when it is heard for sure.

        Fails with `Unavailable` if the connection is away; it is heard when that is back all the same.
        """
        self._channels[channel.encode()] = hear
        line = cast("_Ear | None", self._link.line)
        if line is None:
            return fail(Lost("Redis cannot be reached."))
        return line.subscribe([channel]).addCallback(lambda _: None)

    def unsubscribe(self, channel: str) -> None:
        """Hear nothing more of ``channel``."""
        line = cast("_Ear | None", self._link.line)
        if self._channels.pop(channel.encode(), None) is not None and line is not None:
            line.unsubscribe(channel)

    def _begin(self, line: Line) -> Deferred[None]:
        ear = cast("_Ear", line)
        return self._greet(line).addCallback(lambda _: ear.subscribe([name.decode() for name in self._channels]))

    def _told(self, channel: bytes, message: bytes) -> None:
        hear = self._channels.get(channel)
        if hear is not None:
            try:
                hear(message)
            except Exception:
                self.log.failure("Hearing an entry failed")
