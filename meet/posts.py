"""What somebody wrote elsewhere, as every source tells it: one shape for all of them.

A source knows words, not rooms: a *word* is a hashtag (``#pycon``) or an author
(``@speaker``), folded as `word` does.  Which rooms want it is for those who hear it.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from meet.errors import Refused
from meet.moments import DAY

LONGEST_WORD = 100
"""Characters of a word, its mark included."""

KEEP_MOST = DAY
"""Seconds; a source whose words may be kept for longer says that they may be kept as long as the room."""

SOURCES = {"twitter": "X", "mastodon": "Mastodon", "bluesky": "Bluesky"}
"""How sources are called where people read; another goes by its own word."""

_WORD = re.compile(r"#(?=\w*[^\W\d_])\w[\w·]*|@[\w.-]+(@[\w.-]+)?")


class Media(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to look at beside a post: a link, never loaded before the reader asks for it."""

    link: str
    kind: str = "image"
    about: str = ""


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One post of a source.

    ``id`` is the source's own and names it for ever; ``author`` is the author's own id there,
    ``name`` and ``handle`` (without an @) are what readers see; ``at`` is when it was written, as
    `meet.moments.moment` writes it; ``text`` has its links in full; ``warning`` is what its author
    folded it under; ``was`` is the id of the post that this one takes the place of after an edit;
    ``keep`` is for how many seconds its words may be kept, at most `KEEP_MOST` (0: as long as the room).
    """

    source: str
    id: str
    author: str
    name: str
    handle: str
    at: str
    text: str
    link: str
    language: str = ""
    media: tuple[Media, ...] = ()
    warning: str = ""
    sensitive: bool = False
    repost: bool = False
    quote: bool = False
    was: str = ""
    keep: int = 0


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a line comes from that was written elsewhere: what `meet.events.Said` tells of it besides.

    The fields are those of `Post`; ``at`` is when it was written there.  ``expires`` is the moment by
    which its words must be gone everywhere, id and link alone may stay (empty: with the room).
    """

    id: str
    handle: str
    at: str
    link: str
    language: str = ""
    media: tuple[Media, ...] = ()
    warning: str = ""
    sensitive: bool = False
    repost: bool = False
    quote: bool = False
    was: str = ""
    expires: str = ""


def tag_word(tag: str) -> str:
    """The word for a ``tag`` without its mark; empty if nobody could follow it."""
    try:
        return word(f"#{tag}")
    except Refused:
        return ""


def author_id(source: str, author: str) -> str:
    """The id under which ``author`` of ``source`` speaks in a room; no participant's has a colon."""
    return f"{source}:{author}"


def word(text: str) -> str:
    """A word to follow as it is compared: NFC, without case.

    Raises `Refused` (``bad-input``) with a sentence if it is neither a hashtag nor an author.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text.strip()).casefold())
    if len(folded) > LONGEST_WORD or not _WORD.fullmatch(folded):
        raise Refused("bad-input", f"Follow a hashtag, like #pycon, or an author, like @speaker; not {text[:40]!r}.")
    return folded
