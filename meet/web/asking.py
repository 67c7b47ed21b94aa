"""What every route needs: a room that exists, somebody's place in it, and a safe way to wait.

A lost client cancels the route that answers it.  What that route waits for may be shared
(a room being read) or half done (a line being numbered), so it is never cancelled with it.
"""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from meet import names
from meet.errors import Refused
from meet.feed import Feed
from meet.house import House
from meet.session import Session
from meet.web.request import MeetRequest

_T = TypeVar("_T")

WEB_IDLE = 60.0
"""Seconds for which one who comes by pages or by a browser's single requests keeps the place."""


def apart(waited: Deferred[_T]) -> Deferred[_T]:
    """A Deferred that ends like ``waited``; cancelling it leaves ``waited`` alone."""
    mine: Deferred[_T] = Deferred()
    waited.addCallbacks(mine.callback, mine.errback)
    return mine


async def room_feed(house: House, name: str) -> Feed:
    """The feed of the room ``name``; raises `Refused` ``bad-name`` or ``no-room``."""
    room = names.room_name(name)
    feed = await apart(house.hub.feed(room))
    if not feed.room.exists:
        raise Refused("no-room", f"There is no room {room}. Open it first.")
    return feed


async def place(house: House, room: str, token: str) -> Session:
    """The session that ``token`` has in the room ``room`` (folded).

    Raises `Refused` ``no-session`` if there is no token or its place is gone, ``no-room``,
    or ``room-closed``.
    """
    if not token:
        raise Refused("no-session", "This needs a token. Join the room first.")
    session = house.sessions.find(room, token)
    if session is None or not session.token:
        session = await apart(house.sessions.resume(room, token))
    return session


def idle(house: House, via: str) -> float:
    """Seconds for which somebody who comes by single requests of the door ``via`` keeps the place."""
    return WEB_IDLE if via == "web" else house.limits.request_session_idle


def keep(session: Session, request: MeetRequest) -> None:
    """Keep the place of ``session`` until the next single request."""
    session.touch(idle(request.house, request.via))
