"""The document of what is heard: whole, true to the keys, and every example of its own schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft7Validator
from twisted.trial.unittest import SynchronousTestCase

from meet.events import KINDS
from meet.keys import Names
from meet.web.asyncapi import document

DOCUMENT = json.loads(json.dumps(document("https://meet.example/rooms")))

# What AsyncAPI 3.0.0 says of the parts that are used here; anything else is a mistake.
_REF = {
    "type": "object",
    "required": ["$ref"],
    "additionalProperties": False,
    "properties": {"$ref": {"type": "string", "pattern": "^#/"}},
}
_TEXTS = {"type": "string"}


def part(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


def named(schema: Any) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {r"^[A-Za-z0-9_.-]+$": schema}, "additionalProperties": False}


GRAMMAR = part(
    ["asyncapi", "info"],
    asyncapi={"const": "3.0.0"},
    info=part(
        ["title", "version"], title=_TEXTS, version=_TEXTS, description=_TEXTS, license=part(["name"], name=_TEXTS)
    ),
    defaultContentType=_TEXTS,
    servers=named(part(["host", "protocol"], host=_TEXTS, protocol=_TEXTS, pathname=_TEXTS, description=_TEXTS)),
    channels=named(
        part(
            ["address", "messages"],
            address=_TEXTS,
            title=_TEXTS,
            servers={"type": "array", "items": _REF},
            parameters=named(part([], description=_TEXTS, default=_TEXTS, examples={"type": "array", "items": _TEXTS})),
            messages=named(_REF),
        )
    ),
    operations=named(
        part(
            ["action", "channel"],
            action={"enum": ["send", "receive"]},
            channel=_REF,
            summary=_TEXTS,
            messages={"type": "array", "items": _REF},
        )
    ),
    components=part(
        [],
        schemas=named({"type": "object"}),
        messages=named(
            part(
                ["payload"],
                name=_TEXTS,
                contentType=_TEXTS,
                payload={"type": "object"},
                examples={"type": "array", "items": part([], payload={})},
            )
        ),
    ),
)


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            yield from refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs(each)


def found(ref: str) -> Any:
    value = DOCUMENT
    for name in ref.removeprefix("#/").split("/"):
        value = value[name]
    return value


def validator(schema: Any) -> Draft7Validator:
    return Draft7Validator({**schema, "components": DOCUMENT["components"]})


class Document(SynchronousTestCase):
    def test_it_has_the_parts_that_asyncapi_has(self) -> None:
        Draft7Validator(GRAMMAR).validate(DOCUMENT)

    def test_every_reference_leads_somewhere(self) -> None:
        assert all(isinstance(found(ref), dict) for ref in refs(DOCUMENT))

    def test_an_operation_uses_messages_of_its_channel(self) -> None:
        for operation in DOCUMENT["operations"].values():
            for message in operation["messages"]:
                assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")

    def test_parameters_are_those_of_the_address(self) -> None:
        for channel in DOCUMENT["channels"].values():
            assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", {}))

    def test_every_schema_is_one_and_fits_its_examples(self) -> None:
        for schema in DOCUMENT["components"]["schemas"].values():
            Draft7Validator.check_schema(schema)
        for message in DOCUMENT["components"]["messages"].values():
            for example in message.get("examples", []):
                validator(message["payload"]).validate(example["payload"])

    def test_every_kind_stands_in_it(self) -> None:
        assert {kind.__name__ for kind in KINDS} <= set(DOCUMENT["components"]["schemas"])

    def test_the_addresses_of_the_bus_are_the_keys(self) -> None:
        names = Names("meet")
        filled = {
            name: channel["address"].format(prefix="meet", shard="{22}", room="algebra")
            for name, channel in DOCUMENT["channels"].items()
        }
        assert filled["room"] == names.channel("algebra")
        assert filled["journal"] == names.of(22, "journal")
        assert filled["wake"] == names.wake

    def test_it_names_where_it_stands(self) -> None:
        sockets = DOCUMENT["servers"]["sockets"]
        assert (sockets["host"], sockets["pathname"], sockets["protocol"]) == ("meet.example", "/rooms", "wss")
        assert document("http://localhost:8080")["servers"]["sockets"]["protocol"] == "ws"
