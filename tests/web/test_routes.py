"""How a request comes to its route, and what is left of it when it was answered."""

import gc
import weakref

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from meet.web.request import MeetRequest
from tests.web.case import WebCase


class Answered(WebCase):
    async def setUp(self):
        await super().setUp()
        await self.open()
        self.ann = (await self.join("ann"))["token"]
        self.made: list[weakref.ref[MeetRequest]] = []
        site = self.gateway.factory

        def made(*words, **more):
            request = MeetRequest(*words, **more)
            self.made.append(weakref.ref(request))
            return request

        build = site.buildProtocol

        def built(address):
            channel = build(address)
            channel.requestFactory = made
            return channel

        self.patch(site, "buildProtocol", built)

    def search_no_more(self):
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    async def nothing_is_left(self):
        # The connection goes its own way after the answer.
        for _ in range(50):
            await deferLater(reactor, 0, lambda: None)
        self.assertTrue(self.made)
        self.assertEqual([ref() for ref in self.made if ref() is not None], [])

    async def test_a_request_is_free_without_a_search_when_it_was_answered(self):
        self.search_no_more()
        for method, path, body in (
            ("GET", "/", None),
            ("GET", "/algebra", None),
            ("GET", "/Algebra", None),
            ("GET", "/nowhere", None),
            ("GET", "/algebra/%ff", None),
            ("GET", "/health/ready", None),
            ("GET", "/api/v1/rooms/algebra", None),
            ("GET", "/api/v1/rooms/algebra/entries", None),
            ("GET", "/api/v1/nothing", None),
            ("PUT", "/api/v1/rooms/algebra/says", {}),
            ("POST", "/api/v1/rooms/algebra/says", {"text": "hello"}),
            ("POST", "/api/v1/rooms/algebra/says", {"text": 7}),
        ):
            await self.ask(method, path, body, self.ann)
        await self.nothing_is_left()

    async def test_so_is_one_that_waited_until_something_was_said(self):
        at = await self.say(self.ann, "one")
        self.search_no_more()
        waiting = Deferred.fromCoroutine(
            self.ask("GET", f"/api/v1/rooms/algebra/entries?wait=20&after={at}", token=self.ann)
        )
        await self.say(self.ann, "two")
        answer = await waiting
        self.assertEqual([event["text"] for _, event in answer.json], ["two"])
        await self.nothing_is_left()

    async def test_so_is_one_whose_asker_went_away(self):
        self.search_no_more()
        raw = await self.raw(b"GET /api/v1/rooms/algebra/events HTTP/1.1\r\nHost: meet.example\r\n\r\n")
        await raw.until(b"event: welcome\n")
        raw.transport.loseConnection()
        await raw.closed
        await self.nothing_is_left()


class Found(WebCase):
    async def test_an_address_is_found_again_with_another_method(self):
        await self.open()
        self.assertEqual((await self.ask("GET", "/api/v1/rooms/algebra/says")).status, 405)
        self.assertEqual((await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x"})).status, 401)
        self.assertEqual((await self.ask("GET", "/api/v1/rooms/algebra/says")).status, 405)
