"""Posts from Mastodon, by the streaming of the instances that the operator names.

=============  =========================================================================
``html``       what a post says, out of its HTML.  Pure
``posts``      a status, as Mastodon has it, to a post.  Pure
``sse``        bytes, cut anywhere, to server-sent events.  Pure
``api``        asks an instance, and opens its streams
``streaming``  puts these together (`meet.interfaces.ISource`)
=============  =========================================================================

Each instance tells what its own people and those they follow write.  Sources:
https://docs.joinmastodon.org/methods/streaming/ and https://docs.joinmastodon.org/methods/timelines/.
Nothing is ever written to Mastodon.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meet.interfaces import ISource

TOKENS = "MEET_MASTODON_TOKENS"
"""The environment variable that may hold the tokens."""

SETTINGS: Mapping[str, tuple[str, str]] = {
    "instances": ("", "The instances that are listened to, with commas: mastodon.social,fosstodon.org."),
    "token-file": ("", f"The file with an instance and its token on each line; otherwise {TOKENS} holds the same."),
}
"""Each setting: what it is by default, and a sentence about it."""


def source(reactor: Any, settings: Mapping[str, str]) -> ISource:
    """A source of Mastodon's posts; ``settings`` by the names of `SETTINGS`, those that differ from the default.

    Raises `ValueError` of one sentence for what an operator must mend.
    """
    from meet.mastodon.api import Api
    from meet.mastodon.streaming import Mastodon

    chosen = {name: settings.get(name, default) for name, (default, _) in SETTINGS.items()}
    instances = [_address(instance) for instance in chosen["instances"].split(",") if instance.strip()]
    if not instances:
        raise ValueError("Mastodon needs the instances to listen to: --source mastodon.instances=mastodon.social.")
    tokens = _tokens(chosen["token-file"])
    for instance in instances:
        if instance not in tokens:
            raise ValueError(f"There is no token for {_host(instance)}: it stands beside it in the file of tokens.")
    apis = [Api(reactor, instance, tokens[instance]) for instance in instances]
    return Mastodon(apis, reactor, random.SystemRandom().random)


def _address(text: str) -> str:
    """An instance's address without its last slash; a bare host means https."""
    address = text.strip().rstrip("/")
    if "://" not in address:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.path and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"An instance of Mastodon is a host like mastodon.social, not {text!r}.")
    return address.lower()


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _tokens(file: str) -> dict[str, str]:
    """Each instance's token.  No message shows one."""
    text = os.environ.get(TOKENS, "").replace(",", "\n")
    if file:
        try:
            text = Path(file).read_text("ascii")
        except (OSError, UnicodeError):
            raise ValueError(f"The tokens of mastodon cannot be read from {file}.") from None
    tokens = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not words[1].isprintable():
            raise ValueError(f"Line {number} of the tokens of mastodon is not an instance and its token.")
        tokens[_address(words[0])] = words[1]
    return tokens
