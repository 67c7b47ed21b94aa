"""A hall of people on WebSockets, in a process of its own, who say a line now and then, and how long its echo takes.

``python -m tests.drills.hall PORT ROOM PEOPLE EACH``: so many come in and say one line every EACH seconds
on average.  Each line that it reads is a number of seconds, in which echoes are timed; the answer is a
line of JSON: ``echoes``, and milliseconds ``p50`` and ``p99``.  When there is nothing more to read, they
fall silent, and what was lost, or heard twice, or out of order by any of them is the last line.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence

from bench.people import Doors, SocketPerson

TOGETHER = 20
"""So many come in at once."""

QUIET = 5.0
"""Seconds after the last line in which everybody hears it."""


class Seat:
    """One of them: ``h7`` says ``h7 says 1``, ``h7 says 2`` and so on."""

    def __init__(self, doors: Doors, room: str, name: str, chance: random.Random, each: float) -> None:
        self.name = name
        self.said = 0
        self.spans: list[float] = []
        self.heard: list[str] = []
        self._chance, self._each = chance, each
        self._asked: dict[str, float] = {}
        self._person = SocketPerson(doors, room, name, self._hear)
        self.come = self._person.come
        self.leave = self._person.leave

    async def talk(self, over: asyncio.Event) -> None:
        """Say a line now and then, until it is over."""
        while not over.is_set():
            try:
                await asyncio.wait_for(over.wait(), self._chance.uniform(0, 2 * self._each))
            except TimeoutError:
                self.said += 1
                text = f"{self.name} says {self.said}"
                self._asked[text] = time.monotonic()
                await self._person.say(text)

    def _hear(self, told: bytes) -> None:
        if b" says " not in told:
            return
        _, event = json.loads(told)
        text = event["text"]
        self.heard.append(text)
        if (asked := self._asked.pop(text, None)) is not None:
            self.spans.append(1000 * (time.monotonic() - asked))


def report(seats: Sequence[Seat]) -> dict[str, int]:
    """What is wrong with what they heard; the order that counts is that of the first."""
    said = {f"{seat.name} says {number}" for seat in seats for number in range(1, seat.said + 1)}
    order = {text: place for place, text in enumerate(seats[0].heard)}
    lost = sum(len(said - set(seat.heard)) for seat in seats)
    twice = sum(len(seat.heard) - len(set(seat.heard)) for seat in seats)
    places = [[order[text] for text in seat.heard if text in order] for seat in seats]
    return {
        "said": len(said),
        "lost": lost,
        "twice": twice,
        "disordered": sum(each != sorted(each) for each in places),
    }


async def main(port: int, room: str, people: int, each: float) -> None:
    """As the module says."""
    chance = random.Random(people)
    doors = Doors(web=port, irc=0, line=0)
    seats = [Seat(doors, room, f"h{number}", chance, each) for number in range(people)]
    for first in range(0, people, TOGETHER):
        await asyncio.gather(*(seat.come() for seat in seats[first : first + TOGETHER]))
    over = asyncio.Event()
    talking = [asyncio.create_task(seat.talk(over)) for seat in seats]
    _tell({"inside": people})
    while line := await asyncio.to_thread(sys.stdin.readline):
        for seat in seats:
            seat.spans.clear()
        await asyncio.sleep(float(line))
        spans = sorted(span for seat in seats for span in seat.spans)
        _tell({"echoes": len(spans), "p50": _part(spans, 0.5), "p99": _part(spans, 0.99)})
    over.set()
    await asyncio.gather(*talking)
    await asyncio.sleep(QUIET)
    _tell(report(seats))
    for seat in seats:
        await seat.leave()


def _part(spans: Sequence[float], part: float) -> float:
    return round(spans[min(len(spans) - 1, int(part * len(spans)))], 1) if spans else 0.0


def _tell(what: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
