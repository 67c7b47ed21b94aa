"""The Lua files: all of them are there, loaded, and whole when memory or a Cluster says no."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from twisted.internet.defer import gatherResults, succeed
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.redis import scripts
from meet.broker.redis.scripts import ALL, Script
from meet.errors import Unavailable
from meet.events import Renewed
from meet.wire import encode
from tests.broker.redis.ground import OPENED, OwnServer, Watcher, line
from tests.contracts.hearing import Heard

LUA = sorted(path.name for path in files("meet.broker.redis").iterdir() if path.name.endswith(".lua"))


class Files(SynchronousTestCase):
    def test_every_file_is_loaded_and_once(self) -> None:
        named = {value.text: name for name, value in vars(scripts).items() if isinstance(value, Script)}
        self.assertEqual(sorted(f"{named[script.text].lower()}.lua" for script in ALL), LUA)

    def test_each_says_what_it_does_and_what_it_takes(self) -> None:
        for name in LUA:
            text = files("meet.broker.redis").joinpath(name).read_text()
            self.assertRegex(text, r"\A-- [A-Z]", name)
            done = re.sub(r"--.*", "", text)
            for words in ("KEYS", "ARGV"):
                self.assertEqual(f"-- {words}  " in text, words in done, name)

    def test_events_are_never_read_there(self) -> None:
        for name in LUA:
            self.assertNotIn("cjson", files("meet.broker.redis").joinpath(name).read_text(), name)

    def test_keys_and_words_are_passed_as_they_stand(self) -> None:
        asked: list[Any] = []

        class Servers:
            def ask(self, shard: int, *words: Any) -> Any:
                asked.append((shard, words))
                return succeed(7)

        script = Script("weigh")
        servers: Any = Servers()
        self.assertEqual(self.successResultOf(script.run(servers, 3, ["a", "b"], [2])), 7)
        ((shard, words),) = asked
        self.assertEqual((shard, words[0], *words[2:]), (3, "EVALSHA", 2, "a", "b", 2))
        self.assertRegex(words[1], "^[0-9a-f]{40}$")


class Forgotten(OwnServer):
    async def test_they_are_loaded_again_and_the_order_stays(self) -> None:
        await self.broker.publish("algebra", line("0"), under=None)
        self.redis.command("SCRIPT", "FLUSH")
        asked = [self.broker.publish("algebra", line(str(each)), under=None) for each in range(1, 30)]
        positions = await gatherResults(asked)
        self.assertEqual([position.seq for position in positions], list(range(2, 31)))


class Full(OwnServer):
    """Redis takes nothing more: what was refused has changed nothing, and what frees memory goes on."""

    wishes = {"maxmemory": "0"}  # noqa: RUF012

    def full(self) -> None:
        self.redis.command("CONFIG", "SET", "maxmemory", 1)

    def everything(self) -> dict[str, Any]:
        """All keys but those of the house, and what is in them."""
        found = {}
        for key in sorted(self.keys("*")):
            if "{house}" in key:
                continue
            kind = self.redis.command("TYPE", key)
            read = {
                "hash": ["HGETALL", key],
                "stream": ["XRANGE", key, "-", "+"],
                "zset": ["ZRANGE", key, 0, -1, "WITHSCORES"],
                "set": ["SMEMBERS", key],
                "string": ["GET", key],
            }[kind]
            found[key] = self.redis.command(*read)
        return found

    async def refused(self, asked: Any) -> None:
        before = self.everything()
        with self.assertRaisesRegex(Unavailable, "Redis has no memory left"):
            await asked
        self.assertEqual(self.everything(), before)

    async def test_what_was_accepted_until_then_stays(self) -> None:
        used = int(self.redis.info("memory")["used_memory"])
        self.redis.command("CONFIG", "SET", "maxmemory", used + 2_000_000)
        accepted = 0
        with self.assertRaisesRegex(Unavailable, "Redis has no memory left"):
            while True:
                await self.broker.publish(f"room{accepted % 50}", line("x" * 4000), under=None)
                accepted += 1
        looks = [await self.broker.read(f"room{each}") for each in range(50)]
        self.assertEqual(sum(look.last.seq for look in looks if look.last), accepted)
        self.assertGreater(accepted, 50)

    async def test_what_is_refused_has_changed_nothing(self) -> None:
        broker, other = self.broker, await self.started()
        law = await broker.publish("algebra", OPENED, under=None, key="opened", ruling=True)
        await broker.publish("algebra", b"ann", under=law, key="who:ann", claim=("who:ann", "p1"))
        said = await broker.publish("algebra", line("hi"), under=law, once="p1:1")
        known = await broker.read("algebra")
        self.full()
        await self.refused(broker.publish("algebra", line("no"), under=law))
        await self.refused(broker.publish("botany", OPENED, under=None, key="opened", ruling=True))
        await self.refused(broker.publish("algebra", line("no"), under=law, once="p1:2", erase=said))
        await self.refused(broker.publish("algebra", b"ann", under=law, key="who:bob", claim=("who:bob", "p2")))
        await self.refused(
            broker.publish("algebra", b"left", under=law, key="who:ann", forget=True, claim=("who:ann", "p1"))
        )
        await self.refused(other.hold("algebra", "who:ann", "p1"))
        await self.refused(broker.journal("recorder", Heard().observe))
        await self.refused(broker.probe())
        # What was said before is said once still, and everything can be read.
        self.assertEqual(await broker.publish("algebra", line("hi"), under=law, once="p1:1"), said)
        self.assertEqual(await broker.read("algebra"), known)
        self.assertEqual(await broker.rooms(), ["algebra"])
        self.redis.command("CONFIG", "SET", "maxmemory", "0")
        await broker.publish("algebra", line("again"), under=law)
        await broker.probe()

    async def test_what_makes_room_is_done_wholly(self) -> None:
        broker, other = self.broker, await self.started()
        observer = Heard()
        stop = await broker.journal("recorder", observer.observe)
        law = await broker.publish("algebra", OPENED, under=None, key="opened", ruling=True)
        await broker.publish("algebra", b"ann", under=law, key="who:ann", claim=("who:ann", "p1"))
        await other.hold("algebra", "who:ann", "p1")
        await observer.upto(2)
        await stop()
        await broker.publish("algebra", line("in the journal"), under=law)
        self.full()
        # Two stand for her, then one.
        self.assertFalse(await other.let_go("algebra", "who:ann", "p1"))
        self.assertTrue(await broker.let_go("algebra", "who:ann", "p1"))
        # A recorder that begins now empties the journal.
        await (await self.started()).journal("recorder", observer.observe)
        await observer.upto(3)
        # A room can be dropped, and everybody hears of it.
        heard = Heard()
        await broker.attend("algebra", heard.hear)
        await broker.drop("algebra", b"forgotten")
        await heard.upto(1)
        await observer.upto(4)
        self.assertEqual(observer.bodies[2:], [line("in the journal"), b"forgotten"])
        self.assertEqual(await broker.rooms(), [])
        self.assertIsNone((await broker.read("algebra")).last)

    async def test_a_room_that_lost_something_is_restored_wholly(self) -> None:
        law = await self.broker.publish("algebra", OPENED, under=None, key="opened", ruling=True)
        await self.broker.publish("algebra", line("hi", ref="1"), under=law)
        known = await self.broker.read("algebra")
        for key in self.keys("*:algebra"):
            self.redis.command("DEL", key)
        self.full()
        renewed = encode(Renewed(at="2026-11-24T15:00:00.000Z", was=law.epoch))
        self.assertTrue(await self.broker.restore("algebra", known, renewed))
        look = await self.broker.read("algebra")
        self.assertEqual([body for _, body in (*look.kept, *look.tail)], [OPENED, renewed, line("hi", ref="1")])

    async def test_processes_go_on_living_and_working(self) -> None:
        gained = Heard()
        self.broker.lease("reaper", lambda: gained.observe([None]), lambda: gained.observe([None]))  # type: ignore[list-item]
        await gained.upto(1)
        self.full()
        # Somebody comes beside it, and sees it alive.
        other = await self.started()
        other.lease("reaper", self.fail, self.fail)
        for _ in range(4):
            before = self.redis.calls()["zadd"]
            while self.redis.calls()["zadd"] < before + 2:
                await self.broker.read("algebra")
        self.assertEqual(len(gained.items), 1)

    async def test_a_full_one_that_was_away_is_there_again(self) -> None:
        watcher = Watcher()
        await self.broker.watch(watcher)
        self.full()
        back = watcher.told("back")
        self.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await back
        self.assertIsNone((await self.broker.read("algebra")).last)
