"""Who an IRC client is: a token made from what identifies it, as it has no place to keep one.

It comes out the same when the client comes back, in any process of this broker, and tells
nobody anything without the broker's secret.  With a password (PASS) it is the password that
counts; without one the address, user and real name do, which two clients may share.
"""

from __future__ import annotations

import hmac

from meet.names import skeleton


def fingerprint(secret: bytes, *, password: str, address: str, user: str, realname: str) -> str:
    """What makes one client another than the next, whatever its nick."""
    parts = ("pass", password) if password else ("address", address, user, realname)
    return _sealed(secret, *parts)


def token(secret: bytes, room: str, nick: str, mark: str) -> str:
    """The token of the client with this fingerprint in ``room``; one for each way of comparing nicks."""
    return _sealed(secret, "irc", room, skeleton(nick), mark)


def _sealed(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256").hexdigest()
