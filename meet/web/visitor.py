"""Somebody who comes by pages: who they are stands in cookies that only their room's pages get.

The token makes them the participant they were, the nick lets them back in after a while
away, the host key makes them a host.  No script and no other site can read them.
"""

from __future__ import annotations

from meet.errors import Refused
from meet.feed import Feed
from meet.house import House
from meet.names import digest
from meet.session import Session
from meet.web.asking import WEB_IDLE, apart, place
from meet.web.request import MeetRequest

_TOKEN = "meet-token"
_NICK = "meet-nick"
_HOST = "meet-host"


def remember_host(request: MeetRequest, room: str, host_key: str, seconds: float) -> None:
    """Let the visitor be host of ``room`` for as long as it can be read."""
    _set(request, room, _HOST, host_key, seconds)


def host_key(house: House, request: MeetRequest, feed: Feed) -> str:
    """The host key of the room that the visitor's browser holds, or an empty text.

    The browser is asked to keep it on: a room may have more time now than when it was opened.
    """
    key = request.cookie(_HOST)
    if not key:
        return ""
    if digest(key) != feed.room.lock:
        # It is of an earlier room of this name.
        _forget(request, feed.name, _HOST)
        return ""
    remember_host(request, feed.name, key, feed.room.gone - house.clock.seconds())
    return key


def nick(request: MeetRequest) -> str:
    """The nick under which the visitor was here last, or an empty text."""
    try:
        return bytes.fromhex(request.cookie(_NICK)).decode()
    except ValueError:
        return ""


async def who(house: House, request: MeetRequest, feed: Feed) -> Session | None:
    """The visitor's session, kept for the next page; None if they have not come in."""
    token = request.cookie(_TOKEN)
    if not token or feed.room.closed:
        return None
    try:
        session = await place(house, feed.name, token)
    except Refused as refused:
        if refused.code == "unavailable":
            raise
        return None
    session.touch(WEB_IDLE)
    return session


async def come_in(house: House, request: MeetRequest, feed: Feed, wish: str, key: str = "") -> Session:
    """Bring the visitor in as ``wish``, or back in; raises `Refused`.

    The host ``key`` that they give makes them a host; one that their browser holds does so if it fits.
    """
    token = request.cookie(_TOKEN)
    held = key or host_key(house, request, feed)
    joining = house.sessions.join(feed.name, via="web", address=request.address, nick=wish, token=token, host_key=held)
    session: Session = await apart(joining)
    left = feed.room.gone - house.clock.seconds()
    if key:
        remember_host(request, feed.name, key, left)
    session.touch(WEB_IDLE)
    _set(request, feed.name, _TOKEN, session.token, left)
    _set(request, feed.name, _NICK, session.nick.encode().hex(), left)
    return session


def forget(request: MeetRequest, room: str) -> None:
    """The visitor has left."""
    _forget(request, room, _TOKEN)
    _forget(request, room, _NICK)


def _set(request: MeetRequest, room: str, name: str, value: str, seconds: float) -> None:
    request.addCookie(
        name,
        value,
        path=f"{request.house.at}/{room}",
        max_age=str(max(0, int(seconds))),
        secure=request.base.startswith("https:"),
        httpOnly=True,
        sameSite="strict",
    )


def _forget(request: MeetRequest, room: str, name: str) -> None:
    _set(request, room, name, "", 0)
