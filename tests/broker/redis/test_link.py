"""One connection: the other side of each conversation is written here, byte by byte where that matters."""

from __future__ import annotations

import hiredis
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL.SSL import Error as NotSecure
from service_identity import VerificationError
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from txredisapi import ResponseError

from meet.broker.redis.link import PATIENCE, UNTRUSTED, Greet, Line, Link, Lost, pack, sentence
from meet.errors import Unavailable
from tests.broker.redis.conversation import Caller, News, Side, least, most

WORDS = st.lists(st.binary(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10), min_size=1)
ANSWERS = [
    (b"+PONG\r\n", b"PONG"),
    (b":12\r\n", 12),
    (b"$-1\r\n", None),
    (b"$5\r\na\r\nb\x00\r\n", b"a\r\nb\x00"),
    (b"*0\r\n", []),
    (b"*2\r\n:1\r\n*2\r\n$2\r\n07\r\n$-1\r\n", [1, [b"07", None]]),
]
"""What Redis sends, and what it means: digits stay bytes."""


def plain(_line: Line) -> Deferred[None]:
    """No greeting at all."""
    return succeed(None)


class Words(SynchronousTestCase):
    @given(WORDS)
    def test_a_command_is_read_as_it_was_meant(self, words: list[bytes | int | str]) -> None:
        reader = hiredis.Reader()
        reader.feed(pack(words))
        assert reader.gets() == [word if isinstance(word, bytes) else str(word).encode() for word in words]

    @given(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=8), st.data())
    def test_answers_may_come_in_any_pieces(self, answers: list[tuple[bytes, object]], data: st.DataObject) -> None:
        line = Line()
        line.makeConnection(StringTransport())
        got: list[object] = []
        for _ in answers:
            line.ask(("PING",)).addCallback(got.append)
        stream = b"".join(sent for sent, _ in answers)
        cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            line.dataReceived(stream[start:end])
        assert got == [meant for _, meant in answers]


class Sentences(SynchronousTestCase):
    """What an operator reads."""

    def test_of_the_system_tls_redis_and_others(self) -> None:
        for problem, said in (
            (Refused(osError=111), "Connection refused."),
            (
                NotSecure([("SSL routines", "", "certificate verify failed")]),
                f"{UNTRUSTED}: certificate verify failed.",
            ),
            (
                NotSecure([("SSL routines", "", "wrong version number")]),
                "TLS does not come about: wrong version number.",
            ),
            (VerificationError(errors=[]), f"{UNTRUSTED}: it is another host's."),
            (ResponseError("WRONGPASS no"), "WRONGPASS no."),
            (Unavailable("Two\n words."), "Two words."),
            (OSError(), "OSError."),
        ):
            self.assertEqual(sentence(Failure(problem)), said)


