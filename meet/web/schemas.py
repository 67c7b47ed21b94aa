"""What travels over the web and the bus, as JSON Schema.  Pure.

The events' schemas are made of their own classes, so what `meet.events` says is what is told here.
The rest is held to what is really sent by ``tests/web/test_schemas.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from meet.errors import GOODBYES, REFUSALS
from meet.events import KINDS, Event, Forgotten, Presence
from meet.names import ROOM_LENGTH

Schema = dict[str, Any]

POSITION = "^[0-9a-z]{1,16}\\.[0-9]{1,18}$"
"""Where an entry stands."""

ROOM = f"^[a-z0-9]([a-z0-9-]{{0,{ROOM_LENGTH - 2}}}[a-z0-9])?$"
"""The name of a room as it is kept."""

_AT = "/components/schemas/"


def ref(name: str) -> Schema:
    """A reference to the schema ``name`` of the same document."""
    return {"$ref": f"#{_AT}{name}"}


def told() -> tuple[type[Event], ...]:
    """The kinds that people are told; comings and goings reach them as a digest."""
    return tuple(kind for kind in KINDS if not issubclass(kind, Presence | Forgotten))


def events(kinds: Iterable[type[Event]]) -> dict[str, Schema]:
    """The schema of each of ``kinds``, by its name, and ``Event``: any of them, or one that is newer."""
    _, made = msgspec.json.schema_components(tuple(kinds), ref_template=f"#{_AT}{{name}}")
    for schema in made.values():
        schema["description"] = plain(schema["description"])
        if "at" in schema["properties"]:
            schema["properties"]["at"] = MOMENT
    # The others are what events consist of.
    kindly = {name: schema["properties"]["kind"] for name, schema in made.items() if "kind" in schema["required"]}
    named = [ref(name) for name in kindly]
    known = [kind["enum"][0] for kind in kindly.values()]
    newer = {
        "type": "object",
        "description": "A kind that came with a newer version: pass over it.",
        "required": ["kind", "at"],
        "properties": {"kind": {"type": "string", "not": {"enum": known}}, "at": {"type": "string"}},
    }
    return {**made, "Event": {"title": "Event", "oneOf": [*named, newer]}}


def plain(docstring: str) -> str:
    """A docstring as a description: one paragraph after another, with backticks as Markdown has them."""
    paragraphs = re.split(r"\n\s*\n", docstring.strip())
    return "\n\n".join(" ".join(each.split()).replace("``", "`") for each in paragraphs)


def object_of(properties: dict[str, Schema], *optional: str, **more: Any) -> Schema:
    """An object with ``properties``, all of which are required but the ``optional``; others may stand beside."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, **({"required": required} if required else {}), **more}


def of_kind(kind: str, properties: dict[str, Schema], *optional: str, **more: Any) -> Schema:
    """An object that says of itself what it is."""
    return object_of({"kind": {"enum": [kind]}, **properties}, *optional, **more)


def ask(name: str, properties: dict[str, Schema], *optional: str) -> Schema:
    """What a client asks."""
    return object_of({"ask": {"enum": [name]}, **properties, "ref": REF}, *optional, "ref")


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {
    "type": "string",
    "description": "UTC, to the millisecond: 2026-11-24T14:05:09.120Z.  For display; order is the position.",
}
REF: Schema = {
    "type": "string",
    "maxLength": 64,
    "description": "The asker's own mark for a line: asked again with the same one, it is said once.",
}
NICKS: Schema = {"type": "array", "items": TEXT}
WORDS: Schema = {
    "type": "array",
    "items": TEXT,
    "description": "Hashtags (#pycon) and authors (@speaker) that are followed elsewhere.",
}
CHOICES: dict[str, Schema] = {
    "reposts": {"type": "boolean", "description": "Whether posts that repeat others come in."},
    "quotes": {"type": "boolean", "description": "Whether posts that quote others come in."},
    "sensitive": {"type": "boolean", "description": "Whether posts that are marked as sensitive come in."},
    "paused": {"type": "boolean", "description": "Whether no posts come in at all for the time being."},
}

