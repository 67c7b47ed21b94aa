"""The network between a client and a server, as a TCP proxy that can be cut, one-way, slow, and healed.

It does what a network does to TCP: what was sent into a direction that is held is not lost, it
arrives when that is healed (as retransmission has it), unless the connection ends before.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Literal, Self

from tests.servers.program import free_port

Direction = Literal["up", "down"]
"""From the client to the server, or back."""

_PIECE = 65536
_ESTABLISHED = 1


class Network:
    """Listens on `port` and connects each who comes to ``target`` on this machine.

    ``buffer`` bytes at most wait in it for each direction of a connection, besides what the system holds.
    """

    def __init__(self, target: int, buffer: int = 0) -> None:
        self.target = target
        self._buffer = buffer
        self.port = free_port()
        self._listener: socket.socket | None = None
        self._connections: set[tuple[socket.socket, socket.socket]] = set()
        self._half_closed: set[tuple[socket.socket, socket.socket]] = set()
        self._changed = threading.Condition()
        self._held: set[Direction] = set()
        self._delay = 0.0
        self._pieces = _PIECE

    @property
    def address(self) -> str:
        """Host and port, as they stand in a URL."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Begin to listen."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Whoever is in accept() would go on accepting.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()

    def reset(self) -> None:
        """Reset every connection; new ones are welcome."""
        with self._changed:
            connections = list(self._connections)
            self._changed.notify_all()
        for pair in connections:
            self._end(pair)

    def hold(self, *directions: Direction) -> None:
        """Let nothing more through in these directions (both, if none is named); connections stay open."""
        with self._changed:
            self._held = set(directions) or {"up", "down"}

    def slow(self, delay: float, pieces: int = _PIECE) -> None:
        """Let each piece, of so many bytes at most, take ``delay`` seconds."""
        with self._changed:
            self._delay, self._pieces = delay, pieces

    def ended_by_target(self) -> int:
        """How many connections the server has ended while what it sent is still held."""
        with self._changed:
            servers = [server for _, server in self._connections]
        # The first byte of tcp_info is the state (linux/tcp.h).
        states = [server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for server in servers]
        return sum(state != _ESTABLISHED for state in states)

    def heal(self) -> None:
        """All is well again: what was held goes on its way, and who was refused may come."""
        with self._changed:
            self._held, self._delay, self._pieces = set(), 0.0, _PIECE
            self._changed.notify_all()
        if self._listener is None:
            self.start()

    def close(self) -> None:
        """End everything."""
        self.cut()
        with self._changed:
            self._held, self._delay = set(), 0.0
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket()
                if self._buffer:
                    # Before the connection is made, or the window is wider already.
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
                try:
                    server.connect(("127.0.0.1", self.target))
                except OSError:
                    client.close()
                    continue
                pair = (client, server)
                with self._changed:
                    self._connections.add(pair)
                ways: tuple[tuple[Direction, socket.socket, socket.socket], ...] = (
                    ("up", client, server),
                    ("down", server, client),
                )
                for way in ways:
                    threading.Thread(target=self._carry, args=(pair, *way), daemon=True).start()

    def _carry(
        self, pair: tuple[socket.socket, socket.socket], way: Direction, source: socket.socket, target: socket.socket
    ) -> None:
        with contextlib.suppress(OSError):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                with self._changed:
                    most, delay = self._pieces, self._delay
                piece = source.recv(most)
                if delay:
                    time.sleep(delay)
                with self._changed:
                    while way in self._held and pair in self._connections:
                        self._changed.wait()
                if not piece:
                    break
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
            with self._changed:
                half = pair in self._half_closed
                self._half_closed.add(pair)
            if not half:
                return
        self._end(pair)

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._changed:
            if pair not in self._connections:
                return
            self._connections.remove(pair)
            self._half_closed.discard(pair)
            self._changed.notify_all()
        for each in pair:
            with contextlib.suppress(OSError):
                # Lingering for no time makes it a reset, unless a FIN was sent; who reads must be woken.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RD)
            each.close()
