"""What every broker promises of work that is done by one process at a time, and of journals that are shared."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from meet.interfaces import Observe
from tests.contracts.broker_ground import BrokerGround
from tests.contracts.hearing import Failing, Heard


class Turn:
    """Takes part in the work ``reaper``; ``log`` has what it was told, ``told`` fires at the next."""

    def __init__(self, broker: Any) -> None:
        self.log = Heard()
        self.give_up = broker.lease("reaper", lambda: self._told("gained"), lambda: self._told("lost"))

    def _told(self, what: str) -> None:
        self.log.items.append((what,))
        self.log.told()

    @property
    def has(self) -> bool:
        return self.log.bodies[-1:] == ["gained"]


class LeasesContract(BrokerGround):
    """The part of `tests.contracts.broker.BrokerContract` that is about sharing work."""

    async def test_who_asks_first_has_the_turn_and_not_at_once(self) -> None:
        turn = Turn(self.broker)
        self.assertFalse(turn.has)
        await self.done(turn.log.upto(1))
        self.assertEqual(turn.log.bodies, ["gained"])

    async def test_works_do_not_wait_for_each_other(self) -> None:
        turn, other = Turn(self.broker), Heard()
        self.broker.lease("restorer", lambda: other.hear(None, b"gained"), lambda: None)
        await self.done(turn.log.upto(1))
        await self.done(other.upto(1))

    async def test_a_turn_that_is_given_up_is_another_ones(self) -> None:
        other = await self.another() or self.broker
        first = Turn(self.broker)
        await self.done(first.log.upto(1))
        second = Turn(other)
        await self.done(self.broker.probe())
        self.assertFalse(second.has)
        await self.done(first.give_up())
        await self.done(second.log.upto(1))
        self.assertTrue(second.has)

    async def test_a_process_that_stops_ends_its_turn(self) -> None:
        other = await self.another()
        if other is None:
            return
        first = Turn(other)
        await self.done(first.log.upto(1))
        second = Turn(self.broker)
        self.others.remove(other)
        await self.done(other.stop())
        await self.done(second.log.upto(1))
        self.assertEqual(first.log.bodies, ["gained", "lost"])

    async def test_the_turn_of_a_process_that_dies_is_another_ones_within_15_seconds(self) -> None:
        dying = await self.another()
        if dying is None:
            return
        first = Turn(dying)
        await self.done(first.log.upto(1))
        second = Turn(self.broker)
        await self.done(self.broker.probe())
        self.assertFalse(second.has)
        self.ended(dying)
        await self.pass_time(15)
        await self.done(second.log.upto(1))
        self.assertTrue(second.has)

    async def test_processes_share_the_rooms_of_a_journal(self) -> None:
        other = await self.another()
        if other is None:
            return
        observers, both = [Heard(), Heard()], Heard()

        def observing(observer: Heard) -> Observe:
            def observe(records: Any) -> Deferred[None]:
                both.observe(records)
                return observer.observe(records)

            return observe

        for broker, observer in zip((self.broker, other), observers, strict=True):
            await self.done(broker.journal("recorder", observing(observer)))
        asked = {b"%d" % each for each in range(60)}
        for body in sorted(asked):
            await self.say(body, room=f"room-{int(body) % 6}", key=f"key-{int(body)}")
        while set(both.bodies) != asked:
            await self.done(both.upto(len(both.items) + 1))
        for observer in observers:
            for room in {record.room for record in observer.items}:
                seqs = [record.position.seq for record in observer.items if record.room == room]
                self.assertEqual(seqs, sorted(seqs))

    async def test_what_one_has_left_of_a_journal_another_gets_within_15_seconds(self) -> None:
        dying = await self.another()
        if dying is None:
            return
        under_way: Deferred[None] = Deferred()
        held = Heard()

        def observe(records: Any) -> Deferred[None]:
            held.observe(records)
            return under_way

        await self.done(dying.journal("recorder", observe))
        await self.say(b"one", key="one")
        await self.done(held.upto(1))
        heir = Heard()
        await self.done(self.broker.journal("recorder", heir.observe))
        await self.say(b"two", key="two")
        self.ended(dying)
        await self.pass_time(15)
        await self.done(heir.upto(2))
        self.assertEqual(heir.bodies, [b"one", b"two"])
        under_way.callback(None)

    async def test_one_that_fails_under_a_shared_name_is_tried_again(self) -> None:
        observer = Failing(1)
        stop = await self.done(self.broker.journal("recorder", observer.observe))
        await self.say(b"one")
        await self.done(observer.tried(1))
        await self.look()
        await self.pass_time(1)
        await self.done(observer.upto(1))
        await self.done(stop())
