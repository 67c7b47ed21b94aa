"""A source, the stand-in that it speaks to over real sockets, and a clock of the test's own between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from meet.interfaces import IAudience
from meet.posts import Post
from meet.twitter import source
from tests.flow import START
from tests.standins.twitter import TOKEN, Twitter


@implementer(IAudience)
class Audience:
    """Keeps all that it is told."""

    def __init__(self, now: Callable[[], float] = float) -> None:
        self.now = now
        self.came: dict[str, float] = {}
        self.told: list[tuple[Post, frozenset[str]]] = []
        self.gone: list[set[str]] = []
        self.refusals: dict[str, str] = {}
        self.flows: list[tuple[bool, str]] = []

    @property
    def texts(self) -> list[str]:
        return [post.text for post, _ in self.told]

    def posted(self, post: Post, words: Collection[str]) -> None:
        self.told.append((post, frozenset(words)))
        self.came[post.id] = self.now()

    def withdrawn(self, posts: Collection[str]) -> None:
        self.gone.append(set(posts))

    def standing(self, since: float) -> Collection[str]:
        gone = set().union(*self.gone)
        return [known for known, came in self.came.items() if known not in gone and came >= since]

    def silenced(self, author: str) -> None:
        raise AssertionError("X says nothing of authors.")

    def refused(self, word: str, reason: str) -> None:
        assert word not in self.refusals, f"{word} was refused twice"
        self.refusals[word] = reason

    def flowing(self, flows: bool, text: str) -> None:
        self.flows.append((flows, text))


class Timed:
    """The reactor, but for its time, which moves when a test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.seconds = self.clock.seconds
        self.getDelayedCalls = self.clock.getDelayedCalls

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        # What is for the next turn of the reactor comes with it.
        return (reactor if delay == 0 else self.clock).callLater(delay, call, *args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class TwitterCase(TestCase):
    timeout = 60
    settings: Mapping[str, str] = MappingProxyType({})
    most = 1000

    async def setUp(self) -> None:
        self.x = Twitter(self.most)
        site = self.x.site()
        # The stand-in's own time is the reactor's.
        self.port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port.getHost().port}"
        self.timed = Timed()
        self.clock = self.timed.clock
        self.audience = Audience(self.clock.seconds)
        self.logged: list[str] = []
        globalLogPublisher.addObserver(self._log)
        self.addCleanup(globalLogPublisher.removeObserver, self._log)
        self.token = Path(self.mktemp())
        self.token.write_text(TOKEN + "\n")
        self.source = source(self.timed, {"url": self.url, "token-file": str(self.token), **self.settings})

    async def tearDown(self) -> None:
        await self.source.stop()
        await self.until(lambda: not self.x.connected)
        await maybeDeferred(self.port.stopListening)
        self.assertEqual(self.clock.getDelayedCalls(), [], "something still waits after the end")
        self.assertNotIn(TOKEN, " ".join(self.logged))

    def start(self, *words: str) -> None:
        self.source.start(self.audience, START - 60)
        self.source.follow(words)

    async def stream(self, *words: str) -> None:
        """Start, follow ``words``, and have a stream."""
        self.start(*words)
        await self.until(lambda: self.x.connected and self.flows)

    @property
    def flows(self) -> bool:
        """What the audience knows of the flow."""
        return bool(self.audience.flows) and self.audience.flows[-1][0]

    async def until(self, true: Callable[[], object]) -> None:
        """Fires in the turn in which ``true()`` is; the case's timeout bounds it."""
        while not true():
            await turn()

    async def wait(self, true: Callable[[], object]) -> None:
        """Fires when ``true()`` is; the time that the source sleeps passes, but never one that X has to answer."""
        while not true():
            calls = {call: getattr(call.func, "__name__", "") for call in self.clock.getDelayedCalls()}
            sleeps = [call.getTime() for call, name in calls.items() if name == "callback"]
            if sleeps and "timeItOut" not in calls.values():
                self.clock.advance(max(min(sleeps) - self.clock.seconds(), 0))
            await turn()

    async def settled(self) -> None:
        """Fires when all that was written has been read, on both sides: a question of our own went through."""
        line = self.x.post("fence")
        fence = line["data"]["id"]
        line["matching_rules"] = [{"id": next(iter(self.x.rules))}]
        before = len(self.audience.told)
        self.x.line(line)
        await self.until(lambda: any(post.id == fence for post, _ in self.audience.told[before:]))
        self.audience.told = [each for each in self.audience.told if each[0].id != fence]

    def _log(self, event: Any) -> None:
        self.logged.append(str(event))


def turn() -> Deferred[None]:
    """Fires in the reactor's next turn but one: it has looked at its sockets between."""
    return deferLater(reactor, 0.001, lambda: None)
