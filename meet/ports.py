"""Where the doors listen: endpoints, and the time between a port that is taken and a door that is open.

The law: a port is bound first, while the process may still have the rights for it and can
still fail in one sentence; who knocks then waits in the kernel's queue, and nobody is let
in before everything behind the door stands.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol

# Twisted has no public name for what reads the introduction; tests hold us to it.
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.listening import SHARED, EveryAddress, SharedAddress, begin_sharing, end_sharing

_PORT_MOST = 65_535

_INTRODUCTION = 10.0
"""Seconds for a proxy to say who comes: the first thing it sends, and in one piece."""

_PROXY = "haproxy:"


class CannotStart(Exception):
    """Something that an operator must mend keeps Meet from starting; its text is the sentence that says what."""


def endpoint(door: str, where: str, reactor: Any) -> IStreamServerEndpoint:
    """The endpoint for ``where``: a bare port means all addresses, ``reuse:`` a port that several processes have.

    Everything else is Twisted's.  Raises `ValueError` with one sentence, which names the option ``door``.
    """
    if where.isascii() and where.isdigit():
        if len(where) > len(str(_PORT_MOST)) or int(where) > _PORT_MOST:
            raise ValueError(f"The option {door} takes a port up to {_PORT_MOST}, not {where}.")
        return EveryAddress(reactor, int(where))
    if where.startswith(SHARED):
        return _shared(door, where, reactor)
    if where.startswith(_PROXY):
        return Introduced(reactor, endpoint(door, where.removeprefix(_PROXY), reactor))
    try:
        parsed: IStreamServerEndpoint = serverFromString(reactor, where)  # type: ignore[no-untyped-call]
        return parsed
    # Parsers of endpoints come from many packages, and each has its own way of saying no.
    except Exception as problem:
        reason = " ".join(str(problem).split()).rstrip(".") or type(problem).__name__
        raise ValueError(f"The option {door} takes a port or an endpoint, not {where!r} ({reason}).") from None


def _shared(door: str, where: str, reactor: Any) -> SharedAddress:
    port, _, rest = where.removeprefix(SHARED).partition(":")
    address = rest.removeprefix("interface=").replace("\\", "")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len(str(_PORT_MOST)) else 0
    if not 0 < number <= _PORT_MOST or (rest and not rest.startswith("interface=")):
        raise ValueError(f"The option {door} takes {SHARED}8080 or {SHARED}8080:interface=127.0.0.1, not {where!r}.")
    return SharedAddress(reactor, number, address)


@implementer(IStreamServerEndpoint)
class Introduced:
    """An endpoint behind a proxy that says, before anything else, whose connection it passes on (the PROXY protocol).

    What listens meets a connection only then, so that it can ask for the address at once.  Twisted's own
    ``haproxy:`` (26.10) lets it in before, when the address is still the proxy's.
    """

    def __init__(self, reactor: Any, behind: IStreamServerEndpoint) -> None:
        self._reactor = reactor
        self._behind = behind

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Fires and fails as the endpoint itself."""
        listening: Deferred[IListeningPort] = self._behind.listen(_Introductions(self._reactor, protocolFactory))
        return listening


class _Introductions(HAProxyWrappingFactory):
    """Makes a `_Introduction` of each connection."""

    noisy = False

    def __init__(self, reactor: Any, inside: IProtocolFactory) -> None:
        super().__init__(inside)  # type: ignore[no-untyped-call]
        self.reactor = reactor

    def buildProtocol(self, addr: IAddress) -> Protocol | None:  # type: ignore[override]
        inside = self.wrappedFactory.buildProtocol(addr)
        return None if inside is None else _Introduction(self, inside)


