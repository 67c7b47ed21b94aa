"""Nothing that another server sends has to have its shape."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.shapes import (
    LONGEST_SENTENCE,
    field,
    items,
    items_in,
    mapping,
    read_json,
    sentence,
    text,
    text_in,
)
from tests.strategies import texts


class Shapes(SynchronousTestCase):
    def test_what_has_another_shape_is_nothing(self) -> None:
        for value in (None, 7, 1.5, True, "x", [1], {"a": 1}):
            self.assertEqual(mapping(value), value if isinstance(value, dict) else {})
            self.assertEqual(list(items(value)), value if isinstance(value, list) else [])
            self.assertEqual(text(value), value if isinstance(value, str) else "")

    def test_what_an_object_has_under_a_name(self) -> None:
        thing = {"a": "x", "b": [1], "c": {"a": "\ud83d"}}
        self.assertEqual((field(thing, "c"), field(thing, "d"), field([thing], "a")), (thing["c"], None, None))
        self.assertEqual((text_in(thing, "a"), text_in(thing, "b"), text_in(7, "a")), ("x", "", ""))
        self.assertEqual(text_in(thing["c"], "a"), "\ufffd")
        self.assertEqual((list(items_in(thing, "b")), list(items_in(thing, "a"))), ([1], []))

    def test_what_is_no_json_is_none(self) -> None:
        for data in (b"", b"{", b"[" * 100_000, b"9" * 5000, b"nul"):
            self.assertIsNone(read_json(data))

    def test_bytes_that_are_no_utf8_cost_only_themselves(self) -> None:
        self.assertEqual(read_json(b'{"a": "x\xffy"}'), {"a": "x\ufffdy"})

    def test_half_a_pair_is_replaced_and_a_whole_one_is_put_together(self) -> None:
        self.assertEqual(text("a\ud83d"), "a\ufffd")
        self.assertEqual(text("\ud83d\ude00"), "😀")

    @settings(max_examples=60)
    @given(texts)
    def test_text_can_always_be_sent(self, value: str) -> None:
        text(value).encode()

    @settings(max_examples=60)
    @given(texts | st.text(min_size=300))
    def test_a_sentence_is_one_line_with_a_bound(self, value: str) -> None:
        said = sentence(value)
        self.assertLessEqual(len(said), LONGEST_SENTENCE)
        self.assertTrue(said.isprintable())
