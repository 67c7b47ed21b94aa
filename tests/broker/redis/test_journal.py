"""One worker of a journal, with Redis's answers given by hand, in every order that two connections allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.redis.journal import Journal
from meet.broker.redis.names import Names
from meet.broker.redis.scripts import NEXT, Script
from meet.broker.redis.standing import Standing
from meet.errors import Unavailable
from meet.interfaces import Record

SHARD = 7


class Redis:
    """Where asks go: reading waits for its answer, all else is answered at once."""

    def __init__(self) -> None:
        self.reading: deque[tuple[str, Deferred[Any]]] = deque()
        self._next = digest(NEXT)

    def ask(self, shard: int, *words: Any) -> Deferred[Any]:
        if words[:2] != ("EVALSHA", self._next):
            return succeed([] if words[0] == "HGETALL" else 1)
        answer: Deferred[Any] = Deferred()
        self.reading.append((words[-1], answer))
        return answer

    def has(self, *texts: str) -> None:
        """Answer the oldest reading."""
        _, answer = self.reading.popleft()
        answer.callback(
            [
                [b"%d-0" % at, [b"r", b"algebra", b"p", b"k3q.%d" % at, b"b", text.encode()]]
                for at, text in enumerate(texts, 1)
            ]
        )

    def is_away(self) -> None:
        """Fail the oldest reading."""
        self.reading.popleft()[1].errback(Unavailable("Redis cannot be reached."))


def digest(script: Script) -> Any:
    asked: list[Any] = []

    class Noting:
        def ask(self, shard: int, *words: Any) -> Deferred[Any]:
            asked.extend(words)
            return succeed(None)

    script.run(Noting(), 0, [], [])  # type: ignore[arg-type]
    return asked[1]


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.redis, self.told = Clock(), Redis(), list[bytes]()
        servers: Any = self.redis
        names = Names("meet")
        standing = Standing("p1", servers, names, self.clock, lambda dead, seen: None, lambda: None)
        self.journal = Journal("recorder", self.take, "p1", servers, names, standing, self.clock)
        self.successResultOf(self.journal.start())
        self.share([SHARD])
        # What it was told before and had not acknowledged.
        self.redis.has()

    def share(self, shards: Sequence[int]) -> None:
        """As a pulse tells it."""
        self.journal._share(shards, 0)

    def take(self, records: Sequence[Record]) -> Deferred[None]:
        self.told.extend(record.body for record in records)
        return succeed(None)

    def test_it_sleeps_until_it_is_woken(self) -> None:
        self.redis.has()
        assert not self.redis.reading
        self.journal.woken(SHARD)
        self.redis.has("hi")
        assert self.told == [b"hi"]

    def test_a_waking_that_overtakes_the_answer_that_there_is_nothing_counts(self) -> None:
        self.journal.woken(SHARD)
        self.redis.has()
        self.redis.has("hi")
        assert self.told == [b"hi"]

    def test_a_reading_that_failed_is_made_again(self) -> None:
        self.redis.is_away()
        self.clock.advance(1)
        self.redis.has("hi")
        assert self.told == [b"hi"]

    def test_a_shard_that_was_given_away_meanwhile_is_not_read_again(self) -> None:
        self.share([])
        self.redis.has()
        assert not self.redis.reading