class _Introduction(HAProxyProtocolWrapper):
    """Keeps what is inside from a connection until it is known whose it is."""

    def __init__(self, factory: _Introductions, inside: IProtocol) -> None:
        self._reactor = factory.reactor
        self._anteroom = _Anteroom()
        self._inside = inside
        self._late: IDelayedCall | None = None
        super().__init__(factory, self._anteroom)  # type: ignore[arg-type]

    def makeConnection(self, transport: ITransport) -> None:
        """Wait for the introduction, but not for ever."""
        super().makeConnection(transport)  # type: ignore[no-untyped-call]
        self._late = self._reactor.callLater(_INTRODUCTION, self.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        """Take the introduction, and then what belongs to the protocol inside."""
        super().dataReceived(data)
        if self._proxyInfo is None or self.wrappedProtocol is self._inside:
            return
        self._stop_waiting()
        self.wrappedProtocol = self._inside
        self._inside.makeConnection(cast("ITransport", self))
        if self._anteroom.waiting:
            self._inside.dataReceived(bytes(self._anteroom.waiting))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Whoever was never introduced goes unnoticed."""
        self._stop_waiting()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _stop_waiting(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()


class _Anteroom(Protocol):
    """Holds what came in one piece with the introduction."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self.waiting += data


class Entrance:
    """The port of one door: bound, then opened, then closed."""

    def __init__(self, door: str, where: str, reactor: Any) -> None:
        """Raises `ValueError` with one sentence if ``where`` is neither a port nor an endpoint."""
        self.door = door
        self._where = where
        self._endpoint = endpoint(door, where, reactor)
        self._clock = reactor
        self._shared = where.removeprefix(_PROXY).startswith(SHARED)
        self._threshold = _Threshold()
        self._port: IListeningPort | None = None
        self._closed = False

    @property
    def number(self) -> int:
        """The number of the bound port; 0 if it has none, as a UNIX socket."""
        return int(getattr(self._port.getHost(), "port", 0)) if self._port is not None else 0

    @property
    def place(self) -> str:
        """What to call it in the log: its number, or as it was given if it has none."""
        return str(self.number or self._where)

    def bind(self) -> Deferred[None]:
        """Take the port.  Fires once it is ours, at once for every endpoint of Twisted's own.

        Fails with `CannotStart`.
        """
        return maybeDeferred(self._endpoint.listen, self._threshold).addCallbacks(self._bound, self._refused)

    def open(self, factory: IProtocolFactory) -> None:
        """Let people in: whoever waits, and whoever comes, meets ``factory``."""
        self._threshold.let_in(factory)
        if self._shared:
            begin_sharing(self._port)
        if isinstance(self._port, FileDescriptor):
            self._port.resumeProducing()

    def close(self) -> Deferred[None]:
        """Take no more connections; fires when the port is free.

        Who was on the way to a port that others have too is still let in before.
        """
        self._closed = True
        port, self._port = self._port, None
        if port is None:
            return succeed(None)
        if self._shared and self._threshold.is_open:
            return end_sharing(port, self._clock)
        return maybeDeferred(port.stopListening).addCallback(lambda _: None)

    def _bound(self, port: IListeningPort) -> Deferred[None]:
        self._port = port
        if self._closed:
            return self.close()
        if isinstance(port, FileDescriptor):
            port.pauseProducing()  # type: ignore[no-untyped-call]
        return succeed(None)

    def _refused(self, failure: Failure) -> None:
        problem: Any = failure.value
        reason = getattr(problem, "socketError", problem)
        words = getattr(reason, "strerror", None) or " ".join(str(reason).split())
        where = f"port {self._where}" if self._where.isdigit() else self._where
        raise CannotStart(f"The option {self.door} cannot have {where}: {words.rstrip('.')}.") from None


class _Threshold(Factory):
    """Stands in a port for the factory behind it, which is not there from the beginning."""

    noisy = False

    def __init__(self) -> None:
        self._inside: IProtocolFactory | None = None

    @property
    def is_open(self) -> bool:
        return self._inside is not None

    def let_in(self, factory: IProtocolFactory) -> None:
        self._inside = factory
        if isinstance(factory, Factory):
            # It would log its own address in memory.
            factory.noisy = False
        factory.doStart()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A port that cannot be paused may bring somebody too early: they are sent away."""
        if self._inside is None or addr is None:
            return None
        protocol: Protocol | None = self._inside.buildProtocol(addr)  # type: ignore[assignment]
        return protocol

    def stopFactory(self) -> None:
        if self._inside is not None:
            self._inside.doStop()
