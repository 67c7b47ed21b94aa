"""The waits, as a table: what happened, and how long X is left alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from meet.twitter.backoff import LATEST, PROVEN, Backoff, Cause
from tests.flow import START

TABLE = {
    Cause.LOST: [0, 0.25, 0.5, 0.75, 1.0],
    Cause.AWAY: [5, 10, 20, 40, 80, 160, 320, 320],
    Cause.LIMIT: [60, 120, 240, 480, 960, 960],
}


def waits(cause: Cause, count: int) -> list[float]:
    backoff = Backoff()
    found = []
    for _ in range(count):
        backoff = backoff.failed(cause)
        found.append(backoff.wait(START, 0, 0))
    return found


class Table(SynchronousTestCase):
    def test_each_cause_has_its_row(self) -> None:
        for cause, row in TABLE.items():
            self.assertEqual(waits(cause, len(row)), row)

    def test_nothing_waits_longer_than_its_row_says(self) -> None:
        self.assertEqual(waits(Cause.LOST, 500)[-1], 16)
        self.assertEqual(waits(Cause.AWAY, 500)[-1], 320)
        self.assertEqual(waits(Cause.LIMIT, 500)[-1], 960)

    def test_on_a_clock_the_tries_come_when_they_should(self) -> None:
        clock = Clock()
        tries: list[float] = []

        async def work() -> None:
            backoff = Backoff()
            while len(tries) < 5:
                tries.append(clock.seconds())
                backoff = backoff.failed(Cause.AWAY)
                await deferLater(clock, backoff.wait(clock.seconds(), 0, 0), lambda: None)

        working = Deferred.fromCoroutine(work())
        clock.pump([1] * 155)
        self.successResultOf(working)
        self.assertEqual(tries, [0, 5, 15, 35, 75])

    def test_a_limit_lasts_as_long_as_x_says(self) -> None:
        backoff = Backoff().failed(Cause.LIMIT)
        self.assertEqual(backoff.wait(START, START + 700, 0), 700)
        self.assertEqual(backoff.wait(START, START + 3, 0), 60)
        self.assertEqual(backoff.wait(START, START - 3, 0), 60)

    def test_a_limit_beyond_a_day_is_not_believed(self) -> None:
        backoff = Backoff().failed(Cause.LIMIT)
        self.assertEqual(backoff.wait(START, START + LATEST + 1, 0), 60)

    def test_only_a_limit_has_an_end(self) -> None:
        self.assertEqual(Backoff().failed(Cause.AWAY).wait(START, START + 700, 0), 5)

    def test_a_minute_of_life_makes_up_for_what_was(self) -> None:
        tired = Backoff(Cause.LOST, 30)
        self.assertEqual(tired.failed(Cause.LOST, PROVEN).wait(START, 0, 0), 0)
        self.assertGreater(tired.failed(Cause.LOST, PROVEN - 1).wait(START, 0, 0), 7)
        self.assertGreater(Backoff(Cause.AWAY, 8).failed(Cause.LOST, 1).wait(START, 0, 0), 1)

    @settings(max_examples=60)
    @given(st.sampled_from(Cause), st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1e12))
    def test_chance_only_adds_and_by_a_quarter_at_most(
        self, cause: Cause, failures: int, chance: float, reset: float
    ) -> None:
        backoff = Backoff(cause, failures)
        least = backoff.wait(START, reset, 0)
        self.assertTrue(least <= backoff.wait(START, reset, chance) <= least * 1.25)
        self.assertLessEqual(least, LATEST)
