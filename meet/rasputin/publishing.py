"""What a site publishes: written down in the view's transaction, sent after its commit.

::

    with transaction.atomic():
        lesson.save()
        opening = open_room("algebra", title="Algebra", hours=2)

If Meet is away at the commit, the worker sends it when Meet is back; if the transaction is rolled back,
nothing is sent.  What Meet refuses is kept with Meet's reason (`Outgoing.code`, `Outgoing.detail`).
"""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from meet import names
from meet.commands import Close, Command, Extend, Open, Retitle, Say
from meet.errors import Refused, Unavailable
from meet.events import Position
from meet.moments import DAY, HOUR
from meet.rasputin import asking, bus
from meet.rasputin.configuration import configured
from meet.rasputin.models import Outgoing
from meet.room import Room

_KEY_BYTES = 16


class Opening(NamedTuple):
    """A room that is being opened: ``host_key`` makes a host, and only its digest is told to anybody."""

    room: str
    host_key: str
    outgoing: Outgoing


def open_room(name: str, *, title: str = "", hours: float | None = None, limit: int | None = None) -> Opening:
    """Open a room on commit, for ``hours`` (a day if none are given).  Raises `Refused` if it cannot have that name."""
    bounds = configured().bounds
    room = names.room_name(name)
    host_key = secrets.token_urlsafe(_KEY_BYTES)
    ends = time.time() + (DAY if hours is None else hours * HOUR)
    limit = bounds.characters_in_line if limit is None else limit
    opened = Open(title=names.title(title), ends=ends, limit=limit, lock=names.digest(host_key))
    return Opening(room, host_key, publish(room, opened))


def say(room: str, text: str, *, nick: str = "", ref: str = "") -> Outgoing:
    """Say a line on commit; with a ``ref`` of your own (at most 64 characters) it is said once, however often asked."""
    return publish(room, Say(text=text, ref=ref or secrets.token_hex(12)), nick=nick)


def retitle(room: str, title: str, *, host_key: str) -> Outgoing:
    """Give the room another title on commit."""
    return publish(room, Retitle(title=title), host_key=host_key)


def extend(room: str, ends: datetime, *, host_key: str) -> Outgoing:
    """Let the room end at another time, on commit; ``ends`` has a zone."""
    return publish(room, Extend(ends=ends.timestamp()), host_key=host_key)


def close_room(room: str, *, host_key: str) -> Outgoing:
    """Close the room on commit."""
    return publish(room, Close(), host_key=host_key)


def publish(room: str, command: Command, *, nick: str = "", host_key: str = "") -> Outgoing:
    """Ask ``command`` of ``room`` once the transaction under way is committed, or at once if there is none.

    ``nick`` is the site's there (`NICK` of the settings), ``host_key`` the room's, where only hosts may ask.
    """
    outgoing = Outgoing.objects.create(
        room=room, command=asking.words_of(command), nick=nick or configured().nick, host_key=host_key
    )
    transaction.on_commit(lambda: send(outgoing))
    return outgoing


def ask(room: str, command: Command, *, nick: str = "", host_key: str = "") -> Position:
    """Ask ``command`` of ``room`` now, whatever becomes of the transaction; raises `Refused` or `Unavailable`."""
    told = configured()
    nick = nick or told.nick
    token = salted_hmac("meet.rasputin", f"{room} {names.skeleton(nick)}", algorithm="sha256").hexdigest()
    asker = asking.Asker(nick, token, host_key)
    return asking.ask(bus.current(), told.bounds, room, command, asker, time.time())


def live_room(name: str) -> Room:
    """The room as it is in Meet now; it need not exist (`meet.room.Room.exists`).  Raises `Unavailable`."""
    return asking.feed_of(bus.current(), name, configured().bounds).room


def send(outgoing: Outgoing) -> bool:
    """Send what was written down; True unless Meet is away, and it waits."""
    try:
        position = ask(
            outgoing.room, asking.command_of(outgoing.command), nick=outgoing.nick, host_key=outgoing.host_key
        )
    except Unavailable as away:
        outgoing.tries += 1
        outgoing.detail = str(away)
        _written(outgoing).update(tries=outgoing.tries, detail=outgoing.detail)
        return False
    except Refused as refused:
        outgoing.code, outgoing.detail, outgoing.host_key = refused.code, refused.detail, ""
        _written(outgoing).update(code=outgoing.code, detail=outgoing.detail, host_key="")
        return True
    outgoing.position = str(position)
    _written(outgoing).delete()
    return True


def send_waiting() -> int:
    """Send what could not be sent at its commit, in order, until Meet is away again; how many were sent."""
    sent = 0
    for outgoing in Outgoing.objects.filter(code="").order_by("pk").iterator():
        if not send(outgoing):
            break
        sent += 1
    return sent


def _written(outgoing: Outgoing) -> QuerySet:
    """Its row; the worker may have sent and deleted it meanwhile."""
    return Outgoing.objects.filter(pk=outgoing.pk)
