"""A source of invented posts, for a room to look at without an account anywhere: ``--follow demo``.

It writes by the clock, the same posts in the same order, and connects to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count, cycle
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from meet.interfaces import IAudience, ISource
from meet.moments import moment
from meet.posts import Media, Post

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

SETTINGS = {"seconds": ("4", "seconds between two posts")}

_AUTHORS = (("dora", "Dora Okafor"), ("jules", "Jules Martin"), ("kim", "Kim Nakamura"), ("sam", "Sam Rivera"))
_TEXTS = (
    "The hall is full and the coffee is not {word}",
    "Slides of this talk: https://talks.example/rooms {word}",
    "{word} Is there a recording for those who could not come?",
    "Three doors, one room. I am in it by IRC {word}",
    "My notes so far, with a picture {word}",
    "{word} Next talk begins at ten past.",
)
_WITH_PICTURE = 4


def source(reactor: IReactorTime, settings: Mapping[str, str]) -> ISource:
    """The source; raises `ValueError` with a sentence if ``seconds`` is no number above 0."""
    try:
        pause = float(settings["seconds"])
    except ValueError:
        pause = 0.0
    if not 0 < pause < 3600:
        raise ValueError("The setting seconds of the source demo is a number of seconds above 0.")
    return Demo(reactor, pause)


@implementer(ISource)
class Demo:
    """Invented posts, one for each word every few seconds."""

    name = "demo"
    costs = False

    def __init__(self, clock: IReactorTime, pause: float) -> None:
        self._clock = clock
        self._pause = pause
        self._words: frozenset[str] = frozenset()
        self._numbers = count(1)
        self._texts = cycle(enumerate(_TEXTS))
        self._authors = cycle(_AUTHORS)
        self._next: IDelayedCall | None = None
        self._audience: IAudience | None = None

    def start(self, audience: IAudience, since: float) -> None:
        """As `ISource` says; there is no earlier post."""
        self._audience = audience

    def follow(self, words: Collection[str]) -> None:
        """As `ISource` says."""
        self._words = frozenset(words)
        if self._words and self._next is None:
            self._next = self._clock.callLater(self._pause, self._write)

    def stop(self) -> Deferred[None]:
        """As `ISource` says."""
        self._words = frozenset()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        return succeed(None)

    def _write(self) -> None:
        self._next = None
        if not self._words or self._audience is None:
            return
        self._next = self._clock.callLater(self._pause, self._write)
        now = self._clock.seconds()
        for word in sorted(self._words):
            (which, text), (handle, name) = next(self._texts), next(self._authors)
            link = f"https://posts.example/{next(self._numbers)}"
            post = Post(
                source=self.name,
                id=f"{now:.3f}-{word}",
                author=handle,
                name=name,
                handle=f"{handle}.example",
                at=moment(now),
                text=text.format(word=word),
                link=link,
                media=(Media(link=f"{link}/picture", about="The stage, from the third row"),)
                if which == _WITH_PICTURE
                else (),
            )
            self._audience.posted(post, [word])
