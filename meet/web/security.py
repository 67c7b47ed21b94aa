"""What keeps other sites out of a visitor's business: headers of every answer, and where a request came from.

The pages run no inline script and load nothing from anywhere else, so the policy can
forbid all of it.  A form or a socket that another site's page sends is refused.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from meet.errors import Refused

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}

_FRAMES = {False: ("'none'", b"DENY"), True: ("'self'", b"SAMEORIGIN")}

FIXED = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"same-origin"),
    (b"Permissions-Policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Server", b"Meet"),
)
"""Headers that stand in every answer."""


def policy(host: str, *, framed: bool = False) -> bytes:
    """The Content-Security-Policy for pages of ``host`` (as in the Host header; empty if unknown).

    A ``framed`` page may stand inside of Meet's own pages, any other stands alone.
    """
    # Older Safari does not count WebSockets of the same host as 'self'.
    sockets = f" ws://{host} wss://{host}" if host else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'{sockets}; frame-src 'self'; form-action 'self'; "
        f"frame-ancestors {_FRAMES[framed][0]}; base-uri 'none'"
    ).encode()


def framing(host: str, *, framed: bool = False) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that say what a page of ``host`` may load and where it may stand."""
    return (
        (b"Content-Security-Policy", policy(host, framed=framed)),
        (b"X-Frame-Options", _FRAMES[framed][1]),
    )


def host_name(header: str) -> str:
    """``header`` if it can be a Host header, otherwise an empty text."""
    return header if _HOST.match(header) else ""


def refuse_other_sites(*, host: str, origin: str, fetch_site: str, public_url: str) -> None:
    """Raise `Refused` ``other-site`` for a request that a page of another site made.

    ``host``, ``origin`` and ``fetch_site`` are the headers Host, Origin and Sec-Fetch-Site,
    empty if there is none.  Programs send neither of the last two and are let in.
    """
    if fetch_site:
        # The browser's own verdict, which no page can forge.
        if fetch_site in ("same-origin", "none"):
            return
    elif not origin:
        return
    else:
        scheme = origin.partition(":")[0]
        own = [f"{scheme}://{host}"] if host else []
        if _place(origin) in [_place(each) for each in (*own, public_url) if each]:
            return
    raise Refused("other-site", "Another site's page asked for this. Open Meet's own page and ask there.")


def _place(url: str) -> str:
    """Host and port of ``url``, without a port that goes without saying; unlike any other if there are none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, " ")) or url
