"""A Bluesky of our own: Jetstream's WebSocket and the API that knows the authors.

Written from the documentation of both.  `Bluesky.say` and the like add events, which go to
everybody who is connected and are kept for those who come with a cursor; `Bluesky.play` goes on
for ever by itself.  It misbehaves where a test says so: see `Bluesky`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from klein import Klein
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.server import Site

from meet.moments import moment

COLLECTION = "app.bsky.feed.post"
REPOSTS = "app.bsky.feed.repost"

_CID = "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi"

PEOPLE = (
    ("ann.example.org", "Ann Holm"),
    ("bo.bsky.social", "Bo"),
    ("chioma.dev", "Chioma Eze 🌍"),
    ("dmitri.bsky.social", "Дмитрий"),
    ("ema.example.net", "絵真"),
    ("farid.bsky.social", ""),
)
LINES = (
    "The talk about {tag} begins, the hall is full.",
    "Does anybody have the slides of the keynote? {tag}",
    "Second row, left: the best coffee of {tag} ☕",
    "{tag} I did not know that this was possible at all. Wow.",
    "こんにちは {tag} から。",
    "Notes of the morning are here: {link} {tag}",
    "Who is up for dinner after {tag}?",
)
BESIDE = (
    "Good morning to everybody who is awake.",
    "It rains again.",
    "My cat has an opinion about this #cats",
    "今日はいい天気ですね",
    "Reading a very long book about ships.",
)


def did(name: str) -> str:
    """The DID of somebody here: 24 letters and digits, as real ones have."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    chance = random.Random(name)
    return "did:plc:" + "".join(chance.choice(letters) for _ in range(24))


def tag_facet(text: str, tag: str) -> dict[str, Any]:
    """The facet of a hashtag as it stands in ``text``, its # included."""
    start = len(text[: text.index(tag)].encode())
    return {
        "$type": "app.bsky.richtext.facet",
        "index": {"byteStart": start, "byteEnd": start + len(tag.encode())},
        "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": tag[1:]}],
    }


def link_facet(text: str, shown: str, uri: str) -> dict[str, Any]:
    """The facet of a link that ``text`` shows as ``shown``."""
    start = len(text[: text.index(shown)].encode())
    return {
        "index": {"byteStart": start, "byteEnd": start + len(shown.encode())},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": uri}],
    }


def record(text: str, at: str, tag: str = "", **more: Any) -> dict[str, Any]:
    """The record of a post."""
    facets = {"facets": [tag_facet(text, tag)]} if tag else {}
    return {"$type": COLLECTION, "createdAt": at, "langs": ["en"], "text": text, **facets, **more}


