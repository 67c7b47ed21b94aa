"""What single runs come to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.figures import Result, Spread, failures, of, percentile, ratio, short, spread


def ran(number: int, peer: str, per_cpu: float, row: str = "w1") -> Result:
    return Result(number, row, peer, {"per_cpu": per_cpu})


RESULTS = [
    ran(1, "loop", 100.0),
    ran(1, "meet", 90.0),
    ran(2, "meet", 30.0),
    ran(2, "loop", 40.0),
    ran(3, "loop", 10.0),
    ran(3, "meet", 20.0),
    ran(3, "meet", 1000.0, row="w16"),
]


class Figures(SynchronousTestCase):
    def test_a_ratio_is_to_the_yardstick_of_the_same_round(self) -> None:
        assert ratio(RESULTS, "w1", "meet", "per_cpu") == Spread(0.9, 0.75, 2.0)
        assert ratio(RESULTS, "w1", "loop", "per_cpu") == Spread(1.0, 1.0, 1.0)

    def test_a_round_without_its_yardstick_has_no_ratio(self) -> None:
        assert ratio(RESULTS, "w16", "meet", "per_cpu") is None

    def test_a_run_that_failed_counts_in_nothing_but_is_told_once(self) -> None:
        failed = [Result(4, "w1", "meet", failed="3 lost"), Result(5, "w1", "meet", failed="3 lost")]
        assert of([*RESULTS, *failed], "w1", "meet", "per_cpu") == Spread(30.0, 20.0, 90.0)
        assert failures([*RESULTS, *failed], "w1", "meet") == ["3 lost"]

    def test_of_no_values_there_is_no_spread(self) -> None:
        assert spread([]) is None

    def test_percentiles_lie_among_the_values(self) -> None:
        values = [float(value) for value in range(1, 101)]
        assert percentile(values, 0.5) == 51.0
        assert percentile(values, 0.99) == 100.0
        assert percentile([7.0], 0.99) == 7.0

    def test_numbers_keep_three_digits_or_two(self) -> None:
        shown = [short(value) for value in (0.234, 12.34, 123.4, 1234.0, 12_345.0, 1_234_567.0)]
        assert shown == ["0.23", "12.3", "123", "1.2 k", "12 k", "1.23 M"]
