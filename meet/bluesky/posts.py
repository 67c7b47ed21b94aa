"""What Jetstream tells, one event at a time.

The law: any field may be missing or of another type than Bluesky says, since records are written
by whoever likes to; what makes no sense is None, never an exception.  And what nobody follows
costs next to nothing: `glance` looks at bytes, only `read` decodes them.

A post names what is a tag, a link or a mention in its text by *facets*, whose offsets count the
bytes of its UTF-8: https://docs.bsky.app/docs/advanced-guides/post-richtext.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from meet.bluesky.profiles import SENSITIVE
from meet.moments import moment, seconds
from meet.posts import LONGEST_WORD, Media, Post, tag_word
from meet.shapes import field, items_in, text_in

SOURCE = "bluesky"
"""The word that marks these posts."""

COLLECTION = "app.bsky.feed.post"
REPOSTS = "app.bsky.feed.repost"
"""What a repository keeps posts in, and what it keeps in that its owner has posted again of others."""

OLDEST = 24 * 3600
"""Seconds after which a post that arrives is an old one that somebody brings in, not news."""

_MOST_FACETS = 100
_MOST_MEDIA = 4
_LONGEST_LINK = 2000

_NOT_FOR_ALL = "!no-unauthenticated"

_HEAD = re.compile(
    rb'\{"did":"(did:[!#-\[\]-~]{1,250})","time_us":(\d{1,17}),"kind":"([a-z]+)"'
    rb'(?:,"commit":\{"rev":"[^"\\]*","operation":"([a-z]+)")?'
)
"""How Jetstream begins an event; one that begins otherwise is read whole."""

_TAG = re.compile(r"(?<![\w&/#])#(\w[\w·]*)")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,240}")
_RKEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_CID = re.compile(r"[A-Za-z0-9]{1,120}")
_SUBJECT = re.compile(rb'"uri":"(at://[!#-\[\]-~]{1,800})"')
_REPOSTS = REPOSTS.encode()
POST = re.compile(rf"at://({_DID.pattern})/{re.escape(COLLECTION)}/({_RKEY.pattern})")
"""The id of a post: whose it is, and its name in their repository."""


class Glance(NamedTuple):
    """What the bytes of an event show: ``time`` in µs since 1970 (0: not shown), and if it is worth reading."""

    time: int
    worth: bool


class Written(NamedTuple):
    """A post, whose author's name is not known yet, and the followed words that it has."""

    post: Post
    words: frozenset[str]
    time: int


class Reposted(NamedTuple):
    """``author`` has posted the post ``subject`` again, as ``id``; ``words`` are those by which they are followed."""

    id: str
    author: str
    subject: str
    words: frozenset[str]
    at: float
    time: int


class Deleted(NamedTuple):
    """The post of this id, or what was posted again as it, was deleted; it was by ``author``."""

    id: str
    author: str
    time: int


class Silenced(NamedTuple):
    """The author's account is gone: deleted, taken down, suspended or deactivated."""

    author: str
    time: int


class Renamed(NamedTuple):
    """The author's handle may be another one now."""

    author: str
    time: int


Happening = Written | Reposted | Deleted | Silenced | Renamed


def glance(data: bytes, tags: bool, authors: Container[bytes], told: Container[str] = ()) -> Glance:
    """Whether an event is worth reading for one who follows hashtags (``tags``) or these DIDs.

    Of what is posted again that is who does it, or a post that was ``told``.
    """
    head = _HEAD.match(data)
    if head is None:
        return Glance(0, True)
    did, time, kind, operation = head.groups()
    if kind != b"commit" or operation not in (b"create", b"update"):
        return Glance(int(time), True)
    if did in authors:
        return Glance(int(time), True)
    if _REPOSTS in data:
        subjects = _SUBJECT.findall(data)
        return Glance(int(time), not subjects or any(each.decode("ascii") in told for each in subjects))
    return Glance(int(time), tags and _may_have_tags(data))


def _may_have_tags(data: bytes) -> bool:
    """Whether there is a # that can begin a hashtag; in the names of types a letter is right before it.

    A search by `bytes.find` takes a tenth of what a regular expression takes.
    """
    at = data.find(b"#")
    while at >= 0:
        # What JSON escapes can end in a letter, too: \n, \u001f.
        escaped = b"\\" in data[max(at - 6, 0) : at]
        if escaped or not data[at - 1 : at].isalpha() or data.startswith(b'tag"', at + 1):
            return True
        at = data.find(b"#", at + 1)
    return b'"tags"' in data


