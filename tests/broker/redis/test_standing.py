"""Processes: who lives, who has died, and whose people are whose."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.broker.redis.case import Case, Watcher
from tests.broker.redis.ground import kill
from tests.contracts.hearing import Heard


class StandingTests(Case):
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
