"""The opening of a WebSocket (RFC 6455, section 4.2): whether a request is one, and the answer to it.

The request was read as HTTP already; its headers come in, and what is agreed to goes out.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1

from twisted.web.http_headers import Headers

from meet.errors import Refused

SUBPROTOCOL = b"meet.v1"
VERSION = b"13"

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==\Z")
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def speaks_this_version(headers: Headers) -> bool:
    """Whether a handshake with ``headers`` is of the version that Meet speaks."""
    return headers.getRawHeaders(b"Sec-WebSocket-Version") == [VERSION]


def agreed(headers: Headers) -> bytes:
    """The answer to a handshake with ``headers``, which makes a WebSocket of its connection.

    Raises `Refused` ``bad-input`` for what is no handshake of version 13.  No extension is
    agreed to; the subprotocol is ``meet.v1`` if it was asked for, and none otherwise.
    """
    if b"upgrade" not in _words(headers, b"Connection") or b"websocket" not in _words(headers, b"Upgrade"):
        raise Refused("bad-input", "A WebSocket's handshake says Connection: Upgrade and Upgrade: websocket.")
    if not speaks_this_version(headers):
        raise Refused("bad-input", "Meet speaks version 13 of the WebSocket protocol.")
    keys = headers.getRawHeaders(b"Sec-WebSocket-Key", [])
    if len(keys) != 1 or not _KEY.match(keys[0]):
        raise Refused("bad-input", "A WebSocket's handshake has one Sec-WebSocket-Key: 16 bytes in base 64.")
    asked = b",".join(headers.getRawHeaders(b"Sec-WebSocket-Protocol", [])).split(b",")
    chosen = b"Sec-WebSocket-Protocol: %s\r\n" % SUBPROTOCOL if SUBPROTOCOL in map(bytes.strip, asked) else b""
    accept = b64encode(sha1(keys[0] + _MAGIC, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nServer: Meet\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accept, chosen)
    )


def _words(headers: Headers, name: bytes) -> list[bytes]:
    return b",".join(headers.getRawHeaders(name, [])).lower().replace(b" ", b"").split(b",")
