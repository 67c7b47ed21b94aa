"""What a line of X's stream says: a post and the words that it has, or that the stream ends.  Pure.

The law: any field may be missing or of another shape, and nothing here ever raises.  What cannot
be told truly (no id, no author) is no post; everything else is left out where it is unclear.
https://docs.x.com/x-api/fundamentals/data-dictionary
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meet.errors import Refused
from meet.moments import DAY, moment, seconds
from meet.posts import Media, Post, word
from meet.shapes import items, mapping, read_json, sentence, text

SOURCE = "twitter"

FIELDS: dict[str, str] = {
    "tweet.fields": "created_at,author_id,lang,entities,note_tweet,referenced_tweets,attachments,"
    "possibly_sensitive,edit_history_tweet_ids",
    "expansions": "author_id,attachments.media_keys,referenced_tweets.id,referenced_tweets.id.author_id",
    "user.fields": "name,username",
    "media.fields": "type,url,preview_image_url,alt_text",
}
"""What X is asked to tell of a post."""

LONGEST_TEXT = 25_000
"""Characters of a post: as many as X lets anybody write."""

LONGEST_NAME = 100
LONGEST_LINK = 2_000
LONGEST_ABOUT = 1_000
MOST_MEDIA = 16

_ID = re.compile(r"[0-9]{1,20}\Z")
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,50}\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_NO_LANGUAGE = ("und", "zxx", "art", "mis", "mul", "qam", "qct", "qht", "qme", "qst")
_SHORT_LINK = re.compile(r"(https?://t\.co/[A-Za-z0-9]+)")
_ESCAPED = re.compile(r"&(amp|lt|gt|quot|#39);")
_PLAIN = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "#39": "'"}
_HASHTAG = re.compile(r"(?<![\w&/])[#＃](\w[\w·]*)")
_EPOCH = 1_288_834_974_657
"""Milliseconds since 1970 at which X's ids begin: an id says when it was given."""


@dataclass(frozen=True, slots=True)
class Told:
    """A post, the ``words`` that it has, ids of the ``rules`` that told it, and of its ``earlier`` versions."""

    post: Post
    words: frozenset[str]
    rules: frozenset[str]
    earlier: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """X says that it ends the stream, and ``why``; ``crowded``: it takes no second connection."""

    why: str
    crowded: bool


def read(line: bytes) -> Told | Ended | None:
    """What ``line`` says; None if that is nothing to us."""
    body = mapping(read_json(line))
    if mapping(body.get("data")):
        return _told(body)
    return ended(body)


def ended(body: Any) -> Ended | None:
    """That the stream ends, if ``body`` says so: in the stream, or as the answer to a request for it."""
    fields = mapping(body)
    errors = [mapping(each) for each in items(fields.get("errors"))]
    if "errors" not in fields:
        errors = [fields] if "connection_issue" in fields or "title" in fields else []
    for error in errors:
        why = sentence(error.get("detail")) or sentence(error.get("title")) or sentence(error.get("message"))
        return Ended(why or "X gave no reason.", any(_crowded(each) for each in errors))
    return None


def missing(body: Any) -> set[str]:
    """The ids of posts that an answer to a lookup says are not to be seen any more."""
    there = {text(mapping(each).get("id")) for each in items(mapping(body).get("data"))}
    gone = set()
    for each in items(mapping(body).get("errors")):
        error = mapping(each)
        kind = text(error.get("type")).rsplit("/", 1)[-1]
        known = text(error.get("resource_id")) or text(error.get("value"))
        if kind in ("resource-not-found", "not-authorized-for-resource") and _ID.match(known):
            gone.add(known)
    return gone - there


def _crowded(error: Mapping[str, Any]) -> bool:
    return error.get("connection_issue") == "TooManyConnections"


def _told(body: Mapping[str, Any]) -> Told | None:
    data = mapping(body["data"])
    known, author = text(data.get("id")), text(data.get("author_id"))
    if not _ID.match(known) or not _ID.match(author):
        return None
    includes = mapping(body.get("includes"))
    people = _by("id", includes.get("users"))
    posts = _by("id", includes.get("tweets")) | _by("id", includes.get("posts"))
    things = _by("media_key", includes.get("media"))
    name, handle = _who(people, author)
    references = [(text(each.get("type")), text(each.get("id"))) for each in map(mapping, _references(data))]
    reposted = next((posts.get(other, {}) for kind, other in references if kind == "retweeted"), None)
    quoted = next((posts.get(other, {}) for kind, other in references if kind == "quoted"), None)
    media = _media(data, things)
    shown = _text(data, bool(media))
    if reposted and text(reposted.get("text")):
        # X cuts a repost's own text; the words that were passed on are in full beside it.
        media = media or _media(reposted, things)
        shown = f"RT @{_who(people, text(reposted.get('author_id')))[1] or 'unknown'}: {_text(reposted, bool(media))}"
    earlier = _earlier(data, known)
    words = set(_hashtags(data))
    for other in (reposted, quoted):
        words.update(_hashtags(other or {}))
    if handle:
        words.update(_words(f"@{handle}"))
    post = Post(
        source=SOURCE,
        id=known,
        author=author,
        name=name or handle or "Somebody on X",
        handle=handle,
        at=_when(data, known),
        text=shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…",
        link=f"https://x.com/{handle or 'i'}/status/{known}",
        language=_language(data),
        media=media,
        sensitive=any(each.get("possibly_sensitive") is True for each in (data, reposted or {}, quoted or {})),
        repost=reposted is not None,
        quote=quoted is not None,
        was=earlier[-1] if earlier else "",
        keep=DAY,
    )
    rules = frozenset(text(mapping(each).get("id")) for each in items(body.get("matching_rules")))
    return Told(post, frozenset(words), rules - {""}, earlier)


