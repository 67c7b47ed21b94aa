"""The workers of a journal: one with Redis's answers given by hand, and several on a real Redis."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.observation import GATHER
from meet.broker.redis.journal import Journal
from meet.broker.redis.scripts import INHERIT, NEXT, Script
from meet.broker.redis.standing import Standing
from meet.errors import Unavailable
from meet.events import Position, Renewed
from meet.interfaces import Record
from meet.keys import SHARDS, Names, shard_of
from meet.limits import Limits
from meet.wire import encode
from tests.broker.redis.ground import Brokers, eventually, kill, line
from tests.contracts.hearing import Heard
from tests.servers import redis as servers

SHARD = 7


class Redis:
    """Where asks go: reading waits for its answer, all else is answered at once."""

    def __init__(self) -> None:
        self.reading: deque[tuple[str, Deferred[Any]]] = deque()
        self.read: list[int] = []
        self.asked: list[tuple[Any, ...]] = []
        self.beginning: list[Deferred[Any]] | None = None
        self._next = digest(NEXT)

    def ask(self, shard: int, *words: Any) -> Deferred[Any]:
        self.asked.append(words)
        if words[1] == digest(INHERIT) and self.beginning is not None:
            self.beginning.append(Deferred())
            return self.beginning[-1]
        if words[:2] != ("EVALSHA", self._next):
            return succeed([] if words[0] == "HGETALL" else 1)
        answer: Deferred[Any] = Deferred()
        self.read.append(shard)
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

    def says_lost(self) -> None:
        """Another worker has inherited since."""
        self.reading.popleft()[1].callback(b"lost")

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


class Alone(SynchronousTestCase):
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

    def share(self, shards: Sequence[int], surplus: int = 0) -> None:
        """As a pulse tells it."""
        self.journal._share(shards, surplus)

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

    def test_a_shard_that_another_worker_has_inherited_is_let_go_of(self) -> None:
        self.redis.says_lost()
        self.journal.woken(SHARD)
        assert not self.redis.reading
        # The next pulse says whose it is.
        self.share([SHARD])
        self.redis.has()
        self.redis.has("hi")
        assert self.told == [b"hi"]

    def test_what_came_of_a_shard_that_was_lost_meanwhile_is_another_ones_to_tell(self) -> None:
        self.share([])
        self.redis.has("hi")
        assert self.told == []

    def test_a_shard_that_is_lost_while_it_is_begun_is_not_read(self) -> None:
        self.redis.has()
        self.redis.beginning = []
        self.share([SHARD, 8])
        self.share([SHARD])
        self.redis.beginning.pop().callback(1)
        assert not self.redis.reading
        self.journal.woken(8)
        assert not self.redis.reading

    def test_no_shard_is_given_back_that_may_bring_something_in_a_moment(self) -> None:
        self.share([SHARD], surplus=1)
        self.redis.has("hi")
        assert self.told == [b"hi"]
        self.clock.advance(GATHER)
        self.redis.has()
        parts = len(self.redis.asked)
        self.share([SHARD], surplus=1)
        assert self.redis.asked[parts][-3:] == ("shards", "recorder", SHARD)

    def test_many_busy_shards_leave_a_turn_to_others(self) -> None:
        self.redis.has()
        self.redis.read.clear()
        self.share(range(40))
        for _ in range(100):
            if not self.redis.reading:
                break
            self.redis.has("busy")
        assert set(self.redis.read) == {*range(40)} - {SHARD}


class Together(Brokers):
    """Several on a real Redis."""

    async def told(self, observer: Heard, records: int) -> None:
        """Wait until it was told so many different records."""
        while len({(record.room, record.position) for record in observer.items}) < records:
            await observer.upto(len(observer.items) + 1)

    async def test_it_holds_only_what_somebody_has_yet_to_take(self) -> None:
        broker = await self.started()
        for each in range(20):
            await broker.publish("algebra", line(str(each)), under=None)
        self.assertEqual(self.keys("*:journal"), [])
        taken = Heard()
        stop = await broker.journal("recorder", taken.observe)
        await taken.upto(10)
        await stop()
        for each in range(20):
            await broker.publish("algebra", line(str(each)), under=None)
        self.assertEqual(sum(self.redis.command("XLEN", key) for key in self.keys("*:journal")), 20)
        await broker.journal("recorder", taken.observe)
        await taken.upto(30)
        await eventually(lambda: sum(self.redis.command("XLEN", key) for key in self.keys("*:journal")) == 0)

    async def test_a_new_observer_is_told_what_was_and_what_comes_in_order_and_once(self) -> None:
        broker = await self.started(limits=Limits())
        rooms = [f"room{each}" for each in range(30)]
        for room in rooms:
            for each in range(20):
                await broker.publish(room, line(str(each)), under=None)
        observer, over = Heard(), list[None]()

        async def talk(room: str) -> None:
            while not over:
                await broker.publish(room, line("more"), under=None)

        talking = [Deferred.fromCoroutine(talk(room)) for room in rooms]
        await broker.journal("recorder", observer.observe)
        await observer.upto(len(rooms) * 30)
        over.append(None)
        for each in talking:
            await each
        counts = {room: (await broker.read(room)).last.seq for room in rooms}
        await self.told(observer, sum(counts.values()))
        for room in rooms:
            told = [record.position.seq for record in observer.items if record.room == room]
            self.assertEqual(told, list(range(1, counts[room] + 1)))

    async def test_a_room_that_began_a_new_log_before_it_was_told_is_told_by_that(self) -> None:
        broker = await self.started()
        first = await broker.publish("algebra", line("1"), under=None)
        await broker.publish("algebra", line("2"), under=None)
        stuck: Deferred[None] = Deferred()
        first_told, observer = Heard(), Heard()
        # Known to the journal, but not taken yet.
        stop = await broker.journal("recorder", lambda records: first_told.observe(records) and stuck)
        await first_told.upto(1)
        known = (await broker.read("algebra"))._replace(last=Position(first.epoch, 3))
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=first.epoch))
        self.assertTrue(await broker.restore("algebra", known, renewed))
        stuck.errback(OSError("not taken"))
        await stop()
        other = await self.started()
        await other.journal("recorder", observer.observe)
        await self.told(observer, 3)
        epoch = (await broker.read("algebra")).last.epoch
        self.assertEqual({record.position for record in observer.items}, {Position(epoch, each) for each in (1, 2, 4)})

    async def test_what_was_erased_is_not_told_and_keeps_nobody_waiting(self) -> None:
        broker = await self.started(clock=reactor)
        stuck: Deferred[None] = Deferred()
        told: list[list[bytes]] = []

        def observe(records: Sequence[Record]) -> Deferred[None]:
            told.append([record.body for record in records])
            return stuck if len(told) == 1 else succeed(None)

        await broker.journal("recorder", observe)
        said = await broker.publish("algebra", line("rude"), under=None)
        await eventually(lambda: told)
        await broker.publish("algebra", b"removed", under=None, key="removed", erase=said)
        await broker.publish("algebra", line("on"), under=None)
        stuck.errback(OSError("not taken"))
        await eventually(lambda: sum(map(len, told)) >= 3)
        self.assertEqual(told[0], [line("rude")])
        self.assertEqual([body for batch in told[1:] for body in batch], [b"removed", line("on")])
        await eventually(lambda: sum(self.redis.command("XLEN", key) for key in self.keys("*:journal")) == 0)

    async def test_a_batch_that_is_cut_off_is_told_to_the_next_worker(self) -> None:
        broker, other = await self.started(), await self.started()
        stuck: Deferred[None] = Deferred()
        first, observer = Heard(), Heard()
        await broker.journal("recorder", lambda records: first.observe(records) and stuck)
        for each in range(5):
            await broker.publish("algebra", line(str(each)), under=None)
        await first.upto(1)
        await other.journal("recorder", observer.observe)
        await broker.stop()
        await self.told(observer, 5)
        self.assertEqual(list(dict.fromkeys(observer.bodies)), [line(str(each)) for each in range(5)])
        # Taken in the end, after all: Redis has told it to another, and nothing breaks.
        stuck.callback(None)

    async def test_when_redis_has_forgotten_all_it_goes_on(self) -> None:
        redis = self.closed(servers.Redis().start())
        broker, observer = await self.started(redis.url), Heard()
        await broker.journal("recorder", observer.observe)
        await broker.publish("algebra", line("1"), under=None)
        await observer.upto(1)
        redis.command("FLUSHALL")
        # Until it is noticed nothing is kept for it; the room tells what it remembers.
        await broker.publish("algebra", line("2"), under=None)
        await broker.publish("algebra", line("3"), under=None)
        for journal in broker._journals:
            for shard in range(SHARDS):
                journal.woken(shard)
        await self.told(observer, 3)
        await broker.publish("algebra", line("4"), under=None)
        await self.told(observer, 4)
        self.assertEqual(list(dict.fromkeys(observer.bodies)), [line(str(each)) for each in range(1, 5)])

    async def test_what_is_no_record_is_passed_over(self) -> None:
        broker, observer = await self.started(), Heard()
        await broker.journal("recorder", observer.observe)
        journal = f"{self.prefix}:{{{shard_of('algebra'):02d}}}:journal"
        self.redis.command("XADD", journal, "*", "hello", "world")
        self.redis.command("XADD", journal, "*", "r", "algebra", "p", "nothing", "b", "x")
        await broker.publish("algebra", line("1"), under=None)
        await observer.upto(1)
        self.assertEqual(observer.bodies, [line("1")])
        await eventually(lambda: self.redis.command("XLEN", journal) == 0)

    async def test_one_that_was_taken_for_dead_takes_nothing_from_its_successor(self) -> None:
        slow, other = await self.started(), await self.started()
        late, observer = Heard(), Heard()
        await slow.journal("recorder", late.observe)
        await slow.publish("algebra", line("1"), under=None)
        await late.upto(1)
        # It could say nothing of itself for a while, and does not know it.
        slow._standing._stopped = True
        self.redis.command("ZADD", f"{self.prefix}:{{house}}:alive", 1000, slow._process)
        await other.journal("recorder", observer.observe)
        journal = f"{self.prefix}:{{{shard_of('algebra'):02d}}}:journal"
        await eventually(lambda: other._process in str(self.redis.command("XINFO", "CONSUMERS", journal, "recorder")))
        for each in range(2, 30):
            await other.publish("algebra", line(str(each)), under=None)
            slow._journals[0].woken(shard_of("algebra"))
        await self.told(observer, 28)
        self.assertEqual(late.bodies, [line("1")])
        self.assertEqual(observer.bodies, [line(str(each)) for each in range(2, 30)])

    async def test_workers_share_it_and_take_over(self) -> None:
        brokers = [await self.started() for _ in range(3)]
        told = [Heard(), Heard(), Heard()]
        stops = [await broker.journal("recorder", heard.observe) for broker, heard in zip(brokers, told, strict=True)]
        rooms = [f"room{each}" for each in range(200)]
        count = 0
        while not all(heard.items for heard in told):
            for room in rooms[:64]:
                await brokers[count % 3].publish(room, line(str(count)), under=None)
                count += 1
        await stops[0]()
        # One that is gone for good: what it has is another's after its time.
        await kill(brokers[1])
        before = len(told[2].items)
        for room in rooms:
            await brokers[0].publish(room, line("last"), under=None)
        while sum(record.body == line("last") for record in told[2].items) < len(rooms):
            await told[2].upto(len(told[2].items) + 1)
        self.assertGreater(len(told[2].items), before)
        for room in rooms[:64]:
            heard = [record.position.seq for each in told for record in each.items if record.room == room]
            self.assertEqual(sorted(set(heard)), list(range(1, max(heard) + 1)))
