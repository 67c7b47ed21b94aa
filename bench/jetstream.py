"""How many events of Jetstream a second of CPU takes: ``python -m bench.jetstream [events]``.

Frames as Jetstream sends them go through Autobahn's client and the source, in pieces of 64 KiB as
the reactor reads them; one event in fifty has the hashtag that is followed.  It says also how
long the longest piece kept the reactor from everybody else.
"""

from __future__ import annotations

import base64
import hashlib
import random
import sys
import time
from collections.abc import Collection

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from meet.bluesky.connection import Connection, factory_of
from meet.bluesky.directory import Directory
from meet.bluesky.jetstream import Bluesky as Source
from meet.bluesky.profiles import Profile
from meet.interfaces import IAudience
from meet.posts import Post
from tests.standins.bluesky import BESIDE, PEOPLE, did, line, record, tag_facet

_READ = 65_536
_BEGIN = 1_767_225_600.0


class Known(Directory):
    """Everybody is known, as most are after a while."""

    def known(self, author: str) -> Profile:
        """Anybody."""
        return Profile(author, "ann.example.org", "Ann Holm", False, False)


@implementer(IAudience)
class Counting:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.posts = 0

    def posted(self, post: Post, words: Collection[str]) -> None:
        """One more."""
        self.posts += 1

    def withdrawn(self, posts: Collection[str]) -> None:
        """Nothing."""

    def standing(self, since: float) -> Collection[str]:
        """None that is remembered."""
        return ()

    def silenced(self, author: str) -> None:
        """Nothing."""

    def refused(self, word: str, reason: str) -> None:
        """Nothing."""

    def flowing(self, flows: bool, text: str) -> None:
        """Nothing."""


def events(count: int) -> list[bytes]:
    """As many events, of which one in fifty has #pycon, one in six another hashtag, one in ten is a deletion."""
    chance = random.Random(1)
    made = []
    for number in range(count):
        time_us = int(_BEGIN * 1e6) + number
        text = f"{chance.choice(BESIDE).replace('#', '')} {'and so on, ' * chance.randint(0, 12)}"
        tag = "#pycon" if number % 50 == 0 else "#cats" if number % 6 == 0 else ""
        facets = {"facets": [tag_facet(f"{text}{tag}", tag)]} if tag else {}
        reply = {"cid": "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi", "uri": f"at://{did('x')}/y/z"}
        what = record(f"{text}{tag}", "2026-01-01T00:00:00.000Z", reply={"parent": reply, "root": reply}, **facets)
        commit = {
            "rev": "3l3qo2vutsw2b",
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": f"3l{number}",
        }
        commit |= {"record": what, "cid": reply["cid"]} if number % 10 != 9 else {"operation": "delete"}
        author = did(chance.choice(PEOPLE)[0])
        made.append(line({"did": author, "time_us": time_us, "kind": "commit", "commit": commit}))
    return made


def frame(data: bytes) -> bytes:
    """A text frame (RFC 6455 section 5.2)."""
    size = len(data)
    return (bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")) + data


def main(count: int) -> None:
    """Measure and say."""
    clock = Clock()
    clock.advance(_BEGIN + 60)
    audience = Counting()
    source = Source(["ws://127.0.0.1:1"], Known(clock, "http://127.0.0.1:1"), clock, random.random)
    source.start(audience, _BEGIN)
    source.follow(("#pycon",))
    connection: Connection = factory_of(clock, "ws://127.0.0.1:1", 0, source._heard).buildProtocol(None)
    connection.makeConnection(StringTransport())
    _open(connection)
    told = events(count)
    stream = b"".join(map(frame, told))
    pieces = [stream[start : start + _READ] for start in range(0, len(stream), _READ)]
    began, longest = time.process_time(), 0.0
    for piece in pieces:
        before = time.process_time()
        connection.dataReceived(piece)
        longest = max(longest, time.process_time() - before)
    took = time.process_time() - began
    sys.stdout.write(
        f"{count} events of {len(stream) // count} bytes in {took:.2f} s of CPU: {count / took:,.0f} a second, "
        f"{took / count * 1e6:.1f} µs each; {audience.posts} posts told.\n"
        f"The longest piece of 64 KiB took {longest * 1000:.1f} ms.\n"
    )


def _open(connection: Connection) -> None:
    """Let the handshake have succeeded."""
    asked = connection.transport.value().decode()
    key = asked.split("Sec-WebSocket-Key: ", 1)[1].split("\r\n", 1)[0]
    accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    connection.dataReceived(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
