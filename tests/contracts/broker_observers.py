"""What every broker promises of those for whom the journal is kept."""

from __future__ import annotations

from meet.errors import Taken, Unavailable
from meet.events import Position
from meet.interfaces import Observer
from tests.contracts.broker_ground import BrokerGround
from tests.contracts.hearing import Failing, Heard


class ObserversContract(BrokerGround):
    """The part of `tests.contracts.broker.BrokerContract` that is about names of observers."""

    async def observers(self) -> dict[str, Observer]:
        found = await self.done(self.broker.observers())
        self.assertEqual([each.name for each in found], sorted(each.name for each in found))
        return {each.name: each for each in found}

    async def stays_away(self, name: str, taken: int = 0) -> None:
        """Let ``name`` be there until it has taken so many records, and stay away from then on."""
        observer = Heard()
        stop = await self.done(self.broker.journal(name, observer.observe))
        await self.done(observer.upto(taken))
        await self.done(stop())

    async def test_there_is_nobody_before_somebody_observes(self) -> None:
        await self.say(b"hi")
        self.assertEqual(await self.observers(), {})

    async def test_one_that_is_there_is_not_away(self) -> None:
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.say(b"hi")
        await self.done(observer.upto(1))
        await self.pass_time(5)
        # What it has taken is acknowledged behind its back.
        await self.look()
        self.assertEqual(await self.observers(), {"recorder": Observer("recorder", 0, 0)})

    async def test_one_that_does_not_take_is_behind(self) -> None:
        failing = Failing(1000)
        await self.done(self.broker.journal("recorder", failing.observe))
        for each in range(3):
            await self.say(b"%d" % each)
        await self.say(b"title", room="botany", key="title")
        await self.done(failing.tried(1))
        self.assertEqual(await self.observers(), {"recorder": Observer("recorder", 4, 0)})

    async def test_one_that_is_new_has_yet_to_take_what_is_remembered(self) -> None:
        for each in range(12):
            await self.say(b"%d" % each)
        await self.done(self.broker.journal("recorder", Failing(1000).observe))
        self.assertEqual((await self.observers())["recorder"].behind, 10)

    async def test_one_that_has_gone_is_away_and_falls_behind(self) -> None:
        await self.say(b"one")
        await self.stays_away("recorder", 1)
        for each in range(5):
            await self.say(b"%d" % each)
        await self.pass_time(3)
        one = (await self.observers())["recorder"]
        self.assertEqual(one.behind, 5)
        self.assertGreater(one.away, 0)
        self.assertLess(one.away, 60)

    async def test_what_was_erased_meanwhile_is_not_waited_for(self) -> None:
        await self.say(b"one")
        await self.stays_away("recorder", 1)
        positions = [await self.say(b"%d" % each) for each in range(5)]
        await self.say(b"erased", erase=positions[2])
        self.assertEqual((await self.observers())["recorder"].behind, 5)

    async def test_it_is_away_after_a_restart_and_there_again_when_it_is_back(self) -> None:
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.restart()
        await self.pass_time(3)
        self.assertGreater((await self.observers())["recorder"].away, 0)
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.pass_time(1)
        self.assertEqual((await self.observers())["recorder"].away, 0)

    async def test_of_one_that_another_process_tells_is_said_that_it_is_there(self) -> None:
        other = await self.another()
        if other is None:
            return
        heard = Heard()
        await self.done(other.journal("recorder", heard.observe))
        await self.say(b"one")
        await self.done(heard.upto(1))
        self.assertEqual((await self.observers())["recorder"].away, 0)
        with self.assertRaises(Taken):
            await self.done(self.broker.dismiss("recorder"))
        self.ended(other)
        await self.pass_time(15)
        await self.pass_time(1)
        self.assertGreater((await self.observers())["recorder"].away, 0)
        self.assertTrue(await self.done(self.broker.dismiss("recorder")))

    # Dismissing.

    async def test_one_that_is_there_is_not_dismissed(self) -> None:
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.say(b"one")
        await self.done(observer.upto(1))
        with self.assertRaisesRegex(Taken, r"The observer recorder is there: .*\."):
            await self.done(self.broker.dismiss("recorder"))
        await self.say(b"two")
        await self.done(observer.upto(2))

    async def test_of_one_that_nobody_knows_nothing_is_dismissed(self) -> None:
        self.assertFalse(await self.done(self.broker.dismiss("nobody")))

    async def test_nothing_is_kept_for_one_that_was_dismissed(self) -> None:
        await self.stays_away("old")
        await self.fill()
        self.assertIn(b"what was said", self.files() or b"what was said")
        self.assertTrue(await self.done(self.broker.dismiss("old")))
        self.assertFalse(await self.done(self.broker.dismiss("old")))
        self.assertEqual(await self.observers(), {})
        self.assertEqual(await self.told_to("new"), await self.remembered())

    async def test_others_lose_nothing_by_it(self) -> None:
        await self.stays_away("old")
        await self.stays_away("slow")
        positions = await self.fill()
        self.assertTrue(await self.done(self.broker.dismiss("old")))
        self.assertEqual(list(await self.observers()), ["slow"])
        self.assertEqual((await self.observers())["slow"].behind, len(positions))
        self.assertEqual(await self.told_to("slow", len(positions)), positions)

    async def test_one_that_was_dismissed_and_comes_again_is_new(self) -> None:
        await self.stays_away("old")
        await self.fill()
        await self.done(self.broker.dismiss("old"))
        self.assertEqual(await self.told_to("old"), await self.remembered())
        self.assertEqual((await self.observers())["old"].behind, 0)

    async def test_what_is_said_to_nobody_is_not_kept(self) -> None:
        await self.stays_away("old")
        await self.done(self.broker.dismiss("old"))
        await self.fill()
        self.assertEqual(await self.told_to("new"), await self.remembered())

    async def test_none_of_this_can_be_asked_of_a_broker_that_has_stopped(self) -> None:
        await self.end()
        for asked in (self.broker.observers(), self.broker.dismiss("recorder")):
            with self.assertRaises(Unavailable):
                await self.done(asked)
        await self.begin()

    async def fill(self) -> list[Position]:
        """Say more than a room remembers."""
        return [await self.say(b"what was said %d" % each) for each in range(25)]

    async def remembered(self) -> list[Position]:
        """What an observer that is new is told."""
        return [position for position, _ in (await self.look()).tail]

    async def told_to(self, name: str, count: int = 10) -> list[Position]:
        """What ``name`` is told before what is said next."""
        observer = Heard()
        stop = await self.done(self.broker.journal(name, observer.observe))
        await self.done(observer.upto(count))
        told = [record.position for record in observer.items]
        await self.done(stop())
        await self.look()
        return told
