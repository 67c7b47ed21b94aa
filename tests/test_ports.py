from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.ports import CannotStart, Entrance, endpoint


class Greeter(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"in")
        self.transport.loseConnection()


class Caller(Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.gone.callback(self.heard)


class TellsAddress(Protocol):
    def connectionMade(self) -> None:
        self.address = self.transport.getPeer().host

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.address.encode() + b" says " + data)
        self.transport.loseConnection()


INTRODUCTION = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n"


def factory(protocol: type[Protocol]) -> Factory:
    made = Factory.forProtocol(protocol)
    made.noisy = False
    return made


def greeters() -> Factory:
    return factory(Greeter)


class Ports(TestCase):
    def entrance(self, where: str) -> Entrance:
        entrance = Entrance("http", where, reactor)
        self.addCleanup(entrance.close)
        return entrance

    async def test_a_bare_port_is_on_every_address(self) -> None:
        entrance = self.entrance("0")
        await entrance.bind()
        entrance.open(greeters())
        addresses: list[object] = [TCP4ClientEndpoint(reactor, "127.0.0.1", entrance.number)]
        if has_ipv6():
            addresses.append(TCP6ClientEndpoint(reactor, "::1", entrance.number))
        for address in addresses:
            caller = await connectProtocol(address, Caller())
            assert await caller.gone == b"in"

    async def test_who_knocks_before_the_door_opens_waits_and_is_let_in(self) -> None:
        entrance = self.entrance("tcp:0:interface=127.0.0.1")
        await entrance.bind()
        caller = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", entrance.number), Caller())
        assert caller.heard == b""
        entrance.open(greeters())
        assert await caller.gone == b"in"

    async def test_a_port_that_is_taken_is_told_in_a_sentence(self) -> None:
        first = self.entrance("0")
        await first.bind()
        for where in (str(first.number), f"tcp:{first.number}"):
            with pytest.raises(CannotStart) as told:
                await self.entrance(where).bind()
            assert str(told.value).startswith("The option http cannot have ")
            assert str(told.value).endswith("Address already in use.")

    async def test_a_closed_port_is_free(self) -> None:
        first = self.entrance("0")
        await first.bind()
        number = first.number
        await first.close()
        again = self.entrance(str(number))
        await again.bind()
        assert again.number == number

    async def test_a_unix_socket_has_no_number(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "meet"
        entrance = self.entrance(f"unix:{path}")
        await entrance.bind()
        entrance.open(greeters())
        assert entrance.number == 0
        assert entrance.place == f"unix:{path}"
        caller = await connectProtocol(UNIXClientEndpoint(reactor, str(path)), Caller())
        assert await caller.gone == b"in"

    async def test_behind_a_proxy_the_address_is_known_before_the_door_opens(self) -> None:
        entrance = self.entrance("haproxy:tcp:0:interface=127.0.0.1")
        await entrance.bind()
        entrance.open(factory(TellsAddress))
        address = TCP4ClientEndpoint(reactor, "127.0.0.1", entrance.number)
        for introduction in ((INTRODUCTION + b"hello\n",), (INTRODUCTION[:9], INTRODUCTION[9:], b"hello\n")):
            caller = await connectProtocol(address, Caller())
            for piece in introduction:
                caller.transport.write(piece)
            assert await caller.gone == b"192.0.2.7 says hello\n"

    async def test_who_is_not_introduced_is_let_go(self) -> None:
        entrance = self.entrance("haproxy:tcp:0:interface=127.0.0.1")
        await entrance.bind()
        entrance.open(factory(TellsAddress))
        caller = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", entrance.number), Caller())
        caller.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await caller.gone == b""


class Introducing(SynchronousTestCase):
    """What waits for a proxy's word, by a clock of the test's own."""

    def connection(self) -> tuple[MemoryReactorClock, Protocol, StringTransport]:
        clock = MemoryReactorClock()
        endpoint("line", "haproxy:tcp:1", clock).listen(greeters())
        connection = clock.tcpServers[0][1].buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        transport = StringTransport()
        connection.makeConnection(transport)
        return clock, connection, transport

    def test_a_proxy_that_says_nothing_is_cut_off(self) -> None:
        clock, _, transport = self.connection()
        clock.advance(9)
        assert not transport.disconnected
        clock.advance(1)
        assert transport.disconnected
        assert transport.value() == b""

    def test_who_leaves_before_leaves_nothing_behind(self) -> None:
        clock, connection, _ = self.connection()
        connection.connectionLost(Failure(ConnectionDone()))
        assert clock.getDelayedCalls() == []

    def test_a_door_greets_as_soon_as_it_knows_whom(self) -> None:
        clock, connection, transport = self.connection()
        connection.dataReceived(INTRODUCTION)
        assert transport.value() == b"in"
        assert clock.getDelayedCalls() == []


class Wrong(SynchronousTestCase):
    def test_what_is_no_endpoint_is_told_in_a_sentence(self) -> None:
        for where in (
            "99999",
            "1" * 5000,
            "nothing:1",
            "tcp",
            "tcp:http",
            "8080:1",
            "ssl:1:privateKey=/none",
            "\u0665",
        ):
            with pytest.raises(ValueError, match=r"\AThe option irc [^\n]*\.\Z"):
                endpoint("irc", where, reactor)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