def read(data: bytes, tags: frozenset[str], authors: Mapping[str, frozenset[str]]) -> Happening | None:
    """What one event tells; None if nothing that matters here.

    Of posts only those matter that have one of ``tags`` (`meet.posts.word`), or whose author's DID
    ``authors`` has, together with the words by which they are followed.
    """
    try:
        event = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    author = text_in(event, "did")
    time = field(event, "time_us")
    if not _DID.fullmatch(author) or not isinstance(time, int) or not 0 <= time < 10**17:
        return None
    match text_in(event, "kind"):
        case "account" if field(field(event, "account"), "active") is False:
            return Silenced(author, time)
        case "identity":
            return Renamed(author, time)
        case "commit":
            return _commit(author, time, field(event, "commit"), tags, authors)
    return None


def _commit(
    author: str, time: int, commit: Any, tags: frozenset[str], authors: Mapping[str, frozenset[str]]
) -> Happening | None:
    rkey = text_in(commit, "rkey")
    collection = text_in(commit, "collection")
    if collection not in (COLLECTION, REPOSTS) or not _RKEY.fullmatch(rkey):
        return None
    operation = text_in(commit, "operation")
    if operation == "delete":
        return Deleted(f"at://{author}/{collection}/{rkey}", author, time)
    record = field(commit, "record")
    if operation not in ("create", "update") or not isinstance(record, dict):
        return None
    if collection == REPOSTS:
        return _repost(author, time, rkey, record, authors.get(author, frozenset()))
    words = authors.get(author, frozenset())
    if tags:
        words |= tags & _tags(record, list(_facets(record)))
    if not words or _at(text_in(record, "createdAt"), time / 1e6) < time / 1e6 - OLDEST:
        return None
    post = post_of(author, time / 1e6, rkey, record)
    return None if post is None else Written(post, words, time)


def _repost(author: str, time: int, rkey: str, record: Any, words: frozenset[str]) -> Reposted | None:
    subject = text_in(field(record, "subject"), "uri")
    at = _at(text_in(record, "createdAt"), time / 1e6)
    if not POST.fullmatch(subject) or at < time / 1e6 - OLDEST:
        return None
    return Reposted(f"at://{author}/{REPOSTS}/{rkey}", author, subject, words, at, time)


def post_of(author: str, heard: float, rkey: str, record: Mapping[str, Any]) -> Post | None:
    """The post that ``record`` is, ``heard`` at (seconds since 1970).

    None if its author does not want it shown to people without an account.
    """
    labels = {text_in(label, "val") for label in items_in(field(record, "labels"), "values")}
    if _NOT_FOR_ALL in labels:
        return None
    at = _at(text_in(record, "createdAt"), heard)
    facets = list(_facets(record))
    embed = field(record, "embed")
    quoted = _quoted(embed)
    text = _with_links(text_in(record, "text"), facets)
    for link in (_link(field(field(_media_part(embed), "external"), "uri")), quoted):
        if link and link not in text:
            text = f"{text}\n{link}" if text else link
    languages = items_in(record, "langs")
    return Post(
        source=SOURCE,
        id=f"at://{author}/{COLLECTION}/{rkey}",
        author=author,
        name="",
        handle="",
        at=moment(at),
        text=text,
        link=_address(author, rkey),
        language=languages[0][:35] if languages and isinstance(languages[0], str) else "",
        media=tuple(_media(author, _media_part(embed)))[:_MOST_MEDIA],
        sensitive=not labels.isdisjoint(SENSITIVE),
        quote=bool(quoted),
    )


def _at(text: str, heard: float) -> float:
    """When it was written: its author's word, unless that is nonsense or still to come."""
    try:
        at = seconds(text)
    except (ValueError, OverflowError):
        return heard
    return at if 0 <= at <= heard else heard


# Text.


class _Facet(NamedTuple):
    start: int
    end: int
    tag: str
    link: str


