"""The pages: everything works by links and forms; scripts only make it live.

A form is answered by a redirect to the page that shows what became of it, or, refused, by
the page again with the reason and with what was typed.  Each rendered form carries a fresh
``ref``, so a form sent twice says its line once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from klein import Klein
from twisted.python.failure import Failure

from meet import names, wire
from meet.commands import Say
from meet.errors import REFUSALS, Refused, Unavailable
from meet.events import Entry
from meet.feed import Feed
from meet.health import Trouble
from meet.house import House
from meet.moments import DEFAULT_LIFE, LIVES, span
from meet.search import asked
from meet.web import security, views, visitor
from meet.web.asking import apart, room_feed
from meet.web.hosting import Hosting
from meet.web.look import Look
from meet.web.problems import Problems, document
from meet.web.request import MeetRequest
from meet.web.rooms import free_names
from meet.web.transcript import Transcripts, around

_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_ROBOTS = "User-agent: *\nAllow: {at}/$\nAllow: {at}/help\nDisallow: {at}/\n"
"""Rooms are for those who were given their names."""

_YEAR = b"public, max-age=31536000, immutable"
_AGAIN = 10
"""Seconds after which the lines come again where there are no scripts."""

_FOUND = 50
"""Lines on a page of a search."""


class _Elsewhere(Exception):
    """What was asked for is at another ``path``; ``status`` says whether for good."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(path)
        self.path = path
        self.status = status


