"""All of a room as a ledger; and a room that was restored, as the words that write it.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meet.broker.ledger import Ledger, Restored, Row
from meet.bus import Word
from meet.limits import Limits
from meet.wire import decode_event


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
