"""What Redis answers, as words; and what somebody knows of a room, as the words that give it back.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from meet.events import Closed, Event, Extended, Opened, Position, Presence, Said
from meet.feed import Look
from meet.limits import Limits
from meet.moments import DAY, seconds
from meet.wire import decode_event

MARGIN = DAY
"""Seconds for which a room's keys outlive the time at which the reaper should have dropped it."""


def position_of(text: bytes) -> Position:
    """Read ``epoch.seq``."""
    epoch, _, number = text.rpartition(b".")
    return Position(epoch.decode(), int(number))


def look_of(answer: Sequence[Any]) -> Look:
    """Read what ``read.lua`` answers."""
    if not answer:
        return Look(None, None, [], [], 0)
    epoch, last, law, floor, kept, tail = answer
    log = epoch.decode()
    state = []
    for each in kept:
        number, _, body = each.partition(b" ")
        state.append((Position(log, int(number)), body))
    state.sort(key=lambda item: item[0].seq)
    talk = [(Position(log, int(number.partition(b"-")[0])), fields[1]) for number, fields in tail]
    return Look(Position(log, int(last)), Position(log, int(law)) if law else None, state, talk, int(floor))


def till(events: Iterable[Event], limits: Limits) -> int | None:
    """Until when a room's keys must stay, in milliseconds since 1970, by its state; None if that does not say."""
    ends: float | None = None
    for event in events:
        try:
            match event:
                case Closed():
                    ends = seconds(event.at)
                    break
                case Opened() | Extended():
                    ends = seconds(event.ends)
        except (ValueError, OverflowError):
            continue
    return None if ends is None else round(1000 * (ends + limits.grace + MARGIN))


def state_words(known: Look) -> list[str | bytes | int]:
    """The state that ``known`` remembers, as ``restore.lua`` takes it: key, number, event; presence is left out."""
    words: list[str | bytes | int] = []
    for position, body in known.kept:
        event = decode_event(body)
        if event.key is not None and not isinstance(event, Presence):
            words += [event.key, position.seq, body]
    return words


def talk_words(known: Look, mark: Callable[[str], str]) -> list[str | bytes | int]:
    """The talk that ``known`` remembers: number, event, and the key of its mark if it was said with a ref."""
    words: list[str | bytes | int] = []
    for position, body in known.tail:
        event = decode_event(body)
        said_once = isinstance(event, Said) and event.ref
        words += [position.seq, body, mark(f"{event.by}:{event.ref}") if said_once else ""]  # type: ignore[attr-defined]
    return words


def ordered(known: Look) -> list[Event]:
    """The state's events in the order of their numbers."""
    return [decode_event(body) for _, body in sorted(known.kept, key=lambda item: item[0].seq)]
