"""The other side of a conversation with Redis, on a real socket: a test reads what is asked and writes the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.servers.program import free_port


class Caller(Protocol):
    """One who has connected: ``asked`` has their commands, ``gone`` fires when they hang up."""

    def __init__(self, came: Callable[[Caller], None]) -> None:
        self._came = came
        self.asked: DeferredQueue[list[bytes]] = DeferredQueue()
        self.gone: Deferred[None] = Deferred()
        self._reader = hiredis.Reader()

    def connectionMade(self) -> None:
        self._came(self)

    def dataReceived(self, data: bytes) -> None:
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            self.asked.put(command)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)

    def say(self, *answers: bytes) -> None:
        """Send ``answers``, each without its line's end."""
        self.transport.write(b"".join(answer + b"\r\n" for answer in answers))  # type: ignore[union-attr]

    def hang_up(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]

    async def next(self, count: int) -> list[list[bytes]]:
        """The next ``count`` commands."""
        return [await self.asked.get() for _ in range(count)]

    @property
    def silent(self) -> bool:
        """Whether nothing was asked that the test has not read."""
        return not self.asked.pending


class Side:
    """Listens on `port`; ``callers`` are those who connect, in their order."""

    def __init__(self) -> None:
        self.port = free_port()
        self.callers: DeferredQueue[Caller] = DeferredQueue()
        self._listening: Any = None

    def open(self) -> None:
        factory = Factory.forProtocol(lambda: Caller(self.callers.put))
        factory.noisy = False
        self._listening = reactor.listenTCP(self.port, factory, interface="127.0.0.1")  # type: ignore[attr-defined]

    def close(self) -> Any:
        """Let nobody in any more."""
        listening, self._listening = self._listening, None
        return listening.stopListening() if listening is not None else None

    @property
    def endpoint(self) -> TCP4ClientEndpoint:
        """What leads here."""
        return TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class News:
    """What a link says of itself: each can be waited for, and comes when the link has done what it does then."""

    def __init__(self) -> None:
        self.ups: DeferredQueue[None] = DeferredQueue()
        self.downs: DeferredQueue[str] = DeferredQueue()

    def up(self) -> None:
        reactor.callLater(0, self.ups.put, None)  # type: ignore[attr-defined]

    def down(self, reason: str) -> None:
        reactor.callLater(0, self.downs.put, reason)  # type: ignore[attr-defined]

    @property
    def untold(self) -> Sequence[str]:
        """The reasons that the test has not read."""
        return self.downs.pending


def most(count: int) -> bytes:
    """Chance at its greatest."""
    return b"\xff" * count


def least(count: int) -> bytes:
    """Chance at its least."""
    return bytes(count)
