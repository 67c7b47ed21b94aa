from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.backoff import STEADY, Backoff


class Waits(SynchronousTestCase):
    def test_they_double_to_the_longest(self):
        backoff = Backoff(1.0, 60.0)
        waits = [backoff.wait(0.999999) for _ in range(8)]
        self.assertEqual([round(wait) for wait in waits], [1, 2, 4, 8, 16, 32, 60, 60])

    def test_chance_spreads_them_over_the_upper_half(self):
        for chance, wait in ((0.0, 4.0), (0.5, 6.0), (0.99, 7.96)):
            backoff = Backoff(8.0, 60.0)
            self.assertAlmostEqual(backoff.wait(chance), wait)

    def test_only_a_connection_that_lived_begins_anew(self):
        backoff = Backoff(1.0, 60.0)
        for _ in range(4):
            backoff.wait(0.0)
        backoff.lived(STEADY - 1)
        self.assertEqual(backoff.wait(0.0), 8.0)
        backoff.lived(STEADY)
        self.assertEqual(backoff.wait(0.0), 0.5)
