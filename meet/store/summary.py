"""What the entries of a log come to: as a list shows it, and as a broker takes it back."""

from __future__ import annotations

from collections.abc import Iterable

from meet.events import Closed, Event, Extended, Opened, Position, Retitled
from meet.interfaces import Kept
from meet.look import Look, Numbered
from meet.wire import entry


def kept(room: str, epoch: str, events: Iterable[Event]) -> Kept:
    """The log as it is listed; ``events`` has its opening and what changed it, in order."""
    found = Kept(room, epoch, "", "", "", "")
    changes: list[Event] = []
    for event in events:
        if isinstance(event, Opened):
            found = found._replace(title=event.title, opened=event.at, ends=event.ends)
        else:
            changes.append(event)
    if not found.opened:
        return found
    for event in changes:
        match event:
            case Retitled():
                found = found._replace(title=event.title)
            case Extended():
                found = found._replace(ends=event.ends)
            case Closed():
                found = found._replace(closed=event.at)
    return found


def memory(last: Position, rest: Iterable[tuple[Position, bytes]], tail: Numbered, count: int) -> Look:
    """The log as `IBroker.restore` takes it: ``rest`` is all that is no talk, in order.

    ``tail`` is the newest talk, one piece more than ``count`` where there is more.
    """
    state: dict[str, tuple[Position, bytes]] = {}
    law = None
    for position, body in rest:
        item = entry(position, body)
        if item.event.ruling:
            law = position
        if item.event.key is not None:
            state.pop(item.event.key, None)
            state[item.event.key] = (position, body)
    floor = tail[0][0].seq if len(tail) > count else 0
    return Look(last, law, list(state.values()), tail[-count:], floor)
