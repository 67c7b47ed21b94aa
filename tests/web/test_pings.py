"""Who is silent is asked, who does not answer is let go, and one timer does it for all."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.web.pings import PING, PONG, Pings


class Browser:
    """Notes when it was asked, and whether it was given up."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[float] = []
        self.given_up: list[float] = []

    def ping(self) -> None:
        self.asked.append(self.clock.seconds())

    def silent(self) -> None:
        self.given_up.append(self.clock.seconds())


class PingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pings = Pings(self.clock)
        self.ann, self.bob = Browser(self.clock), Browser(self.clock)

    def pass_time(self, seconds: int) -> None:
        self.clock.pump([1] * seconds)

    def test_who_answers_is_asked_again_after_each_answer(self) -> None:
        self.pings.add(self.ann)
        self.pass_time(35)
        self.pings.heard(self.ann)
        self.pass_time(30)
        self.assertEqual(self.ann.asked, [PING, 35 + PING])
        self.assertEqual(self.ann.given_up, [])

    def test_who_does_not_answer_is_given_up_and_no_longer_asked(self) -> None:
        self.pings.add(self.ann)
        self.pass_time(200)
        self.assertEqual((self.ann.asked, self.ann.given_up), ([PING], [PING + PONG]))

    def test_what_comes_unasked_changes_nothing(self) -> None:
        self.pings.add(self.ann)
        self.pass_time(20)
        self.pings.heard(self.ann)
        self.pass_time(10)
        self.assertEqual(self.ann.asked, [PING])

    def test_everybody_has_a_time_of_their_own(self) -> None:
        self.pings.add(self.ann)
        self.pass_time(10)
        self.pings.add(self.bob)
        self.pass_time(25)
        self.pings.heard(self.ann)
        self.pass_time(40)
        self.assertEqual((self.ann.asked, self.ann.given_up), ([30, 65], []))
        self.assertEqual((self.bob.asked, self.bob.given_up), ([40], [60]))

    def test_a_thousand_wait_for_one_timer_and_none_for_nobody(self) -> None:
        browsers = [Browser(self.clock) for _ in range(1000)]
        for browser in browsers:
            self.pings.add(browser)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for browser in browsers:
            self.pings.remove(browser)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_goes_while_others_are_asked_is_not_asked(self) -> None:
        self.ann.ping = lambda: self.pings.remove(self.ann)  # type: ignore[method-assign]
        self.pings.add(self.ann)
        self.pings.add(self.bob)
        self.pass_time(35)
        self.pings.remove(self.bob)
        self.assertEqual((self.bob.asked, self.clock.getDelayedCalls()), ([30], []))
