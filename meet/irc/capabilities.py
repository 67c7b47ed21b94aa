"""IRCv3 capabilities: which there are, and the negotiation.

https://ircv3.net/specs/extensions/capability-negotiation
"""

from __future__ import annotations

CAPABILITIES = (
    "batch",
    "cap-notify",
    "draft/message-redaction",
    "echo-message",
    "extended-join",
    "message-tags",
    "multi-prefix",
    "server-time",
    "standard-replies",
    "userhost-in-names",
)
"""Every capability that Meet has, in the order in which they are listed.  All fit one line."""


def request(wanted: str, held: frozenset[str]) -> frozenset[str] | None:
    """What is held after ``CAP REQ :wanted``; None if any of it is unknown, and nothing changes."""
    after = set(held)
    for word in wanted.split():
        name = word.removeprefix("-")
        if name not in CAPABILITIES:
            return None
        if word.startswith("-"):
            after.discard(name)
        else:
            after.add(name)
    return frozenset(after)
