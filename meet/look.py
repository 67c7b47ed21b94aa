"""One look at a room in its broker, and what one log has that another has lost.

A broker may lose the newest of what it held, or all of it: a replica took its place that was
behind, or its memory was emptied.  Whoever knows more gives it back.  What is asked here:

* does this look hold all that is known (`holds`), and if not, what does it lack (`lacking`);
* is it of the log that is known, or do both go on from one (`related`)?

A log that goes on from a lost one begins with what was known of that, under the same numbers,
and has a `Renewed` above them.  A broker may also fall back to a log from which what is known
goes on already.  Presence is left out of all of it: people are told back in by
those who stand for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meet.events import Entry, Position, Presence, Removed, Renewed
from meet.wire import entry

Numbered = Sequence[tuple[Position, bytes]]


class Look(NamedTuple):
    """One atomic look at a room in the broker.

    ``last`` is the newest number (None: nothing is known of that name), ``law`` the newest
    ruling's, ``kept`` the newest body for each key and ``tail`` the newest talk, both in order
    of their numbers, ``floor`` the number up to which talk may be missing from the tail.
    """

    last: Position | None
    law: Position | None
    kept: Numbered
    tail: Numbered
    floor: int


def lineage(look: Look) -> tuple[str, ...]:
    """The epochs of the logs that this one goes on from, the newest first."""
    for position, body in reversed(look.kept):
        event = entry(position, body).event
        if isinstance(event, Renewed):
            return (event.was, *event.before)
    return ()


def related(look: Look, known: Look) -> bool:
    """Whether both are of one log, or of logs that go on from one; or one is of none."""
    if look.last is None or known.last is None or look.last.epoch == known.last.epoch:
        return True
    mine, theirs = (look.last.epoch, *lineage(look)), (known.last.epoch, *lineage(known))
    return not set(mine).isdisjoint(theirs)


def holds(look: Look, known: Look) -> bool:
    """Whether nothing of ``known`` need be given back to the log that ``look`` shows.

    So it is, too, if that log is another one, which ``known`` tells nothing about.
    """
    if known.last is None or not related(look, known):
        return True
    if look.last is None:
        return False
    if look.last.epoch == known.last.epoch:
        if look.last.seq < known.last.seq:
            return False
    elif look.last.epoch in lineage(known):
        return False
    return not lacking(look, known)


def lacking(look: Look, known: Look) -> list[Entry]:
    """The entries of ``known`` that the log of ``look`` should hold and does not, in order.

    It need not hold what has passed out of its tail, state that has a newer word, what was removed,
    and a line that was asked again and stands at another number.  Talk that is missing below a number
    where both agree was erased, and is not lost.
    """
    there = {position.seq: body for position, body in (*look.kept, *look.tail)}
    state = [each for each in known.kept if there.get(each[0].seq) != each[1]]
    talk = [each for each in known.tail if there.get(each[0].seq) != each[1] and each[0].seq > look.floor]
    if not state and not talk:
        return []
    moved = {body: position.seq for position, body in (*look.kept, *look.tail)}
    newest = {item.event.key: item.position.seq for item in map(_entry, look.kept)}
    lost = [item for item in map(_entry, state) if _is_lost_state(item, newest, moved)]
    agreed = [position.seq for position, body in (*known.kept, *known.tail) if there.get(position.seq) == body]
    erased = max(agreed, default=0)
    stands = list(map(_entry, look.tail))
    once = {item.event.once for item in stands} - {None}
    removed = {item.event.number for item in stands if isinstance(item.event, Removed)}
    for item in map(_entry, talk):
        seq = item.position.seq
        if seq in removed:
            continue
        if (seq in there or seq > erased) and moved.get(item.body, 0) <= seq and item.event.once not in once:
            lost.append(item)
    return sorted(lost, key=_number)


def _is_lost_state(item: Entry, newest: Mapping[str | None, int], moved: Mapping[bytes, int]) -> bool:
    key, seq = item.event.key, item.position.seq
    # What a newer version calls state has no key here, and cannot be given back.
    if key is None or isinstance(item.event, Presence | Renewed):
        return False
    return newest.get(key, 0) < seq and moved.get(item.body, 0) <= seq


def _entry(numbered: tuple[Position, bytes]) -> Entry:
    return entry(*numbered)


def _number(item: Entry) -> int:
    return item.position.seq
