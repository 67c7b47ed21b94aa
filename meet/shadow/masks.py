"""Rooms, people and words that nobody can read back.  Pure.

A mask keeps what costs: how long a line is, in characters and in bytes.  Its salt is drawn for each
run and never shown, so the same nick is the same mask in one run and another in the next.
"""

from __future__ import annotations

from hashlib import sha256

_STAND_IN = {1: "x", 2: "ж", 3: "字", 4: "𝒙"}
"""A letter for each length that a character can have in UTF-8."""


class Masks:
    """The masks of one run, made with ``salt``; ``plain`` masks nothing but the names of rooms."""

    def __init__(self, salt: bytes, *, plain: bool = False) -> None:
        self._salt = salt
        self._plain = plain

    def room(self, name: str, copy: int) -> str:
        """The room of the candidate in which ``name`` is done again, for the ``copy``-th time."""
        return f"shadow-{self._digest(f'{copy} {name}')}"

    def share(self, name: str) -> float:
        """Where a room stands between 0 and 1, by chance and always the same."""
        return int(self._digest(f"share {name}"), 16) / 16**12

    def nick(self, nick: str) -> str:
        """Another nick."""
        return nick if self._plain else f"p{self._digest(f'nick {nick}')[:9]}"

    def text(self, text: str) -> str:
        """As many characters, of as many bytes, with spaces where they were."""
        if self._plain:
            return text
        return "".join(each if each == " " else _STAND_IN[len(each.encode("utf-8", "replace"))] for each in text)

    def _digest(self, words: str) -> str:
        return sha256(self._salt + words.encode("utf-8", "surrogatepass")).hexdigest()[:12]
