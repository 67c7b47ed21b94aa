"""The door of those who watch: what it answers, and what it takes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.errors import Unavailable
from meet.health import Health
from meet.monitoring import Monitoring


async def figures() -> bytes:
    return b"meet_people 2\n"


def broken() -> Deferred[None]:
    return fail(Unavailable("Redis is away."))


class Asked(SynchronousTestCase):
    """Without a network, by a clock of the test's own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.answers = [succeed(None)]
        self.health = Health(self.clock, {"broker": lambda: self.answers[-1]})
        self.monitoring = Monitoring(self.health, figures, self.clock)

    def connect(self) -> StringTransport:
        protocol = self.monitoring.buildProtocol(None)
        assert protocol is not None
        transport = StringTransport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return transport

    def ask(self, request: bytes) -> tuple[int, str, bytes]:
        transport = self.connect()
        transport.protocol.dataReceived(request)
        assert transport.disconnecting
        head, _, body = transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body

    def get(self, path: str) -> tuple[int, str, bytes]:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def test_it_lives_as_long_as_it_answers(self) -> None:
        assert self.get("/health/live")[0] == 200
        self.health.stop()
        assert self.get("/health/live")[0] == 200

    def test_it_is_ready_while_it_delivers(self) -> None:
        status, _, body = self.get("/health/ready")
        assert (status, json.loads(body)["part"]) == (503, "start")
        self.health.begin()
        assert self.get("/health/ready")[::2] == (200, b"ready\n")
        self.answers.append(broken())
        self.clock.advance(3)
        status, head, body = self.get("/health/ready")
        problem = json.loads(body)
        assert status == problem["status"] == 503
        assert "application/problem+json" in head
        assert (problem["code"], problem["part"], problem["detail"]) == ("unavailable", "broker", "Redis is away.")
        self.health.stop()
        assert json.loads(self.get("/health/ready")[2])["part"] == "end"

    def test_metrics(self) -> None:
        status, head, body = self.get("/metrics?x=1")
        assert (status, body) == (200, b"meet_people 2\n")
        assert "Content-Type: text/plain; version=0.0.4" in head

    def test_head_has_no_body(self) -> None:
        status, head, body = self.ask(b"HEAD /metrics HTTP/1.0\r\n\r\n")
        assert (status, body) == (200, b"")
        assert "Content-Length: 14" in head

    def test_what_it_does_not_know_is_refused(self) -> None:
        assert self.get("/")[0] == 404
        status, head, _ = self.ask(b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
        assert status == 405
        assert "Allow: GET, HEAD" in head
        assert self.ask(b"hello\r\n\r\n")[0] == 400
        assert self.ask(b"\xff\xfe\n\n")[0] == 400

    def test_a_request_may_come_in_pieces_but_not_for_ever(self) -> None:
        transport = self.connect()
        for byte in b"GET /health/live HTTP/1.1\r\n\r\n":
            transport.protocol.dataReceived(bytes([byte]))
        assert transport.value().startswith(b"HTTP/1.1 200 ")
        slow = self.connect()
        slow.protocol.dataReceived(b"GET /health")
        self.clock.advance(9.9)
        assert not slow.disconnected
        self.clock.advance(0.2)
        assert slow.disconnected

    def test_a_head_without_end_is_cut(self) -> None:
        transport = self.connect()
        transport.protocol.dataReceived(b"GET /" + b"x" * 9000)
        assert transport.disconnected
        assert transport.value() == b""

    def test_a_crowd_is_bounded(self) -> None:
        crowd = [self.connect() for _ in range(64)]
        assert self.monitoring.buildProtocol(None) is None
        crowd[0].protocol.connectionLost()
        assert self.monitoring.buildProtocol(None) is not None

    def test_figures_that_break_are_noted_and_cost_only_the_asker(self) -> None:
        async def breaking() -> bytes:
            raise RuntimeError("bug")

        self.monitoring = Monitoring(self.health, breaking, self.clock)
        transport = self.connect()
        transport.protocol.dataReceived(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert transport.disconnected
        assert len(self.flushLoggedErrors(RuntimeError)) == 1


class Real(TestCase):
    async def test_an_ordinary_client_is_answered(self) -> None:
        health = Health(reactor, {"broker": lambda: succeed(None)})
        port = reactor.listenTCP(0, Monitoring(health, figures, reactor), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        health.begin()
        self.addCleanup(health.stop)

        def get(path: str) -> tuple[int, bytes]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port.getHost().port}{path}", timeout=10) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as refused:
                return refused.code, refused.read()

        assert await deferToThread(get, "/health/ready") == (200, b"ready\n")
        assert await deferToThread(get, "/metrics") == (200, b"meet_people 2\n")
        health.stop()
        assert (await deferToThread(get, "/health/ready"))[0] == 503
