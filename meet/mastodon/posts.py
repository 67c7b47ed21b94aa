"""A status, as an instance of Mastodon tells it, to a post.

The law: any field may be missing or of another type than the documentation says; what makes no
sense is None.  A status goes by its ``uri``, which is the same on every instance; its ``id`` is
the instance's own.  Source: https://docs.joinmastodon.org/entities/Status/.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from meet.mastodon.html import text as text_of
from meet.moments import moment, seconds
from meet.posts import Media, Post, tag_word

SOURCE = "mastodon"
"""The word that marks these posts."""

_KINDS = {"image": "image", "gifv": "video", "video": "video"}
_MOST_MEDIA = 4
_LONGEST_LINK = 2000
_LONGEST_HTML = 200_000


class Status(NamedTuple):
    """A post, by which words it is followed, and what it goes by: on the instance, everywhere, in which edition."""

    post: Post
    words: frozenset[str]
    local: str
    uri: str
    edition: str


def read(data: bytes, host: str, words: Collection[str]) -> Status | None:
    """The status in the bytes of an event of the instance ``host``."""
    return status(decoded(data), host, words)


def decoded(data: bytes) -> Any:
    """JSON, or None."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def status(told: Any, host: str, words: Collection[str]) -> Status | None:
    """``told`` as a post, with those of ``words`` that it has; None if it is none that everybody may read."""
    local = _text(told, "id")
    whole = told
    repost = isinstance(_get(told, "reblog"), dict)
    if repost:
        whole = told["reblog"]
    uri = _text(whole, "uri")
    account = _get(whole, "account")
    author = _link(_text(account, "uri")) or _link(_text(account, "url"))
    at = _at(_text(whole, "created_at"))
    if not local or not uri or len(uri) > _LONGEST_LINK or not author or at is None:
        return None
    if _text(whole, "visibility") not in ("public", "unlisted"):
        return None
    edition = _text(whole, "edited_at")
    acct = _text(account, "acct")
    handle = acct if "@" in acct else f"{acct}@{host}"
    tags = _list(whole, "tags")
    post = Post(
        source=SOURCE,
        id=f"{uri}#{edition}" if edition else uri,
        author=author,
        name=" ".join(_text(account, "display_name").split()) or acct,
        handle=handle,
        at=moment(at),
        text=text_of(_text(whole, "content")[:_LONGEST_HTML]),
        link=_link(_text(whole, "url")) or _link(uri),
        language=_text(whole, "language")[:35],
        media=tuple(_media(whole))[:_MOST_MEDIA],
        warning=" ".join(_text(whole, "spoiler_text").split()),
        sensitive=_get(whole, "sensitive") is True,
        repost=repost,
        quote=isinstance(_get(whole, "quote"), dict),
    )
    has = frozenset(tag_word(_text(tag, "name")) for tag in tags) & frozenset(words)
    return Status(post, has, local, uri, edition)


def deleted(data: bytes) -> str:
    """The instance's id of the status that a ``delete`` names; empty if it names none."""
    said = data.strip().strip(b'"')
    return said.decode("ascii") if 0 < len(said) <= 100 and said.isalnum() else ""


def streaming(told: Any, instance: str) -> str:
    """Where the instance streams, as its own description says; otherwise where it is itself."""
    address = _text(_get(_get(told, "configuration"), "urls"), "streaming").rstrip("/")
    for scheme, web in (("wss://", "https://"), ("ws://", "http://")):
        # A token that goes by TLS is not sent on without.
        if address.startswith(scheme) and (web == "https://" or instance.startswith("http://")):
            return web + address.removeprefix(scheme)
    return instance


def _media(whole: Any) -> Iterator[Media]:
    for each in _list(whole, "media_attachments"):
        link = _link(_text(each, "preview_url")) or _link(_text(each, "url"))
        kind = _KINDS.get(_text(each, "type"))
        if link and kind:
            yield Media(link=link, kind=kind, about=_text(each, "description")[:1000])


def _at(text: str) -> float | None:
    try:
        at = seconds(text)
    except (ValueError, OverflowError):
        return None
    return at if 0 <= at < 1e11 else None


def _link(link: str) -> str:
    good = link.startswith(("https://", "http://")) and len(link) <= _LONGEST_LINK
    return link if good and link.isprintable() and " " not in link else ""


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else None


def _text(thing: Any, name: str) -> str:
    value = _get(thing, name)
    return value if isinstance(value, str) else ""


def _list(thing: Any, name: str) -> list[Any]:
    value = _get(thing, name)
    return value[:100] if isinstance(value, list) else []
