"""Hearing a room by HTTP: server-sent events, and single requests that wait (long-poll).

A stream ends with a goodbye, a poll with what there is.  Either may bring a token and then
holds its participant's place; without one it only listens and is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from meet import wire
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import Entry, Position
from meet.feed import Feed, Since
from meet.house import House
from meet.interfaces import IListener
from meet.session import Session
from meet.web import views
from meet.web.asking import apart, idle, keep, place, room_feed
from meet.web.conversation import goodbye_object
from meet.web.formats import CHUNKED_EVENTS, EVENTS, PAIRS, event, event_entry, is_told
from meet.web.request import MeetRequest
from meet.writer import Writer

_COMMENT = 20.0
"""Seconds between signs of life: proxies cut what is silent for longer."""

_RETRY_LEAST = 1000
_RETRY_STEP = 16
"""Milliseconds for one step of chance: all come back within 1 to 5 seconds."""


@implementer(IListener)
class _Stream:
    """One open event stream; ``done`` fires when it has ended from our side.

    The request writes its head and what the stream opens with; then a `Writer` goes on, past
    twisted.web, so blocks come to it as they stand on the wire.
    """

    skips = ""

    def __init__(self, request: MeetRequest) -> None:
        self.format = CHUNKED_EVENTS if request.clientproto == b"HTTP/1.1" else EVENTS
        self.done: Deferred[None] = Deferred()
        self._request = request
        self._clock = request.house.clock
        self._writer: Writer | None = None
        self._early: list[bytes] = []
        # `IListener.heard`; once the stream is open, without a step between.
        self.heard: Callable[[bytes], None] = self._hear
        self._life: IDelayedCall | None = None
        self._over = False

    def begin(self, opening: bytes) -> None:
        """Send ``opening``, then what was heard meanwhile; once, before all else."""
        request = self._request
        request.write(opening)
        self._writer = Writer(request.channel.transport, self._clock, request.house.limits, self._slow, request)
        self.heard = self._writer.write
        for data in self._early:
            self.heard(data)
        self._life = self._clock.callLater(_COMMENT, self._live)

    def _hear(self, data: bytes) -> None:
        """As `IListener` says of ``heard``; whoever took it before the stream was open may call it still."""
        if self._writer is None:
            self._early.append(data)
        else:
            self._writer.write(data)

    def ended(self, goodbye: Goodbye) -> None:
        """As `IListener` says."""
        if self._over:
            return
        self.heard(self.format.block(event("goodbye", goodbye_object(goodbye))))
        self.close()
        self.done.callback(None)

    def close(self) -> None:
        """Leave the request to others."""
        self._over = True
        if self._writer is not None:
            self._writer.close()
        if self._life is not None and self._life.active():
            self._life.cancel()

    def _live(self) -> None:
        """Give a sign of life from time to time, whatever else is told: nothing is noted with each line."""
        if not self._over:
            self.heard(self.format.block(b": \n\n"))
            self._life = self._clock.callLater(_COMMENT, self._live)

    def _slow(self) -> None:
        if self._over:
            return
        self.close()
        self._request.write(event("goodbye", goodbye_object(GOODBYES["slow"])))
        self._request.channel.end_soon()


@implementer(IListener)
class _Poll:
    """One request that waits; ``done`` fires with pairs, each followed by a comma."""

    format = PAIRS
    skips = ""

    def __init__(self) -> None:
        self._over = False
        self.done: Deferred[bytes] = Deferred()

    def heard(self, data: bytes) -> None:
        """As `IListener` says."""
        self.end(data)

    def ended(self, goodbye: Goodbye) -> None:
        """As `IListener` says."""
        self.end(b"")

    def end(self, data: bytes) -> None:
        """Wait no longer."""
        if not self._over:
            self._over = True
            self.done.callback(data)


class Older(NamedTuple):
    """Pieces of talk, oldest first; ``away`` says that there may be older ones, which the archive does not tell now."""

    entries: Sequence[Entry]
    away: bool = False


class Streams:
    """The routes that hear, and those who hear by them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._open: dict[_Stream | _Poll, None] = {}

    def end(self, goodbye: Goodbye) -> None:
        """End everybody's stream and poll."""
        for listener in list(self._open):
            listener.ended(goodbye)

    async def events(self, request: MeetRequest, name: str) -> bytes | None:
        """Answer ``GET …/events``; returns when the stream has ended from our side."""
        feed = await room_feed(self._house, name)
        after = _position(request.header("Last-Event-ID") or request.query("after"))
        session = await self._session(request, feed)
        if session is None and feed.room.closed:
            raise Refused("room-closed", f"The room {feed.name} has closed.")
        request.setHeader(b"Content-Type", b"text/event-stream; charset=utf-8")
        request.setHeader(b"Cache-Control", b"no-store")
        # nginx would hold the stream back.
        request.setHeader(b"X-Accel-Buffering", b"no")
        if request.method == b"HEAD":
            return b""
        stream = _Stream(request)
        self._open[stream] = None
        try:
            since = await self._attach(feed, session, stream, after)
            stream.begin(self._opening(feed, session, since))
            self._house.hub.outbox.look_again(feed.name, stream)
            await stream.done
        finally:
            del self._open[stream]
            stream.close()
            self._detach(feed, session, stream, request)
        return None

    async def entries(self, request: MeetRequest, name: str) -> bytes:
        """Answer ``GET …/entries``: what comes after a position, waiting for it, or what was before one."""
        feed = await room_feed(self._house, name)
        limits = self._house.limits
        wait = request.number("wait", 0, limits.seconds_to_poll)
        before = _position(request.query("before"))
        after = _position(request.query("after"))
        if before is not None:
            count = int(request.number("count", limits.entries_on_joining, limits.entries_in_page))
            older = await self.older(feed, before, count)
            return self._answer(request, feed, _pairs(older.entries), resumed=True)
        session = await self._session(request, feed)
        since = feed.since(after)
        found = _pairs(since.entries)
        if not found and wait and not feed.room.closed and request.method != b"HEAD":
            found = await self._wait(request, feed, session, after, wait)
        if session is not None:
            keep(session, request)
        return self._answer(request, feed, found, resumed=after is None or since.resumed)

    async def older(self, feed: Feed, before: Position, count: int) -> Older:
        """At most ``count`` pieces of talk before ``before``, the newest.

        From memory as far as it reaches, then from the archive.  Raises `Unavailable` only if
        there is nothing in memory either.
        """
        last = feed.last
        mine: list[Entry] = []
        if last is not None and before.epoch == last.epoch:
            mine = [item for item in feed.tail if item.position.seq < before.seq][-count:] if count else []
            if len(mine) == count or feed.since(Position(last.epoch, 0)).resumed:
                return Older(mine)
        edge = mine[0].position if mine else before
        try:
            kept = await apart(self._house.archive.history(feed.name, edge, count - len(mine)))
        except Unavailable:
            if not mine:
                raise
            return Older(mine, away=True)
        return Older([*(wire.entry(position, body) for position, body in kept), *mine])

    async def _session(self, request: MeetRequest, feed: Feed) -> Session | None:
        return await place(self._house, feed.name, request.token) if request.token else None

    async def _attach(
        self, feed: Feed, session: Session | None, listener: _Stream | _Poll, after: Position | None
    ) -> Since:
        if session is not None:
            return session.attach(listener, after)
        listening = self._house.hub.listen(feed.name, listener, after)
        try:
            return await apart(listening)
        except CancelledError:
            listening.addBoth(lambda _: self._house.hub.ignore(feed.name, listener))
            raise

    def _detach(self, feed: Feed, session: Session | None, listener: _Stream | _Poll, request: MeetRequest) -> None:
        if session is None:
            self._house.hub.ignore(feed.name, listener)
            return
        session.detach(listener)
        session.touch(idle(self._house, request.via))

    async def _wait(
        self, request: MeetRequest, feed: Feed, session: Session | None, after: Position | None, wait: float
    ) -> bytes:
        poll = _Poll()
        self._open[poll] = None
        late = self._house.clock.callLater(wait, poll.end, b"")
        try:
            since = await self._attach(feed, session, poll, after)
            found = _pairs(since.entries)
            return found or await poll.done
        finally:
            del self._open[poll]
            if late.active():
                late.cancel()
            self._detach(feed, session, poll, request)

    def _opening(self, feed: Feed, session: Session | None, since: Since) -> bytes:
        chance = self._house.random(1)[0]
        told: dict[str, Any] = views.welcome(feed, self._house.limits, self._house.clock.seconds(), session, since)
        told.pop("token", None)
        told.pop("entries", None)
        blocks = [b"retry: %d\n\n" % (_RETRY_LEAST + chance * _RETRY_STEP), event("welcome", told)]
        blocks.extend(event_entry(item) for item in since.entries if is_told(item))
        return b"".join(blocks)

    def _answer(self, request: MeetRequest, feed: Feed, found: bytes, *, resumed: bool) -> bytes:
        request.setHeader(b"Meet-Here", b"%d" % len(feed.room.people))
        request.setHeader(b"Meet-Resumed", b"true" if resumed else b"false")
        return request.answer(200, "application/json", b"[%s]\n" % found.rstrip(b","))


def _position(text: str) -> Position | None:
    return wire.position(text) if text else None


def _pairs(entries: Sequence[Entry]) -> bytes:
    return b"".join(PAIRS.entry("", item) for item in entries)
