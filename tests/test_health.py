"""Health by a clock of the test's own: what breaks shows in time, and what is mended too."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Unavailable
from meet.health import Health, Trouble


class Broken:
    """A part that does what the test says."""

    def __init__(self) -> None:
        self.silent = False
        self.problem: Exception | None = None
        self.under_way: list[Deferred[None]] = []

    def probe(self) -> Deferred[None]:
        if self.silent:
            self.under_way.append(Deferred())
            return self.under_way[-1]
        return fail(self.problem) if self.problem else succeed(None)


class HealthTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.broker, self.store = Broken(), Broken()
        self.health = Health(self.clock, {"broker": self.broker.probe, "store": self.store.probe})
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def logged(self) -> list[str]:
        own = [event for event in self.events if event["log_namespace"].startswith("meet.health")]
        self.events.clear()
        return [event["log_format"].format(**event) for event in own]

    def seconds_until(self, part: str | None, most: float = 10.0) -> float:
        """How long it takes until this ``part`` is in trouble, or none."""
        waited = 0.0
        while (self.health.trouble.part if self.health.trouble else None) != part:
            assert waited < most
            self.clock.advance(0.5)
            waited += 0.5
        return waited

    def test_a_process_is_ready_from_its_beginning_to_its_end(self) -> None:
        assert self.health.trouble == Trouble("start", "Meet is starting.")
        self.health.begin()
        assert self.health.trouble is None
        self.health.stop()
        assert self.health.trouble == Trouble("end", "Meet is shutting down.")
        assert self.clock.getDelayedCalls() == []
        assert self.logged() == []

    def test_it_is_not_ready_before_everything_was_tried(self) -> None:
        self.store.silent = True
        begun = self.health.begin()
        self.assertNoResult(begun)
        assert self.health.trouble is not None
        assert self.health.trouble.part == "store"
        self.store.under_way[0].callback(None)
        self.successResultOf(begun)
        assert self.health.trouble is None

    def test_what_does_not_come_back_shows_within_ten_seconds_whenever_it_breaks(self) -> None:
        for moment in (0.0, 0.5, 2.5, 3.0):
            health = self.health = Health(self.clock, {"broker": self.broker.probe})
            self.broker.silent = False
            health.begin()
            self.clock.advance(moment)
            self.broker.silent = True
            assert self.seconds_until("broker") < 10
            health.stop()

    def test_it_is_ready_again_by_itself_and_the_log_says_each_once(self) -> None:
        self.health.begin()
        self.broker.silent = True
        self.seconds_until("broker")
        for _ in range(60):
            self.clock.advance(1)
        assert self.health.trouble == Trouble("broker", "The broker did not do its work within 5 seconds.")
        assert self.logged() == ["Not ready: The broker did not do its work within 5 seconds."]
        self.broker.silent = False
        assert self.seconds_until(None) < 10
        self.clock.advance(30)
        assert self.logged() == ["The broker does its work again."]

    def test_what_says_that_it_is_away_shows_with_its_words(self) -> None:
        self.health.begin()
        self.store.problem = Unavailable("The disk is full.")
        assert self.seconds_until("store") <= 3
        assert self.health.trouble == Trouble("store", "The disk is full.")
        self.broker.problem = Unavailable("Redis is away.")
        self.seconds_until("broker")
        self.broker.problem = None
        self.seconds_until("store")
        self.store.problem = None
        self.seconds_until(None)
        assert self.logged() == [
            "Not ready: The disk is full.",
            "Not ready: Redis is away.",
            "The broker does its work again.",
            "The store does its work again.",
        ]

    def test_an_answer_that_comes_too_late_is_none(self) -> None:
        self.health.begin()
        self.broker.silent = True
        self.seconds_until("broker")
        self.broker.under_way[0].callback(None)
        assert self.health.trouble is not None

    def test_a_mistake_in_a_probe_is_noted_once_and_tried_again(self) -> None:
        self.health.begin()
        self.broker.problem = RuntimeError("bug")
        self.seconds_until("broker")
        for _ in range(20):
            self.clock.advance(1)
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        self.broker.problem = None
        assert self.seconds_until(None) <= 3

    def test_the_worst_delay_of_a_minute_is_known(self) -> None:
        self.health.begin()
        assert self.health.lag == 0
        self.clock.advance(1)
        self.clock.advance(3.5)
        assert self.health.lag == 2.5
        for _ in range(60):
            self.clock.advance(1)
        assert self.health.lag == 0
