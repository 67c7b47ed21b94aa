"""How a Redis is reached: who we are said first, TLS that is checked, and the master that Sentinels name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from txredisapi import ResponseError

from meet.address import Address, read_address
from meet.broker.redis.link import Line
from meet.broker.redis.reaching import AnyOf, endpoint_of, greeting
from meet.errors import Unavailable
from tests.broker.redis.conversation import Caller, Side
from tests.broker.redis.ground import Brokers, broker_at, persist
from tests.servers.redis import Redis
from tests.servers.sentinel import NAME, Sentinels

MASTER, COPY = b"*1\r\n$6\r\nmaster", b"*1\r\n$5\r\nslave"


class Sides(TestCase):
    timeout = 30

    def side(self) -> Side:
        side = Side()
        side.open()
        self.addCleanup(side.close)
        return side


class Greeting(Sides):
    async def greeted(self, url: str, *, master: bool = True) -> tuple[Caller, Deferred[None]]:
        """Who is greeted, and the greeting that is under way."""
        side = self.side()
        line = await connectProtocol(side.endpoint, Line())
        self.addCleanup(line.close)
        return await side.callers.get(), greeting(read_address(url), master=master)(line)

    async def test_user_database_and_role_in_turn(self) -> None:
        caller, greeted = await self.greeted("redis://meet:p%40ss@host/3")
        self.assertEqual(await caller.next(1), [[b"AUTH", b"meet", b"p@ss"]])
        caller.say(b"+OK")
        self.assertEqual(await caller.next(1), [[b"SELECT", b"3"]])
        caller.say(b"+OK")
        self.assertEqual(await caller.next(1), [[b"ROLE"]])
        caller.say(MASTER)
        await greeted

    async def test_a_password_alone_is_the_default_users(self) -> None:
        caller, greeted = await self.greeted("redis://:word@host")
        self.assertEqual(await caller.next(1), [[b"AUTH", b"default", b"word"]])
        caller.say(b"+OK")
        await caller.next(1)
        caller.say(MASTER)
        await greeted

    async def test_a_copy_is_refused(self) -> None:
        caller, greeted = await self.greeted("redis://host")
        self.assertEqual(await caller.next(1), [[b"ROLE"]])
        caller.say(COPY)
        with self.assertRaisesRegex(Unavailable, "That Redis is a copy of another one"):
            await greeted

    async def test_who_may_not_ask_for_the_role_is_let_in_all_the_same(self) -> None:
        caller, greeted = await self.greeted("redis://host")
        await caller.next(1)
        caller.say(b"-NOPERM this user has no permissions to run the 'role' command")
        await greeted

    async def test_other_refusals_end_it(self) -> None:
        caller, greeted = await self.greeted("redis://host")
        await caller.next(1)
        caller.say(b"-NOAUTH Authentication required.")
        with self.assertRaisesRegex(ResponseError, "NOAUTH"):
            await greeted

    async def test_in_a_cluster_the_role_is_not_asked(self) -> None:
        caller, greeted = await self.greeted("redis+cluster://host", master=False)
        await greeted
        self.assertTrue(caller.silent)


class SentinelTests(Sides):
    """Its answers, written by hand."""

    def setUp(self) -> None:
        self.sentinels = [self.side() for _ in range(3)]
        self.master = self.side()
        places = ",".join(each.address for each in self.sentinels)
        self.endpoint = endpoint_of(read_address(f"redis+sentinel://{places}/mymaster"), reactor)

    def connect(self) -> Deferred[Any]:
        connected: Deferred[Any] = connectProtocol(self.endpoint, Line())

        def close(result: Any) -> Any:
            if isinstance(result, Line):
                self.addCleanup(result.close)
            return result

        return connected.addCallback(close)

    async def asked(self, number: int) -> Caller:
        caller = await self.sentinels[number].callers.get()
        self.assertEqual(await caller.next(1), [[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", b"mymaster"]])
        return caller

    def tell(self, caller: Caller, side: Side) -> None:
        caller.say(b"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%d" % side.port)

    async def test_the_master_is_where_it_says(self) -> None:
        connected = self.connect()
        caller = await self.asked(0)
        self.tell(caller, self.master)
        await connected
        await self.master.callers.get()
        await caller.gone

    async def test_who_is_down_knows_nothing_or_hangs_up_is_passed_over(self) -> None:
        await self.sentinels[0].close()
        connected = self.connect()
        caller = await self.asked(1)
        caller.say(b"*-1")
        caller = await self.asked(2)
        self.tell(caller, self.master)
        await connected
        # The next time another one is asked first.
        connected = self.connect()
        (await self.asked(1)).hang_up()
        self.tell(await self.asked(2), self.master)
        await connected

    async def test_one_that_is_cut_off_does_not_lead_astray_for_ever(self) -> None:
        former = self.side()
        await former.close()
        connected = self.connect()
        self.tell(await self.asked(0), former)
        with self.assertRaisesRegex(Exception, "refused"):
            await connected
        connected = self.connect()
        self.tell(await self.asked(1), self.master)
        await connected

    async def test_a_master_that_nobody_knows_is_named(self) -> None:
        connected = self.connect()
        for each in range(3):
            (await self.asked(each)).say(b"*-1")
        with self.assertRaisesRegex(Exception, "The Sentinels do not say where Redis is: .* no master called mymaster"):
            await connected

    async def test_their_refusal_is_said(self) -> None:
        connected = self.connect()
        for each in range(3):
            (await self.asked(each)).say(b"-NOAUTH Authentication required.")
        with self.assertRaisesRegex(Exception, "do not say where Redis is: NOAUTH Authentication required"):
            await connected

    async def test_a_password_of_theirs_is_given_first(self) -> None:
        file = Path(self.mktemp())
        file.write_text("word\n")
        place = self.sentinels[0].address
        self.endpoint = endpoint_of(
            read_address(f"redis+sentinel://{place}/mymaster?sentinel-password-file={file}"), reactor
        )
        connected = self.connect()
        caller = await self.sentinels[0].callers.get()
        self.assertEqual(await caller.next(1), [[b"AUTH", b"word"]])
        caller.say(b"+OK")
        self.assertEqual((await caller.next(1))[0][0], b"SENTINEL")
        self.tell(caller, self.master)
        await connected

    async def test_stopped_while_it_asks_it_asks_nobody_else(self) -> None:
        connected = self.connect()
        caller = await self.asked(0)
        connected.cancel()
        self.failureResultOf(connected)
        await caller.gone
        self.assertEqual([side.callers.pending for side in self.sentinels], [[], [], []])


class AnyOfTests(Sides):
    async def test_each_connection_goes_to_the_next_place(self) -> None:
        sides = [self.side() for _ in range(2)]
        places = [("127.0.0.1", side.port) for side in sides]
        endpoint = AnyOf(lambda: places, Address("cluster", tuple(places)), reactor)
        for each in (0, 1, 0):
            line = await connectProtocol(endpoint, Line())
            self.addCleanup(line.close)
            await sides[each].callers.get()


class Certificates(SynchronousTestCase):
    """A file that is no good is said at once, wherever the URL leads."""

    def refused(self, text: str | None, sentence: str) -> None:
        file = Path(self.mktemp())
        if text is not None:
            file.write_text(text)
        for scheme, path in (("rediss", ""), ("rediss+sentinel", "/mymaster"), ("rediss+cluster", "")):
            with self.assertRaisesRegex(ValueError, f"^The file of certificates {file} {sentence}"):
                broker_at(f"{scheme}://host{path}?ca={file}", reactor)

    def test_that_is_not_there(self) -> None:
        self.refused(None, "cannot be read: No such file or directory.$")

    def test_that_has_none(self) -> None:
        self.refused("hello", "has none that can be read.$")

    def test_that_is_broken(self) -> None:
        self.refused("-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n", "has none that can be read.$")


class Places(Brokers):
    """Each way is walked once, with a line said and heard."""

    async def test_a_server(self) -> None:
        await self.walk(self.url)

    async def test_a_socket_a_user_and_a_database(self) -> None:
        redis = self.closed(Redis(user="meet", password="p@ss").start())
        await self.walk(f"redis+unix://meet:p%40ss@{redis.socket_path}?db=2")
        keys = redis.commands(["SELECT", 2], ["KEYS", "meet:*"])[1]
        self.assertIn("meet:{house}:secret", keys)

    async def test_tls_with_a_certificate_of_ones_own(self) -> None:
        redis = self.closed(Redis(tls=True, password="word").start())
        await self.walk(f"rediss://:word@{redis.address}?ca={redis.certificate.certificate}")
        # Nobody else vouches for it.
        with self.assertRaisesRegex(ValueError, "Its certificate is not trusted: certificate verify failed.$"):
            await self.make(redis.url).start()

    async def test_a_certificate_of_another_host(self) -> None:
        redis = self.closed(Redis(tls=True).start())
        url = f"rediss://127.0.0.2:{redis.port}?ca={redis.certificate.certificate}"
        redis.command("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2")
        with self.assertRaisesRegex(ValueError, "Its certificate is not trusted: it is another host's.$"):
            await self.make(url).start()

    async def test_a_master_by_its_name(self) -> None:
        sentinels = self.closed(await deferToThread(Sentinels().start))
        broker = await self.walk(f"redis+sentinel://{','.join(sentinels.addresses)}/{NAME}")
        former = sentinels.primary
        await deferToThread(former.kill)
        await deferToThread(sentinels.sentinels[0].kill)
        position = await persist(lambda: broker.publish("room0", b"again", under=None, once="p1:2"))
        look = await broker.read("room0")
        self.assertEqual([body for _, body in look.tail], [b"hi", b"again"])
        self.assertEqual(look.last, position)
