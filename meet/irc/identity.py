"""Who an IRC client is: a token made from what identifies it, as it has no place to keep one.

It comes out the same when the client comes back, in any process of this broker, and tells
nobody anything without the broker's secret.  With a password (PASS) it is the password that
counts; without one the address, user and real name do, which several clients may share.

So those alike are numbered in each room, in the order in which they came.  The nick is no
part of the token, as it may change; it tells which of those alike it is that comes back.
"""

from __future__ import annotations

import hmac

from meet.events import who_key
from meet.names import digest, skeleton
from meet.room import Room

_ALIKE = 32
"""Clients alike in one room that may change their nicks and still be known after a restart.

Behind a web gateway there may be more; those are told apart by the nick they came with.
"""


def fingerprint(secret: bytes, *, password: str, address: str, user: str, realname: str) -> str:
    """What makes one client another than the next, whatever its nick."""
    parts = ("pass", password) if password else ("address", address, user, realname)
    return _sealed(secret, *parts)


def own_token(secret: bytes, room: Room, nick: str, mark: str) -> str:
    """The token of the client with this fingerprint that goes by ``nick`` in ``room``, or would."""
    by_nick = _sealed(secret, "nick", room.name, mark, skeleton(nick))
    holder = room.people.holder(who_key(nick))
    free = ""
    for number in range(_ALIKE):
        token = _sealed(secret, "number", room.name, mark, str(number))
        identity = digest(token)
        if holder is not None and holder.id == identity:
            return token
        if not free and room.people.person(identity) is None:
            free = token
    if holder is not None and holder.id == digest(by_nick):
        return by_nick
    return free or by_nick


def _sealed(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256").hexdigest()