OBJECTS: dict[str, Schema] = {
    "Position": {"type": "string", "pattern": POSITION, "description": "epoch.number; numbers grow within an epoch."},
    "Entry": {
        "type": "array",
        "description": "A position and an event.",
        "minItems": 2,
        "maxItems": 2,
        "items": {"anyOf": [ref("Position"), ref("Event")]},
    },
    "Room": object_of(
        {
            "name": {"type": "string", "pattern": ROOM},
            "title": TEXT,
            "opened": MOMENT,
            "ends": MOMENT,
            "limit": {"type": "integer", "minimum": 1, "description": "Characters in a line."},
            "closed": {"type": "boolean"},
            "follows": WORDS,
            **CHOICES,
        }
    ),
    "People": object_of({"count": COUNT, "names": NICKS}, "names"),
    "Outline": object_of(
        {
            "room": ref("Room"),
            "law": {"type": "string", "description": "The position of the newest ruling."},
            "here": ref("People"),
            "keeps": TEXT,
            "gone": MOMENT,
        }
    ),
    "Welcome": of_kind(
        "welcome",
        {
            "room": ref("Room"),
            "you": object_of({"id": TEXT, "nick": TEXT, "host": {"type": "boolean"}}),
            "token": {"type": "string", "description": "The participant's own secret: who has it is that participant."},
            "law": TEXT,
            "here": ref("People"),
            "resumed": {"type": "boolean"},
            "entries": {"type": "array", "items": ref("Entry")},
            "keeps": TEXT,
            "gone": MOMENT,
            "blocked": {
                "type": "array",
                "description": "For hosts: each author of whom nothing comes in, as id and name.",
                "items": {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2},
            },
        },
        "blocked",
        "you",
        "token",
        "entries",
    ),
    "Here": of_kind(
        "here",
        {
            "count": COUNT,
            "came": NICKS,
            "went": NICKS,
            "renamed": {"type": "array", "items": {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}},
        },
        "renamed",
    ),
    "Away": of_kind("away", {"text": TEXT}),
    "Back": of_kind("back", {}),
    "Names": of_kind("who", {"names": NICKS}),
    "Alive": of_kind("beat", {}),
    "Refused": of_kind("refused", {"ref": TEXT, "code": {"enum": list(REFUSALS)}, "detail": TEXT}),
    "Goodbye": of_kind(
        "goodbye",
        {
            "name": {"enum": list(GOODBYES)},
            "again": {"type": "boolean"},
            "within": {"type": "number", "description": "Come back at a moment of your own within so many seconds."},
            "detail": TEXT,
        },
        "within",
    ),
    "Problem": object_of(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "code": {"enum": list(REFUSALS)},
            "free": {"type": "array", "items": TEXT},
        },
        "free",
        description="A problem document (RFC 9457).",
    ),
}
"""What is sent besides events."""

LIFE: dict[str, Schema] = {
    "hours": {"type": "number", "exclusiveMinimum": 0},
    "ends": {"type": "string", "format": "date-time"},
}

ASKS: dict[str, Schema] = {
    "Say": ask("say", {"text": TEXT}),
    "Rename": ask("rename", {"nick": TEXT}),
    "Retitle": ask("retitle", {"title": TEXT}),
    "Extend": ask("extend", LIFE, "hours", "ends"),
    "Close": ask("close", {}),
    "Leave": ask("leave", {}),
    "Remove": ask("remove", {"position": ref("Position")}),
    "Follow": ask("follow", {"words": WORDS}),
    "Choose": ask("choose", CHOICES, *CHOICES),
    "Block": ask("block", {"author": TEXT, "name": TEXT}, "name"),
    "Unblock": ask("unblock", {"author": TEXT}),
    "Who": ask("who", {}),
    "Beat": ask("beat", {}),
}
"""What a client may ask, on a WebSocket or by ``POST …/asks``."""
