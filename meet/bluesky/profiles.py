"""Who an author on Bluesky is, as its public API says it.

Source: https://docs.bsky.app/docs/api/app-bsky-actor-get-profiles.  An answer has those whom
Bluesky knows, in any order, and leaves the others out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from meet.shapes import field, items_in, read_json, text_in

AT_ONCE = 25
"""Actors that one question may name."""

PATH = "/xrpc/app.bsky.actor.getProfiles"

HIDDEN = frozenset({"!no-unauthenticated", "!hide", "!takedown", "!suspend"})
SENSITIVE = frozenset({"porn", "sexual", "nudity", "graphic-media", "gore", "nsfl"})
"""Labels of what is not to be shown to people without an account, and of what not everybody wants to see."""


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
    found = field(read_json(body), "profiles")
    if not isinstance(found, list):
        return None
    return [profile(each) for each in found if text_in(each, "did") and text_in(each, "handle")]


def profile(each: Any) -> Profile:
    """The author that ``each`` tells of, which has a DID and a handle."""
    labels = {text_in(label, "val") for label in items_in(each, "labels")}
    handle = text_in(each, "handle")
    name = " ".join(text_in(each, "displayName").split())
    return Profile(
        text_in(each, "did"), handle, name or handle, not labels.isdisjoint(HIDDEN), not labels.isdisjoint(SENSITIVE)
    )
