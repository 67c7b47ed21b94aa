"""The JSON API: rooms, places in them, asks, and three ways to hear.

Every route stands below in one list, and in ``docs/protocol.md``.  A refusal is a problem
document; somebody who comes by single requests keeps the place until they have asked
nothing for a while.
"""

from __future__ import annotations

from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource

from meet import wire
from meet.commands import Command, Say
from meet.errors import Refused
from meet.feed import Feed
from meet.house import House
from meet.moments import DEFAULT_LIFE, LIVES
from meet.search import asked
from meet.session import Session
from meet.web import asyncapi, handshake, openapi, views
from meet.web.asking import apart, keep, place, room_feed
from meet.web.problems import Problems
from meet.web.request import MeetRequest
from meet.web.rooms import free_names
from meet.web.socket import RoomSockets
from meet.web.stream import Streams
from meet.web.transcript import Transcripts

_ROOMS = "/api/v1/rooms"
_ROOM = "/api/v1/rooms/<room>"


class Api:
    """The routes under ``/api/``."""

    app = Klein()
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    def __init__(
        self, house: House, problems: Problems, streams: Streams, sockets: RoomSockets, transcripts: Transcripts
    ) -> None:
        self._house = house
        self._problems = problems
        self._streams = streams
        self._sockets = sockets
        self._transcripts = transcripts

    @app.route(_ROOMS, methods=["POST"])
    async def open(self, request: MeetRequest) -> bytes:
        """Open a room: ``{name, title?, hours? | ends?, limit?}``."""
        request.refuse_other_sites()
        wish = request.json()
        now = self._house.clock.seconds()
        limit = wish.get("limit")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise Refused("bad-input", "The field limit must be a whole number.")
        name = wire.text_field(wish, "name")
        try:
            room, host_key = await apart(
                self._house.sessions.open(
                    name,
                    address=request.address,
                    ends=wire.life(wish, now, now + LIVES[DEFAULT_LIFE]),
                    title=wire.text_field(wish, "title", ""),
                    limit=limit,
                )
            )
        except Refused as refused:
            if refused.code != "room-exists":
                raise
            free = await free_names(self._house, name)
            return self._problems.refuse(request, refused, free=free)
        feed = await room_feed(self._house, room)
        request.setHeader(b"Location", f"{self._house.at}/{room}".encode())
        opened = {"room": views.room_object(feed), "host_key": host_key, "url": f"{request.base}/{room}"}
        return request.answer_json({**opened, "keeps": feed.room.promise(now)}, 201)

    @app.route(_ROOM, methods=["GET"])
    async def room(self, request: MeetRequest, room: str) -> bytes:
        """What anybody may know of a room; a token that is sent along keeps its place."""
        feed = await room_feed(self._house, room)
        if request.token:
            session = self._house.sessions.find(feed.name, request.token)
            if session is not None:
                keep(session, request)
        return request.answer_json(views.outline(feed, self._house.limits, self._house.clock.seconds()))

    @app.route(f"{_ROOM}/sessions", methods=["POST"])
    async def join(self, request: MeetRequest, room: str) -> bytes:
        """Come in, or back: ``{nick, token?, host_key?, after?}``."""
        request.refuse_other_sites()
        wish = request.json()
        token = wire.text_field(wish, "token", "")
        after = wire.text_field(wish, "after", "")
        position = wire.position(after) if after else None
        session: Session = await apart(
            self._house.sessions.join(
                room,
                via=request.via,
                address=request.address,
                nick=wire.text_field(wish, "nick", "" if token else None),
                token=token,
                host_key=wire.text_field(wish, "host_key", ""),
            )
        )
        keep(session, request)
        feed = session.feed
        now = self._house.clock.seconds()
        told = views.welcome(feed, self._house.limits, now, session, feed.since(position))
        return request.answer_json(told, 201)

    @app.route(f"{_ROOM}/sessions", methods=["DELETE"])
    async def leave(self, request: MeetRequest, room: str) -> bytes:
        """Leave."""
        session = await self._place(request, room)
        await apart(session.leave())
        request.setResponseCode(204)
        return b""

    @app.route(f"{_ROOM}/says", methods=["POST"])
    async def say(self, request: MeetRequest, room: str) -> bytes:
        """Say a line: ``{text, ref?}``."""
        session = await self._place(request, room)
        wish = request.json()
        line = Say(text=wire.text_field(wish, "text"), ref=wire.text_field(wish, "ref", ""))
        return await self._ask(request, session, line, 201)

    @app.route(f"{_ROOM}/asks", methods=["POST"])
    async def ask(self, request: MeetRequest, room: str) -> bytes:
        """Ask for anything else, as on a WebSocket: ``{ask, …}``."""
        session = await self._place(request, room)
        asked = wire.asked(request.json_text(), self._house.clock.seconds())
        match asked.ask:
            case wire.Beat():
                keep(session, request)
                return request.answer_json({"kind": "beat"})
            case wire.Who():
                keep(session, request)
                return request.answer_json({"kind": "who", "names": views.nicks(session.feed)})
            case command:
                return await self._ask(request, session, command, 200)

    @app.route(f"{_ROOM}/entries", methods=["GET"])
    async def entries(self, request: MeetRequest, room: str) -> bytes:
        """Entries after a position, waiting for them, or before one."""
        return await self._streams.entries(request, room)

    @app.route(f"{_ROOM}/search", methods=["GET"])
    async def search(self, request: MeetRequest, room: str) -> bytes:
        """The newest lines that have each of some words, and before which position to go on."""
        feed = await room_feed(self._house, room)
        words = asked(request.query("q"))
        if not words:
            raise Refused("bad-input", "Say what to search for: ?q=words.")
        before = wire.position(request.query("before")) if request.query("before") else None
        most = self._house.limits.entries_in_page
        count = max(1, int(request.number("count", self._house.limits.entries_on_joining, most)))
        found = await self._transcripts.search(feed, words, before, count)
        entries = [views.raw(item) for item in found.entries]
        told = {"entries": entries, "before": str(found.before) if found.before else None, "away": found.away}
        return request.answer_json(told)

    @app.route(f"{_ROOM}/events", methods=["GET"])
    async def events(self, request: MeetRequest, room: str) -> bytes | None:
        """The room as a stream of events."""
        return await self._streams.events(request, room)

    @app.route(f"{_ROOM}/socket", methods=["GET"])
    def socket(self, request: MeetRequest, room: str) -> IResource | bytes:
        """The room as a WebSocket."""
        # RFC 9110, section 7.8: what HTTP/1.0 says of an upgrade counts for nothing.
        if request.header("Upgrade").lower() != "websocket" or request.clientproto == b"HTTP/1.0":
            meant = bool(request.header("Sec-WebSocket-Key")) or request.header("Sec-Fetch-Mode") == "websocket"
            request.channel.site.hints.not_upgraded(meant=meant)
            return self._not_upgraded(request, "This address speaks WebSocket.")
        if not handshake.speaks_this_version(request.requestHeaders):
            return self._not_upgraded(request, "Meet speaks version 13 of the WebSocket protocol.")
        request.channel.site.hints.upgraded()
        return self._sockets.takeover(request, room)

    @app.route("/api/v1/openapi.json", methods=["GET"])
    def openapi(self, request: MeetRequest) -> bytes:
        """These routes, for programs that make clients of it."""
        return request.answer_json(openapi.document(request.base, self._house.limits))

    @app.route("/api/v1/asyncapi.json", methods=["GET"])
    def asyncapi(self, request: MeetRequest) -> bytes:
        """What is heard, and the bus, likewise."""
        return request.answer_json(asyncapi.document(request.base))

    def failed(self, request: MeetRequest, failure: Failure) -> bytes:
        """Say what went wrong."""
        return self._problems.tell(request, failure)

    def _not_upgraded(self, request: MeetRequest, sentence: str) -> bytes:
        # RFC 9110, section 15.5.22, and RFC 6455, section 4.4.
        request.setHeader(b"Upgrade", b"websocket")
        request.responseHeaders.addRawHeader(b"Connection", b"Upgrade")
        request.setHeader(b"Sec-WebSocket-Version", handshake.VERSION)
        # What comes after what was meant for a handshake is no request.
        request.channel.answer_last()
        return self._problems.refuse(request, Refused("bad-input", sentence), 426)

    async def _place(self, request: MeetRequest, room: str) -> Session:
        request.refuse_other_sites()
        feed: Feed = await room_feed(self._house, room)
        return await place(self._house, feed.name, request.token)

    async def _ask(self, request: MeetRequest, session: Session, command: Command, status: int) -> bytes:
        keep(session, request)
        asking: Deferred[Any] = session.ask(command)
        position = await apart(asking)
        return request.answer_json({"position": str(position)}, status)
