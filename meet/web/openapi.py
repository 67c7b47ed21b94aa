"""The JSON API as OpenAPI 3.1: ``/api/v1/openapi.json``.  Pure.

The law: every route of `meet.web.api.Api` stands here, and no other; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from meet.limits import Limits
from meet.version import VERSION
from meet.web.schemas import ASKS, LIFE, OBJECTS, POSITION, REF, ROOM, TEXT, Schema, events, object_of, ref, told

_ROOMS = "/api/v1/rooms"
_ROOM = "/api/v1/rooms/{room}"


def document(base: str, limits: Limits) -> dict[str, Any]:
    """The whole document, for a Meet whose pages stand at ``base`` and that has ``limits``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meet",
            "version": VERSION,
            "description": "Rooms, places in them, and what is said.  docs/protocol.md tells it in prose.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base}],
        "paths": _paths(limits),
        "components": {
            "schemas": {**events(told()), **OBJECTS, **ASKS},
            "parameters": {
                "room": {
                    "name": "room",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "pattern": ROOM},
                }
            },
            "responses": {
                "Problem": {
                    "description": "It was refused; `code` says why.",
                    "content": {"application/problem+json": {"schema": ref("Problem")}},
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths(limits: Limits) -> dict[str, Any]:
    room = [{"$ref": "#/components/parameters/room"}]
    token: list[dict[str, list[str]]] = [{"token": []}]
    position = object_of({"position": ref("Position")})
    named = object_of(
        {
            "name": TEXT,
            "title": TEXT,
            "limit": {"type": "integer", "minimum": 1, "maximum": limits.characters_in_line_most},
            **LIFE,
        },
        "title",
        "limit",
        "hours",
        "ends",
    )
    opened = object_of({"room": ref("Room"), "host_key": TEXT, "url": TEXT, "keeps": TEXT})
    visitor = object_of(
        {"nick": TEXT, "token": TEXT, "host_key": TEXT, "after": {"type": "string", "pattern": POSITION}},
        "nick",
        "token",
        "host_key",
        "after",
    )
    answers = {"anyOf": [position, ref("Names"), ref("Alive")]}
    asks = {"oneOf": [ref(name) for name in ASKS]}
    entries = {"type": "array", "items": ref("Entry")}
    before = {"anyOf": [ref("Position"), {"type": "null"}]}
    found = object_of({"entries": entries, "before": before, "away": {"type": "boolean"}})
    return {
        _ROOMS: {"post": _operation("open", "Open a room.", body=named, answers=(201, opened))},
        _ROOM: {
            "parameters": room,
            "get": _operation("room", "What anybody may know of a room.", answers=(200, ref("Outline"))),
        },
        f"{_ROOM}/sessions": {
            "parameters": room,
            "post": _operation("join", "Come in, or back.", body=visitor, answers=(201, ref("Welcome"))),
            "delete": _operation("leave", "Leave.", answers=(204, None), security=token),
        },
        f"{_ROOM}/says": {
            "parameters": room,
            "post": _operation(
                "say",
                "Say a line.",
                body=object_of({"text": TEXT, "ref": REF}, "ref"),
                answers=(201, position),
                security=token,
            ),
        },
        f"{_ROOM}/asks": {
            "parameters": room,
            "post": _operation("ask", "Ask for anything else.", body=asks, answers=(200, answers), security=token),
        },
        f"{_ROOM}/entries": {
            "parameters": room,
            "get": _operation(
                "entries",
                "Entries after a position, waiting for them, or talk before one.",
                answers=(200, entries),
                parameters=[
                    _query("after", {"type": "string", "pattern": POSITION}),
                    _query("wait", {"type": "number", "minimum": 0, "maximum": limits.seconds_to_poll}),
                    _query("before", {"type": "string", "pattern": POSITION}),
                    _query("count", {"type": "integer", "minimum": 0, "maximum": limits.entries_in_page}),
                ],
            ),
        },
        f"{_ROOM}/search": {
            "parameters": room,
            "get": _operation(
                "search",
                "The newest lines that have each of some words, anywhere in text or nick, before a position.",
                answers=(200, found),
                parameters=[
                    {**_query("q", {**TEXT, "minLength": 1, "maxLength": 200}), "required": True},
                    _query("before", {"type": "string", "pattern": POSITION}),
                    _query("count", {"type": "integer", "minimum": 0, "maximum": limits.entries_in_page}),
                ],
            ),
        },
        f"{_ROOM}/events": {
            "parameters": room,
            "get": _operation(
                "events",
                "The room as a stream of events; asyncapi.json has its messages.",
                answers=(200, TEXT),
                kind="text/event-stream",
                parameters=[
                    _query("after", {"type": "string", "pattern": POSITION}),
                    _query("token", TEXT),
                    {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "pattern": POSITION}},
                ],
            ),
        },
        f"{_ROOM}/socket": {
            "parameters": room,
            "get": _operation(
                "socket",
                "The room as a WebSocket; asyncapi.json has its messages.",
                answers=(101, None),
                parameters=[
                    _query("nick", TEXT),
                    _query("token", TEXT),
                    _query("host_key", TEXT),
                    _query("after", {"type": "string", "pattern": POSITION}),
                ],
            ),
        },
        "/api/v1/openapi.json": {
            "get": _operation("openapi", "This document.", answers=(200, {"type": "object"})),
        },
        "/api/v1/asyncapi.json": {
            "get": _operation("asyncapi", "What is heard, and the bus.", answers=(200, {"type": "object"})),
        },
    }


def _query(name: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _operation(
    name: str,
    summary: str,
    *,
    answers: tuple[int, Schema | None],
    body: Schema | None = None,
    kind: str = "application/json",
    **more: Any,
) -> dict[str, Any]:
    status, schema = answers
    answer: dict[str, Any] = {"description": "It is done." if schema is None else "As asked."}
    if schema is not None:
        answer["content"] = {kind: {"schema": schema}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {str(status): answer, "default": {"$ref": "#/components/responses/Problem"}},
        **more,
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation
