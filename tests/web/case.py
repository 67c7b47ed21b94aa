"""A whole web door on the real reactor, over the memory broker, and clients for it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from os import urandom
from typing import Any

import treq
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from websockets.exceptions import ConnectionClosed
from websockets.protocol import CLIENT
from websockets.protocol import Protocol as WireProtocol
from websockets.sync.client import connect
from zope.interface import implementer

from meet.admission import Admission
from meet.broker.memory import MemoryBroker
from meet.errors import GOODBYES, Unavailable
from meet.events import Position
from meet.house import House
from meet.hub import Hub
from meet.interfaces import Found, IStore, Record
from meet.limits import Limits
from meet.search import search
from meet.sessions import Sessions
from meet.web import make_gateway


@implementer(IStore)
class MemoryStore:
    """What the recorder would have kept, in a list; `away` lets it be unreachable."""

    def __init__(self) -> None:
        self.kept: list[Record] = []
        self.away = False

    def start(self) -> Deferred[None]:
        return succeed(None)

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        self.kept.extend(records)
        return succeed(None)

    def history(self, room: str, before: Position, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        if self.away:
            return _away()
        found = [each for each in self._talk(room, before.epoch) if each[0].seq < before.seq]
        return succeed(found[-count:] if count else [])

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        if self.away:
            return _away()
        return succeed([each for each in self._talk(room, epoch) if each[0].seq > after][:count])

    def search(self, room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        if self.away:
            return _away()
        talk = [each for each in self._talk(room, before.epoch) if each[0].seq < before.seq]
        return succeed(Found(*search(reversed(talk), words, count)))

    def _talk(self, room: str, epoch: str) -> list[tuple[Position, bytes]]:
        return [
            (each.position, each.body)
            for each in self.kept
            if each.room == room and each.position.epoch == epoch and b'"kind":"said"' in each.body
        ]


def _away() -> Deferred[Any]:
    away: Deferred[Any] = Deferred()
    away.errback(Unavailable("The archive is away."))
    return away


def make_house(
    clock: Any, broker: MemoryBroker, random: Callable[[int], bytes], limits: Limits, public_url: str = "", **more: Any
) -> House:
    hub = Hub(broker, clock, limits)
    admission = Admission(limits)
    return House(
        hub=hub,
        sessions=Sessions(hub, admission, clock, limits, random),
        admission=admission,
        archive=MemoryStore(),
        clock=clock,
        limits=limits,
        random=random,
        secret=bytes(32),
        name="meet.example",
        public_url=public_url,
        ports={"irc": 6667, "line": 2323},
        **more,
    )


class ClockCase(SynchronousTestCase):
    """A web door without a network, whose time stands still."""

    changes: tuple[tuple[str, int], ...] = ()

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_795_000_000)
        self.limits = Limits().but(dict(self.changes))
        broker = MemoryBroker(self.clock, bytes, self.limits)
        broker.start()
        self.house = make_house(self.clock, broker, bytes, self.limits)
        self.gateway = make_gateway(self.house)


def read_frames(data: bytes) -> list[Any]:
    """The WebSocket frames in ``data``, read by a library that is not Meet's."""
    client = WireProtocol(CLIENT)
    client.receive_data(data)
    return client.events_received()


class Answer:
    """One answer, read to its end."""

    def __init__(self, response: Any, body: bytes) -> None:
        self.status = response.code
        self.headers = response.headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return ", ".join(self.headers.getRawHeaders(name, []))

    def cookies(self) -> dict[str, str]:
        pairs = [each.partition(";")[0].partition("=") for each in self.headers.getRawHeaders("Set-Cookie", [])]
        return {name: value for name, _, value in pairs}


class Raw(Protocol):
    """A connection that sends what it is told and keeps what it hears until the other side closes."""

    def __init__(self) -> None:
        self.heard = b""
        self.closed: Deferred[bytes] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[bytes]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._tell()

    def connectionLost(self, reason: Any = None) -> None:
        self.closed.callback(self.heard)

    def until(self, words: bytes) -> Deferred[bytes]:
        """Fires once ``words`` were heard, with all that was."""
        found: Deferred[bytes] = Deferred()
        self._waiting.append((words, found))
        self._tell()
        return found

    def _tell(self) -> None:
        for each in list(self._waiting):
            if each[0] in self.heard:
                self._waiting.remove(each)
                each[1].callback(self.heard)


class WebCase(TestCase):
    timeout = 20
    changes: tuple[tuple[str, int], ...] = ()
    public_url = ""
    at = ""
    trust: tuple[str, ...] = ()

    async def setUp(self) -> None:
        self.limits = Limits().but({"says-per-participant": 0, **dict(self.changes)})
        self.broker = MemoryBroker(reactor, urandom, self.limits)
        await self.broker.start()
        self.house = make_house(
            reactor, self.broker, urandom, self.limits, self.public_url, at=self.at, trust=self.trust
        )
        self.hub, self.sessions, self.store = self.house.hub, self.house.sessions, self.house.archive
        self.gateway = make_gateway(self.house)
        self.port = reactor.listenTCP(0, self.gateway.factory, interface="127.0.0.1")
        self.number = self.port.getHost().port
        self.url = f"http://127.0.0.1:{self.number}"
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.client = HTTPClient(Agent(reactor, pool=pool))
        self.raws: list[Raw] = []

    async def tearDown(self) -> None:
        await self.port.stopListening()
        await self.gateway.stop_accepting()
        self.sessions.stop(GOODBYES["shutting-down"])
        await self.gateway.say_goodbye(GOODBYES["shutting-down"])
        for raw in self.raws:
            raw.transport.loseConnection()
            await raw.closed
        self.hub.stop(GOODBYES["shutting-down"])
        await self.broker.stop()

    async def ask(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Answer:
        """One request; a dictionary is sent as JSON, a text as a form."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = b""
        if isinstance(body, str):
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
            data = body.encode()
        elif isinstance(body, bytes):
            data = body
        elif body is not None:
            data = json.dumps(body).encode()
        if token:
            sent["Authorization"] = f"Bearer {token}"
        response = await self.client.request(
            method, self.url + path, data=data or None, headers=sent, allow_redirects=False
        )
        return Answer(response, await treq.content(response))

    async def open(self, name: str = "algebra", **wishes: Any) -> str:
        answer = await self.ask("POST", "/api/v1/rooms", {"name": name, **wishes})
        self.assertEqual(answer.status, 201, answer.text)
        return answer.json["host_key"]

    async def join(self, nick: str, room: str = "algebra", **wishes: Any) -> dict[str, Any]:
        answer = await self.ask("POST", f"/api/v1/rooms/{room}/sessions", {"nick": nick, **wishes})
        self.assertEqual(answer.status, 201, answer.text)
        return answer.json

    async def say(self, token: str, text: str, room: str = "algebra", **wishes: Any) -> str:
        answer = await self.ask("POST", f"/api/v1/rooms/{room}/says", {"text": text, **wishes}, token)
        self.assertEqual(answer.status, 201, answer.text)
        return answer.json["position"]

    async def raw(self, data: bytes = b"") -> Raw:
        """A plain connection that has sent ``data``."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.number)
        raw = await endpoint.connect(Factory.forProtocol(Raw))
        self.raws.append(raw)
        raw.transport.write(data)
        return raw

    async def socket(self, query: str, room: str = "algebra", **options: Any) -> Socket:
        """A WebSocket by a library that is not Meet's."""
        address = f"ws://127.0.0.1:{self.number}/api/v1/rooms/{room}/socket?{query}"
        socket = Socket(await deferToThread(lambda: connect(address, open_timeout=10, **options).__enter__()))
        self.addCleanup(socket.close)
        return socket


class Socket:
    """One WebSocket in threads of its own."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def send(self, message: Any) -> None:
        data = message if isinstance(message, str | bytes) else json.dumps(message)
        await deferToThread(self.connection.send, data)

    async def hear(self) -> Any:
        """The next message."""
        return json.loads(await deferToThread(self.connection.recv, 10))

    async def hear_kind(self, kind: str) -> Any:
        """The next message of ``kind``; others before it are passed over."""
        while True:
            message = await self.hear()
            event = message[1] if isinstance(message, list) else message
            if event["kind"] == kind:
                return message

    async def end(self) -> int:
        """The code with which the other side closed, once it has."""

        def wait() -> int:
            with contextlib.suppress(ConnectionClosed):
                for _ in self.connection:
                    pass
            return self.connection.close_code

        return await deferToThread(wait)

    async def close(self) -> None:
        await deferToThread(self.connection.close)
