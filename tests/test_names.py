"""What may be a name, a nick, a title, a line, and what counts as the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet import names
from meet.errors import Refused
from tests.strategies import texts


def cleaned(check: Callable[[], str]) -> tuple[str, str]:
    """The text that a check returns, or the code with which it refuses: one of both is empty."""
    try:
        return check(), ""
    except Refused as refused:
        return "", refused.code


HIDDEN = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


def refusal(text: str, check: object = names.nick) -> str:
    """The sentence with which ``text`` is refused."""
    with pytest.raises(Refused) as refused:
        check(text)  # type: ignore[operator]
    return refused.value.detail


class Rooms(SynchronousTestCase):
    def test_a_name_is_folded_to_what_an_address_takes(self) -> None:
        for text in ("algebra-1", " Algebra 1 ", "ALGEBRA_1", "algebra _-_ 1", "algebra\t1"):
            assert names.room_name(text) == "algebra-1"

    def test_a_name_has_1_to_40_characters_and_no_others(self) -> None:
        assert names.room_name("a") == "a"
        assert names.room_name("a" * 40) == "a" * 40
        for text in ("", " ", "-", "a" * 41, "-a", "a-", "élan", "a/b", "a.b", "#a", "a\x00", "\ud800"):
            assert refusal(text, names.room_name) == ("A room's name has 1 to 40 letters a to z, digits and hyphens.")

    def test_addresses_of_meet_are_no_rooms(self) -> None:
        for text in ("API", "static", "Health", "metrics"):
            assert refusal(text, names.room_name) == f"The name {text.lower()} is kept for Meet itself."

    @given(texts)
    def test_any_text_is_a_name_or_refused_and_a_name_stays_one(self, text: str) -> None:
        name, code = cleaned(lambda: names.room_name(text))
        assert name or code == "bad-name"
        if name:
            assert 1 <= len(name) <= 40
            assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
            assert names.room_name(name) == name
            assert names.room_name(f" {name.upper().replace('-', ' ')} ") == name


class Nicks(SynchronousTestCase):
    def test_any_script_is_a_nick(self) -> None:
        for text in ("ann", "Ann_2", "Zoë", "Zoe\u0308", "Иван", "安娜", "नमन", "ann[x]", "x^y", "🦊", "Ann!"[:3]):
            assert names.nick(text) == unicodedata.normalize("NFC", text)

    def test_emoji_that_are_joined_and_scripts_that_need_a_joiner_are_nicks(self) -> None:
        for text in ("👩\u200d🏫", "❤\ufe0f", "👍🏽", "می\u200cخواهم"):
            assert names.nick(text) == text

    def test_a_nick_is_1_to_24_visible_characters(self) -> None:
        assert names.nick(" " + "n" * 24 + " ") == "n" * 24
        assert refusal("n" * 25) == "A nick has at most 24 characters."
        assert refusal(" ") == "A nick needs at least one character."
        assert refusal("an n") == "A nick has no spaces in it."
        assert refusal("an\u3000n") == "A nick has no spaces in it."
        for hidden in ("\x00", "\x1b", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\u00ad", "\ue000"):
            assert refusal(f"a{hidden}n") == "A nick has only visible characters."

    def test_what_masks_and_lists_are_made_of_is_in_no_nick(self) -> None:
        for sign in "!@#*?,:<>":
            assert refusal(f"a{sign}") == f"A nick cannot have {sign} in it."
        for sign in "+~&%$-./=":
            assert refusal(f"{sign}a") == f"A nick cannot begin with {sign}."
            assert names.nick(f"a{sign}") == f"a{sign}"

    def test_an_accent_alone_begins_no_nick(self) -> None:
        assert refusal("\u0301a") == "A nick cannot begin with an accent alone."

    def test_meet_speaks_for_itself(self) -> None:
        for text in ("Meet", "ｍｅｅｔ", "SYSTEM", "me\u200det", "meet\ufe0f"):
            assert "could be mistaken for Meet itself" in refusal(text)

    def test_nicks_that_look_alike_in_case_width_or_unseen_marks_are_the_same(self) -> None:
        for text in ("ann", "ANN", "ａｎｎ", "ann\ufe0f", "a\u200dnn", "an\u200cn", "an\u034fn", "ann\U000e0100"):
            assert names.skeleton(text) == "ann"
        assert names.skeleton("Straße") == names.skeleton("STRASSE")
        assert names.skeleton("ann") != names.skeleton("anna")

    @given(texts)
    def test_any_text_is_a_nick_or_refused_and_a_nick_stays_one(self, text: str) -> None:
        nick, code = cleaned(lambda: names.nick(text))
        assert nick or code == "bad-nick"
        if nick:
            assert 1 <= len(nick) <= 24
            assert names.nick(nick) == nick
            assert names.skeleton(nick)
            assert not any(each.isspace() or ord(each) in HIDDEN for each in nick)

    @given(texts)
    def test_what_is_compared_compares_to_itself(self, text: str) -> None:
        folded = names.skeleton(text)
        assert names.skeleton(folded) == folded
        assert names.skeleton(unicodedata.normalize("NFC", text)) == folded
        assert names.skeleton(unicodedata.normalize("NFD", text)) == folded

    @given(texts, st.integers(0, 120))
    def test_the_other_nick_is_free_and_may_be_taken(self, text: str, taken: int) -> None:
        nick, _ = cleaned(lambda: names.nick(text))
        if not nick:
            return
        held: set[str] = {names.skeleton(nick)}
        for _ in range(taken % 12):
            other = names.another_nick(nick, frozenset(held))
            assert names.nick(other) == other
            assert names.skeleton(other) not in held
            held.add(names.skeleton(other))


class Lines(SynchronousTestCase):
    def test_a_line_keeps_its_words_and_loses_what_would_break_or_turn_it(self) -> None:
        for text, cleaned in {
            " hi ": "hi",
            "a\r\nb\tc": "a  b c",
            "a\x00\x1b[31mb": "a[31mb",
            "\u202egnp.exe": "gnp.exe",
            "\u2067abc\u2069": "abc",
            "e\u0301": "é",
            "\ud800a": "a",
            "https://example.org/?a=1&b=<2>": "https://example.org/?a=1&b=<2>",
        }.items():
            assert names.line(text, 140) == cleaned

    def test_joined_emoji_and_marks_of_direction_that_writing_needs_are_kept(self) -> None:
        for text in (
            "👩\u200d👩\u200d👧\u200d👦",
            "❤\ufe0f\u200d🔥",
            "می\u200cخواهم",
            "(א)\u200f",
            "a\u0301\u0323\u0302b",
        ):
            assert names.line(text, 140) == unicodedata.normalize("NFC", text)

    def test_a_line_is_measured_after_cleaning(self) -> None:
        assert names.line(" " * 200 + "e\u0301" * 140 + "\u202e" * 200, 140) == "é" * 140
        assert refusal("x" * 141, lambda text: names.line(text, 140)) == "141 characters, this room takes 140."

    @given(texts, st.integers(1, 30))
    def test_any_text_is_a_line_or_refused_and_a_line_stays_one(self, text: str, limit: int) -> None:
        line, code = cleaned(lambda: names.line(text, limit))
        assert line or code in ("empty", "too-long")
        if line:
            assert 1 <= len(line) <= limit
            assert names.line(line, limit) == line
            line.encode()
            assert not any(
                unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") or ord(each) in HIDDEN for each in line
            )

    @given(texts)
    def test_any_text_is_a_title_or_refused_and_a_title_stays_one(self, text: str) -> None:
        title, code = cleaned(lambda: names.title(text * 3))
        assert code in ("", "bad-title")
        assert len(title) <= 80
        assert names.title(title) == title


class Secrets(SynchronousTestCase):
    def test_a_digest_is_80_bits_that_are_always_the_same(self) -> None:
        assert names.digest("secret") == names.digest("secret") != names.digest("Secret")
        assert names.digest("") == "4oymiquy7qobjgx3"

    @given(texts)
    def test_anything_has_a_digest_that_fits_an_address(self, text: str) -> None:
        assert len(names.digest(text)) == 16
        assert set(names.digest(text)) <= set("abcdefghijklmnopqrstuvwxyz234567")
