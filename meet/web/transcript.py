"""What was said in a room, from beginning to end: the archive's part, then memory's.

The archive is a little behind, and memory reaches back only so far; together they have all.
Long text goes out piece by piece, at the pace at which it is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from meet import wire
from meet.errors import Unavailable
from meet.events import Entry, Position, Said
from meet.feed import Feed
from meet.house import House
from meet.names import one_line, voice
from meet.search import search
from meet.web.asking import apart
from meet.web.request import MeetRequest
from meet.web.stream import Streams

_SHOWN = 1000
"""Lines on a page; the plain text has all."""

_AROUND = 20
"""Lines after the one that somebody wants to see in its place."""

_LOOKS = 10
"""Pages of the archive that one search looks through, at most: a second where none of them is passed over."""


class Search(NamedTuple):
    """What a search found: ``entries``, oldest first; what lies before ``before`` was not looked at.

    ``before`` is None where all of the room was; ``away`` says that the archive could not be looked at.
    """

    entries: Sequence[Entry]
    before: Position | None
    away: bool = False


@implementer(IPushProducer)
class _Pace:
    """Lets a writer wait while the reader is behind."""

    def __init__(self, request: MeetRequest) -> None:
        self._request = request
        self._paused: Deferred[None] | None = None
        self._gone = False
        request.registerProducer(self, True)

    async def write(self, data: bytes) -> None:
        """Write, then wait until there is room for more."""
        self._request.write(data)
        if self._paused is not None:
            await self._paused

    def close(self) -> None:
        """Nothing more comes."""
        if not self._gone:
            self._request.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport is full."""
        if self._paused is None:
            self._paused = Deferred()

    def resumeProducing(self) -> None:
        """The transport has room."""
        paused, self._paused = self._paused, None
        if paused is not None:
            paused.callback(None)

    def stopProducing(self) -> None:
        """The reader is gone; the route that writes is cancelled."""
        self._gone = True


class Transcripts:
    """Reads whole rooms."""

    def __init__(self, house: House, streams: Streams) -> None:
        self._house = house
        self._streams = streams

    async def page(
        self, feed: Feed, before: Position | None = None, most: int = _SHOWN
    ) -> tuple[Sequence[Entry], bool]:
        """At most so many lines for a page, the newest of all or before ``before``, oldest first;
        and whether there are older ones, as there are where the archive is away.
        """
        before = before or _end(feed)
        if before is None:
            return [], False
        entries, away = await self._streams.older(feed, before, most + 1)
        return entries[-most:], away or len(entries) > most

    async def search(self, feed: Feed, words: str, before: Position | None, count: int) -> Search:
        """At most ``count`` lines that have each of ``words``, the newest, or the newest before ``before``.

        Looked at is what memory has, then the archive, in which one search goes back only so far.
        """
        last, before = feed.last, before or _end(feed)
        if last is None or before is None:
            return Search([], None)
        found: list[Entry] = []
        edge = before
        if before.epoch == last.epoch:
            mine = [item for item in feed.tail if item.position.seq < before.seq]
            talk, down_to = search(((item.position, item.body) for item in reversed(mine)), words, count)
            found = [wire.entry(position, body) for position, body in talk]
            if down_to:
                return Search(found, Position(last.epoch, down_to))
            if feed.since(Position(last.epoch, 0)).resumed:
                return Search(found, None)
            edge = mine[0].position if mine else before
        for _ in range(_LOOKS):
            try:
                page = await apart(self._house.archive.search(feed.name, edge, words, count - len(found)))
            except Unavailable:
                if edge == before:
                    raise
                return Search(found, edge, away=True)
            found = [*(wire.entry(position, body) for position, body in page.talk), *found]
            if not page.down_to:
                return Search(found, None)
            edge = Position(edge.epoch, page.down_to)
            if len(found) >= count:
                break
        return Search(found, edge)

    async def text(self, request: MeetRequest, feed: Feed) -> bytes | None:
        """Write all of the room to ``request`` as plain text."""
        pages = self._pages(feed)
        room = feed.room
        title = room.title if room.title == room.name else f"{room.title} ({room.name})"
        head = f"{title}\n{room.promise(self._house.clock.seconds())}\n\n".encode()
        # The first page may be refused, and then nothing must have been written.
        first = await anext(pages, b"")
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        request.setHeader(b"Cache-Control", b"no-store")
        if request.method == b"HEAD":
            return b""
        pace = _Pace(request)
        try:
            await pace.write(head + first)
            async for page in pages:
                await pace.write(page)
        finally:
            pace.close()
        return None

    async def _pages(self, feed: Feed) -> AsyncIterator[bytes]:
        last = feed.last
        if last is None:
            return
        written = 0
        if not feed.since(Position(last.epoch, 0)).resumed:
            size = self._house.limits.entries_in_page
            while True:
                page = await apart(self._house.archive.transcript(feed.name, last.epoch, written, size))
                if not page:
                    break
                written = page[-1][0].seq
                yield _text([wire.entry(position, body) for position, body in page])
                if feed.tail and feed.tail[0].position.seq <= written:
                    break
        yield _text([item for item in feed.tail if item.position.seq > written])


def around(place: Position) -> Position:
    """Before which position a page ends that has ``place`` and some lines after it."""
    return Position(place.epoch, place.seq + _AROUND)


def _end(feed: Feed) -> Position | None:
    return None if feed.last is None else Position(feed.last.epoch, feed.last.seq + 1)


def _text(entries: Sequence[Entry]) -> bytes:
    # What somebody takes with them is not seen any more when its words must go.
    said = [item.event.lasting() for item in entries if isinstance(item.event, Said)]
    return "".join(_line(each) for each in said).encode("utf-8", "replace")


def _line(said: Said) -> str:
    at = said.at[:16].replace("T", " ")
    if said.post is None:
        return f"{at} <{said.nick}> {said.text}\n"
    who = voice(said.post.handle, said.via)
    return f"{at} <{who}> {one_line(said.shown)} {said.post.link}\n"
