"""The table of every bound, and the bucket that holds people to a rate."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.limits import Bucket, Limits, limit_name


class Table(SynchronousTestCase):
    def test_every_limit_has_a_unit_a_reason_and_a_value_above_nothing(self) -> None:
        for row in fields(Limits):
            assert row.default > 0, row.name
            assert row.metadata["unit"], row.name
            assert row.metadata["reason"], row.name

    def test_the_bounds_that_stand_in_the_manual(self) -> None:
        limits = Limits()
        assert (limits.characters_in_line, limits.characters_in_line_most) == (140, 500)
        assert (limits.session_grace, limits.once_kept, limits.grace) == (20, 300, 3600)

    def test_a_limit_is_changed_by_the_name_people_use(self) -> None:
        limits = Limits().but({"says-per-participant": 5, "entries-in-tail": 10})
        assert (limits.says_per_participant, limits.entries_in_tail) == (5, 10)
        assert limits.joins_per_address == Limits().joins_per_address

    def test_0_switches_off_only_what_may_be_off(self) -> None:
        for row in fields(Limits):
            name = limit_name(row.name)
            if row.metadata["off"]:
                assert getattr(Limits().but({name: 0}), row.name) == 0
            else:
                with pytest.raises(ValueError, match=f"^The limit {name} cannot be switched off.$"):
                    Limits().but({name: 0})

    def test_a_wrong_change_is_refused_in_one_sentence(self) -> None:
        with pytest.raises(ValueError, match=r"^There is no limit called says_per_participant\.$"):
            Limits().but({"says_per_participant": 5})
        for value in (-1, 1.5, True, "5"):
            with pytest.raises(ValueError, match=f"^The limit grace must be a whole number, not {value!r}.$"):
                Limits().but({"grace": value})  # type: ignore[dict-item]


class Rates(SynchronousTestCase):
    def test_as_many_as_fit_at_once_then_evenly(self) -> None:
        bucket = Bucket(5, 10.0)
        assert [bucket.take(100.0) for _ in range(6)] == [True] * 5 + [False]
        assert bucket.wait(100.0) == 2.0
        assert not bucket.take(101.9)
        assert bucket.take(102.1)

    def test_what_was_not_taken_for_long_is_full_and_no_more_than_that(self) -> None:
        bucket = Bucket(2, 10.0)
        assert bucket.full(0.0)
        assert bucket.take(0.0)
        assert not bucket.full(1.0)
        assert bucket.full(1000.0)
        assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]

    def test_without_a_size_everything_passes(self) -> None:
        bucket = Bucket(0, 10.0)
        assert all(bucket.take(0.0) for _ in range(1000))
        assert (bucket.wait(0.0), bucket.full(0.0)) == (0.0, True)

    def test_a_clock_set_back_locks_nobody_out(self) -> None:
        bucket = Bucket(1, 10.0)
        assert bucket.take(5000.0)
        assert not bucket.take(0.0)
        assert bucket.take(10.1)

    @given(st.integers(1, 20), st.floats(0.1, 100), st.lists(st.floats(0, 50), max_size=60))
    def test_never_more_than_the_size_and_what_the_time_refilled(
        self, size: int, length: float, pauses: list[float]
    ) -> None:
        bucket = Bucket(size, length)
        now = 0.0
        taken = 0
        for pause in pauses:
            now += pause
            taken += bucket.take(now)
            assert taken <= size + now * size / length + 1e-6
            wait = bucket.wait(now)
            assert wait <= length / size + 1e-6
