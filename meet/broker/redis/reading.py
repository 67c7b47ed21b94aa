"""What Redis answers, as looks and ledgers; and a room that was restored, as the words that write it.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from meet.broker.ledger import Ledger, Restored, Row
from meet.events import Closed, Event, Extended, Opened, Position
from meet.limits import Limits
from meet.look import Look
from meet.moments import DAY, seconds
from meet.wire import decode_event

Word = str | bytes | int

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


def ledger_of(answer: Sequence[Any], epoch: str, limits: Limits) -> tuple[Ledger, dict[int, bytes]]:
    """Read what ``whole.lua`` answers: the ledger, and where its talk is in the journal.

    Of an unknown room it is a new one, of ``epoch``.
    """
    if not answer:
        return Ledger(epoch, limits), {}
    log, last, law, floor, kept, tail = answer
    rows = []
    for key, entry in zip(kept[::2], kept[1::2], strict=True):
        number, _, body = entry.partition(b" ")
        rows.append(Row(int(number), key.decode(), None, body))
    places = {}
    for name, fields in tail:
        number = int(name.partition(b"-")[0])
        rows.append(Row(number, None, None, fields[1]))
        places[number] = fields[3]
    rows.sort(key=lambda row: row.seq)
    ledger = Ledger.rebuilt(
        log.decode(), limits, last=int(last), law=int(law or 0), floor=int(floor), rows=rows, marks=()
    )
    return ledger, places


def restored_words(restored: Restored, places: Mapping[int, bytes], mark: Callable[[str], str]) -> list[Word]:
    """The last words of ``restore.lua``: how much of each follows, then state, talk, what is told, and marks."""
    state: list[Word] = []
    talk: list[Word] = []
    marks: list[Word] = []
    for row in restored.ledger.rows:
        if row.key is not None:
            state += [row.key, row.seq, row.body]
            continue
        talk += [row.seq, row.body, places.get(row.seq, b"")]
        once = decode_event(row.body).once
        if once is not None:
            marks += [mark(once), row.seq]
    told: list[Word] = [word for position, body in restored.records for word in (position.seq, body)]
    return [len(state) // 3, len(talk) // 3, len(told) // 2, len(marks) // 2, *state, *talk, *told, *marks]