def _facets(record: Any) -> Iterator[_Facet]:
    for facet in items_in(record, "facets")[:_MOST_FACETS]:
        index = field(facet, "index")
        start, end = field(index, "byteStart"), field(index, "byteEnd")
        if type(start) is not int or type(end) is not int:
            start = end = -1
        for feature in items_in(facet, "features")[:_MOST_FACETS]:
            kind = text_in(feature, "$type")
            tag = text_in(feature, "tag") if kind == "app.bsky.richtext.facet#tag" else ""
            link = _link(field(feature, "uri")) if kind == "app.bsky.richtext.facet#link" else ""
            if tag or link:
                yield _Facet(start, end, tag, link)


def _tags(record: Any, facets: list[_Facet]) -> frozenset[str]:
    named: list[str] = [facet.tag for facet in facets if facet.tag]
    named += [tag for tag in items_in(record, "tags")[:_MOST_FACETS] if isinstance(tag, str)]
    named += _TAG.findall(text_in(record, "text"))[:_MOST_FACETS]
    return frozenset(tag for text in named if len(text) <= LONGEST_WORD and (tag := _folded(text)))


@lru_cache(4096)
def _folded(tag: str) -> str:
    return tag_word(tag.removeprefix("#"))


def _with_links(text: str, facets: list[_Facet]) -> str:
    """``text`` with each link in full, where Bluesky shows a short form or other words for it."""
    data = text.encode("utf-8", "replace")
    pieces: list[str] = []
    done = 0
    for facet in sorted(facet for facet in facets if facet.link):
        if not done <= facet.start < facet.end <= len(data):
            continue
        try:
            before, shown = data[done : facet.start].decode(), data[facet.start : facet.end].decode()
        except UnicodeDecodeError:
            # It begins or ends within a character.
            continue
        pieces += [before, facet.link if _short_form(shown, facet.link) else f"{shown} ({facet.link})"]
        done = facet.end
    return "".join([*pieces, data[done:].decode("utf-8", "replace")])


def _short_form(shown: str, link: str) -> bool:
    """Whether ``shown`` is ``link`` itself, cut or without its scheme."""
    start = shown.strip().removesuffix("…").removesuffix("...").casefold()
    whole = link.casefold()
    return bool(start) and (whole.startswith(start) or whole.split("://", 1)[1].removeprefix("www.").startswith(start))


def _link(link: Any) -> str:
    good = isinstance(link, str) and link.startswith(("https://", "http://")) and len(link) <= _LONGEST_LINK
    return link if good and link.isprintable() and " " not in link else ""


def _address(author: str, rkey: str) -> str:
    """Where people read a post.  The author's DID stays true when the handle changes."""
    return f"https://bsky.app/profile/{author}/post/{rkey}"


# What is beside the text.


def _media_part(embed: Any) -> Any:
    return field(embed, "media") if text_in(embed, "$type") == "app.bsky.embed.recordWithMedia" else embed


def _quoted(embed: Any) -> str:
    """The link of the post that is quoted; feeds and lists that are shown are no posts."""
    kind = text_in(embed, "$type")
    record = field(embed, "record")
    if kind == "app.bsky.embed.recordWithMedia":
        record = field(record, "record")
    elif kind != "app.bsky.embed.record":
        return ""
    found = POST.fullmatch(text_in(record, "uri"))
    return _address(*found.groups()) if found else ""


def _media(author: str, embed: Any) -> Iterator[Media]:
    match text_in(embed, "$type"):
        case "app.bsky.embed.images":
            for image in items_in(embed, "images"):
                if cid := _blob(field(image, "image")):
                    yield Media(link=_picture(author, cid), about=text_in(image, "alt")[:1000])
        case "app.bsky.embed.video":
            if cid := _blob(field(embed, "video")):
                place = f"https://video.bsky.app/watch/{author.replace(':', '%3A')}/{cid}"
                yield Media(link=f"{place}/thumbnail.jpg", kind="video", about=text_in(embed, "alt")[:1000])
        case "app.bsky.embed.external":
            external = field(embed, "external")
            if cid := _blob(field(external, "thumb")):
                yield Media(link=_picture(author, cid), about=text_in(external, "title")[:1000])


def _picture(author: str, cid: str) -> str:
    return f"https://cdn.bsky.app/img/feed_thumbnail/plain/{author}/{cid}@jpeg"


def _blob(blob: Any) -> str:
    cid = text_in(field(blob, "ref"), "$link")
    return cid if _CID.fullmatch(cid) else ""
