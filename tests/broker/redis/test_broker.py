"""What the broker on Redis promises beyond the contract: how it begins and ends, and lives through Redis's troubles."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from meet.broker import broker_for
from meet.broker.redis import broker as module
from meet.broker.redis import link
from meet.errors import Unavailable
from meet.events import Position, Renewed
from meet.interfaces import IWatch
from meet.limits import Limits
from meet.wire import encode
from tests.broker.redis.ground import OPENED, Brokers, OwnServer, Watcher, eventually, line, persist
from tests.contracts.broker_ground import chance
from tests.contracts.hearing import Heard
from tests.servers.redis import Redis


class Beginning(Brokers):
    def user(self, *rules: str) -> str:
        """A URL of somebody who may do this much."""
        name = f"u{self.prefix}"
        self.redis.command("ACL", "SETUSER", name, "reset", "on", ">word", *rules)
        self.addCleanup(self.redis.command, "ACL", "DELUSER", name)
        return f"redis://{name}:word@{self.redis.address}?prefix={self.prefix}"

    async def refused(self, url: str, sentence: str) -> None:
        broker = self.make(url)
        with self.assertRaisesRegex(ValueError, rf"^The broker, Redis at [\d.:]*, cannot be used: {sentence}"):
            await broker.start()
        # Nothing is left of it, not even in Redis.
        await broker.stop()
        self.assertEqual(self.keys("{house}:alive"), [])

    async def test_by_its_url(self) -> None:
        broker: Any = broker_for(self.url, data=None, clock=reactor, random=chance, limits=Limits())  # type: ignore[arg-type]
        self.addCleanup(broker.stop)
        await broker.start()
        await broker.publish("algebra", b"hi", under=None)

    async def test_a_wrong_password(self) -> None:
        redis = self.closed(Redis(password="word").start())
        await self.refused(f"redis://:another@{redis.address}", "WRONGPASS ")
        await self.refused(redis.address.join(("redis://", "")), "NOAUTH ")

    async def test_somebody_who_may_not_hear(self) -> None:
        await self.refused(self.user("~*", "+@all"), "NOPERM ")

    async def test_somebody_who_may_not_run_scripts(self) -> None:
        await self.refused(self.user("~*", "&*", "+@all", "-evalsha"), "NOPERM ")

    async def test_somebody_who_may_not_do_what_a_script_does(self) -> None:
        await self.refused(
            self.user("~*", "&*", "+@all", "-zadd"), ".*user executing the script can't run this command"
        )

    async def test_somebody_who_may_do_what_the_manual_says(self) -> None:
        rules = (f"~{self.prefix}:*", f"&{self.prefix}:*", "+@all", "-@dangerous", "+role")
        await self.walk(self.user(*rules))

    async def test_a_redis_that_is_used_for_something_else(self) -> None:
        self.redis.command("SET", f"{self.prefix}:{{house}}:alive", "something else")
        with self.assertRaisesRegex(ValueError, "cannot be used: .*WRONGTYPE"):
            await self.make().start()

    async def test_nobody_there(self) -> None:
        self.patch(module, "_BEGINNING", 2.0)
        redis = self.closed(Redis())
        with self.assertRaisesRegex(Unavailable, "^The broker, Redis at .*, cannot be reached: Connection refused[.]$"):
            await self.make(redis.url).start()

    async def test_a_server_that_comes_later(self) -> None:
        redis = self.closed(Redis())
        started = self.make(redis.url).start()
        await deferToThread(redis.start)
        await started

    async def test_stopped_before_it_has_begun(self) -> None:
        broker = self.make()
        await broker.stop()
        redis = self.closed(Redis())
        broker = self.make(redis.url)
        started = broker.start()
        await broker.stop()
        with self.assertRaisesRegex(Unavailable, "The broker is not running"):
            await started

    async def test_stopped_while_it_begins_it_never_counts_as_there(self) -> None:
        for when in ("GET", "EVALSHA"):
            broker = self.make()
            ask, stopped = broker._servers.ask, list[Deferred[None]]()

            def stopping(shard: int, *words: Any, ask: Any = ask, when: str = when, broker: Any = broker) -> Any:
                if words[0] == when and not stopped:
                    stopped.append(broker.stop())
                return ask(shard, *words)

            broker._servers.ask = stopping  # type: ignore[method-assign]
            with self.assertRaises(Unavailable):
                await broker.start()
            await stopped[0]
            self.assertFalse(broker.open)
            with self.assertRaises(Unavailable):
                await broker.read("algebra")


class Ending(OwnServer):
    async def test_while_redis_is_away(self) -> None:
        watcher = Watcher()
        await self.broker.watch(watcher)
        self.broker.lease("reaper", lambda: None, lambda: None)
        await self.broker.journal("recorder", Heard().observe)
        away = watcher.told("away")
        await deferToThread(self.redis.kill)
        await away
        await self.broker.stop()
        with self.assertRaises(Unavailable):
            await self.broker.read("algebra")
        self.assertEqual([news[0] for news in watcher.news], ["back", "away"])

    async def test_while_it_comes_back_and_is_refused(self) -> None:
        watcher = Watcher()
        await self.broker.watch(watcher)
        self.redis.command("DEL", "meet:{house}:secret", f"{self.prefix}:{{house}}:secret")
        self.redis.command("CONFIG", "SET", "maxmemory", 1)
        away = watcher.told("away")
        self.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await away
        # It has forgotten the secret and cannot take it: it is tried again and again.
        await eventually(lambda: self.broker._again)
        await self.broker.stop()

    async def test_whoever_waits_for_a_probe_is_told(self) -> None:
        self.broker._hearing.unsubscribe(self.broker._names.probe(self.broker._process))
        probe = self.broker.probe()
        await self.broker.read("algebra")
        await self.broker.stop()
        self.failureResultOf(probe, Unavailable)


class Trouble(OwnServer):
    wishes = {"aof": True}  # noqa: RUF012

    async def begin(self) -> None:
        await super().begin()
        self.watcher = Watcher()
        await self.broker.watch(self.watcher)

    async def test_away_is_told_and_back_and_what_was_said_meanwhile_can_be_read(self) -> None:
        heard = Heard()
        await self.broker.attend("algebra", heard.hear)
        await self.broker.publish("algebra", line("before"), under=None)
        await heard.upto(1)
        away = self.watcher.told("away")
        await deferToThread(self.redis.kill)
        await away
        with self.assertRaises(Unavailable):
            await self.broker.publish("algebra", line("no"), under=None)
        with self.assertRaises(Unavailable):
            await self.broker.read("algebra")
        back = self.watcher.told("back")
        await deferToThread(self.redis.start)
        await back
        self.assertEqual(len((await self.broker.read("algebra")).tail), 1)
        await self.broker.publish("algebra", line("after"), under=None)
        await heard.upto(2)
        self.assertEqual([news[0] for news in self.watcher.news], ["back", "away", "back"])

    async def test_a_redis_that_stands_still_is_given_up_and_found_again(self) -> None:
        self.patch(link, "PATIENCE", 0.5)
        away = self.watcher.told("away")
        self.redis.freeze()
        asked = self.broker.publish("algebra", line("held up"), under=None, once="p7:1")
        await away
        with self.assertRaises(Unavailable):
            await asked
        back = self.watcher.told("back")
        self.redis.thaw()
        await back
        # It may have been taken after all: asked again it is there once.
        await persist(lambda: self.broker.publish("algebra", line("held up"), under=None, once="p7:1"))
        self.assertEqual(len((await self.broker.read("algebra")).tail), 1)

    async def test_an_observer_misses_nothing_while_redis_is_away(self) -> None:
        observer = Heard()
        await self.broker.journal("recorder", observer.observe)
        await self.broker.publish("algebra", line("1"), under=None)
        await observer.upto(1)
        await deferToThread(self.redis.kill)
        await deferToThread(self.redis.start)
        await persist(lambda: self.broker.publish("algebra", line("2"), under=None, once="p7:2"))
        # What it had not acknowledged comes twice.
        while line("2") not in observer.bodies:
            await observer.upto(len(observer.items) + 1)
        self.assertEqual(list(dict.fromkeys(observer.bodies)), [line("1"), line("2")])

    async def test_an_emptied_redis_is_filled_from_what_is_known(self) -> None:
        observer = Heard()
        await self.broker.journal("recorder", observer.observe)
        law = await self.broker.publish("algebra", OPENED, under=None, key="opened", ruling=True)
        said = await self.broker.publish("algebra", line("hi", ref="1"), under=law, once="p7:1")
        await observer.upto(2)
        known = await self.broker.read("algebra")
        secret = await self.broker.secret()
        back = self.watcher.told("back")
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
        self.assertEqual([body for _, body in look.kept], [OPENED, renewed])
        self.assertEqual(look.law, look.last)
        # The line that was said before is still said once, and the store hears what it may have missed.
        again = await self.broker.publish("algebra", line("hi", ref="1"), under=look.law, once="p7:1")
        self.assertEqual(again, Position(look.last.epoch, said.seq))
        await observer.upto(5)
        self.assertEqual(observer.bodies[2:], [renewed, OPENED, line("hi", ref="1")])
        other = await self.started()
        self.assertEqual(await other.secret(), secret)

    async def test_deaf_and_back_it_is_told_although_it_could_ask_all_the_time(self) -> None:
        heard = Heard()
        await self.broker.attend("algebra", heard.hear)
        away, back = self.watcher.told("away"), self.watcher.told("back")
        self.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        await away
        await self.broker.publish("algebra", line("unheard"), under=None)
        await back
        await self.broker.publish("algebra", line("heard"), under=None)
        await heard.upto(1)
        self.assertIn(line("heard"), heard.bodies)

    async def test_back_is_told_when_all_of_it_is_there(self) -> None:
        # What is asked on coming back is answered late, and the other connection is lost meanwhile.
        ask, held = self.broker._servers.ask, list[tuple[Deferred[Any], Any]]()

        def late(shard: int, *words: Any) -> Any:
            if words[0] != "GET":
                return ask(shard, *words)
            answer: Deferred[Any] = Deferred()
            ask(shard, *words).addBoth(lambda result: held.append((answer, result)))
            return answer

        self.broker._servers.ask = late  # type: ignore[method-assign]
        away = self.watcher.told("away")
        self.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await away
        await eventually(lambda: held)
        self.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: "hearing" in self.broker._lacking)
        self.broker._servers.ask = ask  # type: ignore[method-assign]
        back = self.watcher.told("back")
        for answer, result in held:
            answer.callback(result)
        await back
        self.assertEqual(self.broker._lacking, {})
        await self.broker.attend("algebra", Heard().hear)
        await self.broker.probe()
        self.assertEqual([news[0] for news in self.watcher.news], ["back", "away", "back"])

    async def test_one_that_cannot_take_what_it_lost_yet_is_tried_again(self) -> None:
        self.patch(module, "_AGAIN", 0.05)
        self.redis.command("DEL", f"{self.prefix}:{{house}}:secret")
        self.redis.command("CONFIG", "SET", "maxmemory", 1)
        away, back = self.watcher.told("away"), self.watcher.told("back")
        self.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await away
        await eventually(lambda: self.broker._again)
        self.assertNoResult(back)
        self.redis.command("CONFIG", "SET", "maxmemory", 0)
        await back
        self.assertEqual(await (await self.started()).secret(), await self.broker.secret())

    async def test_a_watcher_that_breaks_keeps_nobody_from_coming_back(self) -> None:
        @implementer(IWatch)
        class Broken(Watcher):
            def away(self, reason: str) -> None:
                raise RuntimeError("a mistake")

        watcher = Broken()
        await self.broker.watch(watcher)
        back = watcher.told("back")
        self.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await back
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class Probing(OwnServer):
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

    async def test_a_server_that_tells_nothing_any_more_is_left_for_another(self) -> None:
        self.patch(module, "_PROBE", 0.3)
        watcher = Watcher()
        await self.broker.watch(watcher)
        # Cut off from the others it would not know it, and answer signs of life.
        deaf: Any = self.broker._hearing._link.line
        deaf.unsubscribe([self.broker._names.probe(self.broker._process)])
        await self.broker.attend("algebra", Heard().hear)
        back = watcher.told("back")
        with self.assertRaisesRegex(Unavailable, "What Redis takes is not heard by this process"):
            await self.broker.probe()
        await back
        await self.broker.probe()

    async def test_a_server_that_does_not_answer_is_said_to(self) -> None:
        self.patch(module, "_PROBE", 0.3)
        self.redis.freeze()
        with self.assertRaisesRegex(Unavailable, "Redis does not answer"):
            await self.broker.probe()
        self.redis.thaw()
        await persist(self.broker.probe)
