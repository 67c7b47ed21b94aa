"""What is heard, and the bus, as AsyncAPI 3: ``/api/v1/asyncapi.json``.  Pure.

The law: events are described by their own classes, and the bus by `meet.keys`; ``docs/bus.md`` tells
the same in prose.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from meet.events import KINDS
from meet.keys import SHARDS
from meet.version import VERSION
from meet.web.schemas import ASKS, OBJECTS, ROOM, Schema, events, ref

_LINE = '{"kind":"said","at":"2026-11-24T14:05:09.120Z","by":"p7","nick":"ann","via":"web","text":"hi"}'

_TOLD = {
    "entry": "Entry",
    "welcome": "Welcome",
    "here": "Here",
    "away": "Away",
    "back": "Back",
    "refused": "Refused",
    "goodbye": "Goodbye",
    "who": "Names",
    "beat": "Alive",
}
"""What a WebSocket is told: messages, each with its schema."""

_STREAMED = ("entry", "welcome", "here", "away", "back", "goodbye")

_SENT: dict[str, Schema] = {
    "sent": {
        "type": "string",
        "pattern": "^[0-9a-z]{1,16}\\.[0-9]{1,18} \\{",
        "contentMediaType": "application/json",
        "description": "The position, one space, and the event's JSON: split at the first space.",
        "x-event": ref("Event"),
    },
    "journaled": {
        "type": "object",
        "required": ["r", "p", "b"],
        "properties": {
            "r": {"type": "string", "pattern": ROOM, "description": "The room."},
            "p": ref("Position"),
            "b": {
                "type": "string",
                "contentMediaType": "application/json",
                "description": "The event's JSON, exactly as it was numbered.",
                "x-event": ref("Event"),
            },
        },
        "description": "One record.  One that was erased since has no fields, and one that lacks any is skipped.",
    },
    "woken": {"type": "string", "pattern": "^[0-9]{1,2}$", "description": "The shard whose journal has something new."},
}
"""What the bus carries."""

_EXAMPLES: dict[str, Any] = {
    "sent": f"k3q.12 {_LINE}",
    "journaled": {"r": "algebra", "p": "k3q.12", "b": _LINE},
    "woken": "7",
}


def document(base: str) -> dict[str, Any]:
    """The whole document, for a Meet whose pages stand at ``base``."""
    parts = urlsplit(base)
    web = {"host": parts.netloc, **({"pathname": parts.path} if parts.path else {})}
    safe = parts.scheme == "https"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Meet",
            "version": VERSION,
            "description": "What Meet sends and receives.  Everybody ignores kinds and fields that they do not know; "
            "what would break that gets a new path.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "sockets": {**web, "protocol": "wss" if safe else "ws"},
            "streams": {**web, "protocol": "https" if safe else "http"},
            "bus": {
                "host": "localhost:6379",
                "protocol": "redis",
                "description": "The Redis that `--broker` names; the operator knows where it is and who may in.",
            },
        },
        "channels": _channels(),
        "operations": {
            "ask": _operation("receive", "socket", ["ask"], "Ask on a WebSocket."),
            "hear": _operation("send", "socket", list(_TOLD), "Hear on a WebSocket."),
            "stream": _operation("send", "events", list(_STREAMED), "Hear by server-sent events."),
            "observeLive": _operation("send", "room", ["sent"], "Observe one room: SUBSCRIBE."),
            "observeDurably": _operation(
                "send", "journal", ["journaled"], "Observe every room, with acknowledgement: next.lua."
            ),
            "wake": _operation("send", "wake", ["woken"], "Learn that a journal has something new: SUBSCRIBE."),
            "publish": _operation(
                "receive", "room", ["sent"], "Number, remember and send an event: publish.lua, never PUBLISH."
            ),
        },
        "components": {
            "schemas": {**events(KINDS), **OBJECTS, **ASKS},
            "messages": _messages(),
        },
    }


def _channels() -> dict[str, Any]:
    room: dict[str, Any] = {"room": {"description": "The room's name.", "examples": ["algebra"]}}
    shard = {
        "prefix": {"description": "As the broker's URL says.", "default": "meet"},
        "shard": {
            "description": f"The CRC-32 of the room's name modulo {SHARDS}, two digits, in braces: the hash tag.",
            "examples": ["{07}", "{22}"],
        },
    }
    return {
        "socket": {
            "address": "/api/v1/rooms/{room}/socket",
            "title": "A room as a WebSocket",
            "servers": [{"$ref": "#/servers/sockets"}],
            "parameters": room,
            "messages": _refs([*_TOLD, "ask"]),
        },
        "events": {
            "address": "/api/v1/rooms/{room}/events",
            "title": "A room as a stream of events",
            "servers": [{"$ref": "#/servers/streams"}],
            "parameters": room,
            "messages": _refs(_STREAMED),
        },
        "room": {
            "address": "{prefix}:{shard}:room:{room}",
            "title": "A room's channel: at most once, in order; numbers show what is missing",
            "servers": [{"$ref": "#/servers/bus"}],
            "parameters": {**shard, **room},
            "messages": _refs(["sent"]),
        },
        "journal": {
            "address": "{prefix}:{shard}:journal",
            "title": "A shard's journal, a stream: at least once, in order within a room, kept until acknowledged",
            "servers": [{"$ref": "#/servers/bus"}],
            "parameters": shard,
            "messages": _refs(["journaled"]),
        },
        "wake": {
            "address": "{prefix}:wake",
            "title": "Which shard's journal has something new",
            "servers": [{"$ref": "#/servers/bus"}],
            "parameters": {"prefix": shard["prefix"]},
            "messages": _refs(["woken"]),
        },
    }


def _messages() -> dict[str, Any]:
    told: dict[str, Any] = {name: {"name": name, "payload": ref(schema)} for name, schema in _TOLD.items()}
    told["entry"]["examples"] = [{"payload": ["k3q.12", json.loads(_LINE)]}]
    asks = {"ask": {"name": "ask", "payload": {"oneOf": [ref(name) for name in ASKS]}}}
    bus = {
        name: {
            "name": name,
            "contentType": "application/json" if schema["type"] == "object" else "text/plain",
            "payload": schema,
            "examples": [{"payload": _EXAMPLES[name]}],
        }
        for name, schema in _SENT.items()
    }
    return {**told, **asks, **bus}


def _refs(names: Any) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(action: str, channel: str, messages: list[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }
