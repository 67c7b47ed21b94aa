"""One connection, with a server of the test's own at its other end."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from txredisapi import ResponseError

from meet.broker.redis.link import Line, Link, Lost, pack
from meet.errors import Unavailable


class Server(Protocol):
    """Hands every command it gets to the test, which answers by `say`."""

    def __init__(self, got: DeferredQueue[list[bytes]], met: DeferredQueue[Server]) -> None:
        self._got = got
        self._rest = b""
        met.put(self)

    def dataReceived(self, data: bytes) -> None:
        self._rest += data
        while self._rest.startswith(b"*"):
            words, rest = [], self._rest
            count, _, rest = rest.partition(b"\r\n")
            for _ in range(int(count[1:])):
                size, _, rest = rest.partition(b"\r\n")
                words.append(rest[: int(size[1:])])
                rest = rest[int(size[1:]) + 2 :]
            self._rest = rest
            self._got.put(words)

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class LinkTests(TestCase):
    timeout = 20
    scripts = (b"return 1",)

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.begin())

    async def begin(self) -> None:
        self.got: DeferredQueue[Any] = DeferredQueue()
        self.met: DeferredQueue[Any] = DeferredQueue()
        self.news: DeferredQueue[Any] = DeferredQueue()
        factory = Factory.forProtocol(lambda: Server(self.got, self.met))
        self.port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(self.port.stopListening)
        self.link = self.make()

    def make(self) -> Link:
        async def greet(line: Line) -> None:
            await line.ask(("AUTH", "meet", "word"))

        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        link = Link(
            endpoint,
            lambda line: Deferred.fromCoroutine(greet(line)),
            self.scripts,
            reactor,  # type: ignore[arg-type]
            os.urandom,
            lambda: self.news.put("up"),
            self.news.put,
        )
        self.addCleanup(link.stop)
        return link

    async def up(self) -> Any:
        """Start, or wait for the next connection, and greet; the server's end."""
        server = await self.met.get()
        self.assertEqual(await self.got.get(), [b"AUTH", b"meet", b"word"])
        server.say(b"+OK\r\n")
        self.assertEqual(await self.got.get(), [b"SCRIPT", b"LOAD", b"return 1"])
        server.say(b"$2\r\nab\r\n")
        self.assertEqual(await self.news.get(), "up")
        return server

    async def test_nothing_waits_for_a_connection_that_is_not_there(self) -> None:
        with self.assertRaises(Lost):
            await self.link.ask("PING")
        self.link.start()
        await self.met.get()
        with self.assertRaises(Unavailable):
            await self.link.ask("PING")

    async def test_answers_come_in_order_in_whatever_pieces(self) -> None:
        self.link.start()
        server = await self.up()
        asked = [self.link.ask("ECHO", each, b"\r\n") for each in range(3)]
        for each in range(3):
            self.assertEqual(await self.got.get(), [b"ECHO", b"%d" % each, b"\r\n"])
        for byte in b"$4\r\na\r\nb\r\n:7\r\n*2\r\n$-1\r\n*1\r\n:1\r\n":
            server.say(bytes([byte]))
        self.assertEqual(await gatherResults(asked), [b"a\r\nb", 7, [None, [1]]])

    async def test_a_refusal_is_the_askers_alone(self) -> None:
        self.link.start()
        server = await self.up()
        asked = [self.link.ask("GET", "x"), self.link.ask("GET", "y")]
        server.say(b"-OOM no memory\r\n+OK\r\n")
        with self.assertRaisesRegex(ResponseError, "OOM"):
            await asked[0]
        self.assertEqual(await asked[1], b"OK")

    async def test_what_has_no_answer_when_the_connection_goes_is_lost_and_another_is_made(self) -> None:
        self.link.start()
        server = await self.up()
        asked = self.link.ask("GET", "x")
        await self.got.get()
        server.transport.abortConnection()
        with self.assertRaises(Lost):
            await asked
        self.assertEqual(await self.news.get(), "The connection to Redis was lost.")
        await self.up()

    async def test_a_greeting_that_is_refused_says_why_and_is_tried_again(self) -> None:
        self.link.start()
        server = await self.met.get()
        await self.got.get()
        server.say(b"-WRONGPASS invalid\r\n")
        self.assertEqual(await self.news.get(), "WRONGPASS invalid.")
        await self.up()

    async def test_scripts_that_are_forgotten_are_loaded_and_all_is_asked_again_in_order(self) -> None:
        self.link.start()
        server = await self.up()
        asked = [self.link.ask("EVALSHA", "ab", 0, each) for each in range(3)]
        for _ in range(3):
            await self.got.get()
        server.say(b"-NOSCRIPT No matching script\r\n-NOSCRIPT No matching script\r\n")
        self.assertEqual(await self.got.get(), [b"SCRIPT", b"LOAD", b"return 1"])
        asked.append(self.link.ask("EVALSHA", "ab", 0, 3))
        server.say(b"-NOSCRIPT No matching script\r\n$2\r\nab\r\n")
        for each in range(4):
            self.assertEqual((await self.got.get())[-1], b"%d" % each)
            server.say(b":%d\r\n" % each)
        self.assertEqual(await gatherResults(asked), [0, 1, 2, 3])

    async def test_it_can_be_stopped_at_any_moment(self) -> None:
        await self.link.stop()
        for moment in range(3):
            link = self.make()
            link.start()
            if moment:
                server = await self.met.get()
                await self.got.get()
            if moment == 2:
                server.say(b"+OK\r\n")
                await self.got.get()
            await link.stop()
            await link.stop()

    def test_a_command_on_the_wire(self) -> None:
        self.assertEqual(pack(["SET", b"\xff", 7]), b"*3\r\n$3\r\nSET\r\n$1\r\n\xff\r\n$1\r\n7\r\n")
