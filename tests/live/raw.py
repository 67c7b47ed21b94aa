"""Bytes to a door and back, without a client library that would keep them right."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
from typing import Any

from tests.servers.program import PATIENCE


class Raw:
    """One connection to ``port`` on which anything may be sent.

    ``window`` bounds what the system takes for us while we do not read.
    """

    def __init__(self, port: int, window: int = 0) -> None:
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.came = b""

    def send(self, data: bytes) -> bool:
        """Send all of ``data``; False if the other side has hung up."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def more(self) -> bool:
        """Wait for more bytes; False if there are none any more."""
        try:
            data = self.socket.recv(65_536)
        except ConnectionError:
            return False
        self.came += data
        return bool(data)

    def until(self, mark: bytes) -> bytes:
        """Everything that came, up to and with ``mark``, which must come."""
        while mark not in self.came:
            assert self.more(), f"{mark!r} never came, but {self.came!r}"
        before, _, self.came = self.came.partition(mark)
        return before + mark

    def rest(self) -> bytes:
        """Everything that came, once the other side has hung up."""
        while self.more():
            pass
        return self.came

    def close(self) -> None:
        """Hang up without a word."""
        with contextlib.suppress(OSError):
            self.socket.close()


class Frames(Raw):
    """A WebSocket frame by frame, right or wrong."""

    def __init__(self, port: int, path: str, window: int = 0) -> None:
        super().__init__(port, window)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: meet.v1\r\n\r\n".encode()
        )
        answer = self.until(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    def ask(self, **ask: Any) -> bool:
        """Send one ask as a page does."""
        return self.send(frame(1, json.dumps(ask).encode()))

    def hear(self) -> tuple[int, bytes] | None:
        """The next frame's opcode and payload; None once the other side has hung up."""
        while (found := _frame(self.came)) is None:
            if not self.more():
                return None
        opcode, payload, size = found
        self.came = self.came[size:]
        return opcode, payload

    def messages(self) -> list[Any]:
        """Every message up to the close, and last its code; a close is answered."""
        heard: list[Any] = []
        while (found := self.hear()) is not None:
            opcode, payload = found
            if opcode == 1:
                heard.append(json.loads(payload))
            elif opcode == 8:
                heard.append(struct.unpack("!H", payload[:2])[0])
                self.send(frame(8, payload[:2]))
        return heard


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, bits: int = 0, masked: bool = True) -> bytes:
    """One frame of a client; ``bits`` are the three reserved ones."""
    length = len(payload)
    head = bytes(((0x80 if fin else 0) | bits << 4 | opcode,))
    mark = 0x80 if masked else 0
    if length < 126:
        head += bytes((mark | length,))
    elif length < 65_536:
        head += bytes((mark | 126,)) + struct.pack("!H", length)
    else:
        head += bytes((mark | 127,)) + struct.pack("!Q", length)
    # A mask of zeros is a mask, and leaves the payload as it is.
    return head + (bytes(4) if masked else b"") + payload


def _frame(data: bytes) -> tuple[int, bytes, int] | None:
    if len(data) < 2:
        return None
    length, start = data[1] & 127, 2
    if length == 126:
        start = 4
        length = struct.unpack("!H", data[2:4])[0] if len(data) >= start else len(data)
    elif length == 127:
        start = 10
        length = struct.unpack("!Q", data[2:10])[0] if len(data) >= start else len(data)
    if len(data) < start + length:
        return None
    return data[0] & 15, data[start : start + length], start + length
