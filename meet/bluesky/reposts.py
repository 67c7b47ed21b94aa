"""What somebody has posted again of others: Jetstream says which post it is, Bluesky's API what it says.

Pure.  Source: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts.  An answer has those posts
that there still are, in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from meet.bluesky.posts import POST, Reposted, post_of
from meet.bluesky.profiles import HIDDEN, SENSITIVE, Profile, profile
from meet.moments import moment
from meet.posts import Post
from meet.shapes import field, items_in, read_json, text_in

AT_ONCE = 25
"""Posts that one question may name."""

PATH = "/xrpc/app.bsky.feed.getPosts"


class Original(NamedTuple):
    """A post that was posted again, and who wrote it."""

    post: Post
    author: Profile


def question(posts: Sequence[str]) -> str:
    """Path and query that ask for the posts of these ids, at most `AT_ONCE`."""
    return f"{PATH}?{urlencode([('uris', post) for post in posts])}"


def read(body: bytes) -> dict[str, Original] | None:
    """The posts in an answer by their ids, those that may be shown here; None if it is none."""
    listed = field(read_json(body), "posts")
    if not isinstance(listed, list):
        return None
    found = {}
    for each in listed:
        named = POST.fullmatch(text_in(each, "uri"))
        author, record = field(each, "author"), field(each, "record")
        known = text_in(author, "handle") and named is not None and text_in(author, "did") == named[1]
        if named is None or not known or not isinstance(record, dict):
            continue
        who = profile(author)
        labels = {text_in(label, "val") for label in items_in(each, "labels")}
        post = post_of(named[1], 0.0, named[2], record)
        if post is not None and not who.hidden and labels.isdisjoint(HIDDEN):
            sensitive = post.sensitive or who.sensitive or not labels.isdisjoint(SENSITIVE)
            found[named[0]] = Original(msgspec.structs.replace(post, sensitive=sensitive), who)
    return found


def again(reposted: Reposted, original: Original) -> Post:
    """What is told of something that was posted again; the names of who did it are not known yet."""
    return msgspec.structs.replace(
        original.post,
        id=reposted.id,
        author=reposted.author,
        at=moment(reposted.at),
        text=f"RT @{original.author.handle}: {original.post.text}",
        repost=True,
    )
