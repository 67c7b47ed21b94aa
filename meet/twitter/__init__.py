"""The source on X, formerly Twitter: its filtered stream, one connection for all that is followed.

===========  ====================================================================
``tweets``   what a line says: a post and its words, or that the stream ends
``rules``    what X has to be asked for, and what of it has to change
``backoff``  how long to wait after which trouble
``lines``    bytes, split anywhere, made lines
``api``      every question to X, and what its refusals mean
``stream``   the connection that does not end
``twitter``  `meet.interfaces.ISource`, put together out of these
===========  ====================================================================

The first four are pure.  https://docs.x.com/x-api/posts/filtered-stream/introduction
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meet.interfaces import ISource

TOKEN = "MEET_SOURCE_TWITTER_TOKEN"
"""The environment variable that may hold the bearer token."""

SETTINGS: Mapping[str, tuple[str, str]] = {
    "token-file": ("", f"The file that holds the app's bearer token; without one it is read from {TOKEN}."),
    "url": ("https://api.x.com", "Where X's API is."),
    "rules": ("1000", "How many rules the plan has, those of others among them."),
    "tag": ("meet", "The mark on our rules: two Meets that share an app need two of them."),
    "reposts": ("no", "Whether X is asked for reposts as well, each of which costs as much as a post."),
    "look-again": (
        "0",
        "Minutes after which posts of the last day are looked up again, to hide what was deleted; 0: never.",
    ),
}
"""Each setting: its default, and a sentence about it."""

_TOKEN_MOST = 4096
_RULES_MOST = 25_000
_A_DAY = 24 * 60
_SHAPE = re.compile(r"[!-~]+\Z")
_TAG = re.compile(r"[a-z0-9-]{1,24}\Z")


def source(reactor: Any, settings: Mapping[str, str]) -> ISource:
    """X as it is set up by ``settings``, not connected yet.

    Raises `ValueError` of one sentence for what an operator must mend.
    """
    chosen = {name: settings.get(name, default) for name, (default, _) in SETTINGS.items()}
    if unknown := sorted(settings.keys() - SETTINGS.keys()):
        raise ValueError(f"The source twitter has no setting {unknown[0]}; it has {', '.join(SETTINGS)}.")
    url = chosen["url"].rstrip("/")
    if not re.match(r"https?://[^/\s@?#]+(/[^\s?#]*)?\Z", url):
        raise ValueError(f"The url of the source twitter begins with https:// or http://, not {chosen['url']!r}.")
    if not _TAG.match(chosen["tag"]):
        raise ValueError("The tag of the source twitter has 1 to 24 of a-z, 0-9 and -.")
    if chosen["reposts"] not in ("yes", "no"):
        raise ValueError(f"reposts of the source twitter is yes or no, not {chosen['reposts']!r}.")
    most = _number("rules", chosen["rules"], 1, _RULES_MOST)
    minutes = _number("look-again", chosen["look-again"], 0, _A_DAY)
    # Both need packages that whoever does not follow X never loads.
    from meet.twitter.api import Api
    from meet.twitter.twitter import Twitter

    return Twitter(
        Api(reactor, url, lambda: _token(chosen["token-file"])),
        reactor,
        random.random,
        most=most,
        tag=chosen["tag"],
        reposts=chosen["reposts"] == "yes",
        look_again=minutes * 60.0,
    )


def _number(name: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value[:9]) <= most):
        raise ValueError(f"{name} of the source twitter is a number from {least} to {most}, not {value!r}.")
    return int(value)


def _token(path: str) -> str:
    if path:
        try:
            with Path(path).open(encoding="utf-8") as file:
                token = file.read(_TOKEN_MOST).strip()
        except (OSError, UnicodeDecodeError) as failed:
            why = getattr(failed, "strerror", None) or "it is no text"
            raise ValueError(f"The token-file of the source twitter cannot be read, {path}: {why}.") from None
    else:
        token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise ValueError(
            f"X wants the bearer token of an app: put it into a file and name it as token-file, or set {TOKEN}."
        )
    if not _SHAPE.match(token):
        # The token itself stays out of every message.
        raise ValueError("The bearer token of the source twitter is one word of ASCII, without spaces or line ends.")
    return token