def _by(key: str, value: Any) -> dict[str, Mapping[str, Any]]:
    """The objects of an array, by what they have under ``key``."""
    return {name: fields for fields in map(mapping, items(value)) if (name := text(fields.get(key)))}


def _references(data: Mapping[str, Any]) -> list[Any]:
    return [*items(data.get("referenced_tweets")), *items(data.get("referenced_posts"))]


def _who(people: Mapping[str, Mapping[str, Any]], author: str) -> tuple[str, str]:
    fields = people.get(author, {})
    handle = text(fields.get("username"))
    return text(fields.get("name"))[:LONGEST_NAME], handle if _HANDLE.match(handle) else ""


def _note(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a long post has in full: its text, with entities of their own."""
    for name in ("note_tweet", "note_post"):
        note = mapping(data.get(name))
        if text(note.get("text")):
            return note
    return {}


def _text(data: Mapping[str, Any], with_media: bool) -> str:
    """The text as its author wrote it: links in full, signs as signs, without the links to its own media."""
    note = _note(data)
    links: dict[str, str] = {}
    for fields in (*_entities(data, "urls"), *_entities(note, "urls")):
        short, full = text(fields.get("url")), text(fields.get("expanded_url"))
        if "media_key" in fields and with_media:
            links[short] = ""
        elif _is_link(full):
            links[short] = full
    pieces = _SHORT_LINK.split(text(note.get("text")) or text(data.get("text")))
    shown = "".join(
        links.get(piece, piece) if index % 2 else _ESCAPED.sub(lambda found: _PLAIN[found[1]], piece)
        for index, piece in enumerate(pieces)
    )
    return shown.strip()


def _entities(data: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    return map(mapping, items(mapping(data.get("entities")).get(kind)))


def _is_link(link: str) -> bool:
    return link.startswith(("https://", "http://")) and len(link) <= LONGEST_LINK and " " not in link


def _hashtags(data: Mapping[str, Any]) -> Iterator[str]:
    note = _note(data)
    named = [text(fields.get("tag")) for each in (data, note) for fields in _entities(each, "hashtags")]
    if not named:
        named = _HASHTAG.findall(text(note.get("text")) or text(data.get("text")))
    for name in named:
        yield from _words(f"#{name}")


def _words(name: str) -> list[str]:
    try:
        return [word(name)]
    except Refused:
        return []


def _media(data: Mapping[str, Any], things: Mapping[str, Mapping[str, Any]]) -> tuple[Media, ...]:
    found = []
    for key in map(text, items(mapping(data.get("attachments")).get("media_keys"))):
        fields = things.get(key, {})
        link = text(fields.get("url")) or text(fields.get("preview_image_url"))
        if _is_link(link):
            kind = "image" if text(fields.get("type")) == "photo" else "video"
            found.append(Media(link=link, kind=kind, about=text(fields.get("alt_text"))[:LONGEST_ABOUT]))
    return tuple(found[:MOST_MEDIA])


def _when(data: Mapping[str, Any], known: str) -> str:
    try:
        return moment(seconds(text(data.get("created_at"))))
    except (ValueError, OverflowError, OSError):
        # Twenty digits are at most some 760 years after X's first id.
        return moment(((int(known) >> 22) + _EPOCH) / 1000)


def _language(data: Mapping[str, Any]) -> str:
    language = text(data.get("lang"))
    return language if _LANGUAGE.match(language) and language not in _NO_LANGUAGE else ""


def _earlier(data: Mapping[str, Any], known: str) -> tuple[str, ...]:
    """The versions before this one, oldest first; X lists them all, and this one as well."""
    history = [each for each in map(text, items(data.get("edit_history_tweet_ids"))) if _ID.match(each)]
    return tuple(history[: history.index(known)] if known in history else history)
