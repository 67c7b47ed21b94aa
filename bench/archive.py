"""How an archive answers when it is large: filled by the store's own way, then timed.

::

    python -m bench archive --store sqlite:////tmp/large.sqlite3 --entries 1000000

Half of the entries are in one room, which ``large`` is, the rest in rooms of `SMALL`.  Everything is asked
of the store as Meet asks it, pages of `PAGE` from places all over; the export is ``meet export``, a process
of its own whose memory is looked at.  With ``--recorded``, only so many are recorded; the small rooms are copied
under other names, inside of the database, until there are as many entries as were asked for.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import insert, literal, select
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from meet import carrying
from meet.errors import Unavailable
from meet.events import Opened, Position, Said
from meet.interfaces import IStore, Record
from meet.limits import Limits
from meet.moments import moment
from meet.store import store_for
from meet.store.dialects import address_of, engine_for
from meet.store.tables import ENTRIES, ROOMS, SIEVES
from meet.wire import encode

LARGE = "large"
SMALL = 1000
"""Entries of each other room."""

PAGE = 200
ASKED = 100
"""How often each page is asked for."""

LEAST = 4 * SMALL
"""Entries below which there are too few rooms to ask for."""

EPOCH = "b1"
RARE = "axolotl"
"""A word that is said once in `LARGE`, in its second line."""

_BATCH = 2000
_BEGAN = 1_780_000_000.0
_TEXT = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its "
    "about than into them can only other time new some could these two may first then do any like my now over such"
)
_RARER = [f"{first}{last}" for first in ("quo", "ster", "mal", "brin", "tal") for last in ("den", "wick", "ory", "ump")]

Say = Callable[[str], None]


class Figure(NamedTuple):
    """What was timed: the least, the median and 99 %, in milliseconds; or one figure with its unit."""

    what: str
    told: str


_chance = random.Random(7)
_LINES = [" ".join([*_chance.choices(_TEXT.split(), k=10), _chance.choice(_RARER)]) for _ in range(9973)]
"""What is said, some 60 characters each; a number is put behind it."""


def log(room: str, count: int) -> Iterator[Record]:
    """A log of ``count`` entries."""
    ends = moment(_BEGAN + 1e8)
    opening = Opened(at=moment(_BEGAN), name=room, title=room, ends=ends, limit=140, lock="l" * 16)
    yield Record(room, Position(EPOCH, 1), encode(opening))
    for number in range(2, count + 1):
        text = RARE if number == 2 else f"{_LINES[number % len(_LINES)]} {number}"
        by = f"p{number % 40}"
        said = Said(at=moment(_BEGAN + number), by=by, nick=f"nick{number % 40}", via="web", text=text, ref=str(number))
        yield Record(room, Position(EPOCH, number), encode(said))


def records(count: int) -> Iterator[Record]:
    """Every entry of the archive."""
    half = count // 2
    yield from log(LARGE, half)
    for number in range(-(-(count - half) // SMALL)):
        yield from log(f"room-{number}", min(SMALL, count - half - number * SMALL))


async def fill(store: IStore, count: int, say: Say) -> float:
    """Record ``count`` entries; the seconds it took."""
    began = told = time.monotonic()
    batch: list[Record] = []
    done = 0
    for record in records(count):
        batch.append(record)
        if len(batch) == _BATCH:
            await store.record(batch)
            done, batch = done + len(batch), []
            if time.monotonic() - told > 10:
                told = time.monotonic()
                say(f"{done:,} of {count:,} recorded, {done / (told - began):,.0f} a second")
    await store.record(batch)
    return time.monotonic() - began


def copy(url: str, recorded: int, count: int, say: Say) -> None:
    """Copy the small rooms among ``recorded`` entries until there are ``count``, about."""
    half = recorded // 2
    engine = engine_for(address_of(url, Path.cwd()))
    for turn in range(1, (count - recorded) // half + 1):
        with engine.begin() as connection:
            for table in (ROOMS, SIEVES, ENTRIES):
                rest = [column for column in table.c if column.name != "room"]
                rows = select((literal(f"copy-{turn:03}-") + table.c.room).label("room"), *rest)
                rows = rows.where(table.c.room.startswith("room-"))
                connection.execute(insert(table).from_select(["room", *(column.name for column in rest)], rows))
        say(f"{recorded + turn * half:,} of {count:,} are there")
    engine.dispose()


async def timed(ask: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds until the answer."""
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1000


