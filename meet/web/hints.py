"""What is wrong with the proxy in front, noticed from what comes through it, and told once.

The law: a sentence says what goes wrong and how to mend it, and names nobody's address.
Nothing here changes how a request is answered.
"""

from __future__ import annotations

from collections.abc import Callable

from meet.web.forwarded import parsed

_ENOUGH = 5
"""Requests of one kind that must have come, and none of the other: one may be anybody's."""

UPGRADE = (
    "WebSockets do not reach Meet: a proxy in front swallows the Upgrade header. Let it pass Upgrade and Connection "
    "on, over HTTP/1.1 (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade").'
)
UNTRUSTED = (
    "A proxy in front tells people's addresses in X-Forwarded-For, and Meet does not believe it: everybody counts as "
    "one address. Start Meet with --trust and the proxy's address, as in --trust 127.0.0.1."
)
SILENT = (
    "The proxy that --trust names does not tell people's addresses: everybody counts as one address. Let it send "
    "X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for)."
)


def outside(at: str) -> str:
    """That no request is for what is under ``at``."""
    return (
        f"All that comes in is for addresses outside of {at}: a proxy in front takes the path away. Let it keep the "
        "path (nginx: proxy_pass without a path), or start Meet without --at."
    )


class Hints:
    """Watches the requests of one process; each hint is given to ``tell`` once."""

    def __init__(self, tell: Callable[[str], None], at: str = "") -> None:
        self._tell = tell
        self._at = at
        self._told: set[str] = set()
        self._upgraded = False
        self._plain = 0
        self._peers: set[str] = set()
        self._unbelieved = 0
        self._believed = False
        self._silent = 0
        self._inside = False
        self._outside = 0

    def came(self, peer: str, *, trusted: bool, forwarded: bool) -> None:
        """A request came from ``peer``, which may be a ``trusted`` one, and may say for whom it is ``forwarded``."""
        if trusted:
            self._believed = self._believed or forwarded
            self._silent += not forwarded
            if self._silent >= _ENOUGH and not self._believed:
                self._once(SILENT)
            return
        if len(self._peers) < 2:
            self._peers.add(peer)
        address = parsed(peer)
        near = not peer or (address is not None and address.is_private)
        self._unbelieved += forwarded
        if self._unbelieved >= _ENOUGH and len(self._peers) == 1 and near:
            self._once(UNTRUSTED)

    def found(self, *, inside: bool) -> None:
        """A request was for an address ``inside`` of the path under which the pages stand, or not."""
        self._inside = self._inside or inside
        self._outside += not inside
        if self._outside >= _ENOUGH and not self._inside:
            self._once(outside(self._at))

    def upgraded(self) -> None:
        """A WebSocket came through."""
        self._upgraded = True

    def not_upgraded(self, *, meant: bool) -> None:
        """The address of a WebSocket was asked for without an upgrade; ``meant`` if other headers of one were there."""
        self._plain += 1
        if not self._upgraded and (meant or self._plain >= _ENOUGH):
            self._once(UPGRADE)

    def _once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)
