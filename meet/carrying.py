"""An archive goes from one store to another, and two are held beside each other.

The law: a page at a time, whatever the size; and it may be done while people talk.  What is
recorded meanwhile reaches the other store by its own recorder, and what comes twice is kept once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NamedTuple

from meet.export import Reading, Writing
from meet.interfaces import IStore, Record
from meet.wire import bare

_ROOMS = 100
_ENTRIES = 1000
_BATCH_BYTES = 4_000_000
_UNSETTLED_MOST = 10_000
"""Entries of a log that are looked at once more: minutes of the busiest talk; where more differ, not only talk does."""

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


async def compare(
    first: IStore, second: IStore, progress: Progress, settle: Callable[[], Awaitable[None]] | None = None
) -> tuple[int, list[Difference]]:
    """How many entries are the same in both stores, and the logs that differ, in order.

    ``settle``, if given, comes back once what is recorded in one while people talk is in the other too:
    what differed is looked at once more then, as one may only have been the first to record it.
    """
    same = 0
    differences: list[Difference] = []
    unsettled: dict[tuple[str, str], list[int]] = {}
    async for room, epoch in _merged(logs(first), logs(second)):
        missing = more = other = 0
        numbers: list[int] = []
        async for number, left, right in _beside(first, second, room, epoch):
            if _alike(left, right):
                same += 1
                progress(same)
                continue
            missing += right is None
            more += left is None
            other += left is not None and right is not None
            if len(numbers) <= _UNSETTLED_MOST:
                numbers.append(number)
        if numbers:
            differences.append(Difference(room, epoch, missing, more, other))
            unsettled[room, epoch] = numbers
    if settle is None or not differences:
        return same, differences
    await settle()
    settled: list[Difference] = []
    for each in differences:
        found, left_over = await _look_again(first, second, each, unsettled[each.room, each.epoch])
        same += found
        settled += left_over
    return same, settled


async def _look_again(
    first: IStore, second: IStore, difference: Difference, numbers: list[int]
) -> tuple[int, list[Difference]]:
    """How many of the entries ``numbers`` are the same now, and what still differs; what is gone from both does not."""
    room, epoch = difference.room, difference.epoch
    if len(numbers) > _UNSETTLED_MOST:
        return 0, [difference]
    same = missing = more = other = 0
    for number in numbers:
        left, right = await _one(first, room, epoch, number), await _one(second, room, epoch, number)
        same += _alike(left, right) and left is not None
        missing += left is not None and right is None
        more += left is None and right is not None
        other += not _alike(left, right) and left is not None and right is not None
    return same, [Difference(room, epoch, missing, more, other)] if missing or more or other else []


def _alike(one: bytes | None, other: bytes | None) -> bool:
    # One of them may have been carried, and without the words that must go.
    return one == other or (one is not None and other is not None and bare(one) == bare(other))


async def _one(store: IStore, room: str, epoch: str, number: int) -> bytes | None:
    page = await store.entries(room, epoch, number - 1, 1)
    return page[0][1] if page and page[0][0].seq == number else None


async def _beside(
    first: IStore, second: IStore, room: str, epoch: str
) -> AsyncIterator[tuple[int, bytes | None, bytes | None]]:
    """Every number of one log with its entry in each store, None where it is not."""
    mine, theirs = records(first, room, epoch), records(second, room, epoch)
    left, right = await anext(mine, None), await anext(theirs, None)
    while left is not None or right is not None:
        number = min(each.position.seq for each in (left, right) if each is not None)
        here = left.body if left is not None and left.position.seq == number else None
        there = right.body if right is not None and right.position.seq == number else None
        yield number, here, there
        if here is not None:
            left = await anext(mine, None)
        if there is not None:
            right = await anext(theirs, None)


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
