"""A status, as an instance of Mastodon tells it, to a post.

The law: any field may be missing or of another type than the documentation says; what makes no
sense is None.  A status goes by its ``uri``, which is the same on every instance; its ``id`` is
the instance's own.  Source: https://docs.joinmastodon.org/entities/Status/.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from meet.mastodon.html import text as text_of
from meet.moments import moment, seconds
from meet.posts import Media, Post, tag_word
from meet.shapes import field, items_in, text_in

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
    local = text_in(told, "id")
    whole = told
    repost = isinstance(field(told, "reblog"), dict)
    if repost:
        whole = told["reblog"]
    uri = text_in(whole, "uri")
    account = field(whole, "account")
    author = _link(text_in(account, "uri")) or _link(text_in(account, "url"))
    at = _at(text_in(whole, "created_at"))
    if not local or not uri or len(uri) > _LONGEST_LINK or not author or at is None:
        return None
    if text_in(whole, "visibility") not in ("public", "unlisted"):
        return None
    edition = text_in(whole, "edited_at")
    acct = text_in(account, "acct")
    handle = acct if "@" in acct else f"{acct}@{host}"
    tags = items_in(whole, "tags")
    post = Post(
        source=SOURCE,
        id=f"{uri}#{edition}" if edition else uri,
        author=author,
        name=" ".join(text_in(account, "display_name").split()) or acct,
        handle=handle,
        at=moment(at),
        text=text_of(text_in(whole, "content")[:_LONGEST_HTML]),
        link=_link(text_in(whole, "url")) or _link(uri),
        language=text_in(whole, "language")[:35],
        media=tuple(_media(whole))[:_MOST_MEDIA],
        warning=" ".join(text_in(whole, "spoiler_text").split()),
        sensitive=field(whole, "sensitive") is True,
        repost=repost,
        quote=isinstance(field(whole, "quote"), dict),
    )
    has = frozenset(tag_word(text_in(tag, "name")) for tag in tags) & frozenset(words)
    return Status(post, has, local, uri, edition)


def deleted(data: bytes) -> str:
    """The instance's id of the status that a ``delete`` names; empty if it names none."""
    said = data.strip().strip(b'"')
    return said.decode("ascii") if 0 < len(said) <= 100 and said.isalnum() else ""


def written_there(told: Iterable[str], host: str, local: str) -> list[str]:
    """Those of the posts ``told`` (their ids) that were written at ``host`` and go by ``local`` there."""
    here = [post for post in told if post.startswith(f"https://{host}/")]
    return [post for post in here if local and post.partition("#")[0].rpartition("/")[2] == local]


def streaming(told: Any, instance: str) -> str:
    """Where the instance streams, as its own description says; otherwise where it is itself."""
    address = text_in(field(field(told, "configuration"), "urls"), "streaming").rstrip("/")
    for scheme, web in (("wss://", "https://"), ("ws://", "http://")):
        # A token that goes by TLS is not sent on without.
        if address.startswith(scheme) and (web == "https://" or instance.startswith("http://")):
            return web + address.removeprefix(scheme)
    return instance


def _media(whole: Any) -> Iterator[Media]:
    for each in items_in(whole, "media_attachments"):
        link = _link(text_in(each, "preview_url")) or _link(text_in(each, "url"))
        kind = _KINDS.get(text_in(each, "type"))
        if link and kind:
            yield Media(link=link, kind=kind, about=text_in(each, "description")[:1000])


def _at(text: str) -> float | None:
    try:
        at = seconds(text)
    except (ValueError, OverflowError):
        return None
    return at if 0 <= at < 1e11 else None


def _link(link: str) -> str:
    good = link.startswith(("https://", "http://")) and len(link) <= _LONGEST_LINK
    return link if good and link.isprintable() and " " not in link else ""
