"""One process among the others: who lives, whose turn it is, and who takes on the people of one that died."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from txredisapi import ResponseError

from meet.broker.redis.scripts import ORPHANS, PART, PULSE, Script
from meet.broker.redis.standing import Standing
from meet.bus import PATIENCE, PULSE_EVERY
from meet.errors import Unavailable
from meet.keys import HOUSE, SHARDS, Names, shard_of
from tests.broker.redis.ground import Brokers, Watcher, kill, line, server
from tests.contracts.hearing import Heard

PLACES = ("alive", "gone", "adopted", "leases", "workers", "shares", "seen")


class House(SynchronousTestCase):
    """`pulse.lua` and `part.lua` on a real Redis; a process dies by having been silent for an hour."""

    def setUp(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.names = Names("t" + os.urandom(6).hex())

    def run_script(self, script: Script, keys: Sequence[str], *words: Any) -> Any:
        return server().command("EVAL", script.text, len(keys), *keys, *words)

    def pulse(
        self,
        process: str,
        *,
        leases: Sequence[str] = (),
        observers: Sequence[str] = (),
        adopts: bool = False,
        shards: int = 8,
    ) -> Any:
        keys = [self.names.house(what) for what in PLACES]
        words = [process, 1000 * 60, shards, int(adopts), len(leases), *leases, *observers]
        lapsed, dead, mine, shared = self.run_script(PULSE, keys, *words)
        gone = {name: float(seen) for name, seen in zip(dead[::2], dead[1::2], strict=True)}
        shares = {observer: (surplus, sorted(own)) for observer, surplus, own in shared}
        return bool(lapsed), gone, mine, shares

    def part(self, process: str, *words: str | int) -> None:
        self.run_script(PART, [self.names.house(what) for what in PLACES[:6]], process, *words)

    def die(self, process: str) -> None:
        server().command("ZADD", self.names.house("alive"), "XX", round(1000 * time.time()) - 3_600_000, process)

    def noted(self, what: str) -> dict[str, str]:
        found = server().command("HGETALL", self.names.house(what))
        return dict(zip(found[::2], found[1::2], strict=True))

    # Leases.

    def test_a_lease_is_whose_who_asked_first_and_moves_when_it_is_given_up(self) -> None:
        self.assertEqual(self.pulse("a", leases=["reap", "follow"])[2], ["reap", "follow"])
        self.assertEqual(self.pulse("b", leases=["reap"])[2], [])
        self.part("b", "lease", "reap")
        self.assertEqual(self.pulse("b", leases=["reap"])[2], [])
        self.part("a", "lease", "reap")
        self.assertEqual(self.pulse("b", leases=["reap", "follow"])[2], ["reap"])
        self.assertEqual(self.pulse("a", leases=["reap", "follow"])[2], ["follow"])

    def test_a_lease_of_one_that_died_is_the_next_ones(self) -> None:
        self.pulse("a", leases=["reap"])
        self.die("a")
        self.assertEqual(self.pulse("b", leases=["reap"])[2], ["reap"])
        lapsed, _, mine, _ = self.pulse("a", leases=["reap"])
        self.assertEqual((lapsed, mine), (True, []))
        self.assertFalse(self.pulse("a")[0])

    def test_one_that_was_silent_but_whom_nobody_missed_has_lapsed_too(self) -> None:
        self.pulse("a", leases=["reap"])
        self.die("a")
        lapsed, gone, mine, _ = self.pulse("a", leases=["reap"], adopts=True)
        self.assertEqual((lapsed, gone, mine), (True, {}, ["reap"]))

    # Those who died.

    def test_one_that_died_is_adopted_by_one_until_it_is_buried(self) -> None:
        for each in ("a", "b", "c"):
            self.pulse(each)
        self.die("a")
        self.assertEqual(self.pulse("b")[1], {})
        gone = self.pulse("b", adopts=True)[1]
        self.assertEqual(list(gone), ["a"])
        self.assertLess(abs(gone["a"] - (time.time() - 3600)), 60)
        self.assertEqual(self.pulse("c", adopts=True)[1], {})
        self.assertEqual(list(self.pulse("b", adopts=True)[1]), ["a"])
        self.part("b", "buried", "a")
        self.assertEqual(self.pulse("b", adopts=True)[1], {})
        self.assertEqual((self.noted("gone"), self.noted("adopted")), ({}, {}))

    def test_an_adopter_that_dies_leaves_both(self) -> None:
        for each in ("a", "b", "c"):
            self.pulse(each)
        self.die("a")
        self.pulse("b", adopts=True)
        self.die("b")
        self.assertEqual(sorted(self.pulse("c", adopts=True)[1]), ["a", "b"])

    def test_one_that_ends_in_order_is_adopted_at_once_and_has_nothing_left(self) -> None:
        self.pulse("a", leases=["reap"], observers=["recorder", "spy a"])
        self.part("a", "all")
        self.assertEqual((self.noted("leases"), self.noted("shares"), self.noted("workers")), ({}, {}, {}))
        self.assertEqual(list(self.pulse("b", adopts=True)[1]), ["a"])

    def test_one_that_lives_again_is_not_adopted_any_more(self) -> None:
        self.pulse("a")
        self.die("a")
        self.pulse("b", adopts=True)
        self.assertTrue(self.pulse("a")[0])
        self.assertEqual(self.pulse("b", adopts=True)[1], {})

    # Shares.

    def test_shares_are_fair_and_what_is_too_much_is_given_back(self) -> None:
        self.assertEqual(self.pulse("a", observers=["recorder"])[3], {"recorder": (0, list(range(8)))})
        self.assertEqual(self.pulse("b", observers=["recorder"])[3], {"recorder": (0, [])})
        surplus, own = self.pulse("a", observers=["recorder"])[3]["recorder"]
        self.assertEqual((surplus, len(own)), (4, 8))
        self.part("b", "shards", "recorder", *own)
        self.part("a", "shards", "recorder", *own[:surplus])
        self.assertEqual(self.pulse("b", observers=["recorder"])[3]["recorder"], (0, own[:4]))
        self.assertEqual(self.pulse("a", observers=["recorder"])[3]["recorder"], (0, own[4:]))

    def test_observers_do_not_share_with_each_other(self) -> None:
        self.pulse("a", observers=["recorder"])
        self.assertEqual(len(self.pulse("b", observers=["recorder 2"])[3]["recorder 2"][1]), 8)
        self.part("a", "observer", "recorder")
        self.assertEqual(len(self.pulse("b", observers=["recorder", "recorder 2"])[3]["recorder"][1]), 8)
        self.assertEqual(sorted(self.noted("workers")), ["recorder 2 b", "recorder b"])

    @settings(max_examples=40)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["pulse", "pulse", "die", "all", "observer"]), st.sampled_from("abcd")),
            max_size=25,
        )
    )
    def test_whatever_happens_every_shard_has_one_worker_and_nobody_too_many(
        self, story: list[tuple[str, str]]
    ) -> None:
        self.begin()
        working: dict[str, None] = {}

        def work(process: str) -> list[int]:
            working[process] = None
            surplus, own = self.pulse(process, observers=["recorder"])[3]["recorder"]
            if surplus:
                self.part(process, "shards", "recorder", *own[:surplus])
            return own[surplus:]

        for what, process in story:
            if what == "pulse":
                work(process)
            elif process in working:
                del working[process]
                if what == "die":
                    self.die(process)
                else:
                    self.part(process, *(["all"] if what == "all" else ["observer", "recorder"]))
        everybody = [*working] or ["a"]
        for _ in range(2):
            for process in everybody:
                work(process)
        shares = {process: work(process) for process in everybody}
        owned = Counter(shard for own in shares.values() for shard in own)
        assert owned == Counter(range(8))
        assert max(map(len, shares.values())) <= ceil(8 / len(everybody))


class Answers:
    """Where a process's asks go, and what it is told by hand: each as ``(script, words, answer)``."""

    def __init__(self) -> None:
        self.asked: list[tuple[Script, list[Any], Deferred[Any]]] = []

    def ask(self, shard: int, *words: Any) -> Deferred[Any]:
        assert shard == HOUSE
        script = next(each for each in (PULSE, PART) if words[1] == each._digest)
        answer: Deferred[Any] = Deferred()
        self.asked.append((script, [*words[3 + words[2] :]], answer))
        return answer

    def next(self, script: Script) -> tuple[list[Any], Deferred[Any]]:
        found, words, answer = self.asked.pop(0)
        assert found is script, words
        return words, answer


