"""What is told to a supervisor that started this process: that it is ready, and that it ends.

Source: sd_notify(3).  A supervisor that wants to know names a socket in ``NOTIFY_SOCKET``; so
``systemctl restart`` comes back when people are let in, and the next process can be restarted.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

READY = b"READY=1"
STOPPING = b"STOPPING=1"


def tell(environment: Mapping[str, str], state: bytes) -> None:
    """Send ``state`` to the supervisor that ``environment`` names, if there is one; never waits, never fails."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # In the kernel's own words an abstract name begins with a zero byte.
    place = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
        out.sendto(state, place)
