"""What production sends: one connection, subscribed to every room's channel.

The law: nothing is asked but that one subscription, and signs of life while nothing is said, so
production does no more work than to write each entry once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meet.address import Address
from meet.broker.redis.link import Line, Link
from meet.broker.redis.reaching import AnyOf, endpoint_of, greeting
from meet.bus import position_of
from meet.events import Position

Hear = Callable[[str, Position, bytes], None]


class _Spy(Line):
    """A connection that is told what is sent to every room."""

    def __init__(self, told: Callable[[bytes, bytes], None]) -> None:
        super().__init__()
        self._told = told

    def replyReceived(self, reply: Any) -> None:
        """Tell messages apart from answers."""
        what = reply[0] if isinstance(reply, list) and reply else None
        if what == b"pmessage":
            self.answered += 1
            self._told(reply[2], reply[3])
        else:
            super().replyReceived(b"PONG" if what == b"pong" else reply)


class Production:
    """The rooms of the Redis at ``address``: ``hear(room, position, body)`` is called for each entry.

    ``away(reason)`` is called when it cannot be heard; what is sent meanwhile is not heard later.
    """

    log = Logger()

    def __init__(
        self,
        address: Address,
        reactor: Any,
        random: Callable[[int], bytes],
        hear: Hear,
        away: Callable[[str], None],
    ) -> None:
        self.begun: Deferred[None] = Deferred()
        self._hear = hear
        self._greet = greeting(address, master=False)
        self._pattern = f"{address.prefix}:{{*}}:room:*"
        several = address.kind == "cluster"
        endpoint = AnyOf(lambda: address.places, address, reactor) if several else endpoint_of(address, reactor)
        self._link = Link(endpoint, self._begin, (), reactor, random, self._up, away, lambda: _Spy(self._told))

    def start(self) -> None:
        """Begin to listen; `begun` fires once everything is heard."""
        self._link.start()

    def stop(self) -> Deferred[None]:
        """Hear no more."""
        return self._link.stop()

    def _begin(self, line: Line) -> Deferred[Any]:
        return self._greet(line).addCallback(lambda _: line.ask(("PSUBSCRIBE", self._pattern)))

    def _up(self) -> None:
        if not self.begun.called:
            self.begun.callback(None)

    def _told(self, channel: bytes, message: bytes) -> None:
        room = channel.rpartition(b":")[2].decode(errors="replace")
        position, _, body = message.partition(b" ")
        try:
            at = position_of(position)
        except ValueError:
            self.log.warn("Something in the channel of {room} is no entry.", room=room)
            return
        self._hear(room, at, body)