class StandingTests(SynchronousTestCase):
    """The process's own side of it, by the clock."""

    def setUp(self) -> None:
        self.clock, self.answers = Clock(), Answers()
        self.adopted: list[tuple[str, float]] = []
        self.lapses: list[None] = []
        self.turns: list[str] = []
        self.shares: list[tuple[Sequence[int], int]] = []
        servers: Any = self.answers
        self.standing = Standing(
            "p1",
            servers,
            Names("meet"),
            self.clock,
            lambda dead, seen: self.adopted.append((dead, seen)),
            lambda: self.lapses.append(None),
        )
        self.started = self.standing.start()

    def felt(
        self, *, lapsed: int = 0, dead: Sequence[bytes] = (), leases: Sequence[bytes] = (), shares: Any = ()
    ) -> Any:
        """Answer the pulse under way; its words."""
        words, answer = self.answers.next(PULSE)
        answer.callback([lapsed, list(dead), list(leases), list(shares)])
        return words

    def lease(self, name: str = "reap") -> Any:
        return self.standing.lease(name, lambda: self.turns.append("gained"), lambda: self.turns.append("lost"))

    def test_it_has_begun_when_it_was_felt_and_goes_on_by_itself(self) -> None:
        self.assertNoResult(self.started)
        self.assertEqual(self.felt(), ["p1", round(1000 * PATIENCE), SHARDS, 0, 0])
        self.successResultOf(self.started)
        self.assertEqual(self.answers.asked, [])
        self.clock.advance(PULSE_EVERY)
        self.felt()

    def test_what_it_would_do_is_told_with_the_pulse_and_hastens_it(self) -> None:
        self.felt()
        self.lease()
        self.standing.share("recorder", lambda shards, surplus: self.shares.append((shards, surplus)))
        self.standing.adopts = True
        self.clock.advance(0)
        words = self.felt(leases=[b"reap"], shares=[[b"recorder", 2, [1, 2, 3]], [b"other", 0, []]])
        self.assertEqual(words[3:], [1, 1, "reap", "recorder"])
        self.assertEqual((self.turns, self.shares), (["gained"], [([1, 2, 3], 2)]))
        # Still its turn: it is told once.
        self.clock.advance(PULSE_EVERY)
        self.felt(leases=[b"reap"])
        self.clock.advance(PULSE_EVERY)
        self.felt()
        self.assertEqual(self.turns, ["gained", "lost"])

    def test_what_is_wished_for_during_a_pulse_follows_at_once(self) -> None:
        self.lease()
        self.felt()
        self.clock.advance(0)
        self.assertEqual(self.felt(leases=[b"reap"])[4:], [1, "reap"])
        self.assertEqual(self.turns, ["gained"])

    def test_who_could_not_be_felt_gives_up_its_work_before_others_get_it(self) -> None:
        self.lease()
        self.standing.share("recorder", lambda shards, surplus: self.shares.append((shards, surplus)))
        self.felt(leases=[b"reap"], shares=[[b"recorder", 0, [1]]])
        self.clock.advance(0)
        self.answers.next(PULSE)[1].errback(Unavailable("away"))
        while self.turns == ["gained"]:
            self.assertLess(self.clock.seconds(), PATIENCE)
            self.clock.advance(PULSE_EVERY / 2)
            if self.answers.asked:
                self.answers.next(PULSE)[1].errback(Unavailable("away"))
        self.assertEqual(self.clock.seconds(), PATIENCE)
        self.assertEqual(self.shares[-1], ([], 0))
        # It counts from when the pulse was sent, for that is when Redis may have taken it.
        self.clock.advance(PULSE_EVERY)
        self.clock.advance(PATIENCE - 1)
        self.felt(leases=[b"reap"])
        self.assertEqual(self.turns, ["gained", "lost", "gained"])
        self.clock.advance(1)
        self.assertEqual(self.turns, ["gained", "lost", "gained", "lost"])

    def test_those_to_adopt_are_named_and_a_lapse_is_told(self) -> None:
        self.felt(lapsed=1, dead=[b"p2", b"1764000000.25"])
        self.assertEqual((self.adopted, self.lapses), ([("p2", 1764000000.25)], [None]))
        self.standing.buried("p2")
        self.assertEqual(self.answers.next(PART)[0], ["p1", "buried", "p2"])

    def test_one_whose_work_breaks_keeps_nobody_else_from_theirs(self) -> None:
        def broken() -> None:
            raise RuntimeError("a mistake")

        self.standing.lease("broken", broken, broken)
        self.lease()
        self.felt(leases=[b"broken", b"reap"])
        self.clock.advance(0)
        self.felt(leases=[b"broken", b"reap"])
        self.assertEqual(self.turns, ["gained"])
        self.standing.stop()
        self.assertEqual(self.turns, ["gained", "lost"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_a_turn_that_is_given_up_is_told_to_redis_once(self) -> None:
        stop = self.lease()
        self.felt(leases=[b"reap"])
        given = stop()
        words, answer = self.answers.next(PART)
        self.assertEqual((words, self.turns), (["p1", "lease", "reap"], ["gained", "lost"]))
        self.assertNoResult(given)
        answer.callback(1)
        self.successResultOf(given)
        self.successResultOf(stop())
        self.assertEqual(self.answers.asked, [])

    def test_what_redis_refuses_is_logged_and_the_pulse_goes_on(self) -> None:
        self.felt()
        self.clock.advance(PULSE_EVERY)
        self.answers.next(PULSE)[1].errback(ResponseError("ERR no"))
        self.clock.advance(PULSE_EVERY)
        self.felt()
        self.standing.part("lease", "reap")
        self.answers.next(PART)[1].errback(ResponseError("ERR no"))
        self.standing.part("lease", "reap")
        self.answers.next(PART)[1].errback(Unavailable("away"))
        self.assertEqual(len(self.flushLoggedErrors(ResponseError)), 2)

    def test_a_start_that_is_not_felt_fails(self) -> None:
        self.answers.next(PULSE)[1].errback(Unavailable("away"))
        self.failureResultOf(self.started, Unavailable)
        self.standing.stop()
        self.answers.next(PART)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_it_gives_up_all_and_hears_nothing_more(self) -> None:
        self.lease()
        self.felt(leases=[b"reap"])
        self.clock.advance(0)
        stopped = self.standing.stop()
        self.assertEqual(self.turns, ["gained", "lost"])
        self.felt(leases=[b"reap"], lapsed=1)
        words, answer = self.answers.next(PART)
        self.assertEqual(words, ["p1", "all"])
        answer.callback(1)
        self.successResultOf(stopped)
        self.assertEqual((self.turns, self.lapses), (["gained", "lost"], []))
        self.standing.hasten()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(self.standing.stop())


class Adoption(Brokers):
    """The people of a process that died, on a real Redis."""

    async def came(self, broker: Any, *names: str) -> None:
        for name in names:
            key = f"who:{name}"
            await broker.publish("algebra", name.encode(), under=None, key=key, claim=(key, name))

    def orphans(self, *watchers: Watcher) -> list[Any]:
        return [news for watcher in watchers for news in watcher.news if news[0] == "orphaned"]

    async def test_who_serves_nobody_adopts_nobody(self) -> None:
        # The first one records, say, and watches nobody; its pulse comes all the same.
        recording, serving, dying = [await self.started() for _ in range(3)]
        await self.came(dying, "ann")
        await kill(dying)
        observer = Heard()
        await recording.journal("recorder", observer.observe)
        await recording.journal("another", observer.observe)
        watcher = Watcher()
        told = watcher.told("orphaned")
        await serving.watch(watcher)
        await told
        self.assertEqual(self.orphans(watcher), [("orphaned", "algebra", ["who:ann"])])

    async def test_an_adopter_that_dies_before_it_has_told_leaves_them_to_the_next(self) -> None:
        dying, adopting, third = [await self.started() for _ in range(3)]
        await self.came(dying, "ann", "bob")
        first, second = Watcher(), Watcher()
        stuck: Deferred[None] = Deferred()
        first.orphaned = lambda room, keys, seen: stuck.callback(None) or Deferred()  # type: ignore[method-assign]
        await adopting.watch(first)
        await kill(dying)
        await stuck
        told = second.told("orphaned")
        await third.watch(second)
        await kill(adopting)
        await told
        ((_, room, keys),) = self.orphans(second)
        self.assertEqual((room, sorted(keys)), ("algebra", ["who:ann", "who:bob"]))
        # They are the third one's to let go of, and nobody else's.
        self.assertTrue(await third.let_go("algebra", "who:ann", "ann"))

    async def test_people_are_told_of_although_the_first_answer_was_lost(self) -> None:
        dying, adopting = await self.started(), await self.started()
        await self.came(dying, "ann")
        # Her own, who are not told of.
        await self.came(adopting, "cy")
        ask, lost = adopting._servers.ask, [shard_of("algebra")]

        def losing(shard: int, *words: Any) -> Any:
            answer = ask(shard, *words)
            if words[1] == ORPHANS._digest and shard in lost:
                lost.remove(shard)
                return answer.addCallback(lambda _: fail(Unavailable("The connection to Redis was lost.")))
            return answer

        adopting._servers.ask = losing  # type: ignore[method-assign]
        watcher = Watcher()
        told = watcher.told("orphaned")
        await adopting.watch(watcher)
        await kill(dying)
        await told
        self.assertEqual(lost, [])
        self.assertEqual(self.orphans(watcher), [("orphaned", "algebra", ["who:ann"])])

    async def test_a_process_that_was_taken_for_dead_stands_for_its_people_again(self) -> None:
        slow, other = await self.started(), await self.started()
        await self.came(slow, "ann")
        watcher = Watcher()
        told = watcher.told("orphaned")
        await other.watch(watcher)
        # It could say nothing of itself for a while, and does not know it.
        self.redis.command("ZADD", f"{self.prefix}:{{house}}:alive", 1000, slow._process)
        await told
        slow._standing.hasten()
        await self.turns(slow)
        self.assertFalse(await other.let_go("algebra", "who:ann", "ann"))
        self.assertTrue(await slow.let_go("algebra", "who:ann", "ann"))

    async def turns(self, broker: Any) -> None:
        """Wait until it stands for Ann."""
        while broker._process not in self.redis.command(
            "HGET", f"{self.prefix}:{{{shard_of('algebra'):02d}}}:holders:algebra", "who:ann"
        ):
            await broker.read("algebra")

    async def test_a_watcher_that_breaks_is_asked_again(self) -> None:
        dying, adopting = await self.started(), await self.started()
        await self.came(dying, "ann")
        watcher, broken = Watcher(), [fail(RuntimeError("a mistake")), succeed(None)]
        done: Deferred[None] = Deferred()

        def orphaned(room: str, keys: Sequence[str], seen: float) -> Any:
            result = broken.pop(0)
            if not broken:
                done.callback(None)
            return result

        watcher.orphaned = orphaned  # type: ignore[method-assign]
        await adopting.watch(watcher)
        await kill(dying)
        await done
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        await adopting.publish("algebra", line("hi"), under=None)
