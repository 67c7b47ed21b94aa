"""The crowd of the soak: people who come, say, hear and leave, and whether each heard what was said.

Every line carries a mark: who says it, in which stay, the how manieth, and when.  Whoever
hears two lines of one stay must have heard all between them, once each and in order.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter

from bench.people import KINDS, Broken, Doors, Person, kinds

_MARK = re.compile(rb"~(\d+)\.(\d+)\.(\d+)\.(\d+)~")
_FILL = "so many words are said here that nobody remembers them all "

STAY, AWAY, BETWEEN = 180.0, 5.0, 40.0
"""Seconds that a person stays, is away and keeps silent, on average.  Oftener, and this one program would
have no time left to hear what 2,000 are told.
"""

IN_A_ROW = 20
"""Lines that are said to fill a room before those are waited for."""

ECHO = 10.0
"""Seconds after which an own line that has not come back is lost."""


class Crowd:
    """``people`` in ``rooms`` of the Meet behind ``doors``; what they find is in the attributes."""

    def __init__(self, doors: Doors, rooms: int, people: int, chance: random.Random) -> None:
        self._doors, self._rooms, self._people, self._chance = doors, rooms, people, chance
        self._inside: set[Person] = set()
        self.spans: list[float] = []
        """Milliseconds from saying to hearing, since they were last taken."""
        self.counts: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        """What went wrong, in words, and how often."""

    @property
    def inside(self) -> int:
        """How many are in a room now."""
        return len(self._inside)

    async def fill(self, lines: int) -> None:
        """Say so many lines in each room, with somebody of each door there, until all have heard them; then leave."""
        await asyncio.gather(*(self._fill(room, lines) for room in range(self._rooms)))

    async def _fill(self, room: int, lines: int) -> None:
        people, visits = [], []
        for kind in dict.fromkeys(KINDS):
            # Their numbers begin where those of the others end.
            visit = _Visit(self, self._people + room * len(KINDS) + len(people), 0)
            people.append(kind(self._doors, f"soak{room}", f"filler{len(people)}", visit.hear))
            visits.append(visit)
            await people[-1].come()
            visit.since = time.monotonic_ns()
        for begun in range(0, lines, IN_A_ROW):
            for line in range(begun, min(begun + IN_A_ROW, lines)):
                await people[line % len(people)].say(visits[line % len(people)].line())
            for visit in visits:
                await asyncio.wait_for(visit.back(), ECHO)
        for person in people:
            await person.leave()

    async def live(self, seconds: float) -> None:
        """Come, talk and go until the time is over; then everybody leaves."""
        end = time.monotonic() + seconds
        doors = kinds()
        await asyncio.gather(*(self._person(number, next(doors), end) for number in range(self._people)))

    async def _person(self, number: int, kind: type[Person], end: float) -> None:
        # They do not come all at once.
        await asyncio.sleep(self._chance.uniform(0, min(20.0, (end - time.monotonic()) / 4)))
        stay = 0
        while time.monotonic() < end:
            stay += 1
            room = f"soak{self._chance.randrange(self._rooms)}"
            try:
                await self._stay(number, stay, kind, room, end)
            except (Broken, OSError, EOFError, TimeoutError) as error:
                self.counts["broken"] += 1
                self.words[f"{kind.door}: {type(error).__name__}: {error}"] += 1
            await asyncio.sleep(min(self._chance.expovariate(1 / AWAY), max(0.0, end - time.monotonic())))

    async def _stay(self, number: int, stay: int, kind: type[Person], room: str, end: float) -> None:
        visit = _Visit(self, number, stay)
        person = kind(self._doors, room, f"p{number}s{stay}", visit.hear)
        await person.come()
        self.counts[f"stays by {kind.door}"] += 1
        self._inside.add(person)
        visit.since = time.monotonic_ns()
        try:
            leaves = min(end, time.monotonic() + self._chance.expovariate(1 / STAY))
            while (left := leaves - time.monotonic()) > 0:
                await asyncio.sleep(min(left, self._chance.expovariate(1 / BETWEEN)))
                if person.hearing is not None and person.hearing.done():
                    raise Broken("the connection ended by itself")
                visit.expire()
                if time.monotonic() < leaves:
                    await person.say(visit.line())
        finally:
            self._inside.discard(person)
            await person.leave()


class _Visit:
    """One stay of one person: what was said and what was heard."""

    def __init__(self, crowd: Crowd, number: int, stay: int) -> None:
        self._crowd, self._number, self._stay = crowd, number, stay
        self._said = 0
        self._awaited: dict[int, float] = {}
        self._heard: dict[tuple[int, int], int] = {}
        self._back = asyncio.Event()
        self.since = 0

    def line(self) -> str:
        """The next line."""
        self._said += 1
        self._awaited[self._said] = time.monotonic()
        self._back.clear()
        self._crowd.counts["said"] += 1
        return f"~{self._number}.{self._stay}.{self._said}.{time.monotonic_ns()}~ {_FILL * 2}"

    async def back(self) -> None:
        """Return once all own lines have come back."""
        if self._awaited:
            await self._back.wait()

    def expire(self) -> None:
        """Count own lines that never came back."""
        old = time.monotonic() - ECHO
        for count in [count for count, at in self._awaited.items() if at < old]:
            del self._awaited[count]
            self._crowd.counts["own lines lost"] += 1

    def hear(self, told: bytes) -> None:
        """Judge what is told; lines from before the stay are history."""
        for number, stay, count, at in (map(int, found) for found in _MARK.findall(told)):
            if not self.since or at < self.since:
                continue
            self._crowd.spans.append((time.monotonic_ns() - at) / 1e6)
            self._crowd.counts["heard"] += 1
            last = self._heard.get((number, stay))
            self._heard[number, stay] = count
            if last is not None and count != last + 1:
                self._crowd.counts["lost" if count > last else "twice or late"] += 1
            if (number, stay) == (self._number, self._stay):
                self._awaited.pop(count, None)
                if not self._awaited:
                    self._back.set()
