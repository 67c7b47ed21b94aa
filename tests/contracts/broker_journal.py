"""What every broker promises of its journal, and of dropping a room."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, gatherResults

from meet.errors import Stale
from meet.events import Position
from meet.interfaces import Record
from meet.look import Look
from tests.contracts.broker_ground import BrokerGround
from tests.contracts.hearing import Failing, Heard


class JournalContract(BrokerGround):
    """The part of `tests.contracts.broker.BrokerContract` that is about the journal."""

    # The journal.

    async def test_an_observer_hears_every_room_in_order(self) -> None:
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        for each in range(300):
            self.broker.publish(("algebra", "botany")[each % 2], b"%d" % each, under=None)
        await self.done(observer.upto(300))
        for room in ("algebra", "botany"):
            records = [record for record in observer.items if record.room == room]
            self.assertEqual([record.position.seq for record in records], list(range(1, 151)))

    async def test_a_new_observer_hears_what_is_still_held(self) -> None:
        for each in range(12):
            await self.say(b"%d" % each)
        await self.say(b"title", key="title")
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(observer.upto(11))
        self.assertEqual(observer.bodies, [*(b"%d" % each for each in range(2, 12)), b"title"])

    async def test_what_was_not_taken_is_told_again_after_a_pause(self) -> None:
        observer = Failing(3)
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.say(b"one")
        await self.done(observer.tried(1))
        for tries, pause in ((2, 1), (3, 2), (4, 4)):
            # It counts its try before it fails it: let that come first.
            await self.look()
            await self.pass_time(pause - 0.1)
            await self.say(b"fence", room="botany", key="x")
            self.assertEqual(len(observer.tries), tries - 1)
            await self.pass_time(0.1)
            await self.done(observer.tried(tries))
        self.assertEqual([b"one" in told for told in observer.tries], [True] * 4)

    async def test_an_observer_that_raises_is_told_again(self) -> None:
        observer = Heard()
        tries = []

        def observe(records: Sequence[Record]) -> Deferred[None]:
            tries.append(records)
            if len(tries) == 1:
                first.callback(None)
                raise OSError("at once")
            return observer.observe(records)

        first: Deferred[None] = Deferred()
        await self.say(b"one")
        await self.done(self.broker.journal("recorder", observe))
        await self.done(first)
        await self.look()
        await self.pass_time(1)
        await self.done(observer.upto(1))
        self.assertEqual(observer.bodies, [b"one"])

    async def test_the_next_batch_waits_for_the_acknowledgement(self) -> None:
        batches: list[Deferred[None]] = []
        told = Heard()

        def observe(records: Sequence[Record]) -> Deferred[None]:
            batches.append(Deferred())
            told.observe(records)
            return batches[-1]

        await self.done(self.broker.journal("recorder", observe))
        await self.say(b"one")
        await self.done(told.upto(1))
        await self.say(b"two")
        await self.look()
        self.assertEqual(told.bodies, [b"one"])
        batches[0].callback(None)
        await self.done(told.upto(2))
        self.assertEqual(told.bodies, [b"one", b"two"])
        batches[1].callback(None)

    async def test_what_was_not_acknowledged_comes_again_after_a_restart(self) -> None:
        taken = Heard()
        await self.done(self.broker.journal("recorder", taken.observe))
        await self.say(b"one")
        await self.done(taken.upto(1))
        await self.restart()
        untaken = Failing(1)
        await self.done(self.broker.journal("recorder", untaken.observe))
        for each in range(30):
            await self.say(b"%d" % each)
        await self.restart()
        again = Heard()
        await self.done(self.broker.journal("recorder", again.observe))
        await self.done(again.upto(30))
        self.assertEqual(again.bodies, [b"%d" % each for each in range(30)])

    async def test_an_observer_misses_nothing_when_all_it_took_is_gone(self) -> None:
        taken = Heard()
        await self.done(self.broker.journal("recorder", taken.observe))
        await self.say(b"came", key="who:ann")
        await self.say(b"left", key="who:ann", forget=True)
        await self.done(taken.upto(2))
        await self.restart()
        await self.done(self.broker.journal("recorder", taken.observe))
        await self.say(b"next")
        await self.done(taken.upto(3))
        self.assertEqual(taken.bodies, [b"came", b"left", b"next"])

    async def test_observers_do_not_wait_for_each_other(self) -> None:
        stuck: Deferred[None] = Deferred()
        held = Heard()
        free = Heard()

        def observe(records: Sequence[Record]) -> Deferred[None]:
            held.observe(records)
            return stuck

        await self.done(self.broker.journal("stuck", observe))
        await self.done(self.broker.journal("free", free.observe))
        for each in range(25):
            await self.say(b"%d" % each)
        await self.done(free.upto(25))
        stuck.callback(None)
        await self.done(held.upto(25))
        self.assertEqual(held.bodies, free.bodies)

    async def test_a_stopped_observer_is_told_no_more(self) -> None:
        under_way: Deferred[None] = Deferred()
        told = Heard()

        def observe(records: Sequence[Record]) -> Deferred[None]:
            told.observe(records)
            return under_way

        stop = await self.done(self.broker.journal("recorder", observe))
        await self.say(b"one")
        await self.done(told.upto(1))
        stopped = stop()
        self.assertFalse(stopped.called)
        under_way.callback(None)
        await self.done(stopped)
        await self.say(b"two")
        await self.look()
        self.assertEqual(told.bodies, [b"one"])
        later = Heard()
        await self.done(self.broker.journal("recorder", later.observe))
        await self.done(later.upto(1))
        self.assertEqual(later.bodies, [b"two"])

    # Dropping.

    async def test_a_dropped_room_is_unknown_and_begins_anew(self) -> None:
        former = await self.say(b"law", key="settings", ruling=True, once="p1:7")
        await self.say(b"ann", under=former, key="who:ann", claim=("who:ann", "p1"))
        await self.say(b"what was said", under=former)
        await self.say(b"elsewhere", room="botany")
        heard = Heard()
        await self.done(self.broker.attend("algebra", heard.hear))
        await self.done(self.broker.drop("algebra", b"forgotten"))
        while heard.bodies[-1:] != [b"forgotten"]:
            await self.done(heard.upto(len(heard.items) + 1))
        self.assertEqual(heard.items[-1], (Position(former.epoch, 4), b"forgotten"))
        self.assertNotIn(b"what was said", self.files())
        for _ in range(2):
            self.assertEqual(await self.look(), Look(None, None, [], [], 0))
            self.assertEqual(await self.done(self.broker.rooms()), ["botany"])
            await self.restart()
        anew = await self.say(b"again", once="p1:7", key="who:ann", claim=("who:ann", "p2"))
        self.assertEqual(anew.seq, 1)
        self.assertNotEqual(anew.epoch, former.epoch)

    async def test_a_room_that_has_changed_is_not_dropped(self) -> None:
        law = await self.say(b"law", key="settings", ruling=True)
        later = await self.say(b"later law", under=law, key="settings", ruling=True)
        with self.assertRaises(Stale):
            await self.done(self.broker.drop("algebra", b"forgotten", under=law))
        self.assertEqual((await self.look()).last, later)
        await self.done(self.broker.drop("algebra", b"forgotten", under=later))
        self.assertEqual((await self.look()).last, None)

    async def test_what_follows_a_drop_at_once_is_of_the_new_log(self) -> None:
        former = await self.say(b"one")
        asked = [
            self.broker.publish("algebra", b"two", under=None),
            self.broker.drop("algebra", b"forgotten"),
            self.broker.publish("algebra", b"anew", under=None),
        ]
        second, _, anew = await self.done(gatherResults(asked))
        self.assertEqual(second, Position(former.epoch, 2))
        self.assertEqual(anew.seq, 1)
        self.assertNotEqual(anew.epoch, former.epoch)
        self.assertEqual([body for _, body in (await self.look()).tail], [b"anew"])

    async def test_a_drop_is_journaled_in_place_of_the_words(self) -> None:
        observer = Failing(1)
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.say(b"one")
        await self.done(observer.tried(1))
        await self.done(self.broker.drop("algebra", b"forgotten"))
        await self.pass_time(1)
        await self.done(observer.upto(1))
        self.assertEqual([(record.position.seq, record.body) for record in observer.items], [(2, b"forgotten")])

    async def test_dropping_an_unknown_room_does_nothing(self) -> None:
        observer, heard = Heard(), Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(self.broker.attend("nowhere", heard.hear))
        await self.done(self.broker.drop("nowhere", b"forgotten"))
        await self.say(b"fence")
        await self.done(observer.upto(1))
        self.assertEqual(observer.bodies, [b"fence"])
        self.assertEqual(heard.items, [])
