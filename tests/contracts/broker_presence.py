"""What every broker promises of those whom a process stands for, of its ends, and of probing."""

from __future__ import annotations

from typing import Any

from meet.errors import Taken, Unavailable
from meet.events import Position
from tests.contracts.broker_ground import BrokerGround

ANN = ("algebra", "who:ann", "p1")


class PresenceContract(BrokerGround):
    """The part of `tests.contracts.broker.BrokerContract` that is about processes and people."""

    async def came(self, broker: Any = None, key: str = "who:ann", owner: str = "p1") -> Position:
        asked = (broker or self.broker).publish("algebra", key.encode(), under=None, key=key, claim=(key, owner))
        return await self.done(asked)

    async def left(self, broker: Any, key: str = "who:ann", owner: str = "p1") -> Position:
        asked = broker.publish("algebra", b"left", under=None, key=key, forget=True, claim=(key, owner))
        return await self.done(asked)

    # Standing for somebody.

    async def test_only_the_owner_of_a_key_is_stood_for(self) -> None:
        self.assertFalse(await self.done(self.broker.hold(*ANN)))
        await self.came()
        self.assertTrue(await self.done(self.broker.hold(*ANN)))
        self.assertFalse(await self.done(self.broker.hold("algebra", "who:ann", "p2")))
        self.assertFalse(await self.done(self.broker.hold("botany", "who:ann", "p1")))

    async def test_who_lets_go_alone_leaves_nobody(self) -> None:
        await self.came()
        self.assertTrue(await self.done(self.broker.let_go(*ANN)))
        self.assertTrue(await self.done(self.broker.let_go(*ANN)))
        await self.left(self.broker)

    async def test_two_who_stand_for_one_let_go_one_after_the_other(self) -> None:
        other = await self.another()
        if other is None:
            return
        await self.came()
        self.assertTrue(await self.done(other.hold(*ANN)))
        self.assertFalse(await self.done(self.broker.let_go(*ANN)))
        self.assertTrue(await self.done(other.let_go(*ANN)))

    async def test_nobody_leaves_while_another_process_alone_stands_for_them(self) -> None:
        other = await self.another()
        if other is None:
            return
        await self.came()
        with self.assertRaises(Taken):
            await self.left(other)
        self.assertEqual(len((await self.look()).kept), 1)
        await self.done(other.hold(*ANN))
        await self.left(other)
        self.assertEqual((await self.look()).kept, [])

    async def test_who_has_left_and_come_again_is_stood_for_anew(self) -> None:
        other = await self.another()
        if other is None:
            return
        await self.came()
        await self.done(other.hold(*ANN))
        await self.left(self.broker)
        await self.came()
        self.assertTrue(await self.done(self.broker.let_go(*ANN)))

    async def test_others_may_speak_for_them_meanwhile(self) -> None:
        other = await self.another()
        if other is None:
            return
        await self.came()
        await self.done(other.publish("algebra", b"hi", under=None, claim=("who:ann", "p1")))

    # Ends of processes.

    async def test_what_an_earlier_process_held_is_told_at_the_start(self) -> None:
        await self.came()
        await self.came(key="who:bob", owner="p2")
        await self.came(key="who:cy", owner="p3")
        await self.left(self.broker, "who:cy", "p3")
        await self.say(b"title", key="title")
        await self.restart()
        watching = await self.watched()
        ((room, keys, seen),) = await self.done(watching.orphans.upto(1))
        self.assertEqual((room, keys), ("algebra", ["who:ann", "who:bob"]))
        self.assertLess(abs(seen - self.clock.seconds()), 60)
        self.assertTrue(await self.done(self.broker.let_go(*ANN)))

    async def test_a_process_that_dies_leaves_its_people_to_one_other(self) -> None:
        dying, third = await self.another(), await self.another()
        if dying is None:
            return
        watching = [await self.watched(broker) for broker in (self.broker, third)]
        await self.came(dying)
        await self.came(key="who:bob", owner="p2")
        self.ended(dying)
        died = self.clock.seconds()
        await self.pass_time(15)
        await self.done(self.broker.probe())
        await self.done(third.probe())
        told = [each for every in watching for each in every.orphans.items]
        self.assertEqual([each[:2] for each in told], [("algebra", ["who:ann"])])
        self.assertLess(abs(told[0][2] - died), 15)
        heir, idle = (self.broker, third) if watching[0].orphans.items else (third, self.broker)
        with self.assertRaises(Taken):
            await self.left(idle)
        await self.left(heir)

    async def test_a_process_that_stops_leaves_its_people_at_once(self) -> None:
        other = await self.another()
        if other is None:
            return
        watching = await self.watched()
        await self.came(other)
        self.others.remove(other)
        await self.done(other.stop())
        ((room, keys, _),) = await self.done(watching.orphans.upto(1))
        self.assertEqual((room, keys), ("algebra", ["who:ann"]))

    async def test_nobody_is_told_of_people_for_whom_another_stands(self) -> None:
        other = await self.another()
        if other is None:
            return
        watching = await self.watched()
        await self.came(other)
        await self.done(self.broker.hold(*ANN))
        self.others.remove(other)
        await self.done(other.stop())
        await self.pass_time(15)
        await self.done(self.broker.probe())
        self.assertEqual(watching.orphans.items, [])
        self.assertTrue(await self.done(self.broker.let_go(*ANN)))

    async def test_who_has_not_come_back_when_the_next_process_ends_was_last_there_before_the_first_end(self) -> None:
        for nick in ("ann", "bob", "cy"):
            await self.came(key=f"who:{nick}", owner=nick)
        await self.restart()
        watching = await self.watched()
        ((_, _, first),) = await self.done(watching.orphans.upto(1))
        await self.pass_time(5)
        await self.say(b"hi")
        # Bob comes back, cy's nick goes to somebody else, and ann's place is stood for anew.
        self.assertTrue(await self.done(self.broker.hold("algebra", "who:bob", "bob")))
        await self.left(self.broker, "who:cy", "cy")
        await self.came(key="who:cy", owner="another")
        self.assertTrue(await self.done(self.broker.hold("algebra", "who:ann", "ann", first)))
        await self.restart()
        watching = await self.watched()
        told = {tuple(keys): seen for _, keys, seen in await self.done(watching.orphans.upto(2))}
        self.assertEqual(set(told), {("who:ann",), ("who:bob", "who:cy")})
        self.assertLess(abs(told["who:ann",] - first), 0.002)
        self.assertGreater(told["who:bob", "who:cy"], told["who:ann",])
        await self.restart()
        watching = await self.watched()
        third = {key: seen for _, keys, seen in await self.done(watching.orphans.upto(2)) for key in keys}
        self.assertLess(abs(third["who:ann"] - first), 0.002)
        self.assertLess(abs(third["who:bob"] - told["who:bob", "who:cy"]), 0.01)

    async def test_of_whom_a_broker_has_lost_it_hears_since_when_they_are_away(self) -> None:
        await self.came()
        await self.done(self.broker.let_go(*ANN))
        since = self.clock.seconds() - 100
        self.assertTrue(await self.done(self.broker.hold(*ANN, since)))
        await self.restart()
        watching = await self.watched()
        ((_, _, seen),) = await self.done(watching.orphans.upto(1))
        self.assertLessEqual(seen, self.clock.seconds())
        if self.make_another() is not None:
            self.assertLess(abs(seen - since), 0.01)

    # The broker itself.

    async def test_a_broker_that_is_found_empty_says_so_once(self) -> None:
        watching = await self.watched()
        await self.done(watching.backs.upto(1))
        await self.say(b"hi")
        await self.done(self.broker.probe())
        self.assertEqual(len(watching.backs.items), 1)
        await self.restart()
        again = await self.watched()
        await self.done(self.broker.probe())
        self.assertEqual((again.backs.items, again.aways), ([], []))

    async def test_a_probe_comes_back(self) -> None:
        self.assertIsNone(await self.done(self.broker.probe()))
        self.assertEqual(await self.done(self.broker.rooms()), [])

    async def test_nothing_of_this_can_be_asked_of_a_broker_that_has_stopped(self) -> None:
        await self.end()
        for asked in (
            self.broker.probe(),
            self.broker.hold(*ANN),
            self.broker.let_go(*ANN),
            self.broker.restore("algebra", await self.nothing_known(), b""),
        ):
            with self.assertRaises(Unavailable):
                await self.done(asked)
        await self.begin()
