"""Small questions asked of a busy Meet: pings, joins and health, and how long each answer took."""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections.abc import Callable

from bench.figures import percentile
from bench.server import Failed

BETWEEN = 0.05
"""Seconds from one question to the next of its kind."""

_TAKES = 4096
"""Bytes that are taken for somebody who does not read."""

PATIENCE = 30.0
QUIET = "quiet"
"""A room where nothing is said."""


class Probes:
    """Asks the Meet on ``port``, and ``room`` in it, from one thread for each kind of question."""

    def __init__(self, port: int, room: str) -> None:
        self._address = ("127.0.0.1", port)
        self._room = room
        self._end = 0.0
        self._spans: dict[str, list[float]] = {}
        self._wrong: list[str] = []

    def during(self, seconds: float) -> dict[str, float]:
        """The p50 and p99 of each kind in milliseconds, asked for so many seconds.

        Raises `Failed` if a question got no answer.
        """
        self._end = time.monotonic() + seconds
        kinds = {"ping": self._pings, "join": self._joins, "health": self._healths}
        threads = [
            threading.Thread(target=self._ask, args=(kind, ask, self._spans.setdefault(kind, [])))
            for kind, ask in kinds.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._wrong:
            raise Failed("; ".join(self._wrong))
        shares = {"p50": 0.5, "p99": 0.99}
        return {
            f"{kind}_{name}": percentile(spans, share)
            for kind, spans in self._spans.items()
            for name, share in shares.items()
        }

    def silent(self) -> socket.socket:
        """Somebody in the room who has been welcomed, and takes next to nothing of what they do not read."""
        return self._socket(self._room, "silent", _TAKES)

    def _ask(self, kind: str, ask: Callable[[list[float]], None], spans: list[float]) -> None:
        try:
            ask(spans)
        except OSError as error:
            self._wrong.append(f"{kind} number {len(spans) + 1} got no answer: {error}")

    def _pings(self, spans: list[float]) -> None:
        with self._socket(QUIET, "pinger") as connection:
            self._repeat(spans, lambda: _ping(connection))

    def _joins(self, spans: list[float]) -> None:
        names = iter(range(1_000_000))
        self._repeat(spans, lambda: self._socket(self._room, f"late{next(names)}").close())

    def _healths(self, spans: list[float]) -> None:
        with socket.create_connection(self._address, PATIENCE) as connection:
            self._repeat(spans, lambda: _health(connection))

    def _repeat(self, spans: list[float], ask: Callable[[], None]) -> None:
        while not spans or time.monotonic() < self._end:
            begun = time.monotonic()
            ask()
            spans.append((time.monotonic() - begun) * 1000)
            time.sleep(BETWEEN)

    def _socket(self, room: str, nick: str, takes: int = 0) -> socket.socket:
        """A WebSocket that has been welcomed; its system ``takes`` so many bytes for it, or as many as it likes."""
        connection = socket.socket()
        connection.settimeout(PATIENCE)
        if takes:
            # Before it is known to the other side, which is told how much it may send.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
        connection.connect(self._address)
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /api/v1/rooms/{room}/socket?nick={nick} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: meet.v1\r\n\r\n".encode()
        )
        _until(connection, b'"kind":"welcome"')
        return connection


def has_ended(connection: socket.socket) -> bool:
    """Whether the other side has ended ``connection``."""
    connection.settimeout(1.0)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        # Cut: it did not take the goodbye either.
        return True
    return True


def _until(connection: socket.socket, words: bytes) -> None:
    had = b""
    while words not in had:
        data = connection.recv(65536)
        if not data:
            raise ConnectionResetError("the connection ended")
        had = had[-len(words) :] + data


def _ping(connection: socket.socket) -> None:
    mark = os.urandom(4).hex().encode()
    connection.sendall(b"\x89\x88\0\0\0\0" + mark)
    _until(connection, mark)


def _health(connection: socket.socket) -> None:
    connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n")
    _until(connection, b"\r\n\r\n")
