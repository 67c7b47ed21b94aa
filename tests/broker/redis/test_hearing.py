"""What is heard, over losses of the connection."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from tests.broker.redis.case import Case, Watcher, line
from tests.contracts.hearing import Heard


class HearingTests(Case):
    async def test_a_thousand_rooms_are_heard_again_after_a_loss(self) -> None:
        watcher = Watcher()
        await self.broker.watch(watcher)
        heard = Heard()
        rooms = [f"room{each}" for each in range(1200)]
        await gatherResults([self.broker.attend(room, heard.hear) for room in rooms])
        channels = sorted(self.redis.command("PUBSUB", "CHANNELS"))
        back = watcher.told("back")
        self.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        await back
        self.assertEqual(sorted(self.redis.command("PUBSUB", "CHANNELS")), channels)
        await gatherResults([self.broker.publish(room, line(room), under=None) for room in rooms[::100]])
        await heard.upto(12)
        self.assertEqual(sorted(heard.bodies), sorted(line(room) for room in rooms[::100]))

    async def test_who_is_neglected_while_it_is_away_is_not_heard_again(self) -> None:
        watcher, heard = Watcher(), Heard()
        await self.broker.watch(watcher)
        await self.broker.attend("algebra", heard.hear)
        await self.broker.attend("botany", heard.hear)
        away, back = watcher.told("away"), watcher.told("back")
        self.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        await away
        self.broker.neglect("algebra")
        await back
        await self.broker.publish("algebra", line("a"), under=None)
        await self.broker.publish("botany", line("b"), under=None)
        await heard.upto(1)
        self.assertEqual(heard.bodies, [line("b")])

    async def test_a_room_can_be_neglected_and_attended_in_one_breath(self) -> None:
        heard = Heard()
        await self.broker.attend("algebra", heard.hear)
        self.broker.neglect("algebra")
        await self.broker.attend("algebra", heard.hear)
        await self.broker.publish("algebra", line("a"), under=None)
        await heard.upto(1)
        self.assertEqual(heard.bodies, [line("a")])

    async def test_who_fails_to_hear_is_noted_and_heard_on(self) -> None:
        heard = Heard()

        def hear(position: object, body: bytes) -> None:
            heard.hear(position, body)  # type: ignore[arg-type]
            raise RuntimeError("a mistake")

        await self.broker.attend("algebra", hear)
        for each in range(2):
            await self.broker.publish("algebra", line(str(each)), under=None)
        await heard.upto(2)
        await self.broker.probe()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
