"""What may be followed."""

from __future__ import annotations

import pytest

from meet.errors import Refused
from meet.posts import LONGEST_WORD, tag_word, word


@pytest.mark.parametrize(
    ("typed", "followed"),
    [
        ("#PyCon", "#pycon"),
        (" #PyCon2026 ", "#pycon2026"),
        ("#Straße", "#strasse"),
        ("#プログラミング", "#プログラミング"),
        ("@Speaker.bsky.social", "@speaker.bsky.social"),
        ("@Speaker@fosstodon.org", "@speaker@fosstodon.org"),
    ],
)
def test_a_word_is_compared_without_case(typed: str, followed: str) -> None:
    assert word(typed) == followed
    assert word(followed) == followed


@pytest.mark.parametrize("typed", ["", "#", "@", "pycon", "#2026", "#py con", "# a", "#" + "a" * LONGEST_WORD])
def test_what_is_neither_a_hashtag_nor_an_author_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        word(typed)
    assert refused.value.code == "bad-input"


def test_a_tag_of_a_post_that_nobody_could_follow_is_no_word() -> None:
    assert tag_word("PyCon") == "#pycon"
    assert tag_word("2026") == tag_word("#pycon") == ""