class Pages:
    """The routes of people."""

    app = Klein()
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    def __init__(
        self, house: House, look: Look, problems: Problems, transcripts: Transcripts, hosting: Hosting
    ) -> None:
        self._house = house
        self._hosting = hosting
        self._look = look
        self._problems = problems
        self._transcripts = transcripts
        self.ready = True

    @app.route("/", methods=["GET"])
    def home(self, request: MeetRequest) -> bytes:
        """The way in."""
        return request.answer_same(_HTML, self._look.page("home.html", **self._home_context(request)))

    @app.route("/", methods=["POST"])
    async def open(self, request: MeetRequest) -> bytes:
        """Open a room, and go there as its host."""
        request.refuse_other_sites()
        form = request.form()
        name, life = form.get("name", ""), form.get("life", DEFAULT_LIFE)
        now = self._house.clock.seconds()
        try:
            if life not in LIVES:
                raise Refused("bad-life", "Choose one of the times that are offered.")
            room = names.room_name(name)
            title = name.strip() if name.strip() != room else ""
            ends = now + LIVES[life]
            opening = self._house.sessions.open(room, address=request.address, ends=ends, title=title)
            room, host_key = await apart(opening)
        except Refused as refused:
            free: list[str] = []
            exists = False
            if refused.code == "room-exists":
                free = await free_names(self._house, name)
                name = names.room_name(name)
                exists = not (await room_feed(self._house, name)).room.over(now)
            more = {"problem": refused.detail, "name": name, "life": life, "free": free, "exists": exists}
            page = self._look.page("home.html", **self._home_context(request, **more))
            return request.answer(refused.refusal.status, _HTML, page)
        visitor.remember_host(request, room, host_key, LIVES[life] + self._house.limits.grace)
        return request.redirect(f"/{room}")

    @app.route("/<room>", methods=["GET"])
    async def room(self, request: MeetRequest, room: str) -> bytes:
        """The room: its newest lines, and a field."""
        _must_be_folded(room)
        try:
            feed = await room_feed(self._house, room)
        except Refused as refused:
            if refused.code != "no-room" or request.is_for_program:
                raise
            page = self._look.page("absent.html", **self._home_context(request, name=room))
            return request.answer(404, _HTML, page)
        return await self._room(request, feed)

    @app.route("/<room>/projector", methods=["GET"])
    async def projector(self, request: MeetRequest, room: str) -> bytes:
        """The room for all to see: its newest lines, large, and the way in."""
        _must_be_folded(room, "/projector")
        feed = await self._feed_of_open(room)
        page = self._look.page(
            "projector.html",
            room=self._room_context(feed),
            here=views.here_object(feed, self._house.limits),
            lines=views.lines(feed.since(None).entries),
            last=str(feed.last or ""),
            share=f"{request.base}/{feed.name}",
        )
        return request.answer(200, _HTML, page)

    @app.route("/<room>/lines", methods=["GET"])
    async def lines(self, request: MeetRequest, room: str) -> bytes:
        """The newest lines, for the frame of a room's page without scripts: they come again by themselves.

        A header says so: a page's own element would be one that those who read slowly cannot stop, and
        here they ask for ``still``.
        """
        for name, value in security.framing(request.host_header, framed=True):
            request.setHeader(name, value)
        context: dict[str, Any] = {
            "room": None,
            "here": None,
            "lines": [],
            "problem": "",
            "again": not request.query("still"),
        }
        status = 200
        try:
            feed = await room_feed(self._house, room)
            session = await visitor.who(self._house, request, feed)
        except Refused as refused:
            status, context["problem"] = refused.refusal.status, refused.detail
        except Unavailable:
            status, context["problem"] = 503, "A part of Meet is away. This looks again by itself."
        else:
            said: Sequence[Entry] = feed.since(None).entries
            context["room"] = self._room_context(feed)
            context["here"] = {"names": None, **views.here_object(feed, self._house.limits)}
            context["lines"] = views.lines(said, session.id if session else "")
        if context["again"] and not (context["room"] and context["room"]["closed"]):
            request.setHeader(b"Refresh", b"%d" % _AGAIN)
        return request.answer(status, _HTML, self._look.page("frame.html", **context))

    @app.route("/<room>/join", methods=["POST"])
    async def join(self, request: MeetRequest, room: str) -> bytes:
        """Come in."""
        feed = await self._form_of(request, room)
        nick = request.form().get("nick", "")
        try:
            await visitor.come_in(self._house, request, feed, nick)
        except Refused as refused:
            return await self._room(request, feed, refused, nick=nick)
        return request.redirect(f"/{feed.name}")

    @app.route("/<room>/say", methods=["POST"])
    async def say(self, request: MeetRequest, room: str) -> bytes:
        """Say a line; one whose place is gone meanwhile comes in again under their nick."""
        feed = await self._form_of(request, room)
        form = request.form()
        text, ref = form.get("text", ""), form.get("ref", "")
        try:
            session = await visitor.who(self._house, request, feed)
            if session is None:
                session = await visitor.come_in(self._house, request, feed, visitor.nick(request))
            await apart(session.ask(Say(text=text, ref=ref)))
        except Refused as refused:
            return await self._room(request, feed, refused, draft=text, ref=ref)
        return request.redirect(f"/{feed.name}")

    @app.route("/<room>/leave", methods=["POST"])
    async def leave(self, request: MeetRequest, room: str) -> bytes:
        """Leave."""
        feed = await self._form_of(request, room)
        session = await visitor.who(self._house, request, feed)
        if session is not None:
            await apart(session.leave())
        visitor.forget(request, feed.name)
        return request.redirect(f"/{feed.name}")

    @app.route("/<room>/host", methods=["GET"])
    async def host(self, request: MeetRequest, room: str) -> bytes:
        """What a host may do."""
        _must_be_folded(room, "/host")
        feed = await self._feed_of_open(room)
        return await self._hosting.show(request, feed)

    @app.route("/<room>/host", methods=["POST"])
    async def rule(self, request: MeetRequest, room: str) -> bytes:
        """Do it."""
        return await self._hosting.take(request, await self._form_of(request, room))

    @app.route("/<room>/transcript", methods=["GET"])
    async def transcript(self, request: MeetRequest, room: str) -> bytes:
        """What was said, to read and to print."""
        _must_be_folded(room, "/transcript")
        feed = await room_feed(self._house, room)
        status, words, problem = 200, request.query("q"), ""
        place = wire.position(request.query("before")) if request.query("before") else None
        near = wire.position(request.query("near")) if request.query("near") else None
        try:
            words = asked(words)
        except Refused as refused:
            status, problem = refused.refusal.status, refused.detail
        context: dict[str, Any] = {"words": words, "problem": problem, "away": False}
        context["at_end"] = place is None and near is None
        if problem:
            context |= {"lines": [], "older": ""}
        elif words:
            found = await self._transcripts.search(feed, words, place, _FOUND)
            context |= {"lines": views.lines(found.entries, found=words), "older": str(found.before or "")}
            context["away"] = found.away
        else:
            entries, older = await self._transcripts.page(feed, around(near) if near else place)
            context |= {"lines": views.lines(entries), "older": str(entries[0].position) if older else ""}
        page = self._look.page(
            "transcript.html",
            room=self._room_context(feed),
            keeps=feed.room.promise(self._house.clock.seconds()),
            **context,
        )
        return request.answer(status, _HTML, page)

    @app.route("/<room>/transcript.txt", methods=["GET"])
    async def transcript_text(self, request: MeetRequest, room: str) -> bytes | None:
        """All that was said, as plain text."""
        _must_be_folded(room, "/transcript.txt")
        return await self._transcripts.text(request, await room_feed(self._house, room))

    @app.route("/help", methods=["GET"])
    @app.route("/help/problems", methods=["GET"], endpoint="problems")
    def help(self, request: MeetRequest) -> bytes:
        """How it works, and what refusals mean."""
        refusals = [(code, row.title, row.status) for code, row in REFUSALS.items()]
        return request.answer_same(_HTML, self._look.page("help.html", refusals=refusals, **self._doors(request)))

    @app.route("/robots.txt", methods=["GET"])
    def robots(self, request: MeetRequest) -> bytes:
        """What search engines may read."""
        return request.answer_same(_TEXT, _ROBOTS.format(at=self._house.at).encode())

    @app.route("/favicon.ico", methods=["GET"])
    def favicon(self, request: MeetRequest) -> bytes:
        """The icon, for those who do not look into pages for it."""
        return request.redirect(self._look.address("favicon.svg").removeprefix(self._house.at), 302)

    @app.route("/static/<mark>/<name>", methods=["GET"])
    def static(self, request: MeetRequest, mark: str, name: str) -> bytes:
        """A file that pages load."""
        asset = self._look.asset(name)
        if asset is None:
            raise Refused("not-found", "There is no such file.")
        packed = request.unpacks
        tag = f'"{asset.tag}{"-gzip" if packed else ""}"'.encode()
        request.setHeader(b"Vary", b"Accept-Encoding")
        request.setHeader(b"ETag", tag)
        request.setHeader(b"Cache-Control", _YEAR if mark == self._look.mark else b"no-cache")
        if request.has(tag):
            request.setResponseCode(304)
            return b""
        if packed:
            request.setHeader(b"Content-Encoding", b"gzip")
        return request.answer(200, asset.type, asset.packed if packed else asset.data)

    @app.route("/health/live", methods=["GET"])
    def live(self, request: MeetRequest) -> bytes:
        """Whether the process answers."""
        return request.answer(200, _TEXT, b"live\n")

    @app.route("/health/ready", methods=["GET"])
    def readiness(self, request: MeetRequest) -> bytes:
        """Whether it should be sent visitors."""
        trouble = self._house.trouble()
        if self.ready and trouble is None:
            return request.answer(200, _TEXT, b"ready\n")
        trouble = trouble or Trouble("end", "Meet is shutting down.")
        refused = Refused("unavailable", trouble.detail)
        body = document(refused, self._house.at, part=trouble.part)
        return request.answer(503, "application/problem+json", body)

    def failed(self, request: MeetRequest, failure: Failure) -> bytes:
        """Say what went wrong, or send the asker to where it is."""
        place = failure.value
        if isinstance(place, _Elsewhere):
            return request.redirect(place.path, place.status)
        return self._problems.tell(request, failure)

    async def _feed_of_open(self, room: str) -> Feed:
        """Raises `_Elsewhere`, to the room itself, if it has closed."""
        feed = await room_feed(self._house, room)
        if feed.room.closed:
            raise _Elsewhere(f"/{room}", 303)
        return feed

    async def _form_of(self, request: MeetRequest, room: str) -> Feed:
        request.refuse_other_sites()
        return await room_feed(self._house, room)

    def _home_context(self, request: MeetRequest, **more: Any) -> dict[str, Any]:
        context = {
            "lives": list(LIVES),
            "life": DEFAULT_LIFE,
            "name": "",
            "address": request.base.partition("://")[2] + "/",
            "problem": "",
            "free": [],
            "exists": False,
        }
        return {**context, **self._doors(request), **more}

    def _doors(self, request: MeetRequest) -> dict[str, Any]:
        host = request.base.partition("://")[2].partition("/")[0]
        ports = self._house.ports
        return {
            "host": host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host,
            "irc_port": ports.get("irc", 0),
            "line_port": ports.get("line", 0),
            "grace": span(self._house.limits.grace),
        }

    def _room_context(self, feed: Feed) -> dict[str, Any]:
        gone = views.gone(feed)
        return {**views.room_object(feed), "closed": feed.room.closed, "gone": gone}

    async def _room(
        self,
        request: MeetRequest,
        feed: Feed,
        refused: Refused | None = None,
        *,
        draft: str = "",
        nick: str = "",
        ref: str = "",
    ) -> bytes:
        session = await visitor.who(self._house, request, feed)
        said: Sequence[Entry] = feed.since(None).entries
        here = views.here_object(feed, self._house.limits)
        page = self._look.page(
            "room.html",
            room=self._room_context(feed),
            you=views.you_object(session) if session else None,
            token=session.token if session else "",
            host_key=visitor.host_key(self._house, request, feed),
            here={"names": None, **here},
            lines=views.lines(said, session.id if session else ""),
            keeps=feed.room.promise(self._house.clock.seconds()),
            ref=ref or self._house.random(12).hex(),
            problem=refused.detail if refused else "",
            draft=draft,
            nick=nick or visitor.nick(request),
            last=str(feed.last or ""),
            share=f"{request.base}/{feed.name}",
        )
        return request.answer(refused.refusal.status if refused else 200, _HTML, page)


def _must_be_folded(room: str, rest: str = "") -> None:
    """Raise `_Elsewhere` if ``room``, with ``rest`` behind it in the address, is not written as names of rooms are."""
    try:
        folded = names.room_name(room)
    except Refused as refused:
        raise Refused("not-found", f"There is nothing at that address. {refused.detail}") from None
    if folded != room:
        raise _Elsewhere(f"/{folded}{rest}", 308)
