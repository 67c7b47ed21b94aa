"""What is really sent is what the schemas say, and no more."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from jsonschema import Draft7Validator
from twisted.trial.unittest import SynchronousTestCase

from meet import wire
from meet.events import KINDS, Event, Forgotten, Joined, Presence
from meet.web.schemas import ASKS, OBJECTS, events, plain, told
from tests.strategies import events as any_event
from tests.web.case import WebCase

SCHEMAS = {**events(KINDS), **OBJECTS, **ASKS}


def closed(schema: Any) -> Any:
    """``schema`` with nothing allowed beside what it names, so that it cannot lack anything."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def fits(name: str, value: Any) -> None:
    Draft7Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": closed(SCHEMAS)}}).validate(
        value
    )


class Events(SynchronousTestCase):
    @given(any_event())
    def test_every_event_fits(self, event: Event) -> None:
        fits("Event", json.loads(wire.encode(event)))

    def test_people_are_told_all_but_comings_and_the_end_of_everything(self) -> None:
        assert set(KINDS) - set(told()) == {kind for kind in KINDS if issubclass(kind, Presence | Forgotten)}

    def test_a_newer_kind_is_an_event_too(self) -> None:
        schema = {"$ref": "#/components/schemas/Event", "components": {"schemas": SCHEMAS}}
        assert Draft7Validator(schema).is_valid({"kind": "sung", "at": "now", "song": 7})
        assert not Draft7Validator(schema).is_valid({"kind": "said", "at": "now", "song": 7})

    def test_descriptions_are_markdown(self) -> None:
        assert plain("One ``two``\n    three.\n\n    Four.") == "One `two` three.\n\nFour."
        assert "`via`" in events([Joined])["Joined"]["description"]

    def test_every_ask_is_one(self) -> None:
        given = {
            "text": "hi",
            "nick": "ann",
            "title": "A",
            "hours": 2,
            "position": "k3q.2",
            "words": ["#a"],
            "author": "x:7",
        }
        for schema in ASKS.values():
            (name,) = schema["properties"]["ask"]["enum"]
            frame = {"ask": name, "ref": "7", **{key: given[key] for key in given if key in schema["properties"]}}
            assert wire.asked(json.dumps(frame).encode(), 0).ref == "7"


class Sent(WebCase):
    async def test_everything_that_a_socket_is_told(self) -> None:
        key = await self.open()
        socket = await self.socket(f"nick=ann&host_key={key}")
        welcome = await socket.hear()
        fits("Welcome", welcome)
        await self.join("bob")
        fits("Here", await socket.hear_kind("here"))
        for ask, kind, name in (
            ({"ask": "say", "text": "hi", "ref": "7"}, "said", "Entry"),
            ({"ask": "say", "text": " "}, "refused", "Refused"),
            ({"ask": "who"}, "who", "Names"),
            ({"ask": "beat"}, "beat", "Alive"),
            ({"ask": "retitle", "title": "B"}, "retitled", "Entry"),
            ({"ask": "rename", "nick": "anna"}, "here", "Here"),
            ({"ask": "close"}, "closed", "Entry"),
        ):
            await socket.send(ask)
            fits(name, await socket.hear_kind(kind))
        fits("Goodbye", await socket.hear_kind("goodbye"))

    async def test_answers_of_the_routes(self) -> None:
        await self.open()
        fits("Outline", (await self.ask("GET", "/api/v1/rooms/algebra")).json)
        fits("Problem", (await self.ask("POST", "/api/v1/rooms", {"name": "algebra"})).json)
        fits("Problem", (await self.ask("GET", "/api/v1/rooms/nowhere")).json)

    async def test_the_documents_are_served(self) -> None:
        for name, version in (("openapi", "3.1.0"), ("asyncapi", "3.0.0")):
            answer = await self.ask("GET", f"/api/v1/{name}.json")
            assert answer.header("Content-Type") == "application/json"
            assert answer.json[name] == version
            assert f"127.0.0.1:{self.number}" in answer.text
