"""A source whose words may be kept for some seconds only: two posts as soon as something is followed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from meet.interfaces import IAudience, ISource
from meet.moments import moment
from meet.posts import Media, Post

SETTINGS: Mapping[str, tuple[str, str]] = {"seconds": ("5", "For how many seconds the words may be kept.")}


def source(reactor: Any, settings: Mapping[str, str]) -> ISource:
    return Passing(reactor, int(settings["seconds"]))


@implementer(ISource)
class Passing:
    """Goes by the name of X, which it plays."""

    name = "twitter"
    costs = False
    audience: IAudience

    def __init__(self, reactor: Any, keep: int) -> None:
        self.reactor = reactor
        self.keep = keep

    def start(self, audience: IAudience, since: float) -> None:
        self.audience = audience

    def follow(self, words: Collection[str]) -> None:
        if words:
            # Not at once: whoever asks is told first that it is followed.
            self.reactor.callLater(0, self._write, sorted(words))

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def _write(self, words: list[str]) -> None:
        for number in (1, 2):
            post = Post(
                source=self.name,
                id=str(number),
                author="7",
                name="Dora",
                handle="dora",
                at=moment(self.reactor.seconds()),
                text=f"Passing words {number} {words[0]}",
                link=f"https://x.com/i/status/{number}",
                media=(Media(link="https://pics.example/1", about="passing picture"),),
                keep=self.keep,
            )
            self.audience.posted(post, words)
