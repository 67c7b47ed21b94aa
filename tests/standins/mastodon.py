"""An instance of Mastodon of our own: streaming of hashtags by server-sent events, and tag timelines.

Written from the documentation.  `Mastodon.say` and the like go to everybody who listens to one of
the hashtags; timelines have what was said.  It misbehaves where a test says so: see `Mastodon`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from html import escape
from itertools import count
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.web.server import Site

from meet.moments import moment


def status(number: int, text: str, tags: tuple[str, ...], at: str, **more: Any) -> dict[str, Any]:
    """A status as an instance tells it."""
    name = more.pop("by", "ann")
    return {
        "id": str(110_000_000_000_000_000 + number),
        "uri": f"https://here.example/users/{name}/statuses/{number}",
        "url": f"https://here.example/@{name}/{number}",
        "created_at": at,
        "edited_at": None,
        "visibility": "public",
        "language": "en",
        "sensitive": False,
        "spoiler_text": "",
        "content": f"<p>{escape(text)}</p>",
        "reblog": None,
        "media_attachments": [],
        "tags": [{"name": tag, "url": f"https://here.example/tags/{tag}"} for tag in tags],
        "account": {
            "id": "1",
            "acct": name,
            "username": name,
            "display_name": name.title(),
            "uri": f"https://here.example/users/{name}",
            "url": f"https://here.example/@{name}",
        },
        **more,
    }


class Mastodon:
    """The stand-in.

    * ``refuse``: an HTTP status of everything (401, 429, 503); ``reset`` the moment told with 429.
    * ``silent``: nothing is streamed, no sign of life either.
    * ``split``: bytes of each write; ``end``: what a line ends with.
    * ``looked``: called whenever a timeline was read, as of people who write just then.
    * ``cut``: every stream is dropped; ``raw``: any bytes on every stream.

    ``asked`` has the path and query of each question, ``tokens`` what it was authorized by.
    """

    def __init__(self, reactor: Any, token: str = "secret") -> None:
        self.reactor = reactor
        self.token = token
        self.refuse = 0
        self.reset = ""
        self.silent = False
        self.split = 0
        self.end = "\n"
        self.looked: Callable[[], object] = lambda: None
        self.asked: list[str] = []
        self.streams: list[tuple[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.address = ""
        self._numbers = count(1)
        self._port: Any = None
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on ``host``; afterwards ``self.address`` is what the setting wants."""
        site = Site(self._pages().resource())
        site.noisy = False
        self._port = await TCP4ServerEndpoint(self.reactor, port, interface=host).listen(site)
        self.address = f"http://{host}:{self._port.getHost().port}"

    def stop(self) -> Deferred[Any]:
        """Be gone."""
        closed = maybeDeferred(self._port.stopListening)
        self.cut()
        return DeferredList([closed, self.until(lambda: not self.streams)])

    def until(self, true: Callable[[], bool]) -> Deferred[None]:
        """Fires when ``true()`` is, looked at whenever something happens here."""
        done: Deferred[None] = Deferred()
        self._waiting.append((true, done))
        self._told()
        return done

    def cut(self) -> None:
        """Drop every stream."""
        for _, request in list(self.streams):
            request.transport.abortConnection()

    # What people do.

    def say(self, text: str, *tags: str, **more: Any) -> dict[str, Any]:
        """Somebody writes; the status."""
        at = more.pop("at", "") or moment(self.reactor.seconds())
        said = status(next(self._numbers), text, tags, at, **more)
        self.statuses.append(said)
        self._stream("update", said)
        return said

    def edit(self, said: dict[str, Any], text: str, at: str) -> None:
        """A status gets another text."""
        said |= {"content": f"<p>{escape(text)}</p>", "edited_at": at}
        self._stream("status.update", said)

    def delete(self, said: dict[str, Any]) -> None:
        """A status is deleted; every stream is told, by its bare id."""
        self.statuses.remove(said)
        self.raw(f"event: delete\ndata: {said['id']}\n\n")

    def thump(self) -> None:
        """The sign of life."""
        self.raw(":thump\n")

    def raw(self, text: str | bytes) -> None:
        """Any bytes, on every stream."""
        for _, request in self.streams:
            self._write(request, text)

    def _stream(self, event: str, said: dict[str, Any]) -> None:
        data = f"event: {event}\ndata: {json.dumps(said)}\n\n"
        names = {tag["name"].casefold() for tag in said["tags"]}
        for tag, request in self.streams:
            if tag.casefold() in names:
                self._write(request, data)

    def _write(self, request: Any, text: str | bytes) -> None:
        if self.silent:
            return
        data = text if isinstance(text, bytes) else text.replace("\n", self.end).encode()
        size = self.split or len(data)
        for start in range(0, len(data), size):
            request.write(data[start : start + size])

    def _gone(self, _: Any, stream: tuple[str, Any]) -> None:
        self.streams.remove(stream)
        self._told()

    def _told(self) -> None:
        ready = [done for true, done in self._waiting if true()]
        self._waiting = [(true, done) for true, done in self._waiting if not true()]
        for done in ready:
            done.callback(None)

    # What an instance answers.

    def _pages(self) -> Klein:
        app = Klein()

        @app.route("/api/v2/instance", methods=["GET"])
        def instance(request: Any) -> bytes:
            urls = {"streaming": self.address.replace("http://", "ws://")}
            return self._answer(request, {"domain": "here.example", "configuration": {"urls": urls}})

        @app.route("/api/v1/timelines/tag/<tag>", methods=["GET"])
        def timeline(request: Any, tag: str) -> bytes:
            after = request.args.get(b"min_id", [b"0"])[0].decode()
            limit = int(request.args.get(b"limit", [b"20"])[0])
            names = [each for each in self.statuses if tag in (t["name"].casefold() for t in each["tags"])]
            before = request.args.get(b"max_id", [b"9" * 30])[0].decode()
            newer = [each for each in names if int(after) < int(each["id"]) < int(before)]
            page = newer[:limit] if after != "0" else newer[-limit:]
            answer = self._answer(request, page[::-1])
            self.looked()
            return answer

        @app.route("/api/v1/streaming/hashtag", methods=["GET"])
        async def hashtag(request: Any) -> bytes:
            refusal = self._answer(request, {"error": "not now"})
            if request.code != 200:
                return refusal
            request.setHeader("Content-Type", "text/event-stream")
            self._write(request, ":)\n")
            stream = (request.args[b"tag"][0].decode(), request)
            self.streams.append(stream)
            request.notifyFinish().addBoth(self._gone, stream)
            self._told()
            # Not an end of ours is waited for: who listens goes away.
            with suppress(ConnectionDone, ConnectionLost):
                await request.notifyFinish()
            return b""

        return app

    def _answer(self, request: Any, what: Any) -> bytes:
        self.asked.append(request.uri.decode())
        given = request.getHeader("authorization")
        code = self.refuse or (200 if given == f"Bearer {self.token}" else 401)
        request.setResponseCode(code)
        request.setHeader("Content-Type", "application/json")
        if code == 429 and self.reset:
            request.setHeader("X-RateLimit-Reset", self.reset)
        self.reactor.callLater(0, self._told)
        return json.dumps(what if code == 200 else {"error": "not now"}).encode()