async def pages(store: IStore, count: int, say: Say) -> list[Figure]:
    """Pages from places all over the large room."""
    chance = random.Random(8)
    last = count // 2
    places = [chance.randrange(PAGE, last) for _ in range(ASKED)]
    asked: dict[str, Callable[[int], Any]] = {
        "page before a position": lambda at: store.history(LARGE, Position(EPOCH, at), PAGE),
        "page after a position": lambda at: store.transcript(LARGE, EPOCH, at - PAGE, PAGE),
        "page from a moment on": lambda at: store.since(LARGE, EPOCH, moment(_BEGAN + at), PAGE),
        "page of rooms": lambda at: store.rooms((f"room-{at % (last // SMALL + 1)}", EPOCH), 50),
        "transcript of a room of 1,000": lambda at: store.transcript(f"room-{at % (last // SMALL)}", EPOCH, 0, SMALL),
        "what a broker that lost it is given": lambda at: store.memory(LARGE, EPOCH, 500),
        "search for a frequent word, a page": lambda at: store.search(LARGE, Position(EPOCH, at), "quoden", 50),
    }
    figures = []
    for what, ask in asked.items():
        times = sorted([await timed(lambda at=at, ask=ask: ask(at)) for at in places])
        figures.append(Figure(what, _three(times)))
        say(f"{what}: {figures[-1].told}")
    return figures


async def searched(store: IStore, count: int, say: Say) -> list[Figure]:
    """One that goes through the whole large room, page by page, for a word that is in its second line."""
    before = count // 2 + 1
    times = []
    while before:
        began = time.perf_counter()
        found = await store.search(LARGE, Position(EPOCH, before), RARE, 50)
        times.append((time.perf_counter() - began) * 1000)
        before = found.down_to
        if found.talk:
            break
    if not found.talk:
        raise ValueError("The word that was said was not found.")
    say(f"searched through in {len(times)} pages")
    return [
        Figure("search for a rare word, a page", _three(sorted(times))),
        Figure("search for it through all of the room", f"{sum(times) / 1000:.2f} s, {len(times)} pages"),
    ]


def _three(times: list[float]) -> str:
    return f"{times[0]:.1f} / {times[len(times) // 2]:.1f} / {times[-1 - len(times) // 100]:.1f}"


def exported(url: str) -> list[Figure]:
    """``meet export`` of all, into nothing."""
    began = time.monotonic()
    command = [sys.executable, "-m", "meet", "export", "--store", url]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    took = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [Figure("export of all", f"{took:.1f} s"), Figure("its memory at most", f"{peak:.0f} MiB")]


async def deleted(store: IStore) -> list[Figure]:
    """A room of 1,000, then that of half of all; and how pages are while that goes on."""
    small = await timed(lambda: store.delete("room-1", EPOCH))
    large = store.delete(LARGE, EPOCH)
    ended: list[float] = []
    began = time.perf_counter()
    large.addCallback(lambda _: ended.append((time.perf_counter() - began) * 1000))
    waits = []
    while not ended:
        waits.append(await timed(lambda: store.transcript("room-2", EPOCH, 0, PAGE)))
    return [
        Figure("delete of a room of 1,000", f"{small / 1000:.2f} s"),
        Figure("delete of a room of half of all", f"{ended[0] / 1000:.2f} s"),
        Figure("a page meanwhile, at most", f"{max(waits):.0f}"),
    ]


async def measure(reactor: Any, url: str, recorded: int, count: int, say: Say) -> list[Figure]:
    """All figures of the store at ``url``, into which come ``count`` entries; raises `ValueError` if it has some."""
    store = store_for(url, data=Path.cwd(), clock=reactor, limits=Limits())
    await store.start()
    figures: list[Figure] = []
    try:
        if list(await store.rooms(("", ""), 1)):
            raise ValueError("That store holds something: name an empty one.")
        took = await fill(store, recorded, say)
        figures.append(Figure("recorded", f"{recorded / took:,.0f} a second"))
        if count > recorded:
            await deferToThread(copy, url, recorded, count, say)
        figures += await pages(store, recorded, say)
        figures += await searched(store, recorded, say)
        await store.stop()
        say("export")
        figures += exported(url)
        await store.start()
        say("deletion")
        figures += await deleted(store)
        if {LARGE, "room-1"} & {room async for room, _ in carrying.logs(store)}:
            raise ValueError("What was deleted is still there.")
    finally:
        await store.stop()
    return figures


def run(url: str, recorded: int, count: int, say: Say) -> int:
    """Measure, and tell the table; the exit code."""
    told: list[str] = []

    async def all_of_it(reactor: Any) -> None:
        try:
            told.append(table(await measure(reactor, url, recorded or count, count, say)))
        except (ValueError, Unavailable) as wrong:
            raise SystemExit(f"bench: {wrong}") from None

    try:
        react(lambda reactor: Deferred.fromCoroutine(all_of_it(reactor)))
    except SystemExit as ended:
        if ended.code:
            raise
    # It was ended before there was a table.
    say("\n".join(told) or "Nothing was measured.")
    return 0 if told else 1


def table(figures: list[Figure]) -> str:
    """The figures as a table in Markdown."""
    rows = [f"| {figure.what} | {figure.told} |" for figure in figures]
    return "\n".join(["| what | ms: least / median / 99 % |", "| --- | --- |", *rows])