def line(event: Any) -> bytes:
    """An event as Jetstream writes it."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Stream(WebSocketServerProtocol):
    """One listener of Jetstream."""

    def onConnect(self, request: Any) -> None:
        """See what is asked for."""
        standin: Bluesky = self.factory.standin
        asked = (f"{name}={each}" for name, values in request.params.items() for each in values)
        standin.asked.append(f"{request.path}?{'&'.join(asked)}")
        standin.told()
        if standin.refuse:
            raise ConnectionDeny(standin.refuse, "not now")
        self.cursor = int(request.params.get("cursor", ["0"])[0])

    def onOpen(self) -> None:
        """Tell what is kept since the cursor, then all that comes."""
        standin: Bluesky = self.factory.standin
        standin.streams.append(self)
        if self.cursor:
            for time, data in standin.kept:
                if time >= self.cursor:
                    self.tell(data)
        standin.told()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """It is gone."""
        standin: Bluesky = self.factory.standin
        if self in standin.streams:
            standin.streams.remove(self)
        standin.told()

    def tell(self, data: bytes) -> None:
        """Send one event, in pieces if the stand-in splits."""
        size = self.factory.standin.split
        if self.state != self.STATE_OPEN:
            return
        if not size:
            self.sendMessage(data, isBinary=False)
            return
        sent = bytearray()
        head = bytes([0x81])
        length = len(data)
        head += bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        sent += head + data
        # Written piece by piece, past Autobahn's own framing.
        for start in range(0, len(sent), size):
            self.transport.write(bytes(sent[start : start + size]))


class Bluesky:
    """The stand-in.

    * ``refuse``: an HTTP status with which whoever connects is turned away (429, 503).
    * ``silent``: events are kept and not told, as of a host that stalls.
    * ``split``: bytes of each write.
    * ``cut``: every connection is dropped as if a cable were.
    * ``profile_status``: an HTTP status of every answer about authors.
    * ``raw``: any bytes as an event, which need be neither UTF-8 nor JSON nor short.

    ``asked`` has the address of each connection, ``looked_up`` the actors of each question.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.refuse = 0
        self.silent = False
        self.split = 0
        self.profile_status = 0
        self.asked: list[str] = []
        self.looked_up: list[list[str]] = []
        self.streams: list[Stream] = []
        self.kept: list[tuple[int, bytes]] = []
        self.profiles: dict[str, dict[str, Any]] = {}
        self.records: dict[str, tuple[str, dict[str, Any]]] = {}
        self.questions: list[list[str]] = []
        self.host = self.api = ""
        self._numbers = count(1)
        self._time = 0
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self._ports: list[Any] = []
        self._playing: Any = None
        for handle, name in PEOPLE:
            self.join(handle, name)

    # Life.

    async def start(self, host: str = "127.0.0.1", jetstream: int = 0, api: int = 0, tls: Any = None) -> None:
        """Listen on ``host``; afterwards ``self.host`` and ``self.api`` are the addresses for the settings.

        With ``tls``, a context factory, Jetstream is ``wss://localhost``.
        """
        factory = WebSocketServerFactory(reactor=self.reactor)
        factory.protocol = Stream
        factory.standin = self
        factory.noisy = False
        # Both are in one process: what stops it for a while must not look as if the other side did not answer.
        factory.setProtocolOptions(failByDrop=False, openHandshakeTimeout=30, closeHandshakeTimeout=30)
        below = TLSMemoryBIOFactory(tls, False, factory) if tls is not None else factory
        port = await TCP4ServerEndpoint(self.reactor, jetstream, interface=host).listen(below)
        self._ports.append(port)
        number = port.getHost().port
        self.host = f"wss://localhost:{number}" if tls is not None else f"ws://{host}:{number}"
        site = Site(self._pages().resource())
        site.noisy = False
        port = await TCP4ServerEndpoint(self.reactor, api, interface=host).listen(site)
        self._ports.append(port)
        self.api = f"http://{host}:{port.getHost().port}"

    def stop(self) -> Deferred[Any]:
        """Be gone."""
        if self._playing is not None and self._playing.active():
            self._playing.cancel()
        closed = [maybeDeferred(port.stopListening) for port in self._ports]
        closed += [stream.is_closed for stream in self.streams]
        self.cut()
        return DeferredList(closed)

    def until(self, true: Callable[[], bool]) -> Deferred[None]:
        """Fires when ``true()`` is, looked at whenever something happens here."""
        done: Deferred[None] = Deferred()
        self._waiting.append((true, done))
        self.told()
        return done

    def told(self) -> None:
        """Something happened."""
        ready = [done for true, done in self._waiting if true()]
        self._waiting = [(true, done) for true, done in self._waiting if not true()]
        for done in ready:
            done.callback(None)

    def cut(self) -> None:
        """Drop every connection."""
        for stream in list(self.streams):
            stream.transport.abortConnection()

    # People.

    def join(self, handle: str, name: str = "", **more: Any) -> str:
        """Somebody has an account; their DID."""
        author = did(handle)
        self.profiles[author] = {"did": author, "handle": handle, "displayName": name, "labels": [], **more}
        return author

    def say(self, handle: str, text: str, tag: str = "", **more: Any) -> str:
        """Somebody writes a post; its rkey."""
        rkey = more.pop("rkey", "") or f"3l{next(self._numbers):011d}"
        time = self._next()
        at = more.pop("at", "") or moment(time / 1e6)
        said = record(text, at, tag, **more)
        self.records[f"at://{did(handle)}/{COLLECTION}/{rkey}"] = did(handle), said
        self.commit("create", did(handle), rkey, said, time)
        return rkey

    def repost(self, handle: str, author: str, rkey: str) -> str:
        """Somebody posts again what ``author`` (a handle) has posted; the id of the repost."""
        own, time = f"3r{next(self._numbers):011d}", self._next()
        subject = {"cid": _CID, "uri": f"at://{did(author)}/{COLLECTION}/{rkey}"}
        what = {"$type": REPOSTS, "createdAt": moment(time / 1e6), "subject": subject}
        self.commit("create", did(handle), own, what, time, REPOSTS)
        return f"at://{did(handle)}/{REPOSTS}/{own}"

    def commit(
        self, operation: str, author: str, rkey: str, what: Any = None, time: int = 0, collection: str = COLLECTION
    ) -> None:
        """Any change of a repository."""
        commit = {"rev": "3l3qo2vutsw2b", "operation": operation, "collection": collection, "rkey": rkey}
        if what is not None:
            commit |= {"record": what, "cid": _CID}
        time = time or self._next()
        self.event({"did": author, "time_us": time, "kind": "commit", "commit": commit}, time)

    def delete(self, handle: str, rkey: str) -> None:
        """Somebody deletes a post."""
        self.records.pop(f"at://{did(handle)}/{COLLECTION}/{rkey}", None)
        self.commit("delete", did(handle), rkey)

    def account(self, handle: str, active: bool, status: str = "") -> None:
        """Somebody's account ends, or is back."""
        author, time = did(handle), self._next()
        account = {"active": active, "did": author, "seq": 1, "time": moment(time / 1e6)}
        if status:
            account["status"] = status
        self.event({"did": author, "time_us": time, "kind": "account", "account": account}, time)

    def rename(self, handle: str, new: str) -> None:
        """Somebody takes another handle."""
        author, time = did(handle), self._next()
        self.profiles[author]["handle"] = new
        identity = {"did": author, "handle": new, "seq": 1, "time": moment(time / 1e6)}
        self.event({"did": author, "time_us": time, "kind": "identity", "identity": identity}, time)

    def event(self, event: Any, time: int) -> None:
        """Any event."""
        self.raw(line(event), time)

    def raw(self, data: bytes, time: int = 0) -> None:
        """Any bytes as an event."""
        self.kept.append((time or self._next(), data))
        del self.kept[:-100_000]
        if not self.silent:
            for stream in self.streams:
                stream.tell(data)

    def _next(self) -> int:
        """µs since 1970, always later than before."""
        self._time = max(self._time + 1, int(self.reactor.seconds() * 1e6))
        return self._time

    def play(self, tag: str, each: float = 2.0, beside: int = 20, chance: random.Random | None = None) -> None:
        """Go on for ever: a post with ``tag`` about every ``each`` seconds, and ``beside`` others between."""
        chance = chance or random.Random()
        lines = self._lines(tag, chance)

        def another() -> None:
            for _ in range(chance.randint(0, beside * 2)):
                self.say(chance.choice(PEOPLE)[0], chance.choice(BESIDE))
            handle, text, more = next(lines)
            self.say(handle, text, tag, **more)
            self._playing = self.reactor.callLater(each * (0.3 + 1.4 * chance.random()), another)

        self._playing = self.reactor.callLater(0, another)

    def _lines(self, tag: str, chance: random.Random) -> Iterator[tuple[str, str, dict[str, Any]]]:
        shown, uri = "example.org/notes/mor...", "https://example.org/notes/morning"
        for number in count():
            text = LINES[number % len(LINES)].format(tag=tag, link=shown)
            facets = [tag_facet(text, tag)]
            if shown in text:
                facets.append(link_facet(text, shown, uri))
            yield chance.choice(PEOPLE)[0], text, {"facets": facets, "langs": ["ja" if "から" in text else "en"]}

    # The API.

    def _pages(self) -> Klein:
        app = Klein()

        @app.route("/xrpc/app.bsky.actor.getProfiles", methods=["GET"])
        def profiles(request: Any) -> bytes:
            actors = parse_qs(request.uri.partition(b"?")[2].decode()).get("actors", [])
            self.looked_up.append(actors)
            self.told()
            request.setHeader("Content-Type", "application/json; charset=utf-8")
            status = self.profile_status or (200 if 0 < len(actors) <= 25 else 400)
            request.setResponseCode(status)
            if status != 200:
                return line({"error": "InvalidRequest", "message": "not now"})
            by_handle = {each["handle"]: each for each in self.profiles.values()}
            found = [self.profiles.get(actor) or by_handle.get(actor) for actor in actors]
            return line({"profiles": [each for each in found if each]})

        @app.route("/xrpc/app.bsky.feed.getPosts", methods=["GET"])
        def posts(request: Any) -> bytes:
            wanted = parse_qs(request.uri.partition(b"?")[2].decode()).get("uris", [])
            self.questions.append(wanted)
            self.told()
            request.setHeader("Content-Type", "application/json; charset=utf-8")
            status = self.profile_status or (200 if 0 < len(wanted) <= 25 else 400)
            request.setResponseCode(status)
            if status != 200:
                return line({"error": "InvalidRequest", "message": "not now"})
            found = [(uri, *self.records[uri]) for uri in wanted if uri in self.records]
            listed = [
                {"uri": uri, "cid": _CID, "author": self.profiles[author], "record": said, "labels": []}
                for uri, author, said in found
            ]
            return line({"posts": listed})

        return app
