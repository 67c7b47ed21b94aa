"""Scripts and styles without what only their readers need: comments, indentation, idle space.

No name is changed and no line is rewritten, so what a browser complains of is found in the source.
A space goes where no two words meet at it, and the end of a line where no statement may end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STYLE_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
_STYLE_SPACE = re.compile(rb"\s*([{};])\s*|([,:])\s+|\s+")

_PIECE = re.compile(
    rb"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`
    |[\w$\#\x80-\xff]+|.""",
    re.DOTALL | re.VERBOSE,
)
_PATTERN = re.compile(rb"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/[a-z]*")
_BEFORE_PATTERN = (b"(", b"=", b",", b":", b"!", b"&", b"|", b"?", b";", b"{", b"[", b"return")
"""After these a slash begins a pattern; after anything else it divides."""

_OPEN = b"{([;,=?:&|<>*"
_CONTINUING = b"}]).,;=?:&|<>*"
_WORD = re.compile(rb"[\w$#\x80-\xff]")


def style(data: bytes) -> bytes:
    """A style sheet; no text in it has one of ``{};,:`` beside a space."""
    lean = _STYLE_SPACE.sub(lambda found: found[1] or found[2] or b" ", _STYLE_COMMENT.sub(b"", data))
    return lean.replace(b";}", b"}").strip() + b"\n"


def script(data: bytes) -> bytes:
    """A script; no template in it stands inside of another one."""
    lean: list[bytes] = []
    space = b""
    for piece, idle in _pieces(data):
        if idle:
            space += piece
            continue
        if lean and space:
            lean.append(_between(lean[-1][-1:], piece[:1], b"\n" in space))
        space = b""
        lean.append(piece)
    return b"".join(lean) + b"\n"


def _pieces(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """The words, texts, marks and spaces of a script, each with whether it is a space or a comment."""
    at, before = 0, b"("
    while at < len(data):
        found = _PIECE.match(data, at)
        if data[at : at + 1] == b"/" and found is not None and not found["space"] and before in _BEFORE_PATTERN:
            found = _PATTERN.match(data, at)
        assert found is not None, data[at : at + 40]
        idle = found.re is _PIECE and found["space"] is not None
        if not idle:
            before = found[0]
        at = found.end()
        yield found[0], idle


def _between(before: bytes, after: bytes, line_ends: bool) -> bytes:
    """What must stand between two pieces that had space between them."""
    if before in _OPEN or after in _CONTINUING:
        return b""
    if line_ends:
        return b"\n"
    if (before in b"+-/" and after in b"+-/") or (_WORD.match(before) and _WORD.match(after)):
        return b" "
    return b""
