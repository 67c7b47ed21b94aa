"""Sockets that listen on every address of a machine, and ports that several processes have.

The law of a shared port (SO_REUSEPORT, socket(7)): the kernel gives each new connection to one
of those who listen, and what waits in the queue of one that closes is lost.  So a process
begins to listen only when it can serve, and before it closes it takes nothing new, finishes
the handshakes that are under way, and accepts all that waits.
"""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorTime, IStreamServerEndpoint
from twisted.internet.task import deferLater
from zope.interface import implementer

SHARED = "reuse:"
"""The word before a port that several processes have."""

_QUEUE = 1024
"""Connections that may wait in the kernel: after a restart everybody is back at once."""

_HANDSHAKES = 0.2
"""Seconds for handshakes that are under way to end: a round trip around half of the world."""

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL, errno.ENOPROTOOPT)

_SO_ATTACH_FILTER = 26
"""Linux, include/uapi/asm-generic/socket.h; Python has no name for it."""

# A program of the kernel's classic packet filter (bpf(2), Documentation/networking/filter.rst): it
# is shown each packet from its TCP header on, and says how much of it the socket may have.
_NO_NEW_CONNECTIONS = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x54, 0, 0, 0x12),  # of them only SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone begins a connection
    (0x06, 0, 0, 0),  # which is not for this socket; its sender tries again in a second, and meets another
    (0x06, 0, 0, 0xFFFF_FFFF),  # everything else is
)


@implementer(IStreamServerEndpoint)
class EveryAddress:
    """One TCP port on every address of this machine: IPv6 and IPv4 by one socket, or IPv4 alone where that is all.

    Twisted's own ``tcp6:`` endpoint leaves it to the system whether IPv4 is meant too.
    """

    def __init__(self, reactor: Any, port: int) -> None:
        self._reactor = reactor
        self._port = port

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Fires at once with the port, or fails with `CannotListenError`."""
        try:
            bound = self._bound()
        except OSError as problem:
            return fail(CannotListenError("", self._port, problem))  # type: ignore[no-untyped-call]
        return _adopted(self._reactor, bound, protocolFactory)

    def _bound(self) -> socket.socket:
        bound = _on_every_address(self._port)
        try:
            bound.listen(_QUEUE)
        except OSError:
            bound.close()
            raise
        return bound


@implementer(IStreamServerEndpoint)
class SharedAddress:
    """One TCP port that other processes of the same user have too.

    It is bound by `listen`, but takes part only from `begin_sharing` on, until `end_sharing`.
    """

    def __init__(self, reactor: Any, port: int, address: str) -> None:
        """``address`` is an address of this machine, or empty for all of them."""
        self._reactor = reactor
        self._port = port
        self._address = address

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Fires at once with the port, or fails with `CannotListenError`."""
        try:
            if self._address:
                family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
                bound = _bind(family, self._address, self._port, shared=True)
            else:
                bound = _on_every_address(self._port, shared=True)
        except OSError as problem:
            return fail(CannotListenError("", self._port, problem))  # type: ignore[no-untyped-call]
        return _adopted(self._reactor, bound, protocolFactory)


def begin_sharing(port: Any) -> None:
    """Let the kernel give connections to ``port``, of a `SharedAddress`."""
    port.socket.listen(_QUEUE)


def end_sharing(port: Any, clock: IReactorTime) -> Deferred[None]:
    """Leave ``port``, of a `SharedAddress`, to the others; fires when it is closed.

    Connections that were on the way here are accepted before that.
    """
    if not _turn_away(port.socket):
        return _close(port)
    return deferLater(clock, _HANDSHAKES).addCallback(lambda _: _close(port))


def _turn_away(listening: socket.socket) -> bool:
    """Have the kernel give no new connection to ``listening``; False where it cannot."""
    if sys.platform != "linux":
        return False
    program = b"".join(struct.pack("HBBI", *step) for step in _NO_NEW_CONNECTIONS)
    held = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many steps there are, and where.
    described = struct.pack("HP", len(_NO_NEW_CONNECTIONS), ctypes.addressof(held))
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
        return True
    return False


def _close(port: Any) -> Deferred[None]:
    """Accept what waits, and close, all in one turn."""
    waiting = select.poll()
    waiting.register(port.fileno(), select.POLLIN)
    for _ in range(_QUEUE + 1):
        if not waiting.poll(0):
            break
        port.doRead()
    return maybeDeferred(port.stopListening).addCallback(lambda _: None)


def _adopted(reactor: Any, bound: socket.socket, factory: IProtocolFactory) -> Deferred[IListeningPort]:
    try:
        # The reactor works on a copy.
        port: IListeningPort = reactor.adoptStreamPort(bound.fileno(), bound.family, factory)
        return succeed(port)
    finally:
        bound.close()


def _on_every_address(port: int, *, shared: bool = False) -> socket.socket:
    try:
        return _bind(socket.AF_INET6, "::", port, shared=shared)
    except OSError as problem:
        if problem.errno not in _NO_IPV6:
            raise
        return _bind(socket.AF_INET, "0.0.0.0", port, shared=shared)


def _bind(family: socket.AddressFamily, address: str, port: int, *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