class Case(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.clock, self.side, self.news = Clock(), Side(), News()
        self.side.open()
        self.addCleanup(self.side.close)

    def link(self, *scripts: bytes, greet: Greet = plain, random=most) -> Link:
        link = Link(self.side.endpoint, greet, scripts, self.clock, random, self.news.up, self.news.down)
        self.addCleanup(link.stop)
        link.start()
        return link

    async def connected(self, *scripts: bytes) -> tuple[Link, Caller]:
        """A link that is in use, and who serves it."""
        link = self.link(*scripts)
        caller = await self.side.callers.get()
        if scripts:
            await caller.next(len(scripts))
            caller.say(*[b"+OK"] * len(scripts))
        await self.news.ups.get()
        return link, caller


class Asking(Case):
    async def test_asks_are_answered_in_their_order(self) -> None:
        link, caller = await self.connected()
        asked = [link.ask("ECHO", each) for each in range(3)]
        self.assertEqual(await caller.next(3), [[b"ECHO", b"%d" % each] for each in range(3)])
        caller.say(b":0", b"-ERR no", b":2")
        self.assertEqual(await asked[0], 0)
        with self.assertRaisesRegex(ResponseError, "ERR no"):
            await asked[1]
        self.assertEqual(await asked[2], 2)

    async def test_nothing_waits_for_a_connection_that_is_not_there(self) -> None:
        link = self.link()
        self.failureResultOf(link.ask("PING"), Lost)

    async def test_what_has_no_answer_fails_when_the_connection_goes(self) -> None:
        link, caller = await self.connected()
        asked = [link.ask("PING") for _ in range(3)]
        await caller.next(3)
        caller.say(b"+PONG")
        self.assertEqual(await asked[0], b"PONG")
        caller.hang_up()
        for each in asked[1:]:
            with self.assertRaises(Lost):
                await each
        self.assertEqual(await self.news.downs.get(), "The connection to Redis was lost.")
        self.failureResultOf(link.ask("PING"), Lost)

    async def test_an_answer_that_nobody_asked_for_ends_the_connection(self) -> None:
        link, caller = await self.connected()
        asked = link.ask("PING")
        await caller.next(1)
        caller.say(b"+PONG", b"+PONG")
        self.assertEqual(await asked, b"PONG")
        await caller.gone
        await self.news.downs.get()
        self.clock.advance(1)
        await self.side.callers.get()
        await self.news.ups.get()

    async def test_who_speaks_otherwise_is_said_not_to_be_a_redis(self) -> None:
        self.link(greet=lambda line: line.ask(("PING",)))
        caller = await self.side.callers.get()
        await caller.next(1)
        caller.say(b"HTTP/1.1 400 Bad Request", b"", b"")
        self.assertEqual(await self.news.downs.get(), "What answers there does not speak as Redis does.")
        await caller.gone
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_an_ask_of_one_that_speaks_otherwise_all_at_once_fails(self) -> None:
        link, caller = await self.connected()
        asked = link.ask("PING")
        await caller.next(1)
        caller.say(b"what?")
        with self.assertRaisesRegex(Unavailable, "does not speak as Redis does"):
            await asked

    async def test_another_connection_is_looked_for_when_this_one_is_no_good(self) -> None:
        link, caller = await self.connected()
        link.renew()
        await caller.gone
        await self.news.downs.get()
        self.clock.advance(1)
        await self.side.callers.get()
        await self.news.ups.get()


class Scripts(Case):
    async def test_all_are_sent_at_once_and_it_counts_as_there_when_they_are_loaded(self) -> None:
        link = self.link(b"one", b"two", b"three")
        caller = await self.side.callers.get()
        self.assertEqual(await caller.next(3), [[b"SCRIPT", b"LOAD", each] for each in (b"one", b"two", b"three")])
        self.failureResultOf(link.ask("PING"), Lost)
        caller.say(b"+a", b"+b", b"+c")
        await self.news.ups.get()

    async def test_forgotten_in_the_middle_all_keep_their_order(self) -> None:
        link, caller = await self.connected(b"one", b"two")
        asked = [link.ask("EVALSHA", "one", each) for each in range(3)]
        await caller.next(3)
        # The first was still done; behind it the server has forgotten.
        caller.say(b":0", b"-NOSCRIPT No matching script.")
        self.assertEqual(await asked[0], 0)
        self.assertEqual(await caller.next(2), [[b"SCRIPT", b"LOAD", b"one"], [b"SCRIPT", b"LOAD", b"two"]])
        # Asked while they are loaded, it waits behind those that are sent again.
        asked.append(link.ask("EVALSHA", "one", 3))
        asked.append(link.ask("PING"))
        caller.say(b"-NOSCRIPT No matching script.", b"+one", b"+two")
        again = await caller.next(4)
        self.assertEqual([command[-1] for command in again], [b"1", b"2", b"3", b"PING"])
        caller.say(b":1", b":2", b":3", b"+PONG")
        self.assertEqual(await gatherResults(asked[1:]), [1, 2, 3, b"PONG"])

    async def test_lost_while_they_are_loaded_again_all_fail(self) -> None:
        link, caller = await self.connected(b"one")
        asked = [link.ask("EVALSHA", "one", 0)]
        await caller.next(1)
        caller.say(b"-NOSCRIPT No matching script.")
        await caller.next(1)
        asked.append(link.ask("EVALSHA", "one", 1))
        caller.hang_up()
        for each in asked:
            with self.assertRaises(Lost):
                await each

    async def test_not_loaded_again_they_fail_with_what_the_server_says(self) -> None:
        link, caller = await self.connected(b"one")
        asked = link.ask("EVALSHA", "one", 0)
        await caller.next(1)
        caller.say(b"-NOSCRIPT No matching script.")
        await caller.next(1)
        caller.say(b"-NOPERM no permission")
        with self.assertRaisesRegex(ResponseError, "NOPERM"):
            await asked
        asked = link.ask("PING")
        self.assertEqual(await caller.next(1), [[b"PING"]])
        caller.say(b"+PONG")
        await asked

    async def test_a_link_without_any_does_not_ask_for_ever(self) -> None:
        link, caller = await self.connected()
        asked = link.ask("EVALSHA", "one", 0)
        await caller.next(1)
        caller.say(b"-NOSCRIPT No matching script.")
        with self.assertRaisesRegex(ResponseError, "NOSCRIPT"):
            await asked


class Copies(Case):
    async def test_those_who_wait_for_copies_wait_together(self) -> None:
        link, caller = await self.connected()
        counted = [link.copied(1) for _ in range(3)]
        self.assertEqual(await caller.next(1), [[b"WAIT", b"1", b"1000"]])
        counted.append(link.copied(1))
        caller.say(b":1")
        self.assertEqual(await counted[0], 1)
        # Those who came after the first was sent are not counted by it.
        self.assertEqual(await caller.next(1), [[b"WAIT", b"1", b"1000"]])
        self.assertNoResult(counted[1])
        caller.say(b":0")
        self.assertEqual(await gatherResults(counted[1:]), [0, 0, 0])
        again = link.copied(2)
        self.assertEqual(await caller.next(1), [[b"WAIT", b"2", b"1000"]])
        caller.say(b":2")
        self.assertEqual(await again, 2)
        self.assertTrue(caller.silent)

    async def test_a_connection_that_goes_has_copied_nothing(self) -> None:
        link, caller = await self.connected()
        counted = [link.copied(1) for _ in range(2)]
        await caller.next(1)
        caller.hang_up()
        for each in counted:
            with self.assertRaises(Lost):
                await each
        self.failureResultOf(link.copied(1), Lost)


class Silence(Case):
    async def test_one_that_owes_an_answer_and_gives_none_is_given_up(self) -> None:
        link, caller = await self.connected()
        self.clock.advance(PATIENCE)
        self.assertEqual(await caller.next(1), [[b"PING"]])
        caller.say(b"+PONG")
        asked = link.ask("PING")
        await caller.next(1)
        self.clock.advance(PATIENCE)
        self.clock.advance(PATIENCE)
        with self.assertRaises(Lost):
            await asked
        await caller.gone

    async def test_one_that_answers_others_is_not(self) -> None:
        link, caller = await self.connected()
        for _ in range(5):
            asked = [link.ask("PING"), link.ask("GET", "slow")]
            await caller.next(2)
            caller.say(b"+PONG")
            await asked[0]
            self.clock.advance(PATIENCE)
            caller.say(b"$-1")
            self.assertIsNone(await asked[1])
        self.assertEqual(self.news.untold, [])

    async def test_an_idle_one_is_asked_for_a_sign_of_life(self) -> None:
        link, caller = await self.connected()
        for _ in range(3):
            self.clock.advance(PATIENCE)
            self.assertEqual(await caller.next(1), [[b"PING"]])
            asked = link.ask("PING")
            await caller.next(1)
            caller.say(b"+PONG", b"+PONG")
            await asked
        # It stays silent: nobody but the link would notice.
        self.clock.pump([PATIENCE] * 3)
        await caller.gone
        self.assertEqual(await self.news.downs.get(), "The connection to Redis was lost.")

    async def test_one_that_does_not_answer_the_greeting_is_left_for_another_try(self) -> None:
        link = self.link(greet=lambda line: line.ask(("ROLE",)))
        caller = await self.side.callers.get()
        await caller.next(1)
        self.clock.advance(PATIENCE)
        await caller.gone
        self.clock.advance(1)
        caller = await self.side.callers.get()
        self.assertEqual(await caller.next(1), [[b"ROLE"]])
        self.assertIsNone(link.line)


class Connecting(Case):
    async def pauses(self, random) -> list[float]:
        """The pauses between attempts at a place where nobody is."""
        await self.side.close()
        self.link(random=random)
        pauses = []
        for _ in range(9):
            self.assertEqual(await self.news.downs.get(), "Connection refused.")
            (retry,) = self.clock.getDelayedCalls()
            pauses.append(round(retry.getTime() - self.clock.seconds(), 3))
            self.clock.advance(pauses[-1] + 0.001)
        return pauses

    async def test_pauses_double_up_to_five_seconds(self) -> None:
        self.assertEqual(await self.pauses(most), [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0])

    async def test_and_are_cut_by_chance_by_up_to_a_half(self) -> None:
        self.assertEqual(await self.pauses(least), [0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5, 2.5, 2.5])

    async def test_after_a_success_they_begin_anew(self) -> None:
        await self.side.close()
        self.link()
        for pause in (0.2, 0.4, 0.8):
            await self.news.downs.get()
            self.clock.advance(pause)
        await self.news.downs.get()
        self.side.open()
        self.clock.advance(1.6)
        caller = await self.side.callers.get()
        await self.news.ups.get()
        caller.hang_up()
        await self.news.downs.get()
        (retry,) = self.clock.getDelayedCalls()
        self.assertLess(retry.getTime() - self.clock.seconds(), 0.2)

    async def test_who_is_not_welcome_says_why_and_tries_again(self) -> None:
        self.link(greet=lambda line: line.ask(("AUTH", "word")))
        for _ in range(2):
            caller = await self.side.callers.get()
            await caller.next(1)
            caller.say(b"-WRONGPASS invalid username-password pair")
            self.assertEqual(await self.news.downs.get(), "WRONGPASS invalid username-password pair.")
            await caller.gone
            self.clock.advance(1)

    async def test_who_waits_for_the_first_connection_goes_on_when_it_is_there(self) -> None:
        link = self.link(greet=lambda line: line.ask(("ROLE",)))
        self.assertTrue(link.new)
        ready = link.ready().addCallback(lambda _: link.ask("PING"))
        caller = await self.side.callers.get()
        await caller.next(1)
        self.assertNoResult(ready)
        caller.say(b"+OK")
        self.assertEqual(await caller.next(1), [[b"PING"]])
        caller.say(b"+PONG")
        self.assertEqual(await ready, b"PONG")
        self.assertFalse(link.new)

    async def test_and_is_told_when_it_could_not_be_made(self) -> None:
        await self.side.close()
        link = self.link()
        with self.assertRaises(Lost):
            await link.ready()
        self.assertFalse(link.new)


class Stopping(Case):
    async def test_while_it_connects(self) -> None:
        link = self.link()
        ready = link.ready()
        self.successResultOf(link.stop())
        self.failureResultOf(ready, Lost)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.news.untold, [])

    async def test_while_it_greets(self) -> None:
        link = self.link(greet=lambda line: line.ask(("ROLE",)))
        caller = await self.side.callers.get()
        await caller.next(1)
        await link.stop()
        await caller.gone
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.news.untold, [])

    async def test_while_it_pauses(self) -> None:
        await self.side.close()
        link = self.link()
        await self.news.downs.get()
        self.successResultOf(link.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_by_who_is_told_that_it_is_down(self) -> None:
        await self.side.close()
        stopped: Deferred[None] = Deferred()
        link = Link(
            self.side.endpoint, plain, (), self.clock, most, self.news.up, lambda _: link.stop().chainDeferred(stopped)
        )
        link.start()
        await stopped
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_while_it_is_in_use_and_twice(self) -> None:
        link, caller = await self.connected()
        asked = link.ask("PING")
        stops = [link.stop(), link.stop()]
        for each in stops:
            self.assertNoResult(each)
        await gatherResults(stops)
        self.failureResultOf(asked, Lost)
        await caller.gone
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.news.untold, [])
        self.successResultOf(link.stop())
        self.failureResultOf(link.ask("PING"), Lost)
