"""The connection on which a process hears: one for all its rooms.

The law: `subscribe` fires only when the server has confirmed, so that what is read after it and
what is heard have no gap between them.  A connection that is made again subscribes to
everything first, also to what is wanted while it does so, and only then counts as there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.broker.redis.link import Greet, Line, Link, Lost, pack
from meet.broker.redis.servers import not_now

_AT_ONCE = 500
"""Channels in one command: a server should not be busy for long with one of them."""

Hear = Callable[[bytes], None]


class _Ear(Line):
    """A connection that is told messages between its answers."""

    def __init__(self, told: Callable[[bytes, bytes], None]) -> None:
        super().__init__()
        self._told = told
        self._confirming: dict[bytes, deque[Deferred[None]]] = {}

    def subscribe(self, channels: Sequence[str]) -> Deferred[None]:
        """Fires when the server has confirmed all ``channels``, which it does in their order."""
        done: Deferred[None] = Deferred()
        for start in range(0, len(channels), _AT_ONCE):
            some = channels[start : start + _AT_ONCE]
            for channel in some:
                done = Deferred()
                self._confirming.setdefault(channel.encode(), deque()).append(done)
                if channel is not channels[-1]:
                    done.addErrback(_ignore)
            self.transport.write(pack(["SUBSCRIBE", *some]))
        return done

    def unsubscribe(self, channels: Sequence[str]) -> None:
        """Hear nothing more of ``channels``."""
        self.transport.write(pack(["UNSUBSCRIBE", *channels]))

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
        elif isinstance(reply, Exception) and self._confirming:
            self._fail_confirming(reply)
        else:
            super().replyReceived(b"PONG" if what == b"pong" else reply)

    def fail(self, why: Exception) -> None:
        """Also what was not confirmed."""
        super().fail(why)
        self._fail_confirming(why)

    def _fail_confirming(self, why: Exception) -> None:
        confirming, self._confirming = self._confirming, {}
        for waiting in confirming.values():
            for done in waiting:
                done.errback(why)


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
        return line.subscribe([channel]).addErrback(not_now)

    def unsubscribe(self, channel: str) -> None:
        """Hear nothing more of ``channel``."""
        line = cast("_Ear | None", self._link.line)
        if self._channels.pop(channel.encode(), None) is not None and line is not None:
            line.unsubscribe([channel])

    def renew(self) -> None:
        """Hear from another connection, since what is sent does not come by this one."""
        self._link.renew()

    def _begin(self, line: Line) -> Deferred[None]:
        return Deferred.fromCoroutine(self._subscribe_to_all(cast("_Ear", line)))

    async def _subscribe_to_all(self, ear: _Ear) -> None:
        await self._greet(ear)
        heard: set[bytes] = set()
        while lacking := [channel for channel in self._channels if channel not in heard]:
            heard.update(lacking)
            await ear.subscribe([channel.decode() for channel in lacking])
        if unwanted := [channel.decode() for channel in heard if channel not in self._channels]:
            ear.unsubscribe(unwanted)

    def _told(self, channel: bytes, message: bytes) -> None:
        hear = self._channels.get(channel)
        if hear is not None:
            try:
                hear(message)
            except Exception:
                self.log.failure("Hearing an entry failed")


def _ignore(_failure: Failure) -> None:
    """The last of those that are confirmed together tells."""
