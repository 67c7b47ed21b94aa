"""Posts from Bluesky, by its Jetstream, which needs neither account nor key.

===============  =========================================================================
``posts``        one event of Jetstream: which post it is, or what became of one.  Pure
``profiles``     who an author is, in the words of Bluesky's public API.  Pure
``reposts``      what was posted again, in the words of the same.  Pure
``directory``    asks that API, in batches, and remembers a bounded number of authors
``connection``   one WebSocket that events come by
``jetstream``    puts these together (`meet.interfaces.ISource`)
===============  =========================================================================

Jetstream says all that is posted on the whole network, about fifty posts a second; what nobody
here follows is told apart by its bytes and not read.  Sources:
https://github.com/bluesky-social/jetstream and https://docs.bsky.app/docs/advanced-guides/posts.
Nothing is ever written to Bluesky.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from meet.interfaces import ISource

SETTINGS: Mapping[str, tuple[str, str]] = {
    "hosts": (
        "wss://jetstream.us-east.bsky.network,wss://jetstream.us-west.bsky.network,"
        "wss://jetstream2.us-east.bsky.network,wss://jetstream1.us-west.bsky.network",
        "Where Jetstream is, with commas: when one fails, the next is asked.",
    ),
    "reposts": ("yes", "Whether what is posted again is heard too; each room's hosts choose if it is shown."),
    "profiles": (
        "https://public.api.bsky.app",
        "Where the API is that knows who an author is, and what was posted again.",
    ),
}
"""Each setting: what it is by default, and a sentence about it."""


def source(reactor: Any, settings: Mapping[str, str]) -> ISource:
    """A source of Bluesky's posts; ``settings`` by the names of `SETTINGS`, those that differ from the default.

    Raises `ValueError` of one sentence for what an operator must mend.
    """
    from meet.bluesky.directory import Directory
    from meet.bluesky.jetstream import Bluesky

    chosen = {name: settings.get(name, default) for name, (default, _) in SETTINGS.items()}
    hosts = [_address("hosts", host, ("wss", "ws")) for host in chosen["hosts"].split(",") if host.strip()]
    if not hosts:
        raise ValueError("The setting hosts of bluesky names at least one host.")
    profiles = _address("profiles", chosen["profiles"], ("https", "http"))
    if chosen["reposts"] not in ("yes", "no"):
        raise ValueError(f"The setting reposts of bluesky is yes or no, not {chosen['reposts']!r}.")
    chance = random.SystemRandom().random
    return Bluesky(hosts, Directory(reactor, profiles), reactor, chance, reposts=chosen["reposts"] == "yes")


def _address(name: str, text: str, schemes: tuple[str, str]) -> str:
    """An address without its last slash; a bare host means the safe scheme."""
    address = text.strip().rstrip("/")
    if "://" not in address:
        address = f"{schemes[0]}://{address}"
    try:
        parts = urlsplit(address)
        good = parts.scheme in schemes and bool(parts.hostname) and not parts.path and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"The setting {name} of bluesky has addresses like {schemes[0]}://example.org, not {text!r}.")
    return address
