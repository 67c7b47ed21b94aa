"""Whoever stays away is told once, by one process, with the command that drops it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Unavailable
from meet.interfaces import Observer
from meet.moments import HOUR
from meet.rollcall import RollCall
from tests.flow import Flow


class RollCalls(SynchronousTestCase):
    def setUp(self) -> None:
        self.flow = Flow()
        self.logged: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)
        self.calls = self.begun(self.flow)

    def begun(self, flow: Flow) -> RollCall:
        calls = RollCall(flow.broker, flow.clock, flow.limits)
        calls.startService()
        flow.turn()
        return calls

    def told(self) -> list[tuple[str, str, int]]:
        """Who was told to be away, for how long and how far behind, since the last call."""
        logged = [each for each in self.logged if each["log_level"] >= LogLevel.warn]
        self.logged.clear()
        return [(each["observer"], each["away"], each["behind"]) for each in logged]

    def observes(self, name: str, flow: Flow | None = None) -> Any:
        flow = flow or self.flow
        return flow.result(flow.broker.journal(name, lambda records: succeed(None)))

    def test_who_is_there_is_not_told(self) -> None:
        self.observes("recorder")
        for _ in range(5):
            self.flow.pass_time(HOUR)
        assert self.told() == []

    def test_who_has_gone_is_told_once_with_the_command(self) -> None:
        stop = self.observes("recorder")
        self.flow.pass_time(10)
        self.flow.result(stop())
        self.flow.open()
        self.flow.pass_time(HOUR - 11)
        assert self.told() == []
        for _ in range(3 * 60):
            self.flow.pass_time(60)
        (warning,) = [each for each in self.logged if each["log_level"] >= LogLevel.warn]
        assert "meet observers --dismiss {observer}" in warning["log_format"]
        assert self.told() == [("recorder", "60 minutes", 1)]

    def test_who_came_back_and_went_again_is_told_again(self) -> None:
        for _ in range(2):
            stop = self.observes("recorder")
            self.flow.pass_time(HOUR)
            self.flow.result(stop())
            for _ in range(4):
                self.flow.pass_time(HOUR / 2)
            assert [name for name, _, _ in self.told()] == ["recorder"]

    def test_of_two_processes_one_tells_it(self) -> None:
        other = Flow(self.flow)
        self.begun(other)
        self.flow.result(self.observes("recorder")())
        for _ in range(3):
            self.flow.pass_time(HOUR)
        assert len(self.told()) == 1

    def test_another_process_goes_on_when_it_ends(self) -> None:
        other = Flow(self.flow)
        self.begun(other)
        self.flow.result(self.observes("recorder", other)())
        self.flow.result(self.calls.stopService())
        self.flow.pass_time(2 * HOUR)
        assert len(self.told()) == 1

    def test_a_broker_that_is_away_is_called_again(self) -> None:
        self.flow.result(self.observes("recorder")())
        observers, self.flow.broker.observers = self.flow.broker.observers, _away  # type: ignore[method-assign]
        self.flow.pass_time(2 * HOUR)
        assert self.told() == []
        self.flow.broker.observers = observers  # type: ignore[method-assign]
        self.flow.pass_time(30)
        assert len(self.told()) == 1

    def test_nothing_is_left_when_it_has_stopped(self) -> None:
        self.flow.result(self.calls.stopService())
        self.flow.pass_time(1)
        assert self.flow.clock.getDelayedCalls() == []

    def test_with_a_limit_of_0_nobody_calls(self) -> None:
        other = Flow(observer_away=0)
        other.result(self.observes("recorder", other)())
        calls = self.begun(other)
        other.pass_time(100 * HOUR)
        assert self.told() == []
        assert calls.stopService() is None


def _away() -> Deferred[Sequence[Observer]]:
    return fail(Unavailable("away"))
