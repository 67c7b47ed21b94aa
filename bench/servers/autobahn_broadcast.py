"""Stock Autobahn on Twisted: one broadcast server, by ``sendMessage`` to each.

Favoured by: its native masking and UTF-8 check where the platform has them, no pings, no deflate, epoll.
"""

import sys
from typing import Any

from twisted.internet import epollreactor

epollreactor.install()

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol  # noqa: E402
from twisted.internet import reactor  # noqa: E402

ROOMS: dict[str, set["Talk"]] = {}


class Talk(WebSocketServerProtocol):
    """Tells the room whatever comes."""

    room: set["Talk"] | None = None

    def onConnect(self, request: Any) -> None:
        """Learn which room."""
        self.room = ROOMS.setdefault(request.path, set())

    def onOpen(self) -> None:
        """Come in."""
        assert self.room is not None
        self.room.add(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Tell everybody."""
        assert self.room is not None
        for each in self.room:
            each.sendMessage(payload, isBinary)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """Go."""
        if self.room is not None:
            self.room.discard(self)


factory = WebSocketServerFactory()
factory.protocol = Talk
reactor.listenTCP(int(sys.argv[1]), factory, backlog=4096, interface="127.0.0.1")
reactor.run()
