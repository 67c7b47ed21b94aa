"""All connections of the IRC door: made by its factory, counted, and told goodbye together."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from zope.interface import implementer

from meet.errors import Goodbye
from meet.house import House
from meet.interfaces import IGateway
from meet.irc.client import Counts, Server
from meet.irc.protocol import Connection
from meet.irc.visits import Visits


class IrcFactory(Factory):
    """Makes connections until it is closed."""

    noisy = False

    def __init__(self, gateway: IrcGateway) -> None:
        self._gateway = gateway

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """A new connection, or None once the door is closed."""
        return self._gateway.connection()


@implementer(IGateway)
class IrcGateway:
    """The IRC door.  ``factory`` makes its connections; the port belongs to the assembly."""

    def __init__(self, house: House) -> None:
        self.factory = IrcFactory(self)
        self._house = house
        self._visits = Visits(house)
        self._server = Server(
            "-".join(house.name.split()) or "meet",
            house.limits,
            house.clock.seconds(),
            house.clock.seconds,
            self._counts,
        )
        self._open = True
        self._connections: set[Connection] = set()
        self._emptied: list[Deferred[None]] = []

    def stop_accepting(self) -> Deferred[None]:
        """Take no new connections; those who are in stay."""
        self._open = False
        return succeed(None)

    def say_goodbye(self, goodbye: Goodbye) -> Deferred[None]:
        """As `IGateway` says; who does not take the goodbye is cut off after 5 seconds."""
        for connection in list(self._connections):
            connection.end(goodbye)
        if not self._connections:
            return succeed(None)
        emptied: Deferred[None] = Deferred()
        self._emptied.append(emptied)
        return emptied

    def connection(self) -> Connection | None:
        """A new connection, counted until it has ended; None once the door is closed."""
        if not self._open:
            return None
        made = Connection(self._house, self._server, self._visits, self._ended)
        self._connections.add(made)
        return made

    def _ended(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            emptied, self._emptied = self._emptied, []
            for each in emptied:
                each.callback(None)

    def _counts(self) -> Counts:
        return Counts(len(self._house.sessions), len(self._house.hub.outbox.rooms()), len(self._connections))
