"""Who an author on Bluesky is, as its public API says it.

Source: https://docs.bsky.app/docs/api/app-bsky-actor-get-profiles.  An answer has those whom
Bluesky knows, in any order, and leaves the others out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

AT_ONCE = 25
"""Actors that one question may name."""

PATH = "/xrpc/app.bsky.actor.getProfiles"

_HIDDEN = frozenset({"!no-unauthenticated", "!hide", "!takedown", "!suspend"})
_SENSITIVE = frozenset({"porn", "sexual", "nudity", "graphic-media", "gore", "nsfl"})


class Profile(NamedTuple):
    """One author.

    ``hidden``: not to be shown to people who are not logged in to Bluesky, by the author's wish
    or the moderators'; ``sensitive``: all that they post is.
    """

    author: str
    handle: str
    name: str
    hidden: bool
    sensitive: bool


def question(actors: Sequence[str]) -> str:
    """Path and query that ask for ``actors``, DIDs or handles, at most `AT_ONCE`."""
    return f"{PATH}?{urlencode([('actors', actor) for actor in actors])}"


def read(body: bytes) -> list[Profile] | None:
    """The profiles in an answer; None if it is none."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = answer.get("profiles") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        return None
    return [_profile(each) for each in found if isinstance(each, dict) and _text(each, "did") and _text(each, "handle")]


def _profile(each: dict[str, Any]) -> Profile:
    listed = each.get("labels")
    labels = {_text(label, "val") for label in listed if isinstance(label, dict)} if isinstance(listed, list) else set()
    handle = _text(each, "handle")
    name = " ".join(_text(each, "displayName").split())
    return Profile(
        _text(each, "did"), handle, name or handle, not labels.isdisjoint(_HIDDEN), not labels.isdisjoint(_SENSITIVE)
    )


def _text(thing: dict[str, Any], name: str) -> str:
    value = thing.get(name)
    return value if isinstance(value, str) else ""
