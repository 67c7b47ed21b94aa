"""The list of drills, and how one is run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.drills import harm, outside
from tests.drills.moving import Moving, move_the_archive
from tests.drills.outside import Listening
from tests.drills.stage import Alone, Many, Stage
from tests.drills.verdict import Verdict, table


@dataclass(frozen=True)
class Drill:
    """One drill: who is up, and what is done to them.

    ``may_lose``: where Redis itself promises less, what it lost is counted and told, and no failure.
    ``among_tests``: whether the tests run it too; what a database does to a store has tests of its own, and
    what happens to sources happens in one drill there.
    """

    letter: str
    harm: Callable[[Any], None]
    cast: type[Stage]
    may_lose: bool = False
    among_tests: bool = True

    @property
    def title(self) -> str:
        """What is done, in a sentence."""
        return (self.harm.__doc__ or "").split("\n")[0]


@dataclass(frozen=True)
class Outcome:
    """How one run of a drill ended."""

    drill: Drill
    seed: int
    seconds: float
    verdict: Verdict
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it kept the law, or broke it no further than `Drill.may_lose` allows."""
        if not self.drill.may_lose:
            return self.verdict.sound
        return all(not row.twice and not row.disordered for row in self.verdict.rows)

    def lines(self) -> list[str]:
        """The outcome as lines of text."""
        head = f"{self.drill.letter}  {self.drill.title}"
        return [head, f"seed {self.seed}, {self.seconds:.0f} s", *self.notes, *table(self.verdict)]


DRILLS = (
    Drill("a", harm.kill_a_serving_process, Many),
    Drill("a1", harm.kill_the_only_process, Alone),
    Drill("b", harm.kill_the_recorder, Many),
    Drill("c", harm.restart_everything_in_turn, Many),
    Drill("d", harm.restart_redis, Many),
    Drill("e", harm.empty_redis, Many),
    Drill("f", harm.pause_redis, Many),
    Drill("g", harm.disturb_the_network, Many),
    Drill("h", harm.promote_a_replica, Many),
    Drill("h1", harm.promote_a_replica_without_waiting, Many, may_lose=True),
    Drill("i", harm.lock_the_store, Alone),
    Drill("i1", harm.stop_postgresql, Alone, among_tests=False),
    Drill("i2", harm.stop_mariadb, Alone, among_tests=False),
    Drill("j", harm.stop_reading, Alone),
    Drill("k", harm.fill_the_disk, Alone),
    Drill("l", harm.step_the_clock, Alone),
    Drill("m", move_the_archive, Moving),
    Drill("o", outside.everything_outside, Listening),
    Drill("o1", outside.stall_upstream, Listening, among_tests=False),
    Drill("o2", outside.cut_upstream, Listening, among_tests=False),
    Drill("o3", outside.flood_upstream, Listening, among_tests=False),
    Drill("o4", outside.kill_who_follows, Listening, among_tests=False),
    Drill("o5", outside.revoke_the_token, Listening, among_tests=False),
    Drill("o6", outside.take_redis_away, Listening, among_tests=False),
)


def run(drill: Drill, seed: int, *, short: bool, tell: Callable[[str], None]) -> Outcome:
    """Run ``drill``, its moments chosen by ``seed``; ``tell`` hears how it goes."""
    began = time.monotonic()
    with drill.cast(random.Random(seed), short=short, tell=tell) as stage:
        drill.harm(stage)
        verdict = stage.finish()
    return Outcome(drill, seed, time.monotonic() - began, verdict, tuple(stage.notes))
