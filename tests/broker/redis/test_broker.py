"""What the broker on Redis promises beyond the contract: what it costs, and how it lives through Redis's troubles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from meet.broker.redis.broker import RedisBroker
from meet.errors import Unavailable
from meet.events import Opened, Position, Renewed, Said
from meet.interfaces import IWatch
from meet.limits import Limits
from meet.wire import encode
from tests.broker.redis.ground import broker_at, kill
from tests.contracts.hearing import Heard
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

    async def persist(self, ask: Callable[[], Deferred[Any]]) -> Any:
        """Ask until it is not away."""
        while True:
            try:
                return await ask()
            except Unavailable:
                pause: Deferred[None] = Deferred()
                reactor.callLater(0.05, pause.callback, None)  # type: ignore[attr-defined]
                await pause


class CostTests(Case):
    async def test_a_say_is_one_command_and_reading_too(self) -> None:
        # Its pulse would be counted.
        quiet = await self.another(pulse=1000)
        await self.broker.stop()
        self.redis.forget_calls()
        await gatherResults(
            [quiet.publish("algebra", line(str(each)), under=None, once=f"p:{each}") for each in range(50)]
        )
        calls = self.redis.calls()
        self.assertEqual(calls["evalsha"], 50)
        self.assertEqual(calls["publish"], 50)
        await quiet.read("algebra")
        self.assertEqual(self.redis.calls()["evalsha"], 51)

    async def test_only_rooms_that_are_attended_are_heard(self) -> None:
        heard = Heard()
        before = set(self.redis.command("PUBSUB", "CHANNELS"))
        await self.broker.attend("algebra", heard.hear)
        channels = set(self.redis.command("PUBSUB", "CHANNELS")) - before
        self.assertEqual(len(channels), 1)
        self.assertTrue(channels.pop().endswith(":room:algebra"))
        self.broker.neglect("algebra")
        # Behind the leaving, on the same connection.
        await self.broker.attend("botany", heard.hear)
        channels = set(self.redis.command("PUBSUB", "CHANNELS")) - before
        self.assertEqual([channel.rpartition(":")[2] for channel in channels], ["botany"])

    async def test_a_room_expires_by_itself_if_no_reaper_comes(self) -> None:
        opened = Opened(
            at="2026-11-24T14:00:00.000Z", name="algebra", title="", ends="2027-11-24T15:00:00.000Z", limit=140, lock=""
        )
        law = await self.broker.publish("algebra", encode(opened), under=None, key="opened", ruling=True)
        await self.broker.publish("algebra", b"ann", under=law, key="who:ann", claim=("who:ann", "p1"))
        await self.broker.publish("algebra", line("hi"), under=law)
        keys = self.redis.command("KEYS", "meet:*:algebra")
        self.assertEqual(len(keys), 5)
        # A day after its grace: 2027-11-24T15:00 and an hour and a day.
        self.assertEqual({self.redis.command("PEXPIRETIME", key) for key in keys}, {1827158400000})

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


class FullTests(Case):
    wishes = {"maxmemory": "4mb"}  # noqa: RUF012

    async def test_what_was_accepted_stays_and_more_is_refused_plainly(self) -> None:
        accepted = 0
        with self.assertRaisesRegex(Unavailable, "Redis has no memory left"):
            while True:
                await self.broker.publish(f"room{accepted % 50}", line("x" * 4000), under=None)
                accepted += 1
        looks = [await self.broker.read(f"room{each}") for each in range(50)]
        self.assertEqual(sum(len(look.tail) for look in looks), accepted)
        with self.assertRaisesRegex(Unavailable, "no memory left"):
            await self.broker.probe()
        self.redis.command("CONFIG", "SET", "maxmemory", "0")
        await self.broker.publish("room0", line("again"), under=None)
        await self.broker.probe()


class TroubleTests(Case):
    options = ("appendfsync everysec",)
    wishes = {"aof": True}  # noqa: RUF012

    async def test_forgotten_scripts_are_loaded_again_and_the_order_stays(self) -> None:
        await self.broker.publish("algebra", line("0"), under=None)
        self.redis.command("SCRIPT", "FLUSH")
        asked = [self.broker.publish("algebra", line(str(each)), under=None) for each in range(1, 30)]
        positions = await gatherResults(asked)
        self.assertEqual([position.seq for position in positions], list(range(2, 31)))

    async def test_away_is_told_and_back_and_what_was_said_meanwhile_can_be_read(self) -> None:
        watcher, heard = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.attend("algebra", heard.hear)
        await self.broker.publish("algebra", line("before"), under=None)
        await heard.upto(1)
        away = watcher.told("away")
        await deferToThread(self.redis.kill)
        await away
        with self.assertRaises(Unavailable):
            await self.broker.publish("algebra", line("no"), under=None)
        with self.assertRaises(Unavailable):
            await self.broker.read("algebra")
        back = watcher.told("back")
        await deferToThread(self.redis.start)
        await back
        self.assertEqual(len((await self.broker.read("algebra")).tail), 1)
        await self.broker.publish("algebra", line("after"), under=None)
        await heard.upto(2)
        self.assertEqual([news[0] for news in watcher.news], ["back", "away", "back"])

    async def test_a_redis_that_stands_still_is_given_up_and_found_again(self) -> None:
        watcher, heard = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.attend("algebra", heard.hear)
        away = watcher.told("away")
        self.redis.freeze()
        asked = self.broker.publish("algebra", line("held up"), under=None, once="p7:1")
        await away
        with self.assertRaises(Unavailable):
            await asked
        back = watcher.told("back")
        self.redis.thaw()
        await back
        # It may have been taken after all: asked again it is there once.
        await self.persist(lambda: self.broker.publish("algebra", line("held up"), under=None, once="p7:1"))
        self.assertEqual(len((await self.broker.read("algebra")).tail), 1)

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

    async def test_an_emptied_redis_is_filled_from_what_is_known(self) -> None:
        watcher, observer = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.journal("recorder", observer.observe)
        opened = Opened(
            at="2026-11-24T14:00:00.000Z", name="algebra", title="", ends="2027-11-24T15:00:00.000Z", limit=140, lock=""
        )
        law = await self.broker.publish("algebra", encode(opened), under=None, key="opened", ruling=True)
        said = await self.broker.publish("algebra", line("hi", ref="1"), under=law, once="p7:1")
        await observer.upto(2)
        known = await self.broker.read("algebra")
        secret = await self.broker.secret()
        back = watcher.told("back")
        await deferToThread(self.redis.kill)
        await deferToThread(self.redis.empty)
        await deferToThread(self.redis.start)
        await back
        self.assertIsNone((await self.broker.read("algebra")).last)
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=law.epoch))
        both = [self.broker.restore("algebra", known, renewed) for _ in range(2)]
        self.assertEqual(await gatherResults(both), [True, False])
        look = await self.broker.read("algebra")
        assert look.last is not None
        self.assertNotEqual(look.last.epoch, law.epoch)
        self.assertEqual([(position.seq, body) for position, body in look.tail], [(said.seq, line("hi", ref="1"))])
        self.assertEqual([body for _, body in look.kept], [encode(opened), renewed])
        self.assertEqual(look.law, look.last)
        # The line that was said before is still said once, and the store hears what it may have missed.
        again = await self.broker.publish("algebra", line("hi", ref="1"), under=look.law, once="p7:1")
        self.assertEqual(again, Position(look.last.epoch, said.seq))
        await observer.upto(5)
        self.assertEqual(observer.bodies[2:], [renewed, encode(opened), line("hi", ref="1")])
        other = await self.another()
        self.assertEqual(await other.secret(), secret)

    async def test_a_room_that_was_deleted_is_not_brought_back(self) -> None:
        law = await self.broker.publish("algebra", b"law", under=None, key="law", ruling=True)
        await self.broker.publish("algebra", line("hi"), under=law)
        known = await self.broker.read("algebra")
        await self.broker.drop("algebra", b"forgotten")
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=law.epoch))
        self.assertFalse(await self.broker.restore("algebra", known, renewed))
        self.assertIsNone((await self.broker.read("algebra")).last)


class ProcessTests(Case):
    async def test_a_process_that_dies_leaves_its_people_to_one_other(self) -> None:
        watchers = [Watcher(), Watcher()]
        dying = await self.another()
        others = [self.broker, await self.another()]
        await dying.publish("algebra", b"ann", under=None, key="who:ann", claim=("who:ann", "p1"))
        await dying.publish("algebra", b"bob", under=None, key="who:bob", claim=("who:bob", "p2"))
        self.assertTrue(await others[0].hold("algebra", "who:bob", "p2"))
        told = [watcher.told("orphaned") for watcher in watchers]
        for other, watcher in zip(others, watchers, strict=True):
            await other.watch(watcher)
        await kill(dying)
        first: Deferred[None] = Deferred()
        for each in told:
            each.addCallback(lambda _: first.called or first.callback(None))
        await first
        news = [item for watcher in watchers for item in watcher.news if item[0] == "orphaned"]
        self.assertEqual(news, [("orphaned", "algebra", ["who:ann"])])
        self.assertTrue(await others[0].let_go("algebra", "who:bob", "p2"))

    async def test_a_process_that_has_no_people_of_its_own_adopts_none(self) -> None:
        # The first one records, say, and watches nobody; its pulse comes all the same.
        serving, dying = await self.another(), await self.another()
        await dying.publish("algebra", b"ann", under=None, key="who:ann", claim=("who:ann", "p1"))
        await kill(dying)
        observer = Heard()
        await self.broker.journal("recorder", observer.observe)
        await self.broker.journal("another", observer.observe)
        watcher = Watcher()
        told = watcher.told("orphaned")
        await serving.watch(watcher)
        await told
        self.assertIn(("orphaned", "algebra", ["who:ann"]), watcher.news)

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
