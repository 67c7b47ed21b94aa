"""What a process hears: confirmed before it counts, and all of it again after a loss."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from meet.broker.redis.hearing import Hearing
from meet.broker.redis.link import PATIENCE, Lost
from meet.errors import Unavailable
from tests.broker.redis.conversation import Caller, News, Side, most


def words(*pieces: bytes | int) -> bytes:
    """One of Redis's lists, without its last line's end."""
    said = [b":%d" % each if isinstance(each, int) else b"$%d\r\n%b" % (len(each), each) for each in pieces]
    return b"*%d\r\n" % len(said) + b"\r\n".join(said)


def confirmed(*channels: bytes) -> list[bytes]:
    return [words(b"subscribe", channel, count) for count, channel in enumerate(channels, 1)]


def message(channel: bytes, text: bytes) -> bytes:
    return words(b"message", channel, text)


class HearingTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.clock, self.side, self.news = Clock(), Side(), News()
        self.side.open()
        self.addCleanup(self.side.close)
        self.heard: list[tuple[str, bytes]] = []
        self.hearing = Hearing(
            self.side.endpoint, lambda _: succeed(None), self.clock, most, self.news.up, self.news.down
        )
        self.addCleanup(self.hearing.stop)

    def subscribe(self, channel: str) -> Deferred[None]:
        return self.hearing.subscribe(channel, lambda text: self.heard.append((channel, text)))

    async def connected(self, *channels: str) -> Caller:
        """Who serves it, once all ``channels`` are heard."""
        for channel in channels:
            self.failureResultOf(self.subscribe(channel), Lost)
        self.hearing.start()
        caller = await self.side.callers.get()
        if channels:
            names = [channel.encode() for channel in channels]
            self.assertEqual(await caller.next(1), [[b"SUBSCRIBE", *names]])
            caller.say(*confirmed(*names))
        await self.news.ups.get()
        return caller

    async def fence(self, caller: Caller) -> None:
        """Everything that was said until now has been heard."""
        fence = self.subscribe("fence")
        await caller.next(1)
        caller.say(*confirmed(b"fence"))
        await fence

    async def test_it_counts_as_there_when_all_is_confirmed(self) -> None:
        for channel in ("a", "b"):
            self.failureResultOf(self.subscribe(channel), Lost)
        self.hearing.start()
        caller = await self.side.callers.get()
        await caller.next(1)
        caller.say(*confirmed(b"a"), message(b"a", b"early"))
        self.failureResultOf(self.subscribe("a"), Lost)
        caller.say(*confirmed(b"b"))
        await self.news.ups.get()
        self.assertEqual(self.heard, [("a", b"early")])

    async def test_messages_come_between_confirmations_and_signs_of_life(self) -> None:
        caller = await self.connected("a")
        self.clock.advance(PATIENCE)
        self.assertEqual(await caller.next(1), [[b"PING"]])
        done = self.subscribe("b")
        self.assertEqual(await caller.next(1), [[b"SUBSCRIBE", b"b"]])
        caller.say(message(b"a", b"1"), words(b"pong", b""), message(b"a", b"2"), *confirmed(b"b"), message(b"b", b"3"))
        await done
        await self.fence(caller)
        self.assertEqual(self.heard, [("a", b"1"), ("a", b"2"), ("b", b"3")])

    async def test_messages_are_signs_of_life(self) -> None:
        caller = await self.connected("a")
        for _ in range(4):
            self.clock.advance(PATIENCE)
            caller.say(message(b"a", b"busy"))
            await self.fence(caller)
        self.assertEqual(self.news.untold, [])

    async def test_after_a_loss_all_is_heard_again_in_pieces_of_five_hundred(self) -> None:
        channels = [f"room{each}" for each in range(1201)]
        for channel in channels:
            self.failureResultOf(self.subscribe(channel), Lost)
        self.hearing.start()
        for _ in range(2):
            caller = await self.side.callers.get()
            commands = await caller.next(3)
            self.assertEqual([len(command) - 1 for command in commands], [500, 500, 201])
            names = [name for command in commands for name in command[1:]]
            self.assertEqual(names, [channel.encode() for channel in channels])
            caller.say(*confirmed(*names))
            await self.news.ups.get()
            caller.say(message(b"room1200", b"hi"))
            await self.fence(caller)
            self.hearing.unsubscribe("fence")
            caller.hang_up()
            await self.news.downs.get()
            self.clock.advance(1)
        self.assertEqual(self.heard, [("room1200", b"hi")] * 2)

    async def test_what_is_wanted_while_it_connects_is_heard_too(self) -> None:
        self.failureResultOf(self.subscribe("a"), Lost)
        self.hearing.start()
        caller = await self.side.callers.get()
        await caller.next(1)
        self.failureResultOf(self.subscribe("b"), Lost)
        self.hearing.unsubscribe("a")
        caller.say(*confirmed(b"a"))
        self.assertEqual(await caller.next(1), [[b"SUBSCRIBE", b"b"]])
        self.assertEqual(self.news.ups.pending, [])
        caller.say(*confirmed(b"b"))
        self.assertEqual(await caller.next(1), [[b"UNSUBSCRIBE", b"a"]])
        await self.news.ups.get()
        caller.say(message(b"a", b"1"), message(b"b", b"2"))
        await self.fence(caller)
        self.assertEqual(self.heard, [("b", b"2")])

    async def test_who_comes_back_at_once_waits_for_its_own_confirmation(self) -> None:
        caller = await self.connected("a")
        again: list[Any] = [self.subscribe("a")]
        self.hearing.unsubscribe("a")
        again.append(self.subscribe("a"))
        self.assertEqual(await caller.next(3), [[b"SUBSCRIBE", b"a"], [b"UNSUBSCRIBE", b"a"], [b"SUBSCRIBE", b"a"]])
        caller.say(*confirmed(b"a"), message(b"a", b"1"))
        await again[0]
        self.assertNoResult(again[1])
        caller.say(words(b"unsubscribe", b"a", 0), *confirmed(b"a"), message(b"a", b"2"))
        await again[1]
        await self.fence(caller)
        self.assertEqual(self.heard, [("a", b"1"), ("a", b"2")])

    async def test_nothing_is_heard_of_what_was_left(self) -> None:
        caller = await self.connected("a", "b")
        self.hearing.unsubscribe("a")
        self.hearing.unsubscribe("a")
        self.hearing.unsubscribe("never")
        self.assertEqual(await caller.next(1), [[b"UNSUBSCRIBE", b"a"]])
        caller.say(message(b"a", b"late"), message(b"b", b"hi"))
        await self.fence(caller)
        self.assertEqual(self.heard, [("b", b"hi")])
        self.assertTrue(caller.silent)

    async def test_what_is_not_confirmed_before_a_loss_fails_plainly_and_is_heard_afterwards(self) -> None:
        caller = await self.connected("a")
        waiting = [self.subscribe("b"), self.subscribe("c")]
        await caller.next(2)
        caller.say(*confirmed(b"b"))
        await waiting[0]
        caller.hang_up()
        with self.assertRaises(Unavailable):
            await waiting[1]
        await self.news.downs.get()
        self.clock.advance(1)
        caller = await self.side.callers.get()
        self.assertEqual(await caller.next(1), [[b"SUBSCRIBE", b"a", b"b", b"c"]])

    async def test_a_server_that_forbids_a_channel_says_so(self) -> None:
        self.failureResultOf(self.subscribe("a"), Lost)
        self.failureResultOf(self.subscribe("b"), Lost)
        self.hearing.start()
        caller = await self.side.callers.get()
        await caller.next(1)
        caller.say(b"-NOPERM this user has no permissions to access one of the channels used as arguments")
        self.assertRegex(await self.news.downs.get(), "^NOPERM this user has no permissions to access one")
        await caller.gone
        # It is tried again, for somebody may mend that.
        self.clock.advance(1)
        caller = await self.side.callers.get()
        await caller.next(1)
        caller.say(*confirmed(b"a", b"b"))
        await self.news.ups.get()
        refused = self.subscribe("c")
        caller.say(b"-NOPERM no")
        with self.assertRaisesRegex(Unavailable, "does not let Meet do this"):
            await refused

    async def test_one_who_fails_to_hear_ends_nothing(self) -> None:
        def broken(_text: bytes) -> None:
            raise RuntimeError("a mistake")

        caller = await self.connected()
        failing = self.hearing.subscribe("a", broken)
        await caller.next(1)
        caller.say(*confirmed(b"a"), message(b"a", b"1"), message(b"never", b"2"))
        await failing
        await self.fence(caller)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_another_connection_can_be_wished_for(self) -> None:
        caller = await self.connected("a")
        self.hearing.renew()
        await caller.gone
        await self.news.downs.get()
        self.clock.advance(1)
        caller = await self.side.callers.get()
        self.assertEqual(await caller.next(1), [[b"SUBSCRIBE", b"a"]])
        await self.hearing.stop()
        await caller.gone
