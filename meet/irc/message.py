"""One line of IRC: text to a `Message`, and words to a line.

Pure.  Reading takes any text and never raises; writing takes any text and always gives
one well-formed line, because what is not allowed in its place is replaced on the way.
https://modern.ircdocs.horse/#message-format
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BYTES_IN_LINE = 512
"""A line without its tags, CR LF included (RFC 2812 section 2.3)."""

BYTES_IN_TAGS = 4096
"""What a client may send as tags, with the ``@`` and the space (IRCv3 message-tags)."""

_PARAMETERS = 15
_ESCAPES = {";": r"\:", " ": r"\s", "\\": "\\\\", "\r": r"\r", "\n": r"\n"}
_UNESCAPES = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_NOT_IN_LINE = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


@dataclass(frozen=True, slots=True)
class Message:
    """What one line says.  ``command`` is in upper case and empty if the line has none."""

    command: str
    params: tuple[str, ...] = ()
    source: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def read(line: str) -> Message:
    """Read a line that has no line end."""
    tags: dict[str, str] = {}
    rest = line
    if rest.startswith("@"):
        written, _, rest = rest[1:].partition(" ")
        tags = _read_tags(written)
    rest = rest.lstrip(" ")
    source = ""
    if rest.startswith(":"):
        source, _, rest = rest[1:].partition(" ")
        rest = rest.lstrip(" ")
    command, _, rest = rest.partition(" ")
    return Message(command.upper(), _read_parameters(rest), source, tags)


def write(
    command: str, *middle: str, text: str | None = None, source: str = "", tags: Mapping[str, str] | None = None
) -> bytes:
    """Write one line with its end: ``text`` is the last parameter and may hold anything.

    A line that would be longer than `BYTES_IN_LINE` is cut there, between two characters.
    """
    parts = [f":{source}"] if source else []
    parts.append(command)
    parts.extend(map(_middle, middle))
    if text is not None:
        parts.append(f":{text}".translate(_NOT_IN_LINE))
    line = cut(" ".join(parts), BYTES_IN_LINE - 2).encode("utf-8", "replace")
    return (write_tags(tags) if tags else b"") + line + b"\r\n"


def write_tags(tags: Mapping[str, str]) -> bytes:
    """Write tags with the ``@`` before and the space after them; nothing for no tags."""
    if not tags:
        return b""
    written = ";".join(f"{name}={escape(value)}" if value else name for name, value in tags.items())
    return f"@{written} ".encode("utf-8", "replace")


def escape(value: str) -> str:
    """A tag's value as it may stand in a line."""
    return "".join(_ESCAPES.get(character, character) for character in value.replace("\0", ""))


def unescape(written: str) -> str:
    """A tag's value as it was meant; an escape that means nothing loses its backslash."""
    value = []
    characters = iter(written)
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            value.append(_UNESCAPES.get(following, following))
        else:
            value.append(character)
    return "".join(value)


def cut(text: str, size: int) -> str:
    """The beginning of ``text`` that fits ``size`` bytes of UTF-8."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= size else data[:size].decode("utf-8", "ignore")


def pieces(text: str, size: int) -> list[str]:
    """``text`` in pieces of at most ``size`` bytes of UTF-8, broken after a space where one is near."""
    found = []
    while len(text.encode("utf-8", "replace")) > size:
        piece = cut(text, size)
        space = piece.rfind(" ")
        if space > len(piece) // 2:
            piece = piece[: space + 1]
        found.append(piece)
        text = text[len(piece) :]
    return [*found, text]


def _read_tags(written: str) -> dict[str, str]:
    tags = {}
    for item in written.split(";"):
        name, _, value = item.partition("=")
        if name:
            tags[name] = unescape(value)
    return tags


def _read_parameters(rest: str) -> tuple[str, ...]:
    params: list[str] = []
    rest = rest.lstrip(" ")
    while rest:
        if rest.startswith(":") or len(params) == _PARAMETERS - 1:
            params.append(rest.removeprefix(":"))
            break
        param, _, rest = rest.partition(" ")
        params.append(param)
        rest = rest.lstrip(" ")
    return tuple(params)


def _middle(text: str) -> str:
    """What people sent is repeated to them in places where no space may stand."""
    return text.translate(_NOT_IN_LINE).replace(" ", "_").lstrip(":") or "*"
