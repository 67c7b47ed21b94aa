"""An audience that writes down what a source tells it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.defer import Deferred
from zope.interface import implementer

from meet.interfaces import IAudience
from meet.moments import seconds
from meet.posts import Post


@implementer(IAudience)
class Audience:
    """What was told; `until` fires when it is enough."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.words: list[frozenset[str]] = []
        self.gone: list[str] = []
        self.silent: list[str] = []
        self.refusals: dict[str, str] = {}
        self.flows: list[bool] = []
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    @property
    def texts(self) -> list[str]:
        """The texts of the posts."""
        return [post.text for post in self.posts]

    def until(self, true: Callable[[], bool]) -> Deferred[None]:
        """Fires when ``true()`` is, looked at whenever something is told."""
        done: Deferred[None] = Deferred()
        self._waiting.append((true, done))
        self._told()
        return done

    def posted(self, post: Post, words: Collection[str]) -> None:
        """As `IAudience` says."""
        self.posts.append(post)
        self.words.append(frozenset(words))
        self._told()

    def withdrawn(self, posts: Collection[str]) -> None:
        """As `IAudience` says."""
        self.gone.extend(posts)
        self._told()

    def standing(self, since: float) -> Collection[str]:
        """As `IAudience` says."""
        return [post.id for post in self.posts if post.id not in self.gone and seconds(post.at) >= since]

    def silenced(self, author: str) -> None:
        """As `IAudience` says."""
        self.silent.append(author)
        self._told()

    def refused(self, word: str, reason: str) -> None:
        """As `IAudience` says."""
        self.refusals[word] = reason
        self._told()

    def flowing(self, flows: bool, text: str) -> None:
        """As `IAudience` says."""
        self.flows.append(flows)
        self._told()

    def _told(self) -> None:
        ready = [done for true, done in self._waiting if true()]
        self._waiting = [(true, done) for true, done in self._waiting if not true()]
        for done in ready:
            done.callback(None)
