"""Somebody at the IRC door: text in, text out, over a fake wire with both ends real."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from meet.irc.gateway import IrcGateway
from meet.irc.message import Message, read
from tests.flow import Flow

ADDRESS = "192.0.2.7"


class Wire(StringTransport):
    """A transport that remembers whether it was cut off."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Person:
    """One connection to ``gateway``."""

    def __init__(self, flow: Flow, gateway: IrcGateway, address: str = ADDRESS) -> None:
        self.flow = flow
        self.transport = Wire(peerAddress=IPv4Address("TCP", address, 40000))
        connection = gateway.factory.buildProtocol(None)
        assert connection is not None
        self.connection = connection
        self.connection.makeConnection(self.transport)

    def send(self, *lines: str) -> list[str]:
        """Send lines; what came back, without time passing."""
        return self.send_bytes("".join(f"{line}\r\n" for line in lines).encode())

    def send_bytes(self, data: bytes) -> list[str]:
        self.connection.dataReceived(data)
        return self.heard()

    def heard(self) -> list[str]:
        """The lines that have come since the last look."""
        self.flow.turn()
        data = self.transport.value()
        self.transport.clear()
        assert data.endswith(b"\r\n") or not data
        for line in data.split(b"\r\n"):
            bare = line.partition(b" ")[2] if line.startswith(b"@") else line
            assert len(bare) <= 510, bare
        return data.decode().split("\r\n")[:-1]

    def messages(self) -> list[Message]:
        return [read(line) for line in self.heard()]

    def register(self, nick: str = "mia", *before: str, user: str = "mia", realname: str = "Mia") -> list[str]:
        return self.send(*before, f"NICK {nick}", f"USER {user} 0 * :{realname}", "CAP END")

    def enter(self, nick: str = "mia", room: str = "algebra", *before: str) -> list[str]:
        """Register and join; what came after the welcome."""
        self.register(nick, *before, user=nick)
        return self.send(f"JOIN #{room}")

    def drop(self) -> None:
        """The network takes the connection away."""
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.flow.turn()

    @property
    def ended(self) -> bool:
        return self.transport.disconnecting


def numerics(lines: list[str]) -> list[str]:
    """The commands of ``lines``, in order."""
    return [read(line).command for line in lines]


def with_command(lines: list[str], command: str) -> list[str]:
    """Those of ``lines`` that have this command or numeric."""
    return [line for line in lines if read(line).command == command]
