"""What other servers send, looked at without believing that it has the shape that it should.

Pure; never raises.  Every source reads its JSON by these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_SENTENCE = 200
"""Characters of what a server says for people that are passed on."""

_NOTHING: Mapping[str, Any] = {}


def read_json(data: bytes) -> Any:
    """What ``data`` says; None if it is no JSON.  Bytes that are no UTF-8 become replacement marks."""
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def items(value: Any) -> Sequence[Any]:
    """``value`` if it is an array, otherwise an empty one."""
    return value if isinstance(value, list) else ()


def text(value: Any) -> str:
    """``value`` if it is text, as far as UTF-8 can carry it; otherwise nothing."""
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value
    # JSON can hold half of a surrogate pair; a pair that was cut apart is put together.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def field(value: Any, name: str) -> Any:
    """What ``value`` has under ``name``; None if it has nothing there or is no object."""
    return value.get(name) if isinstance(value, dict) else None


def text_in(value: Any, name: str) -> str:
    """The `text` that ``value`` has under ``name``."""
    return text(field(value, name))


def items_in(value: Any, name: str) -> Sequence[Any]:
    """The `items` that ``value`` has under ``name``."""
    return items(field(value, name))


def sentence(value: Any) -> str:
    """``value`` as something to tell people or to log: one line, bounded, without control characters."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text(value)).split())
    return line if len(line) <= LONGEST_SENTENCE else line[: LONGEST_SENTENCE - 1] + "…"
