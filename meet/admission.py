"""What one address may do: how many connections, joins and new rooms.

A school or a conference is one address, so these bounds only stop a flood; those of
single participants (`meet.session`) do the work.  Time comes in as an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil

from meet.errors import Refused
from meet.limits import Bucket, Limits
from meet.moments import HOUR

_SWEEP = 4096
"""At this many remembered addresses those that did nothing lately are forgotten."""


class Admission:
    """The counters of one process, by address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connections: Counter[str] = Counter()
        self._joins: dict[str, Bucket] = {}
        self._rooms: dict[str, Bucket] = {}

    def connect(self, address: str) -> Callable[[], None]:
        """Count a connection; the function returned counts it out, once.

        Raises `Refused` ``too-many`` above ``connections-per-address``.
        """
        who = _network(address)
        most = self._limits.connections_per_address
        if most and self._connections[who] >= most:
            raise Refused("too-many", f"There are {most} connections from your address already.")
        self._connections[who] += 1
        return _Counted(self._connections, who)

    def join(self, address: str, now: float) -> None:
        """Count somebody coming in; raises `Refused` ``too-fast`` above ``joins-per-address``."""
        self._take(self._joins, address, now, self._limits.joins_per_address, 10, "People are coming in")

    def open(self, address: str, now: float) -> None:
        """Count a room opened; raises `Refused` ``too-fast`` above ``rooms-per-address``."""
        self._take(self._rooms, address, now, self._limits.rooms_per_address, HOUR, "Rooms are opened")

    def _take(self, buckets: dict[str, Bucket], address: str, now: float, size: int, span: float, what: str) -> None:
        who = _network(address)
        bucket = buckets.get(who)
        if bucket is None:
            if len(buckets) >= _SWEEP:
                for name in [name for name, each in buckets.items() if each.full(now)]:
                    del buckets[name]
            bucket = buckets[who] = Bucket(size, span)
        if not bucket.take(now):
            wait = ceil(bucket.wait(now))
            raise Refused("too-fast", f"{what} too fast from your address. Try again in {wait} seconds.")


class _Counted:
    """Counts one connection of ``who`` out when it is called, once."""

    __slots__ = ("_connections", "_who")

    def __init__(self, connections: Counter[str], who: str) -> None:
        self._connections = connections
        self._who: str | None = who

    def __call__(self) -> None:
        who, self._who = self._who, None
        if who is not None:
            self._connections[who] -= 1
            if not self._connections[who]:
                del self._connections[who]


@lru_cache(maxsize=1024)
def _network(address: str) -> str:
    """One household or school: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return parsed.exploded[:19]
    return str(parsed)
