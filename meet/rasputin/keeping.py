"""Rooms and lines out of events, in the site's own database.

The law: what Meet deletes is deleted here, in the same transaction in which it is heard.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction

from meet.events import Closed, Event, Expired, Extended, Forgotten, Opened, Removed, Renewed, Retitled, Said
from meet.moments import seconds
from meet.rasputin.models import Line, Room, SetAside, Told
from meet.rasputin.observing import Heard
from meet.wire import bare


def keep(heard: Heard) -> None:
    """Let ``heard`` have happened to the rooms that are kept; kinds that change none of them do nothing."""
    match heard.event:
        case Forgotten():
            _forget(heard)
        case Renewed() as renewed:
            _move(heard, renewed)
        case Opened() as opened:
            _open(heard, opened)
        case Said() as whole:
            # This site would not know when words that must go are to go.
            said = whole.lasting()
            Line.objects.update_or_create(
                room=_room(heard, said),
                number=heard.position.seq,
                defaults={
                    "at": _moment(said.at),
                    "by": said.by[:64],
                    "nick": said.nick[:24],
                    "via": said.via[:24],
                    "text": _text(said),
                },
            )
        case Removed() as removed if removed.number < heard.position.seq:
            Line.objects.filter(room__name=heard.room, room__epoch=heard.position.epoch, number=removed.number).delete()
        case Retitled() as retitled:
            _change(heard, retitled, title=retitled.title[:200])
        case Extended() as extended:
            _change(heard, extended, ends=_moment(extended.ends))
        case Closed() as closed:
            _change(heard, closed, closed=_moment(closed.at), because=closed.because[:20])


def forget_told(heard: Heard) -> None:
    """After a `Renewed` what was told of the former log was told of this one; after a `Forgotten` nothing is left.

    Comes before `keep`, whether or not rooms are kept.
    """
    match heard.event:
        case Forgotten():
            Told.objects.filter(room=heard.room, epoch=heard.position.epoch).delete()
            SetAside.objects.filter(room=heard.room, epoch=heard.position.epoch).delete()
        case Removed() as removed if removed.number < heard.position.seq:
            place = {"room": heard.room, "epoch": heard.position.epoch, "number": removed.number}
            SetAside.objects.filter(**place).delete()
        case Expired() as expired:
            place = {"room": heard.room, "epoch": heard.position.epoch}
            for aside in SetAside.objects.filter(**place, body__contains='"expires"'):
                aside.body = bare(aside.body.encode(), expired.until).decode()
                aside.save(update_fields=["body"])
        case Renewed() as renewed:
            for model in (Told, SetAside):
                former = model.objects.filter(room=heard.room, epoch__in=(renewed.was, *renewed.before))
                former.update(epoch=heard.position.epoch)


def _text(said: Said) -> str:
    if said.is_bare and said.post is not None:
        return f"{said.shown} {said.post.link}".strip()
    return said.text


def _room(heard: Heard, event: Event) -> Room:
    """The room of ``heard``; one that was opened before this site heard anything begins with what is known."""
    at = _moment(event.at)
    room, _ = Room.objects.get_or_create(
        name=heard.room,
        epoch=heard.position.epoch,
        defaults={"title": heard.room, "opened": at, "ends": at},
    )
    return room


def _change(heard: Heard, event: Event, **changes: object) -> None:
    room = _room(heard, event)
    for name, value in changes.items():
        setattr(room, name, value)
    room.save(update_fields=list(changes))


def _open(heard: Heard, opened: Opened) -> None:
    Room.objects.update_or_create(
        name=heard.room,
        epoch=heard.position.epoch,
        defaults={
            "title": opened.title[:200],
            "opened": _moment(opened.at),
            "ends": _moment(opened.ends),
            "limit": max(opened.limit, 0),
            "lock": opened.lock[:64],
        },
    )


def _move(heard: Heard, renewed: Renewed) -> None:
    """The room goes on in another log, under the same numbers."""
    former = Room.objects.filter(name=heard.room, epoch__in=(renewed.was, *renewed.before)).order_by("-opened")
    room = former.first()
    if room is not None and not Room.objects.filter(name=heard.room, epoch=heard.position.epoch).exists():
        room.epoch = heard.position.epoch
        room.save(update_fields=["epoch"])


def _forget(heard: Heard) -> None:
    with transaction.atomic():
        Room.objects.filter(name=heard.room, epoch=heard.position.epoch).delete()


def _moment(text: str) -> datetime:
    """A moment out of an event; one that cannot be read is the beginning of time."""
    try:
        return datetime.fromtimestamp(seconds(text), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
