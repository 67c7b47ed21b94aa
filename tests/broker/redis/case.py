"""What tests stand on that do things to a Redis of their own, which others must not feel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from meet.broker.redis.broker import RedisBroker
from meet.events import Said
from meet.interfaces import IWatch
from meet.limits import Limits
from meet.wire import encode
from tests.broker.redis.ground import broker_at, persist
from tests.servers.redis import Redis


@implementer(IWatch)
class Watcher:
    """Remembers what it is told; `told` fires when that has come."""

    def __init__(self) -> None:
        self.news: list[tuple[Any, ...]] = []
        self._waiting: list[tuple[str, Deferred[None]]] = []

    def away(self, reason: str) -> None:
        self._note("away", reason)

    def back(self) -> None:
        self._note("back")

    def orphaned(self, room: str, keys: Sequence[str], seen: float) -> Deferred[None]:
        self._note("orphaned", room, list(keys))
        return succeed(None)

    def told(self, what: str) -> Deferred[None]:
        """Fires when ``what`` is told from now on."""
        done: Deferred[None] = Deferred()
        self._waiting.append((what, done))
        return done

    def _note(self, what: str, *more: Any) -> None:
        self.news.append((what, *more))
        ready = [done for waited, done in self._waiting if waited == what]
        self._waiting = [each for each in self._waiting if each[0] != what]
        for done in ready:
            done.callback(None)


def line(text: str, ref: str = "") -> bytes:
    return encode(Said(at="2026-11-24T14:05:09.120Z", by="p7", nick="ann", via="web", text=text, ref=ref))


class Case(TestCase):
    """Tests that do things to a server of their own."""

    persist = staticmethod(persist)
    timeout = 60
    options: Sequence[str] = ()
    wishes: dict[str, Any] = {}  # noqa: RUF012  # nobody writes to it

    async def begin(self) -> None:
        self.redis = Redis(*self.options, **self.wishes).start()
        self.addCleanup(self.redis.close)
        self.broker = await self.another()

    async def another(self, **wishes: Any) -> RedisBroker:
        broker = broker_at(self.redis.url, reactor, Limits(), **wishes)
        await broker.start()
        self.addCleanup(broker.stop)
        return broker

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.begin())
