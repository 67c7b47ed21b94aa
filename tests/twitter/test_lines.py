"""Bytes split anywhere are the same lines."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.twitter.lines import LONGEST_LINE, Lines

texts = st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b" ").rstrip(b"\r")), max_size=8)


class Splitting(SynchronousTestCase):
    @settings(max_examples=60)
    @given(texts, st.lists(st.integers(0, 120)), st.sampled_from([b"\n", b"\r\n"]))
    def test_where_it_was_split_makes_no_difference(self, lines: list[bytes], cuts: list[int], end: bytes) -> None:
        whole = b"".join(line + end for line in lines)
        places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
        taker = Lines()
        taken = [line for a, b in pairwise(places) for line in taker.take(whole[a:b])]
        self.assertEqual(taken, [line for line in lines if line])

    @settings(max_examples=60)
    @given(st.integers(1, 40), st.integers(1, 15))
    def test_a_line_that_is_too_long_costs_itself_alone(self, size: int, step: int) -> None:
        taker = Lines(longest=10)
        whole = b"before\n" + b"x" * size + b"\nafter\n"
        taken = [line for start in range(0, len(whole), step) for line in taker.take(whole[start : start + step])]
        kept = [b"x" * size] if size <= 10 else []
        self.assertEqual((taken, taker.dropped), ([b"before", *kept, b"after"], 1 - len(kept)))

    def test_a_mebibyte_is_a_line_and_a_byte_more_is_not(self) -> None:
        taker = Lines()
        self.assertEqual([len(line) for line in taker.take(b"x" * LONGEST_LINE + b"\n")], [LONGEST_LINE])
        self.assertEqual(taker.take(b"x" * (LONGEST_LINE + 1) + b"\n"), [])

    def test_what_has_no_end_yet_waits(self) -> None:
        taker = Lines()
        self.assertEqual(taker.take(b"a"), [])
        self.assertEqual(taker.take(b"b\r"), [])
        self.assertEqual(taker.take(b"\nc"), [b"ab"])
