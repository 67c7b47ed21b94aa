"""An archive goes from one store to another, and two are held beside each other.

The law: a page at a time, whatever the size; and it may be done while people talk.  What is
recorded meanwhile reaches the other store by its own recorder, and what comes twice is kept once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

from meet.export import Reading, Writing
from meet.interfaces import IStore, Record
from meet.wire import bare

_ROOMS = 100
_ENTRIES = 1000
_BATCH_BYTES = 4_000_000

Progress = Callable[[int], None]
"""Told how many entries were dealt with until now."""


class Difference(NamedTuple):
    """What one log lacks: ``missing`` of its entries are only in the first store, ``more`` only in the second.

    ``other`` are there in both, and are not the same.
    """

    room: str
    epoch: str
    missing: int
    more: int
    other: int


async def logs(store: IStore, rooms: Iterable[str] = ()) -> AsyncIterator[tuple[str, str]]:
    """Room and epoch of every log in ``store``, or of those of ``rooms`` if any are given, in order."""
    wanted = set(rooms)
    after = ("", "")
    while page := await store.rooms(after, _ROOMS):
        after = page[-1].room, page[-1].epoch
        for each in page:
            if not wanted or each.room in wanted:
                yield each.room, each.epoch


async def records(store: IStore, room: str, epoch: str) -> AsyncIterator[Record]:
    """Every entry of one log, in order."""
    after = 0
    while page := await store.entries(room, epoch, after, _ENTRIES):
        after = page[-1][0].seq
        for position, body in page:
            yield Record(room, position, body)


async def give(store: IStore, write: Callable[[bytes], object], progress: Progress, rooms: Iterable[str] = ()) -> int:
    """Write an export (`meet.export`) of ``store``, or of ``rooms`` in it; returns how many entries it has.

    Posts whose words must go by some moment are in it without them (`meet.wire.bare`).
    """
    writing = Writing()
    write(writing.head())
    async for room, epoch in logs(store, rooms):
        async for record in records(store, room, epoch):
            write(writing.line(record._replace(body=bare(record.body))))
            if writing.entries % _ENTRIES == 0:
                progress(writing.entries)
    write(writing.foot())
    return writing.entries


async def take(store: IStore, lines: Iterable[bytes], progress: Progress) -> int:
    """Record an export, of which ``lines`` are the lines, in ``store``; returns how many entries it had.

    What is there already stays as it is.  Raises `ValueError` with one sentence for a line that
    cannot be read; what came before it is recorded.
    """
    reading = Reading()
    batch: list[Record] = []
    size = 0
    for line in lines:
        record = reading.line(line)
        if record is not None:
            batch.append(record)
            size += len(line)
        if len(batch) >= _ENTRIES or size >= _BATCH_BYTES:
            await store.record(batch)
            progress(reading.entries)
            batch, size = [], 0
    reading.end()
    if batch:
        await store.record(batch)
    return reading.entries


def check(lines: Iterable[bytes]) -> int:
    """Read an export without recording it; raises `ValueError` with one sentence if it is not whole."""
    reading = Reading()
    for line in lines:
        reading.line(line)
    reading.end()
    return reading.entries


async def compare(first: IStore, second: IStore, progress: Progress) -> tuple[int, list[Difference]]:
    """How many entries are the same in both stores, and the logs that differ, in order."""
    same = 0
    differences: list[Difference] = []
    async for room, epoch in _merged(logs(first), logs(second)):
        missing = more = other = 0
        mine, theirs = records(first, room, epoch), records(second, room, epoch)
        left, right = await anext(mine, None), await anext(theirs, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left.position.seq < right.position.seq):
                missing += 1
                left = await anext(mine, None)
            elif left is None or right.position.seq < left.position.seq:
                more += 1
                right = await anext(theirs, None)
            else:
                # One of them may have been carried, and without the words that must go.
                alike = left.body == right.body or bare(left.body) == bare(right.body)
                other += not alike
                same += alike
                left, right = await anext(mine, None), await anext(theirs, None)
                progress(same)
        if missing or more or other:
            differences.append(Difference(room, epoch, missing, more, other))
    return same, differences


async def _merged(
    first: AsyncIterator[tuple[str, str]], second: AsyncIterator[tuple[str, str]]
) -> AsyncIterator[tuple[str, str]]:
    left, right = await anext(first, None), await anext(second, None)
    while left is not None or right is not None:
        least = min(each for each in (left, right) if each is not None)
        yield least
        if left == least:
            left = await anext(first, None)
        if right == least:
            right = await anext(second, None)
