"""Moments as text and as numbers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.moments import DAY, DEFAULT_LIFE, HOUR, LIVES, about, clock_time, day_time, moment, seconds, span
from tests.stories import NOON

times = st.floats(0, 7_258_118_400)
"""From 1970 to 2200."""


class Moments(SynchronousTestCase):
    def test_a_moment_has_one_form(self) -> None:
        assert moment(NOON) == "2026-11-24T12:00:00.000Z"
        assert moment(NOON + 0.1209) == "2026-11-24T12:00:00.120Z"

    def test_any_iso_time_with_a_zone_is_read(self) -> None:
        for text in ("2026-11-24T12:00:00.000Z", "2026-11-24T13:00:00+01:00", "20261124T120000Z"):
            assert seconds(text) == NOON

    def test_a_time_without_a_zone_or_none_at_all_is_not_read(self) -> None:
        for text in ("2026-11-24T12:00:00", "2026-11-24", "", "noon", "2026-13-24T12:00:00Z", "\ud800"):
            with pytest.raises(ValueError, match=r"."):
                seconds(text)

    @given(st.text(max_size=40))
    def test_any_text_is_read_or_no_time(self, text: str) -> None:
        with contextlib.suppress(ValueError):
            seconds(text)

    @given(times)
    def test_what_was_written_is_read_and_written_the_same(self, when: float) -> None:
        assert moment(seconds(moment(when))) == moment(when)
        assert abs(seconds(moment(when)) - when) < 0.001001

    @given(times, times)
    def test_moments_compare_as_text(self, one: float, other: float) -> None:
        if one <= other:
            assert moment(one) <= moment(other)


class Words(SynchronousTestCase):
    def test_an_end_is_told_as_near_as_it_is(self) -> None:
        assert clock_time(NOON + 65 * 60) == "13:05"
        assert day_time(NOON + HOUR, NOON) == "13:00"
        assert day_time(NOON - HOUR, NOON) == "11:00"
        assert day_time(NOON + DAY, NOON) == "Wed 12:00"
        assert day_time(NOON + 9 * DAY, NOON) == "3 Dec 2026 12:00"
        assert day_time(NOON - DAY, NOON) == "23 Nov 2026 12:00"

    def test_a_span_is_told_in_its_largest_whole_unit(self) -> None:
        for length, words in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (HOUR, "1 hour"),
            (2 * HOUR, "2 hours"),
            (90 * 60, "90 minutes"),
            (DAY, "1 day"),
            (366 * DAY, "366 days"),
        ]:
            assert span(length) == words

    def test_about_how_long_something_took(self) -> None:
        for length, words in [
            (0, "0 seconds"),
            (1.9, "1 second"),
            (119.9, "119 seconds"),
            (120, "2 minutes"),
            (HOUR + 125, "62 minutes"),
            (2 * HOUR, "2 hours"),
            (47 * HOUR, "47 hours"),
            (3 * DAY + HOUR, "3 days"),
        ]:
            assert about(length) == words

    def test_the_lives_on_offer_grow_and_the_default_is_one_of_them(self) -> None:
        assert list(LIVES.values()) == sorted(LIVES.values())
        assert LIVES[DEFAULT_LIFE] == DAY
        for name, length in LIVES.items():
            assert length <= 365 * DAY, name
