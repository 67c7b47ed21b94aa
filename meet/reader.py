"""Reads rooms from the broker into their feeds, and gives it back what it has lost of them.

The law: a feed is never set back to less than it knows before the broker was given that.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meet.events import Entry, Renewed
from meet.feed import Caught, Feed
from meet.interfaces import IBroker
from meet.limits import Limits
from meet.look import Look
from meet.moments import moment
from meet.outage import Outage
from meet.wire import encode


class Reader:
    """Reads from ``broker``, of which ``outage`` says how long it was away."""

    log = Logger()

    def __init__(self, broker: IBroker, clock: IReactorTime, limits: Limits, outage: Outage) -> None:
        self._broker = broker
        self._clock = clock
        self._limits = limits
        self._outage = outage

    @inlineCallbacks
    def read(self, feed: Feed) -> Generator[Deferred[Any], Any, Caught]:
        """Read until ``feed`` lacks nothing; fires with all that was new.  May fail with `Unavailable`."""
        entries: list[Entry] = []
        anew = False
        believe = False
        while True:
            asked = None if believe else feed.last
            look: Look = yield self._broker.read(feed.name)
            caught = feed.restore(look, asked)
            if caught.lost:
                yield self._give_back(feed, look)
                believe = True
                continue
            anew = anew or caught.anew
            entries.extend(caught.entries)
            if not feed.hole:
                return Caught(entries, anew)

    def _give_back(self, feed: Feed, look: Look) -> Deferred[bool]:
        """Give the broker back what it lacks of what is known here."""
        now = self._clock.seconds()
        gone = now >= feed.room.gone
        if look.last is None and self._outage.gap >= self._limits.grace:
            # Long enough for somebody to have closed it, and for the reaper to have deleted it.
            gone = True
        if gone or feed.last is None:
            return succeed(False)
        self.log.warn("The broker has lost something of the room {room}; it is given back.", room=feed.name)
        return self._broker.restore(feed.name, feed.memory(), encode(Renewed(at=moment(now), was=feed.last.epoch)))
