"""What one server says no with, as people are told it."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import FirstError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from txredisapi import ResponseError

from meet.address import read_address
from meet.broker.redis.servers import OneServer, first_of, first_word
from meet.errors import Unavailable
from tests.broker.redis.conversation import Caller, News, Side
from tests.contracts.broker_ground import chance

MASTER = b"*1\r\n$6\r\nmaster"

REFUSALS = {
    b"OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:1.": "no memory left",
    b"NOREPLICAS Not enough good replicas to write.": "too few copies running",
    b"LOADING Redis is loading the dataset in memory": "reading its files",
    b"BUSY Redis is busy running a script.": "Redis is busy",
    b"MISCONF Redis is configured to save RDB snapshots": "cannot write its files",
    b"TRYAGAIN Multiple keys request during rehashing of slot": "moving this room",
    b"ERR Script attempted to access a non local key in a cluster node script: 1": "moving this room",
    b"NOPERM this user has no permissions to run the 'evalsha' command": "does not let Meet do this",
    b"NOAUTH Authentication required.": "does not let Meet do this",
    b"ERR The user executing the script can't publish to the channel mentioned in the command": "does not let Meet do",
}
"""What Redis says, and a part of what becomes of it."""


class OneServerTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.side, self.news = Side(), News()
        self.side.open()
        self.addCleanup(self.side.close)
        address = read_address(f"redis://{self.side.address}")
        self.servers = OneServer(address, [b"script"], reactor, chance, self.news.up, self.news.down)
        self.addCleanup(self.servers.stop)
        self.servers.start()

    async def connected(self) -> Caller:
        caller = await self.side.callers.get()
        await caller.next(1)
        caller.say(MASTER)
        self.assertEqual(await caller.next(1), [[b"SCRIPT", b"LOAD", b"script"]])
        caller.say(b"+OK")
        await self.news.ups.get()
        return caller

    async def test_each_refusal_is_a_sentence(self) -> None:
        caller = await self.connected()
        for said, meant in REFUSALS.items():
            asked = self.servers.ask(3, "SET", "a", "b")
            await caller.next(1)
            caller.say(b"-" + said)
            with self.assertRaisesRegex(Unavailable, f"{meant}.*[.]$"):
                await asked
        self.assertEqual(self.news.untold, [])

    async def test_what_is_our_own_mistake_is_not_hidden(self) -> None:
        caller = await self.connected()
        for said in (b"WRONGTYPE Operation against a key", b"ERR unknown command", b"NOGROUP No such key"):
            asked = self.servers.ask(3, "SET", "a", "b")
            await caller.next(1)
            caller.say(b"-" + said)
            with self.assertRaisesRegex(ResponseError, said.decode()):
                await asked

    async def test_where_it_is_no_master_any_more_another_is_looked_for(self) -> None:
        caller = await self.connected()
        for said in (
            b"READONLY You can't write against a read only replica.",
            b"MASTERDOWN Link with MASTER is down",
            b"UNBLOCKED force unblock from blocking operation, instance state changed",
        ):
            asked = self.servers.ask(3, "SET", "a", "b")
            await caller.next(1)
            caller.say(b"-" + said)
            with self.assertRaisesRegex(Unavailable, "changing its master. Try again in a moment.$"):
                await asked
            await caller.gone
            await self.news.downs.get()
            # It is a copy still: it is asked again until it is not.
            caller = await self.side.callers.get()
            await caller.next(1)
            caller.say(b"*1\r\n$5\r\nslave")
            self.assertEqual(await self.news.downs.get(), "That Redis is a copy of another one.")
            caller = await self.connected()

    async def test_copies_are_counted_behind_what_was_written(self) -> None:
        caller = await self.connected()
        written = self.servers.ask(3, "SET", "a", "b").addCallback(lambda _: self.servers.copied(3, 1))
        await caller.next(1)
        caller.say(b"+OK")
        self.assertEqual(await caller.next(1), [[b"WAIT", b"1", b"1000"]])
        caller.say(b":1")
        self.assertEqual(await written, 1)
        refused = self.servers.copied(3, 1)
        await caller.next(1)
        caller.say(b"-NOPERM no")
        with self.assertRaises(Unavailable):
            await refused


class Failures(SynchronousTestCase):
    def test_the_first_word_says_the_kind(self) -> None:
        self.assertEqual(first_word(Failure(ResponseError("OOM no memory"))), "OOM")
        self.assertEqual(first_word(Failure(Unavailable("OOM no memory"))), "")

    def test_the_first_of_several_is_told_as_itself(self) -> None:
        inner = Failure(Unavailable("away"))
        self.assertIs(first_of(Failure(FirstError(inner, 3))), inner)
        self.assertIs(first_of(inner), inner)
