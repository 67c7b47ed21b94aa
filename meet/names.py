"""What may be a room's name, a nick, a title, a line; and what counts as the same.

Everything that people type passes through here once, at the room's own rules, whatever
the door.  Each function returns the cleaned text or raises `Refused` with a sentence.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from base64 import b32encode

from meet.errors import Refused

ROOM_LENGTH = 40
NICK_LENGTH = 24
TITLE_LENGTH = 80

RESERVED_ROOMS = frozenset({"api", "static", "health", "metrics", "help", "about", "open", "admin", "meet"})
"""Names that are, or may become, addresses of Meet's own on the web."""

RESERVED_NICKS = frozenset({"you", "meet", "server", "host", "system"})
"""Nicks that a page or a client shows as somebody else than a participant."""

_ROOM = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{ROOM_LENGTH - 2}}}[a-z0-9])?\Z")
# IRC gives these a meaning in a mask, a list or a prefix (RFC 2812 section 2.3.1); the
# line door writes <nick>.
_NICK_FORBIDDEN = frozenset("!@#*?,:<>")
_NICK_NOT_FIRST = frozenset("+~&%$-./=")
# Directional embeddings, overrides and isolates can make a line show other words than
# it has (UAX 9); the plain marks U+200E, U+200F and U+061C are needed to write and stay.
_BIDI = frozenset(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
_UNSEEN = frozenset(map(chr, [0x00AD, 0x180E, 0x200B, 0x2060, 0xFEFF, 0x115F, 0x1160, 0x3164, 0xFFA0]))
# Emoji are joined by these, and some scripts need them inside a word.
_JOINERS = "\u200c\u200d"
# What is not seen (Unicode's Default_Ignorable_Code_Point) makes no nick another one.
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]+"
)


def room_name(text: str) -> str:
    """Fold ``text`` into the name of a room: lower case, spaces and underscores to ``-``.

    Raises `Refused` ``bad-name`` unless 1 to 40 of ``a-z 0-9 -`` remain, with a letter or
    digit at both ends, and the name is not one of `RESERVED_ROOMS`.
    """
    name = re.sub(r"[\s_-]+", "-", text.strip().lower())
    if not _ROOM.match(name):
        raise Refused(
            "bad-name",
            f"A room's name has 1 to {ROOM_LENGTH} letters a to z, digits and hyphens.",
        )
    if name in RESERVED_ROOMS:
        raise Refused("bad-name", f"The name {name} is kept for Meet itself.")
    return name


def nick(text: str) -> str:
    """Check a nick and return it in NFC: 1 to 24 visible characters without spaces.

    Raises `Refused` ``bad-nick`` otherwise.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise Refused("bad-nick", "A nick needs at least one character.")
    if len(name) > NICK_LENGTH:
        raise Refused("bad-nick", f"A nick has at most {NICK_LENGTH} characters.")
    for character in name:
        if character.isspace():
            raise Refused("bad-nick", "A nick has no spaces in it.")
        if (_invisible(character) and character not in _JOINERS) or unicodedata.category(character) in ("Co", "Cn"):
            raise Refused("bad-nick", "A nick has only visible characters.")
        if character in _NICK_FORBIDDEN:
            raise Refused("bad-nick", f"A nick cannot have {character} in it.")
    if name[0] in _JOINERS:
        raise Refused("bad-nick", "A nick has only visible characters.")
    if name[0] in _NICK_NOT_FIRST:
        raise Refused("bad-nick", f"A nick cannot begin with {name[0]}.")
    if unicodedata.category(name[0]).startswith("M"):
        raise Refused("bad-nick", "A nick cannot begin with an accent alone.")
    if skeleton(name) in RESERVED_NICKS:
        raise Refused("bad-nick", f"The nick {name} could be mistaken for Meet itself.")
    return name


def skeleton(name: str) -> str:
    """Fold a nick to what it is compared by, so that ``Ann`` is ``ann``: NFKC, case, and only what is seen."""
    folded = unicodedata.normalize("NFKC", _IGNORED.sub("", name)).casefold()
    return unicodedata.normalize("NFKC", folded).casefold()


def another_nick(name: str, taken: frozenset[str]) -> str:
    """Find a free nick like ``name``: ``mia_2``, ``mia_3`` …; ``taken`` holds skeletons."""
    number = 2
    while True:
        end = f"_{number}"
        candidate = name[: NICK_LENGTH - len(end)] + end
        if skeleton(candidate) not in taken:
            return candidate
        number += 1


def title(text: str) -> str:
    """Clean a title: one line of at most 80 characters; may be empty.

    Raises `Refused` ``bad-title`` if it is longer.
    """
    cleaned = clean(text)
    if len(cleaned) > TITLE_LENGTH:
        raise Refused("bad-title", f"A title has at most {TITLE_LENGTH} characters.")
    return cleaned


def line(text: str, limit: int) -> str:
    """Clean what somebody says and hold it to ``limit`` characters (code points).

    Raises `Refused` ``empty`` if nothing visible remains, ``too-long`` beyond the limit.
    """
    cleaned = clean(text)
    if not any(not _invisible(character) and not character.isspace() for character in cleaned):
        raise Refused("empty", "There is nothing to say in that line.")
    if len(cleaned) > limit:
        raise Refused("too-long", f"{len(cleaned)} characters, this room takes {limit}.")
    return cleaned


def passage(text: str, most: int) -> str:
    """Clean what was written elsewhere; its line breaks stay, and of more than ``most`` characters the beginning."""
    lines = (clean(line) for line in re.split("\r\n|[\n\r\x85\u2028\u2029]", text))
    cleaned = "\n".join(lines).strip()
    return cleaned if len(cleaned) <= most else f"{cleaned[: most - 1]}…"


def voice(handle: str, source: str) -> str:
    """Who speaks from outside, as doors of text write them: ``@speaker via bluesky``, or the source alone."""
    return f"@{handle} via {source}" if handle else source


def one_line(text: str) -> str:
    """A `passage` for those who take one line: its breaks and blank lines become one space each."""
    return " ".join(text.split())


def clean(text: str) -> str:
    """Bring text to NFC on one line: breaks and tabs become spaces, control and
    bidi-override characters and lone surrogates go; ends are stripped.
    """
    if text.isprintable():
        # Nothing in it would go or be put right (what Python prints is no control, format or break).
        return unicodedata.normalize("NFC", text).strip()
    spaced = "".join(" " if character in "\t\n\v\f\r\x85\u2028\u2029" else character for character in text)
    kept = "".join(
        character
        for character in spaced
        if character not in _BIDI and unicodedata.category(character) not in ("Cc", "Cs")
    )
    return unicodedata.normalize("NFC", kept).strip()


def digest(secret: str) -> str:
    """Name a secret without telling it: 16 characters (80 bits) of the SHA-256 in base 32.

    A participant's id is the digest of their token, and a room's ``lock`` the digest of
    its host key, so any process can check either by the log alone.
    """
    # Python's base 32 takes its time for each five bytes, and ten are all that is shown.
    return b32encode(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()[:10]).decode().lower()


def _invisible(character: str) -> bool:
    return (
        character in _BIDI or character in _UNSEEN or unicodedata.category(character) in ("Cc", "Cs", "Cf", "Zl", "Zp")
    )
