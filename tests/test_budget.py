"""Posts that cost are counted by rooms and in all, a day at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.budget import Budget, next_day
from meet.limits import Limits
from tests.stories import NOON


class Budgets(SynchronousTestCase):
    def setUp(self) -> None:
        self.budget = Budget(Limits().but({"paid-posts-per-room": 2, "paid-posts": 3}))

    def test_a_room_has_its_own_and_all_have_one(self) -> None:
        self.budget.pay(["a"], NOON)
        self.budget.pay(["a"], NOON)
        assert self.budget.spent("a", NOON).startswith("This room has had the 2 posts")
        assert self.budget.spent("b", NOON) == ""
        self.budget.pay(["b"], NOON)
        assert self.budget.spent("b", NOON).startswith("The 3 posts of this day")

    def test_a_post_for_two_rooms_is_paid_for_once(self) -> None:
        self.budget.pay(["a", "b"], NOON)
        self.budget.pay(["a", "b"], NOON)
        assert self.budget.spent("c", NOON) == ""

    def test_a_new_day_begins_anew(self) -> None:
        for _ in range(3):
            self.budget.pay(["a"], NOON)
        assert next_day(NOON) == 43_200
        assert self.budget.spent("a", NOON + 43_200) == ""

    def test_a_clock_that_is_set_back_by_days_begins_anew_too(self) -> None:
        for _ in range(3):
            self.budget.pay(["a"], NOON)
        assert self.budget.spent("a", NOON - 2 * 86_400) == ""
        assert self.budget.count("a", NOON - 2 * 86_400)[0] < self.budget.count("a", NOON)[0]

    def test_what_another_process_counted_counts(self) -> None:
        day, _ = self.budget.count("a", NOON)
        self.budget.know("a", day, 2, NOON)
        self.budget.know("a", day, 1, NOON)
        self.budget.know("b", "2001-01-01", 9, NOON)
        assert self.budget.count("a", NOON) == (day, 2)
        assert self.budget.spent("b", NOON) == ""

    def test_without_a_bound_nothing_is_ever_spent(self) -> None:
        budget = Budget(Limits().but({"paid-posts-per-room": 0, "paid-posts": 0}))
        for _ in range(10):
            budget.pay(["a"], NOON)
        assert budget.spent("a", NOON) == ""
