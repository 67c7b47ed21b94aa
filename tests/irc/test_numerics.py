from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.errors import REFUSALS
from meet.irc import numerics


class NumericsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.all = {name: value for name, value in vars(numerics).items() if name.isupper()}

    def test_each_is_three_digits_and_none_stands_twice(self) -> None:
        assert len(set(self.all.values())) == len(self.all)
        assert all(len(value) == 3 and value.isdigit() for value in self.all.values())

    def test_replies_and_errors_have_their_ranges(self) -> None:
        for name, value in self.all.items():
            assert name.startswith("ERR_") == ("400" <= value < "600"), name

    def test_every_numeric_of_a_refusal_is_one_of_them(self) -> None:
        assert {row.numeric for row in REFUSALS.values()} - {"FAIL"} <= set(self.all.values())
