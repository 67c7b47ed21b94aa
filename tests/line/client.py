"""The other side of a line-door connection, on a fake wire."""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meet.line import LineGateway, make_gateway
from meet.line.protocol import LineProtocol
from tests.flow import Flow


class Wire(StringTransport):
    """A transport that says what was done to it, and can be cut."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Door:
    """The line door of one process."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.gateway: LineGateway = make_gateway(flow.house)

    def client(self, address: str = "192.0.2.7") -> Client:
        return Client(self, address)


class Client:
    """Somebody at the line door: types lines, sees lines."""

    def __init__(self, door: Door, address: str) -> None:
        self.flow = door.flow
        self.wire = Wire(peerAddress=IPv4Address("TCP", address, 40_000))
        protocol = door.gateway.factory.buildProtocol(None)
        assert isinstance(protocol, LineProtocol)
        self.protocol = protocol
        self.protocol.makeConnection(self.wire)
        self.flow.turn()

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)
        self.flow.turn()

    def type(self, *lines: str) -> list[str]:
        """Type lines; what was seen since the last look, the answers included."""
        for line in lines:
            self.send(line.encode() + b"\n")
        return self.seen()

    def seen(self) -> list[str]:
        """The lines that came since the last look."""
        self.flow.turn()
        value = self.wire.value()
        self.wire.clear()
        return value.decode().splitlines()

    @property
    def hung_up(self) -> bool:
        """Whether Meet has ended the connection."""
        return bool(self.wire.disconnecting)

    def lose(self) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.flow.turn()


class DoorTestCase(SynchronousTestCase):
    """The room algebra is open for an hour, from 14:00."""

    limits: ClassVar[dict[str, int]] = {}

    def setUp(self) -> None:
        self.flow = Flow(**self.limits)
        self.host_key = self.flow.open()
        self.door = Door(self.flow)

    def client(self, *lines: str, address: str = "192.0.2.7") -> Client:
        """Somebody who has typed ``lines`` and looked at the answers."""
        client = self.door.client(address)
        client.type(*lines)
        self.flow.pass_time(1)
        client.seen()
        return client
