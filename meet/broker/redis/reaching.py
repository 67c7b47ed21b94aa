"""How a Redis is reached: by TCP, TLS or a socket, by the name that Sentinel knows, or any node of a Cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from OpenSSL.crypto import Error as NotACertificate
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from txredisapi import ResponseError
from zope.interface import implementer

from meet.address import Address
from meet.broker.redis.link import Greet, Line, sentence
from meet.errors import Unavailable

_CONNECTING = 3.0
"""Seconds for one attempt to reach one place."""

_END = b"-----END CERTIFICATE-----"


def greeting(address: Address, *, master: bool = True) -> Greet:
    """What is said first on each connection; fails where the server is a copy and must be the ``master``."""

    async def greet(line: Line) -> None:
        if address.password or address.user:
            await line.ask(("AUTH", address.user or "default", address.password))
        if address.database:
            await line.ask(("SELECT", address.database))
        if master:
            try:
                role = await line.ask(("ROLE",))
            except ResponseError as forbidden:
                if not str(forbidden).startswith("NOPERM"):
                    raise
            else:
                if role[0] != b"master":
                    raise Unavailable("That Redis is a copy of another one.")

    return lambda line: Deferred.fromCoroutine(greet(line))


def endpoint_of(address: Address, reactor: Any) -> IStreamClientEndpoint:
    """Where the one server of ``address`` is, or will be found."""
    host, port = address.places[0]
    if address.kind == "socket":
        return UNIXClientEndpoint(reactor, host, timeout=_CONNECTING)
    if address.kind == "sentinel":
        return _ByName(address, reactor)
    return node_endpoint(address, (host, port), reactor)


def node_endpoint(address: Address, place: tuple[str, int], reactor: Any) -> IStreamClientEndpoint:
    """One host and port, by TLS if ``address`` says so."""
    host, port = place
    # A look-up goes on although nobody wants the connection any more: what needs none gets none.
    kind = TCP4ClientEndpoint if isIPAddress(host) else TCP6ClientEndpoint if isIPv6Address(host) else HostnameEndpoint
    return _tls(address, host, kind(reactor, host, port, _CONNECTING))


def _tls(address: Address, host: str, endpoint: IStreamClientEndpoint) -> IStreamClientEndpoint:
    if not address.tls:
        return endpoint
    wrapped: IStreamClientEndpoint = wrapClientTLS(optionsForClientTLS(host, trustRoot=trusted(address.ca)), endpoint)
    return wrapped


@cache
def trusted(path: str) -> Any:
    """The certificates in the file ``path``, read once; None, which is the system's, if it is empty.

    Raises `ValueError` with one sentence if there are none in it.
    """
    if not path:
        return None
    try:
        pieces = Path(path).read_bytes().split(_END)
        found = [Certificate.loadPEM(piece + _END + b"\n") for piece in pieces if b"BEGIN CERTIFICATE" in piece]
    except OSError as error:
        raise ValueError(f"The file of certificates {path} cannot be read: {error.strerror}.") from None
    except NotACertificate:
        found = []
    if not found:
        raise ValueError(f"The file of certificates {path} has none that can be read.")
    return trustRootFromCertificates(found)


@implementer(IStreamClientEndpoint)
class _ByName:
    """The master that the Sentinels name, asked anew for each connection.

    Each time another Sentinel is asked first: one may be cut off and name a master that is none any more.
    """

    def __init__(self, address: Address, reactor: Any) -> None:
        # Once, here, where an operator is told what is wrong with them.
        trusted(address.ca)
        self._address = address
        self._reactor = reactor
        self._turn = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the connection; fails if no Sentinel answers, or its master cannot be reached."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        reason = "no Sentinel was asked"
        first, places = self._turn % len(self._address.places), self._address.places
        self._turn += 1
        for host, port in (*places[first:], *places[:first]):
            try:
                found = await self._ask(host, port)
            except CancelledError:
                raise
            except Exception:
                reason = sentence(Failure()).rstrip(".")
                continue
            if found is None:
                reason = f"Sentinel knows no master called {self._address.master}"
                continue
            name, number = found[0].decode(), int(found[1])
            endpoint = node_endpoint(self._address, (name, number), self._reactor)
            protocol: IProtocol = await endpoint.connect(factory)
            return protocol
        raise ConnectError(string=f"The Sentinels do not say where Redis is: {reason}.")

    async def _ask(self, host: str, port: int) -> Any:
        endpoint = node_endpoint(self._address, (host, port), self._reactor)
        line: Line = await connectProtocol(endpoint, Line())
        late = self._reactor.callLater(_CONNECTING, line.transport.abortConnection)
        try:
            if self._address.sentinel_password:
                await line.ask(("AUTH", self._address.sentinel_password))
            return await line.ask(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.master))
        finally:
            if late.active():
                late.cancel()
            line.transport.loseConnection()


@implementer(IStreamClientEndpoint)
class AnyOf:
    """Each connection to another of some places: every node of a Cluster tells what any of them is told."""

    def __init__(self, places: Callable[[], Sequence[tuple[str, int]]], address: Address, reactor: Any) -> None:
        trusted(address.ca)
        self._places = places
        self._address = address
        self._reactor = reactor
        self._turn = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with a connection to the next place."""
        places = self._places()
        place = places[self._turn % len(places)]
        self._turn += 1
        connected: Deferred[IProtocol] = node_endpoint(self._address, place, self._reactor).connect(protocolFactory)
        return connected
