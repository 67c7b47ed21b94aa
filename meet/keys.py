"""Which keys and channels there are.  Pure: other languages need no more than this page to find a room.

=====================================  ======================================================
``meet:{07}:head:algebra``             hash: epoch, last, law, floor, till, was
``meet:{07}:tail:algebra``             stream: talk, its number as the first part of its id
``meet:{07}:kept:algebra``             hash: state by key, each the number, a space, the event
``meet:{07}:owners:algebra``           hash: whose each claimed key is
``meet:{07}:holders:algebra``          hash: the processes that stand for each claimed key; before them @ and
                                       the second since which nobody has been there whose key it is
``meet:{07}:once:algebra:…``           string: the position of what was said once
``meet:{07}:grave:algebra``            string: the epoch that was dropped last
``meet:{07}:rooms``                    sorted set: every room of the shard, by its end
``meet:{07}:journal``                  stream: r room, p position, b event
``meet:{07}:asleep``                   set: observers that wait for the shard's journal
``meet:{07}:backfill:recorder``        hash: rooms that are older than an observer, and up to where
``meet:{07}:wiping``                   hash: dropped rooms whose words are still in the journal
``meet:{07}:room:algebra``             channel: position, a space, the event
``meet:{house}:…``                     what is the installation's and not a room's
=====================================  ======================================================

The shard of a room is the CRC-32 of its name modulo 64, in two digits.
"""

from __future__ import annotations

from hashlib import sha1
from zlib import crc32

SHARDS = 64

HOUSE = SHARDS
"""Stands in place of a shard for the keys of the installation."""

ROOM = ("head", "tail", "kept", "owners", "holders")
"""The kinds of key that one room has."""


def shard_of(room: str) -> int:
    """The shard of ``room``."""
    return crc32(room.encode()) % SHARDS


def tag_of(shard: int) -> str:
    """The hash tag of ``shard``'s keys."""
    return "house" if shard == HOUSE else f"{shard:02d}"


def slot_of(tag: str) -> int:
    """The slot of a Cluster in which every key with the hash tag ``tag`` is.

    CRC-16/XMODEM modulo 16384: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/.
    """
    crc = 0
    for byte in tag.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc % 16384


class Names:
    """The keys and channels that begin with ``prefix``."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.wake = f"{prefix}:wake"
        self._tags = [f"{prefix}:{{{tag_of(shard)}}}:" for shard in range(SHARDS)]

    def of(self, shard: int, what: str) -> str:
        """The key ``what`` of one shard."""
        return self._tags[shard] + what

    def room(self, shard: int, what: str, room: str) -> str:
        """The key ``what`` of ``room``, which is in ``shard``."""
        return f"{self._tags[shard]}{what}:{room}"

    def once(self, shard: int, room: str, once: str) -> str:
        """The key of a mark: what somebody chose to call it is not in it."""
        return f"{self._tags[shard]}once:{room}:{sha1(once.encode(), usedforsecurity=False).hexdigest()}"

    def channel(self, room: str) -> str:
        """Where the entries of ``room`` are sent."""
        return f"{self._tags[shard_of(room)]}room:{room}"

    def house(self, what: str) -> str:
        """A key of the installation."""
        return f"{self.prefix}:{{{tag_of(HOUSE)}}}:{what}"

    def probe(self, process: str) -> str:
        """The channel on which ``process`` hears its own probes."""
        return f"{self.prefix}:probe:{process}"
