"""The soak: people on all doors for half an hour, and whether anything of the server grows.

Before they come each room is given the lines that it remembers, by somebody of each door, so that what grows is
not what any room does that has just been opened.  Memory is compared from the sixth minute on, when marks of lines
are known for as long as they will be; so are open files, and once more with nobody there, before the first came and
after the last has gone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.crowd import Crowd
from bench.figures import percentile
from bench.peers import MEET, Place
from bench.people import Doors
from bench.places import Peers
from bench.scenes import open_rooms
from bench.server import LOAD_CORE, Server
from meet.limits import Limits

EVERY = 10.0
"""Seconds from one look to the next."""

FILLED = 300.0
"""Seconds until memory is compared, or a quarter of a shorter soak."""

SPAN = 0.15
"""The share of the time that counts as the start, and as the end."""

REMEMBERED = Limits().entries_in_tail
"""Lines that are said in each room before anybody comes: what a room remembers."""

GONE = 45.0
"""Seconds after the last has left until all that held their places is given back."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the server showed; memory in bytes, spans in milliseconds, and the server's microseconds
    of CPU since the look before for each line that somebody heard.
    """

    at: float
    inside: int
    pss: int
    rss: int
    descriptors: int
    heard: int
    p50: float
    p99: float
    work: float


def soak(
    peers: Peers, minutes: float, people: int, rooms: int, into: Path, say: Callable[[str], None], broker: str
) -> int:
    """Run it, write ``soak.md`` and ``soak.json``; 1 if anything was lost or broke."""
    os.sched_setaffinity(0, {LOAD_CORE})
    # A search of ours through the crowd's objects stands still for a quarter of a second, which would be
    # counted as the server's; in half an hour they leave little behind.
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = MEET.server(Place(peers, Path(folder), broker))
        server.start()
        try:
            open_rooms(server.ports[0], *(f"soak{room}" for room in range(rooms)))
            crowd = Crowd(Doors(*server.ports), rooms, people, random.Random(1))
            say(f"Each room is given {REMEMBERED} lines")
            asyncio.run(crowd.fill(REMEMBERED))
            empty = _alone(server, say)
            looks = asyncio.run(_watch(server, crowd, minutes * 60, say))
            left = _alone(server, say)
        finally:
            server.stop()
    into.mkdir(parents=True, exist_ok=True)
    text = report(looks, crowd, empty, left)
    (into / "soak.md").write_text(text)
    (into / "soak.json").write_text(json.dumps([asdict(look) for look in looks], indent=1) + "\n")
    say(text)
    bad = ("broken", "own lines lost", "lost", "twice or late")
    return 1 if any(crowd.counts[name] for name in bad) else 0


def _alone(server: Server, say: Callable[[str], None]) -> Counter[str]:
    """What the server has open with nobody there."""
    say(f"All have left; waiting {GONE:g} s")
    time.sleep(GONE)
    return server.descriptors()


async def _watch(server: Server, crowd: Crowd, seconds: float, say: Callable[[str], None]) -> list[Look]:
    begun = time.monotonic()
    living = asyncio.create_task(crowd.live(seconds))
    looks: list[Look] = []
    crowd.spans, used = [], server.seconds()
    while not living.done():
        await asyncio.wait([living], timeout=EVERY)
        spans, crowd.spans = crowd.spans, []
        if not spans:
            continue
        before, used = used, server.seconds()
        pss, rss = server.memory()
        p50, p99 = percentile(spans, 0.5), percentile(spans, 0.99)
        at = time.monotonic() - begun
        work = (used - before) / len(spans) * 1e6
        looks.append(Look(at, crowd.inside, pss, rss, server.descriptors().total(), len(spans), p50, p99, work))
        say(
            f"{at / 60:5.1f} of {seconds / 60:g} min · {crowd.inside} inside · {rss / 2**20:.1f} MiB · "
            f"{looks[-1].descriptors} files · {len(spans) / EVERY:.0f} heard/s, {work:.0f} µs each · "
            f"p50 {p50:.1f} p99 {p99:.1f} ms"
        )
    await living
    return looks


def report(looks: Sequence[Look], crowd: Crowd, empty: Counter[str], left: Counter[str]) -> str:
    """What the soak comes to, as Markdown."""
    end = max(look.at for look in looks)
    filled = min(FILLED, end / 4)
    # In the last moments everybody leaves.
    steady = [look for look in looks if filled <= look.at <= end - 2 * EVERY] or list(looks)
    count = max(1, int(len(steady) * SPAN))
    first, last = steady[:count], steady[-count:]
    lines = ["# Soak", "", "| what | at the start | at the end | change |", "| --- | --- | --- | --- |"]
    for name, scale, unit in (
        ("pss", 2**20, "MiB"),
        ("rss", 2**20, "MiB"),
        ("p50", 1, "ms"),
        ("p99", 1, "ms"),
        ("work", 1, "µs a line heard"),
        ("descriptors", 1, "open files"),
        ("inside", 1, "people"),
    ):
        before, after = (sum(getattr(look, name) for look in part) / len(part) / scale for part in (first, last))
        lines.append(f"| {name} | {before:.1f} {unit} | {after:.1f} {unit} | {(after / before - 1) * 100:+.1f} % |")
    before, after = empty.total(), left.total()
    lines.append(f"| open files with nobody there | {before} | {after} | {after - before:+d} |")
    more, fewer = left - empty, empty - left
    changed = [*(f"{count:+d} {name}" for name, count in more.items()), *(f"-{fewer[name]} {name}" for name in fewer)]
    lines += ["", f"- open files that changed: {', '.join(sorted(changed)) or 'none'}"]
    lines += ["", *(f"- {name}: {count}" for name, count in sorted(crowd.counts.items()))]
    lines += [f"- {count} × {words}" for words, count in crowd.words.most_common(20)]
    return "\n".join(lines) + "\n"
