"""Timers keep their distance when the clock is set."""

from __future__ import annotations

from twisted.internet.base import ReactorBase
from twisted.trial.unittest import SynchronousTestCase

from meet.clock import steady

HOUR = 3600.0


class Idle(ReactorBase):
    """Twisted's own timers, with nothing to wait for."""

    woken = 0

    def installWaker(self) -> None:
        pass

    def wakeUp(self) -> None:
        self.woken += 1


class Steady(SynchronousTestCase):
    def setUp(self) -> None:
        self.wall, self.since_boot = 1_800_000_000.0, 5_000.0
        self.reactor = Idle()
        steady(self.reactor, lambda: self.wall, lambda: self.since_boot)
        self.called: list[str] = []

    def later(self, seconds: float, name: str) -> None:
        self.reactor.callLater(seconds, self.called.append, name)

    def passes(self, seconds: float, step: float = 0.0) -> None:
        self.since_boot += seconds
        self.wall += seconds + step
        self.reactor.runUntilCurrent()

    def test_a_clock_set_back_delays_nothing(self) -> None:
        self.later(0, "at once")
        self.later(10, "soon")
        self.passes(0, step=-HOUR)
        assert self.called == ["at once"]
        self.assertAlmostEqual(self.reactor.timeout() or 0, 10, places=3)
        self.passes(9)
        assert self.called == ["at once"]
        self.passes(1.1)
        assert self.called == ["at once", "soon"]

    def test_a_clock_set_forward_hastens_nothing(self) -> None:
        self.later(10, "soon")
        self.passes(1, step=HOUR)
        assert self.called == []
        self.assertAlmostEqual(self.reactor.timeout() or 0, 9, places=3)
        self.passes(9.1)
        assert self.called == ["soon"]

    def test_what_was_put_off_or_cancelled_stays_so(self) -> None:
        self.later(1, "first")
        self.reactor.getDelayedCalls()[0].reset(20)
        self.reactor.callLater(2, self.called.append, "never").cancel()
        self.later(10, "second")
        self.passes(0, step=-HOUR)
        self.passes(10.1)
        assert self.called == ["second"]
        self.passes(10)
        assert self.called == ["second", "first"]

    def test_the_time_is_the_wall_clocks(self) -> None:
        self.passes(1, step=-HOUR)
        assert self.reactor.seconds() == self.wall

    def test_it_is_woken_if_it_is_about_to_sleep_by_the_time_before(self) -> None:
        self.later(10, "soon")
        self.reactor.timeout()
        before = self.reactor.woken
        self.wall -= HOUR
        self.reactor.timeout()
        assert self.reactor.woken > before

    def test_a_busy_machine_between_two_readings_is_no_step(self) -> None:
        self.later(10, "soon")
        self.passes(0, step=0.4)
        assert self.reactor.getDelayedCalls()[0].getTime() == 1_800_000_010.0
