"""Whose request it is, if proxies pass it on: their word counts only where they are trusted.

``X-Forwarded-For`` is a list to which each proxy adds the address that it was asked from; what
stands before the first trusted proxy's entry may be anybody's invention.  So the list is read
from its end, and the first address that is no trusted proxy's is the asker's.  The rules are
pure: headers and addresses come in as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from meet.web.security import host_name

_SCHEMES = ("http", "https")
_UNIX = "unix"


class Trust:
    """The proxies that are believed."""

    def __init__(self, words: Sequence[str]) -> None:
        """``words`` are networks as `ipaddress` writes them, and ``unix`` for every UNIX socket."""
        self._unix = _UNIX in words
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(word) for word in words if word != _UNIX]

    def trusts(self, peer: str) -> bool:
        """Whether what ``peer`` says of others is believed; a UNIX socket's peer is an empty text."""
        if not peer:
            return self._unix
        address = parsed(peer)
        return address is not None and any(address in network for network in self._networks)

    def asker(self, peer: str, forwarded_for: str) -> str:
        """The address of whoever asks by ``peer``, whose requests have that ``X-Forwarded-For``."""
        address = peer
        hops = forwarded_for.split(",") if forwarded_for else []
        while hops and self.trusts(address):
            hop = parsed(hops.pop())
            if hop is None:
                break
            address = str(hop)
        return address


def scheme(forwarded_proto: str) -> str:
    """What a trusted proxy says it was asked by: ``http`` or ``https``, or nothing that counts."""
    word = forwarded_proto.rpartition(",")[2].strip().lower()
    return word if word in _SCHEMES else ""


def host(forwarded_host: str) -> str:
    """What a trusted proxy says it was asked for, or nothing that counts."""
    return host_name(forwarded_host.rpartition(",")[2].strip())


@lru_cache(maxsize=1024)
def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address in ``text``, which may have a port; None if there is none that can be read."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
