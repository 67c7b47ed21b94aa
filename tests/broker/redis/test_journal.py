"""One worker of a journal, with Redis's answers given by hand, in every order that two connections allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.redis.journal import Journal
from meet.broker.redis.names import Names
from meet.broker.redis.scripts import NEXT, Script
from meet.broker.redis.standing import Standing
from meet.errors import Unavailable
from meet.interfaces import Record
from tests.broker.redis.case import Case, line
from tests.broker.redis.ground import kill
from tests.contracts.hearing import Heard

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


class RedisTests(Case):
    """On a real one."""

    options = ("appendfsync everysec",)
    wishes = {"aof": True}  # noqa: RUF012

    async def test_the_journal_holds_only_what_somebody_has_yet_to_take(self) -> None:
        for each in range(20):
            await self.broker.publish("algebra", line(str(each)), under=None)
        journal = self.redis.command("KEYS", "meet:*:journal")
        self.assertEqual(journal, [])
        taken = Heard()
        stop = await self.broker.journal("recorder", taken.observe)
        await taken.upto(20)
        await stop()
        for each in range(20):
            await self.broker.publish("algebra", line(str(each)), under=None)
        lengths = [self.redis.command("XLEN", key) for key in self.redis.command("KEYS", "meet:*:journal")]
        self.assertEqual(sum(lengths), 20)
        await self.broker.journal("recorder", taken.observe)
        await taken.upto(40)
        await self.persist_until(
            lambda: sum(self.redis.command("XLEN", key) for key in self.redis.command("KEYS", "meet:*:journal")) == 0
        )

    async def persist_until(self, true: Callable[[], bool]) -> None:
        while not await deferToThread(true):
            await self.broker.read("algebra")

    async def test_an_observer_misses_nothing_while_redis_is_away(self) -> None:
        observer = Heard()
        await self.broker.journal("recorder", observer.observe)
        await self.broker.publish("algebra", line("1"), under=None)
        await observer.upto(1)
        await deferToThread(self.redis.kill)
        await deferToThread(self.redis.start)
        await self.persist(lambda: self.broker.publish("algebra", line("2"), under=None, once="p7:2"))
        # What it had not acknowledged comes twice.
        while line("2") not in observer.bodies:
            await observer.upto(len(observer.items) + 1)
        self.assertEqual(list(dict.fromkeys(observer.bodies)), [line("1"), line("2")])

    async def test_workers_share_a_journal_and_take_over(self) -> None:
        others = [self.broker, await self.another(), await self.another()]
        told = [Heard(), Heard(), Heard()]
        stops = [await other.journal("recorder", heard.observe) for other, heard in zip(others, told, strict=True)]
        rooms = [f"room{each}" for each in range(200)]
        count = 0
        while not all(heard.items for heard in told):
            for room in rooms[:64]:
                await others[count % 3].publish(room, line(str(count)), under=None)
                count += 1
        await stops[0]()
        # One that is gone for good: what it has is another's after its time.
        await kill(others[1])
        before = len(told[2].items)
        for room in rooms:
            await others[0].publish(room, line("last"), under=None)
        while sum(record.body == line("last") for record in told[2].items) < len(rooms):
            await told[2].upto(len(told[2].items) + 1)
        self.assertGreater(len(told[2].items), before)
        for room in rooms[:64]:
            heard = [record.position.seq for each in told for record in each.items if record.room == room]
            self.assertEqual(sorted(set(heard)), list(range(1, max(heard) + 1)))

    async def test_a_new_observer_hears_each_line_once_and_in_order_while_people_talk(self) -> None:
        rooms = [f"room{each}" for each in range(20)]
        for each in range(10):
            for room in rooms:
                await self.broker.publish(room, line(str(each)), under=None)
        observer = Heard()
        talking = [self.broker.publish(room, line(str(each)), under=None) for each in range(10, 30) for room in rooms]
        await self.broker.journal("archive", observer.observe)
        for asked in talking:
            await asked
        for room in rooms:
            await self.broker.publish(room, line("last"), under=None)
        await observer.upto(31 * len(rooms))
        for room in rooms:
            heard = [record.position.seq for record in observer.items if record.room == room]
            self.assertEqual(heard, list(range(1, 32)))

    async def test_an_observer_that_redis_has_forgotten_is_made_known_again(self) -> None:
        observer = Heard()
        await self.broker.journal("recorder", observer.observe)
        await self.broker.publish("algebra", line("1"), under=None)
        await observer.upto(1)
        self.redis.command("FLUSHALL")
        while line("again") not in observer.bodies:
            # Until the next look at the journal finds that it is gone, what is said is told to nobody.
            await self.persist(lambda: self.broker.publish("algebra", line("again"), under=None))
            await self.broker.probe()
