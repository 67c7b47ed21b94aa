"""How entries are written for the web: WebSocket frames, event-stream blocks, pairs.

Each format is asked once for each entry, however many listen.  Comings and goings are
told as a digest (`here`), never one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from meet.events import Entry, Forgotten, Presence
from meet.interfaces import Here, IFormat, Status
from meet.wire import encode, pair

_NOT_TOLD = (Presence, Forgotten)


def frame(payload: bytes) -> bytes:
    """``payload`` (UTF-8) as one unmasked text frame with FIN set (RFC 6455 section 5.2)."""
    length = len(payload)
    if length < 126:
        return b"\x81%c%s" % (length, payload)
    if length < 65536:
        return b"\x81\x7e%s%s" % (length.to_bytes(2, "big"), payload)
    return b"\x81\x7f%s%s" % (length.to_bytes(8, "big"), payload)


def event(name: str, value: object) -> bytes:
    """One block of an event stream that is no entry."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), encode(value))


def event_entry(item: Entry) -> bytes:
    """One block of an event stream for an entry; its id is the position."""
    return b"id: %s\ndata: %s\n\n" % (str(item.position).encode(), pair(item))


def is_told(item: Entry) -> bool:
    """Whether people are told this entry by itself."""
    return not isinstance(item.event, _NOT_TOLD)


def here_object(here: Here) -> dict[str, object]:
    """A digest of presence as clients get it."""
    told: dict[str, object] = {"kind": "here", "count": here.count, "came": list(here.came), "went": list(here.went)}
    if here.renamed:
        told["renamed"] = list(here.renamed)
    return told


def status_object(status: Status) -> dict[str, object]:
    """Whether lines are taken, as clients get it."""
    return {"kind": "away", "text": status.text} if status.away else {"kind": "back"}


@implementer(IFormat)
class SocketFormat:
    """WebSocket frames."""

    def entry(self, room: str, entry: Entry) -> bytes:
        """One frame with the pair."""
        return frame(pair(entry)) if is_told(entry) else b""

    def here(self, room: str, here: Here) -> bytes:
        """One frame with the digest."""
        return frame(encode(here_object(here)))

    def status(self, room: str, status: Status) -> bytes:
        """One frame."""
        return frame(encode(status_object(status)))


@implementer(IFormat)
@dataclass(frozen=True, slots=True)
class EventFormat:
    """Blocks of an event stream (server-sent events); each ``chunked`` is one chunk (RFC 9112 section 7.1)."""

    chunked: bool = False

    def block(self, block: bytes) -> bytes:
        """``block`` as it stands on the wire."""
        return b"%x\r\n%s\r\n" % (len(block), block) if self.chunked else block

    def entry(self, room: str, entry: Entry) -> bytes:
        """One block with the position as its id."""
        return self.block(event_entry(entry)) if is_told(entry) else b""

    def here(self, room: str, here: Here) -> bytes:
        """One block with the digest."""
        return self.block(event("here", here_object(here)))

    def status(self, room: str, status: Status) -> bytes:
        """One block."""
        return self.block(event("away" if status.away else "back", status_object(status)))


@implementer(IFormat)
class PairFormat:
    """Pairs, each with a comma after it: the inside of a JSON array."""

    def entry(self, room: str, entry: Entry) -> bytes:
        """The pair."""
        return pair(entry) + b"," if is_told(entry) else b""

    def here(self, room: str, here: Here) -> bytes:
        """Nothing: an answer's header tells how many are here."""
        return b""

    def status(self, room: str, status: Status) -> bytes:
        """Nothing: who asks by single requests is refused, and asks again."""
        return b""


SOCKET = SocketFormat()
EVENTS = EventFormat()
CHUNKED_EVENTS = EventFormat(chunked=True)
PAIRS = PairFormat()
