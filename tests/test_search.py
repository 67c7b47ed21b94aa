"""What a search finds, and how far one page of it looks."""

from __future__ import annotations

import pytest

from meet import search as module
from meet.errors import Refused
from meet.events import Position, Said
from meet.search import search
from meet.wire import encode


def said(seq: int, text: str, nick: str = "ann") -> tuple[Position, bytes]:
    return Position("k3q", seq), encode(Said(at="", by="p", nick=nick, via="web", text=text))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("owl", "The OWLS are not"),
        ("owls the", "The OWLS are not"),
        ("ann owl", "owl"),
        ("ﬁne", "FINE"),
        ("straße", "STRASSE"),
        ("ｈｉ", "hi"),
        ("猫頭鷹", "我看到猫頭鷹了"),
        ("🦉", "an 🦉"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_what_looks_the_same_is_found(words: str, text: str) -> None:
    line = said(2, text)
    assert search([line], words, 5) == ([line], 0)


@pytest.mark.parametrize(("words", "text"), [("owl cat", "an owl"), ("owl", "o w l"), ("a.c", "abc"), ("", "abc")])
def test_what_lacks_a_word_is_not(words: str, text: str) -> None:
    assert search([said(2, text)], words, 5) == ([], 0)


def test_a_page_ends_with_its_last_find_and_the_next_begins_there() -> None:
    lines = [said(seq, "owl") for seq in range(9, 0, -1)]
    assert search(lines, "owl", 3) == (lines[2::-1], 7)


def test_a_page_looks_no_further_than_its_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REACH", 4)
    lines = [said(seq, "no") for seq in range(9, 0, -1)]
    assert search(lines, "owl", 3) == ([], 6)


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("Die Eule", "eul", "Die [Eul]e"),
        ("STRASSE straße", "straße", "[STRASSE] [straße]"),
        ("ﬁnden", "fi", "[ﬁ]nden"),
        ("cafe\u0301!", "café", "[cafe\u0301]!"),
        ("ＥＵＬＥ", "eule", "[ＥＵＬＥ]"),
        ("aaaa", "aa", "[aaaa]"),
        ("one two", "two one", "[one] [two]"),
        ("", "x", ""),
        ("owl", "", "owl"),
    ],
)
def test_what_was_found_is_marked_as_it_was_written(text: str, words: str, told: str) -> None:
    pieces = module.marks(text, words)
    assert "".join(piece for _, piece in pieces) == text
    assert "".join(f"[{piece}]" if hit else piece for hit, piece in pieces) == told


def test_what_is_asked_for_has_a_bound() -> None:
    assert module.asked("  owl \n post ") == "owl post"
    assert module.asked(" ") == ""
    for words in ("a" * 201, " ".join("abcdefghijklmnopq"), f"ﷺ{' '.join('abcdefghijklmn')}"):
        with pytest.raises(Refused, match="at most 16 words and 200 characters"):
            module.asked(words)
