"""What a search finds: the same in every store, whatever its database calls a word.

A piece of talk is found if its text or its author's nick has each of the words, anywhere in it.
Compared is what looks the same: without case, and without the other forms that Unicode has for
a letter (NFKC).  So Thai and Chinese, which put no spaces between words, are found as well.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable

from meet.errors import Refused
from meet.events import Position, Said
from meet.look import Numbered
from meet.wire import decode_event

REACH = 10_000
"""Pieces of talk that one page of a search reads, at most: about a tenth of a second."""

_WORDS_MOST = 16
_CHARACTERS_MOST = 200


def search(talk: Iterable[tuple[Position, bytes]], words: str, count: int) -> tuple[Numbered, int]:
    """The first ``count`` of ``talk``, which comes newest first, that have each of ``words``.

    Returns them oldest first, and the number down to which was looked, or 0 where ``talk`` ended
    before `REACH` pieces.  Nothing is found for no words.
    """
    wanted = words_of(words)
    found: list[tuple[Position, bytes]] = []
    if not wanted:
        return found, 0
    for looked_at, (position, body) in enumerate(talk, 1):
        event = decode_event(body)
        if isinstance(event, Said):
            text = folded(event.text, event.nick)
            if all(word in text for word in wanted):
                found.append((position, body))
        if len(found) >= count or looked_at >= REACH:
            return found[::-1], position.seq
    return found[::-1], 0


def asked(words: str) -> str:
    """The ``words`` that somebody looks for, without the space around them.

    Raises `Refused` ``bad-input`` for more than can be looked for.
    """
    words = " ".join(words.split())
    if len(words) > _CHARACTERS_MOST or len(_folded(words).split()) > _WORDS_MOST:
        raise Refused("bad-input", f"A search has at most {_WORDS_MOST} words and {_CHARACTERS_MOST} characters.")
    return words


def marks(text: str, words: str) -> list[tuple[bool, str]]:
    """``text`` in pieces, each with whether it is one of ``words`` that was found there."""
    if not words:
        return [(False, text)]
    # A letter and what stands above or below it are folded together, and may become several.
    begins = [at for at, letter in enumerate(text) if not at or not unicodedata.combining(letter)] + [len(text)]
    parts = [_folded(text[begin:end]) for begin, end in itertools.pairwise(begins)]
    whole = "".join(parts)
    source = [index for index, part in enumerate(parts) for _ in part]
    found = bytearray(len(parts))
    for word in words_of(words):
        at = whole.find(word)
        while at >= 0:
            for index in source[at : at + len(word)]:
                found[index] = 1
            at = whole.find(word, at + len(word))
    pieces: list[tuple[bool, str]] = []
    for hit, group in itertools.groupby(range(len(parts)), key=lambda index: bool(found[index])):
        indices = list(group)
        pieces.append((hit, text[begins[indices[0]] : begins[indices[-1] + 1]]))
    return pieces


def words_of(words: str) -> list[str]:
    """The words that are looked for, as `folded` has them."""
    return _folded(words).split()[:_WORDS_MOST]


def folded(text: str, nick: str) -> str:
    """What the words of a search are looked for in, of a piece of talk."""
    return f"{_folded(text)}\n{_folded(nick)}"


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
