"""A source in memory: what is written in its square is told to every source that follows it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from meet.interfaces import IAudience, ISource
from meet.moments import moment, seconds
from meet.posts import Post


class Square:
    """Where people write; it remembers all of it."""

    def __init__(self, clock: Any, name: str = "square", costs: bool = False) -> None:
        self.clock = clock
        self.name = name
        self.costs = costs
        self.posts: list[Post] = []
        self.sources: list[SquareSource] = []

    def source(self) -> SquareSource:
        return SquareSource(self)

    def write(self, text: str, author: str = "dora", **but: Any) -> Post:
        values = {
            "source": self.name,
            "id": str(len(self.posts) + 1),
            "author": author,
            "name": author.title(),
            "handle": f"{author}.example",
            "at": moment(self.clock.seconds()),
            "text": text,
            "link": f"https://{self.name}.example/{len(self.posts) + 1}",
        }
        post = Post(**values | but)
        self.posts.append(post)
        for source in self.sources:
            source.tell(post)
        return post

    def delete(self, *posts: str) -> None:
        self.posts = [post for post in self.posts if post.id not in posts]
        for source in self.sources:
            source.audience.withdrawn(posts)

    def ban(self, author: str) -> None:
        for source in self.sources:
            source.audience.silenced(author)


@implementer(ISource)
class SquareSource:
    """Tells of one square; ``broken`` lets everything raise."""

    audience: IAudience

    def __init__(self, square: Square) -> None:
        self.square = square
        self.name = square.name
        self.costs = square.costs
        self.words: frozenset[str] = frozenset()
        self.asked: list[frozenset[str]] = []
        self.since = 0.0
        self.broken = False

    def start(self, audience: IAudience, since: float) -> None:
        if self.broken:
            raise RuntimeError("The square is closed.")
        self.audience = audience
        self.since = since
        self.square.sources.append(self)

    def follow(self, words: Collection[str]) -> None:
        if self.broken:
            raise RuntimeError("The square is closed.")
        new = frozenset(words) - self.words
        self.words = frozenset(words)
        self.asked.append(self.words)
        for post in list(self.square.posts):
            if seconds(post.at) >= self.since and self._has(post, new):
                self.tell(post)

    def stop(self) -> Deferred[None]:
        if self.broken:
            raise RuntimeError("The square is closed.")
        self.words = frozenset()
        if self in self.square.sources:
            self.square.sources.remove(self)
        return succeed(None)

    def tell(self, post: Post) -> None:
        words = self._has(post, self.words)
        if words:
            self.audience.posted(post, words)

    def _has(self, post: Post, words: Collection[str]) -> set[str]:
        return {word for word in words if word in post.text.casefold().split() or word == f"@{post.author}"}
