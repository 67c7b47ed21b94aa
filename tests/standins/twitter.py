"""A server that answers as X's API does, as far as a source needs it, and misbehaves when it is told to.

It is written from X's documentation: rules that outlive connections, one connection an app, a line
for each post with its `includes` and `matching_rules`, an empty line as a sign of life.  It does
what X does by itself; what X does on bad days is asked for by its methods.  Nothing here is a
matter of chance, and nothing waits but for the reactor.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.server import Site

TOKEN = "stand-in-token"
PROBLEMS = "https://api.twitter.com/2/problems/"
FIRST_ID = 1_860_000_000_000_000_000


class Twitter:
    """The app's view of X: ``rules`` by their id, ``posts`` that can be looked up, ``asked`` requests in order."""

    app = Klein()

    def __init__(self, most: int = 1000, token: str = TOKEN) -> None:
        self.most = most
        self.token = token
        self.rules: dict[str, dict[str, str]] = {}
        self.posts: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.opened = 0
        self.gzip = False
        """Send the stream compressed, though nobody asked for it."""
        self.hangs = False
        """Never answer who asks for the rules."""
        self.haunted = False
        """A dead connection is still taken for alive, until somebody frees it."""
        self.full = False
        """Whoever has the stream takes less than is told."""
        self.refuses: Callable[[str], str] = lambda value: ""
        """Why a rule is not taken; empty if it is."""
        self._stream: Any = None
        self._packer: Any = None
        self._finished: Deferred[None] = Deferred()
        self._answers: list[tuple[str, int, dict[str, str], Any]] = []
        self._ids = count(1)
        self._moments = count(FIRST_ID, 1 << 22)

    def site(self) -> Site:
        """What to listen with."""
        return Site(self.app.resource())

    # What a test makes it do.

    def answer_next(self, path: str, status: int, body: Any = None, **headers: str) -> None:
        """Answer the next request whose path ends like ``path`` in this way, once; underscores are hyphens."""
        self._answers.append((path, status, {k.replace("_", "-"): v for k, v in headers.items()}, body))

    @property
    def connected(self) -> bool:
        """Whether somebody has the stream."""
        return self._stream is not None

    def write(self, data: bytes) -> None:
        """Send bytes on the stream as they are."""
        if self.gzip:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        self._stream.write(data)

    def line(self, body: Any) -> None:
        """Send one line."""
        self.write(json.dumps(body).encode() + b"\r\n")

    def alive(self) -> None:
        """Send a sign of life."""
        self.write(b"\r\n")

    def finish(self) -> None:
        """End the stream in good order."""
        self._finished.callback(None)

    def cut(self) -> None:
        """Break the connection off."""
        self._stream.transport.abortConnection()

    def disconnect(self, title: str = "operational-disconnect", **more: str) -> None:
        """Say that the stream ends, as X does; the connection stays until the other side has closed it."""
        self.line({"errors": [{"title": title, "type": PROBLEMS + title, **more}]})

    def post(self, text: str, handle: str = "ann", **more: Any) -> dict[str, Any]:
        """The line of a post, which is also there to be looked up; ``more`` are fields of its ``data``."""
        known = str(next(self._moments))
        author = str(1000 + sum(handle.encode()))
        tags = [{"start": found.start(), "end": found.end(), "tag": found[1]} for found in re.finditer(r"#(\w+)", text)]
        data = {
            "id": known,
            "text": text,
            "author_id": author,
            "created_at": "2026-11-24T14:05:09.000Z",
            "lang": "en",
            "edit_history_tweet_ids": [known],
            "possibly_sensitive": False,
        }
        if tags:
            data["entities"] = {"hashtags": tags}
        data |= more
        self.posts[known] = data
        return {
            "data": data,
            "includes": {"users": [{"id": author, "name": handle.title(), "username": handle}]},
            "matching_rules": self.matching(text, handle),
        }

    def matching(self, text: str, handle: str) -> list[dict[str, str]]:
        """The rules that tell such a post."""
        text = text.casefold()
        return [
            {"id": rule["id"], "tag": rule["tag"]}
            for rule in self.rules.values()
            if any(
                term == f"from:{handle}" or (term[0] == "#" and re.search(re.escape(term) + r"\b", text))
                for term in re.findall(r"#\w+|from:\w+", rule["value"].casefold())
            )
        ]

    def tell(self, text: str, handle: str = "ann", **more: Any) -> str:
        """Have somebody write a post, and tell it if a rule matches and somebody listens; its id."""
        line = self.post(text, handle, **more)
        if line["matching_rules"] and self.connected:
            self.line(line)
        return str(line["data"]["id"])

    def add_rule(self, value: str, tag: str = "") -> str:
        """Have a rule that somebody else made, or we before; its id."""
        known = str(next(self._ids))
        self.rules[known] = {"id": known, "value": value, **({"tag": tag} if tag else {"tag": ""})}
        return known

    # What a client asks.

    @app.route("/2/tweets/search/stream", methods=["GET"])
    async def stream(self, request: Any) -> Any:
        """The stream, until somebody closes it."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if self.connected or self.haunted:
            detail = "This stream is currently at the maximum allowed connection limit."
            return self._answer(
                request,
                429,
                {"title": "ConnectionException", "detail": detail, "connection_issue": "TooManyConnections"},
            )
        if not self.rules:
            return self._answer(
                request, 409, {"title": "Conflict", "detail": "Rules must be configured.", "status": 409}
            )
        self.opened += 1
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        if self.gzip:
            self._packer = zlib.compressobj(wbits=31)
            request.setHeader("Content-Encoding", "gzip")
        self._stream = request
        request.write(b"")
        self._finished = Deferred()
        self.full = False
        request.registerProducer(self, True)
        try:
            await self._finished
        finally:
            self._stream = None
            if request.channel is not None:
                request.unregisterProducer()
        return b""

    def pauseProducing(self) -> None:
        """More waits to be taken than is good."""
        self.full = True

    def resumeProducing(self) -> None:
        """What waited is taken."""
        self.full = False

    def stopProducing(self) -> None:
        """The connection is gone."""

    @app.route("/2/tweets/search/stream/rules", methods=["GET"])
    def list_rules(self, request: Any) -> Any:
        """All rules, by pages of at most ``max_results``."""
        if self.hangs:
            self.asked.append("hangs")
            return Deferred()
        if (refusal := self._refusal(request)) is not None:
            return refusal
        size = int(request.args.get(b"max_results", [b"1000"])[0])
        start = int(request.args.get(b"pagination_token", [b"0"])[0])
        rules = list(self.rules.values())
        meta: dict[str, Any] = {"sent": "2026-11-24T14:05:09.000Z", "result_count": len(rules[start : start + size])}
        if start + size < len(rules):
            meta["next_token"] = str(start + size)
        data = {"data": rules[start : start + size]} if rules else {}
        return self._answer(request, 200, data | {"meta": meta})

    @app.route("/2/tweets/search/stream/rules", methods=["POST"])
    def change_rules(self, request: Any) -> bytes:
        """Rules added, or deleted."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = json.loads(request.content.read())
        if "delete" in body:
            return self._delete(request, body["delete"]["ids"])
        return self._add(request, body["add"])

    @app.route("/2/connections/filtered_stream", methods=["DELETE"])
    def free(self, request: Any) -> bytes:
        """Every connection of the app ended."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        self.haunted = False
        if self.connected:
            self.cut()
        return self._answer(request, 200, {"data": {"deleted": True}})

    @app.route("/2/tweets", methods=["GET"])
    def look_up(self, request: Any) -> bytes:
        """Posts by their ids; those that are gone are told as errors."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        ids = request.args[b"ids"][0].decode().split(",")
        there = [{"id": known, "text": self.posts[known]["text"]} for known in ids if known in self.posts]
        gone = [
            {"value": known, "resource_id": known, "title": "Not Found Error", "type": PROBLEMS + "resource-not-found"}
            for known in ids
            if known not in self.posts
        ]
        return self._answer(request, 200, {"data": there} | ({"errors": gone} if gone else {}))

    def _add(self, request: Any, wanted: Iterable[dict[str, str]]) -> bytes:
        added, errors = [], []
        values = {rule["value"]: known for known, rule in self.rules.items()}
        for rule in wanted:
            value = rule["value"]
            if value in values:
                kind = {"title": "DuplicateRule", "type": PROBLEMS + "duplicate-rules"}
                errors.append({"value": value, "id": values[value], **kind})
            elif len(self.rules) >= self.most:
                errors.append({"value": value, "title": "RulesCapExceeded", "detail": "The plan has no more rules."})
            elif len(value) > 1024 or (why := self.refuses(value)):
                details = ["Too long." if len(value) > 1024 else why]
                errors.append({"value": value, "details": details, "title": "UnprocessableEntity"})
            else:
                known = self.add_rule(value, rule.get("tag", ""))
                values[value] = known
                added.append(self.rules[known])
        meta = {"summary": {"created": len(added), "not_created": len(errors)}}
        body = {"meta": meta} | ({"data": added} if added else {}) | ({"errors": errors} if errors else {})
        return self._answer(request, 201 if added else 400, body)

    def _delete(self, request: Any, ids: Iterable[str]) -> bytes:
        known = [each for each in ids if self.rules.pop(each, None) is not None]
        return self._answer(request, 200, {"meta": {"summary": {"deleted": len(known), "not_deleted": 0}}})

    def _refusal(self, request: Any) -> bytes | None:
        """What is answered in place of what was asked, if something is."""
        path = request.path.decode()
        self.asked.append(f"{request.method.decode()} {path}")
        self.headers.append(
            {name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()}
        )
        self.queries.append({name.decode(): values[0].decode() for name, values in request.args.items()})
        for each in self._answers:
            if path.endswith(each[0]):
                self._answers.remove(each)
                for name, value in each[2].items():
                    request.setHeader(name, value)
                return self._answer(request, each[1], each[3])
        if self.headers[-1].get("authorization") != f"Bearer {self.token}":
            return self._answer(request, 401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
        return None

    def _answer(self, request: Any, status: int, body: Any) -> bytes:
        request.setResponseCode(status)
        if isinstance(body, bytes):
            return body
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        return json.dumps(body).encode()
