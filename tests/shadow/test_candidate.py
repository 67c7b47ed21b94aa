"""The candidate is asked by its own API: here a real web door."""

from __future__ import annotations

from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.client import Agent

from meet.shadow.candidate import Candidate, Denied
from tests.web.case import WebCase


class Asking(WebCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.candidate = Candidate(self.url, HTTPClient(Agent(reactor)))

    async def tearDown(self) -> None:
        self.candidate.close()
        await super().tearDown()

    async def test_a_room_from_its_opening_to_its_end(self) -> None:
        heard: list[dict[str, Any]] = []
        both: Deferred[None] = Deferred()

        def told(event: dict[str, Any]) -> None:
            heard.append(event)
            if event["kind"] == "closed":
                both.callback(None)

        key = await self.candidate.open("algebra", "Algebra", 200)
        await self.candidate.listen("algebra", told)
        token = await self.candidate.join("algebra", "ann", key)
        await self.candidate.ask("algebra", token, {"ask": "say", "text": "hi", "ref": "7"})
        await self.candidate.ask("algebra", token, {"ask": "close"})
        await both
        assert [(each["kind"], each.get("ref")) for each in heard] == [("said", "7"), ("closed", None)]

    async def test_a_refusal_has_its_code(self) -> None:
        await self.candidate.open("algebra", "", 140)
        with self.assertRaises(Denied) as denied:
            await self.candidate.open("algebra", "", 140)
        assert denied.exception.code == "room-exists"
        token = await self.candidate.join("algebra", "ann")
        await self.candidate.leave("algebra", token)
        with self.assertRaises(Denied) as denied:
            await self.candidate.ask("algebra", token, {"ask": "say", "text": "hi"})
        assert denied.exception.code == "no-session"

    async def test_one_that_is_not_there_has_failed(self) -> None:
        nobody = Candidate("http://127.0.0.1:1", HTTPClient(Agent(reactor, connectTimeout=2)))
        with self.assertRaises(Denied) as denied:
            await nobody.open("algebra", "", 140)
        assert denied.exception.code == "failed"
