"""A school's network: a TCP proxy in front of Meet that treats some requests badly."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable

from tests.live.server import Meet

Treat = Callable[[bytes], str]
"""From the head of a request to what happens to it: ``pass``, ``redirect``, ``hang``, ``refuse``,
``swallow`` (it is carried out, its answer is lost)."""


def websockets(treatment: str) -> Treat:
    """Treats every WebSocket handshake so, and lets the rest pass."""
    return lambda head: treatment if re.search(rb"(?im)^upgrade:\s*websocket", head) else "pass"


def live(treatment: str) -> Treat:
    """Treats WebSockets and event streams so: only short requests pass."""
    return lambda head: (
        treatment if re.search(rb"(?im)^upgrade:\s*websocket|^accept:\s*text/event-stream", head) else "pass"
    )


class Proxy:
    """Listens on `url`; each connection serves one request, then closes."""

    def __init__(self, meet: Meet, treat: Treat = lambda head: "pass", cut_after: float | None = None) -> None:
        self._meet = meet
        self._treat = treat
        self._cut_after = cut_after
        self.cuts = 0
        self._open: list[socket.socket] = []
        self._frozen: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            match self._treat(head.partition(b"\r\n\r\n")[0]):
                case "redirect":
                    client.sendall(
                        b"HTTP/1.1 302 Found\r\nLocation: /blocked-by-the-school\r\n"
                        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                case "refuse":
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                case "hang":
                    while client.recv(65536):
                        pass
                case treatment:
                    once = re.sub(rb"(?im)^connection: keep-alive", b"Connection: close", head)
                    self._carry(client, once, lost=treatment == "swallow")

    def freeze(self) -> None:
        """Let nothing more through the connections that are open now; they stay open, new ones work."""
        self._frozen.update(self._open)

    def _carry(self, client: socket.socket, first: bytes, *, lost: bool) -> None:
        with socket.create_connection(("127.0.0.1", self._meet.web_port)) as server:
            self._open.append(server)
            if lost:
                self._frozen.add(server)
            server.sendall(first)
            if self._cut_after is not None:
                timer = threading.Timer(self._cut_after, self._cut, (client, server))
                timer.daemon = True
                timer.start()
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    def _cut(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                self.cuts += 1

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if source not in self._frozen:
                    target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
