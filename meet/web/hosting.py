"""The page of a room's host: all that a host may do, by plain forms.

`command` is pure: what a form asks for, as `meet.wire.asked` is it for a frame.  A form is answered
by a redirect to the page, which says what became of it, or, refused, by the page with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meet import moderation, wire
from meet.commands import Block, Choose, Close, Command, Extend, Follow, Remove, Retitle, Unblock
from meet.errors import Refused
from meet.feed import Feed
from meet.house import House
from meet.moments import LIVES
from meet.session import Session
from meet.web import views, visitor
from meet.web.asking import apart
from meet.web.look import Look
from meet.web.request import MeetRequest
from meet.web.transcript import Transcripts

_SHOWN = 30
"""Lines on a page, so that it stays small; older ones are a link away."""

DONE = {
    "enter": "You are a host here.",
    "retitle": "The room has another title.",
    "extend": "The room closes at another time.",
    "follow": "The room follows other words.",
    "choose": "Other posts come in from now on.",
    "pause": "No posts come in until you resume them.",
    "resume": "Posts come in again.",
    "remove": "That line is gone, for everybody.",
    "block": "Nothing of that author comes in any more, and what was here is gone.",
    "unblock": "What that author writes comes in again.",
}
"""What is said after each ask that was granted; a room that was closed shows it by itself."""


def command(form: Mapping[str, str], now: float) -> Command:
    """What the fields of ``form`` ask for; ``now`` is in seconds since 1970.  Raises `Refused`."""
    match form.get("ask"):
        case "retitle":
            return Retitle(title=form.get("title", ""))
        case "extend":
            if form.get("life") not in LIVES:
                raise Refused("bad-life", "Choose one of the times that are offered.")
            return Extend(ends=now + LIVES[form["life"]])
        case "follow":
            return Follow(words=tuple(form.get("words", "").replace(",", " ").split()))
        case "choose":
            return Choose(**{name: name in form for name in ("reposts", "quotes", "sensitive")})
        case "pause" | "resume" as switch:
            return Choose(paused=switch == "pause")
        case "remove":
            return Remove(number=wire.position(form.get("position", "")).seq)
        case "block":
            return Block(author=form.get("author", ""), name=form.get("name", ""))
        case "unblock":
            return Unblock(author=form.get("author", ""))
        case "close":
            return Close()
    raise Refused("unknown-ask", "That form asks for nothing that Meet knows.")


class Hosting:
    """Shows the page and takes its forms."""

    def __init__(self, house: House, look: Look, transcripts: Transcripts) -> None:
        self._house = house
        self._look = look
        self._transcripts = transcripts

    async def show(
        self, request: MeetRequest, feed: Feed, refused: Refused | None = None, typed: Mapping[str, str] | None = None
    ) -> bytes:
        """Answer with the page, for ``refused`` with its reason and with what was ``typed``."""
        session = await visitor.who(self._house, request, feed)
        typed = typed or {}
        key = visitor.host_key(self._house, request, feed)
        context: dict[str, Any] = {
            "room": {**views.room_object(feed), "gone": views.gone(feed)},
            "problem": refused.detail if refused else "",
        }
        nick = (session.nick if session else "") or visitor.nick(request)
        # Who has the key and a nick comes in again with whatever they ask for.
        if not _is_host(session) and not (key and nick and not (refused and refused.code == "nick-taken")):
            context.update(nick=typed.get("nick", nick), inside=session is not None, known=bool(key))
            return self._answer(request, "host_door.html", refused, context)
        text = typed.get("before") or request.query("before")
        before = wire.position(text) if text else None
        entries, older = await self._transcripts.page(feed, before, _SHOWN)
        context.update(
            key=key,
            lives=list(LIVES),
            title=typed.get("title", feed.room.title),
            follows=typed.get("words", " ".join(feed.room.voices.words)),
            lines=list(reversed(views.lines(entries))),
            before=str(before or ""),
            older=str(entries[0].position) if older else "",
            blocked=list(feed.room.voices.blocked.items()),
            told=moderation.told(feed.room),
            done=DONE.get(request.query("done"), "") if refused is None else "",
        )
        return self._answer(request, "host.html", refused, context)

    async def take(self, request: MeetRequest, feed: Feed) -> bytes:
        """Do what a form of the page asks for."""
        form = request.form()
        ask = form.get("ask", "")
        try:
            if ask == "enter":
                await self._enter(request, feed, form)
            else:
                session = await self._host(request, feed)
                await apart(session.ask(command(form, self._house.clock.seconds())))
        except Refused as refused:
            if refused.code in ("no-room", "room-closed"):
                return request.redirect(f"/{feed.name}")
            return await self.show(request, feed, refused, form)
        if ask == "close":
            return request.redirect(f"/{feed.name}")
        before = f"&before={wire.position(form['before'])}" if form.get("before") else ""
        return request.redirect(f"/{feed.name}/host?done={ask}{before}")

    async def _host(self, request: MeetRequest, feed: Feed) -> Session:
        session = await visitor.who(self._house, request, feed)
        if session is not None and _is_host(session):
            return session
        if not visitor.host_key(self._house, request, feed):
            raise Refused("not-host", "Only a host can do that. Come in as one first.")
        nick = session.nick if session is not None else visitor.nick(request)
        return await visitor.come_in(self._house, request, feed, nick)

    async def _enter(self, request: MeetRequest, feed: Feed, form: Mapping[str, str]) -> None:
        key = form.get("key", "").strip() or visitor.host_key(self._house, request, feed)
        if not key:
            raise Refused("wrong-key", "The host key is missing. Whoever opened the room was told it.")
        session = await visitor.who(self._house, request, feed)
        nick = session.nick if session is not None else form.get("nick", "")
        await visitor.come_in(self._house, request, feed, nick, key)

    def _answer(
        self, request: MeetRequest, template: str, refused: Refused | None, context: Mapping[str, Any]
    ) -> bytes:
        status = refused.refusal.status if refused else 200
        return request.answer(status, "text/html; charset=utf-8", self._look.page(template, **context))


def _is_host(session: Session | None) -> bool:
    return session is not None and session.person is not None and session.person.host
