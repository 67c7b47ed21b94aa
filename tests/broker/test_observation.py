"""An observer that keeps failing is asked less and less often, and never given up."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.observation import GATHER, RECORDS_IN_BATCH, Batch, Observation
from meet.errors import Unavailable
from meet.events import Position
from meet.interfaces import Record

RECORD = Record("algebra", Position("k3q", 1), b"hi")


class Pauses(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tried: list[float] = []
        self.acknowledged: list[int] = []
        self.works = False

    def observation(self) -> Observation:
        return Observation(self.observe, self.fetch, self.acknowledged.append, self.clock, 0, GATHER)

    def fetch(self, after: int, count: int) -> Deferred[Batch]:
        return succeed(Batch([(1, RECORD)][after:], False))

    def observe(self, records: Sequence[Record]) -> Deferred[None]:
        self.tried.append(self.clock.seconds())
        return succeed(None) if self.works else fail(OSError("away"))

    def test_pauses_double_from_one_second_to_thirty(self) -> None:
        self.observation().wake()
        self.clock.pump([1.0] * 100)
        self.assertEqual(self.tried, [0, 1, 3, 7, 15, 31, 61, 91])
        self.assertEqual(self.acknowledged, [])
        self.works = True
        self.clock.pump([1.0] * 30)
        self.assertEqual(self.acknowledged, [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_news_does_not_shorten_a_pause(self) -> None:
        observation = self.observation()
        observation.wake()
        observation.wake()
        self.assertEqual(self.tried, [0])

    def test_stopped_in_a_pause_it_leaves_nothing_behind(self) -> None:
        observation = self.observation()
        observation.wake()
        self.successResultOf(observation.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        observation.wake()
        self.assertEqual(self.tried, [0])

    def test_a_journal_that_is_away_is_asked_again(self) -> None:
        away: list[Deferred[Batch]] = [fail(Unavailable("away"))]
        fetch = self.fetch
        self.fetch = lambda after, count: away.pop() if away else fetch(after, count)  # type: ignore[method-assign]
        self.works = True
        self.observation().wake()
        self.assertEqual(self.acknowledged, [])
        self.clock.advance(1)
        self.assertEqual(self.acknowledged, [1])


class Gathering(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.journal: list[tuple[int, Record]] = []
        self.told: list[int] = []
        self.acknowledged: list[int] = []
        self.observation = Observation(self.observe, self.fetch, self.acknowledged.append, self.clock, 0, GATHER)

    def fetch(self, after: int, count: int) -> Deferred[Batch]:
        return succeed(Batch(self.journal[after:][:count], len(self.journal) > after + count))

    def observe(self, records: Sequence[Record]) -> Deferred[None]:
        self.told.append(len(records))
        return succeed(None)

    def news(self, count: int = 1) -> None:
        for _ in range(count):
            self.journal.append((len(self.journal) + 1, RECORD))
        self.observation.wake()

    def test_lively_news_is_told_some_at_a_time_and_the_first_after_a_silence_at_once(self) -> None:
        self.news()
        self.assertEqual(self.told, [1])
        for _ in range(10):
            self.clock.advance(0.02)
            self.news()
        self.assertEqual(self.told, [1])
        self.clock.advance(0.8)
        self.assertEqual((self.told, self.acknowledged), ([1, 10], [1, 11]))
        self.clock.advance(60)
        self.news()
        self.assertEqual((self.told, self.acknowledged), ([1, 10, 1], [1, 11, 12]))

    def test_news_that_comes_while_some_is_told_gathers_too(self) -> None:
        taking: list[Deferred[None]] = []

        def take_time(records: Sequence[Record]) -> Deferred[None]:
            self.told.append(len(records))
            taking.append(Deferred())
            return taking[-1]

        observation = Observation(take_time, self.fetch, self.acknowledged.append, self.clock, 0, GATHER)
        self.observation = observation
        self.news()
        for _ in range(5):
            self.news()
        taking.pop().callback(None)
        self.assertEqual(self.told, [1])
        self.clock.advance(1)
        self.assertEqual(self.told, [1, 5])

    def test_a_long_journal_is_told_without_a_break(self) -> None:
        self.news(2 * RECORDS_IN_BATCH + 50)
        self.assertEqual(self.told, [RECORDS_IN_BATCH, RECORDS_IN_BATCH, 50])

    def test_stopped_while_news_gathers_it_leaves_nothing_behind(self) -> None:
        self.news()
        self.news()
        self.successResultOf(self.observation.stop())
        self.assertEqual((self.clock.getDelayedCalls(), self.told), ([], [1]))
