"""What kind an entry is of, as its bytes say it: also where only a newer version knows the kind."""

from __future__ import annotations

import msgspec

from meet.events import KINDS, Event, Forgotten

# Talk is what has no key (`meet.events`); a class cannot be asked for that without an event.
TALK = tuple(kind.__name__.lower() for kind in KINDS if kind.key is Event.key and kind is not Forgotten)
"""The kinds of talk: what pages of history and searches tell."""


class _Kind(msgspec.Struct):
    kind: str = ""


_kind = msgspec.json.Decoder(_Kind)


def kind_of(body: bytes) -> str:
    """The kind that ``body`` names, or '' where it is no event."""
    try:
        return _kind.decode(body).kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
