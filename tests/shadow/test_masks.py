"""Nobody reads a mask back, and it costs what it stands for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet import names
from meet.shadow.masks import Masks

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


class Masked(SynchronousTestCase):
    @given(WORDS)
    def test_a_line_is_as_long_and_says_nothing(self, text: str) -> None:
        masked = Masks(b"salt").text(text)
        assert len(masked) == len(text)
        assert len(masked.encode()) == len(text.encode())
        assert set(masked) <= set(" xж字𝒙")

    @given(WORDS)
    def test_names_are_such_as_meet_takes(self, word: str) -> None:
        masks = Masks(b"salt")
        assert names.nick(masks.nick(word)) == masks.nick(word)
        assert names.room_name(masks.room(word, 0)) == masks.room(word, 0)
        assert 0 <= masks.share(word) < 1

    def test_the_same_is_the_same_and_another_run_is_another(self) -> None:
        one, two = Masks(b"one"), Masks(b"two")
        assert one.nick("ann") == one.nick("ann") != one.nick("bob")
        assert one.nick("ann") != two.nick("ann")
        assert one.room("algebra", 0) != one.room("algebra", 1)
        assert "ann" not in one.nick("ann")

    def test_plain_words_stay_and_rooms_are_never_productions_own(self) -> None:
        masks = Masks(b"salt", plain=True)
        assert (masks.nick("ann"), masks.text("hi")) == ("ann", "hi")
        assert masks.room("algebra", 0) != "algebra"
