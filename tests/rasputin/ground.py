"""What the tests with a real Redis stand on: one server, keys of each test's own, and people who talk."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from django.test import TestCase

from meet.address import read_address
from meet.commands import Close, Command, Join, Open, Say
from meet.events import Position
from meet.keys import Names
from meet.limits import Limits
from meet.moments import HOUR
from meet.names import digest
from meet.rasputin.asking import Asker, ask, feed_of
from meet.rasputin.bus import RedisBus
from meet.rasputin.connection import connect
from meet.rasputin.journal import Batch, Journal
from meet.rasputin.observing import RECEIVERS, Heard
from tests.servers.redis import Redis

LIMITS = Limits()


@cache
def server() -> Redis:
    """One Redis for all tests of this run."""
    return Redis().start()


class BusCase(TestCase):
    """A test on a bus of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.names = Names("t" + os.urandom(6).hex())
        self.client = connect(read_address(server().url))
        self.addCleanup(self.client.close)
        self.bus = RedisBus(self.client, self.names, LIMITS)
        before = dict(RECEIVERS)
        self.addCleanup(lambda: (RECEIVERS.clear(), RECEIVERS.update(before)))

    def open(self, room: str = "algebra", hours: float = 1) -> None:
        self.ask(room, Open(title="", ends=time.time() + hours * HOUR, limit=140, lock=digest("key")))

    def say(self, text: str, room: str = "algebra", nick: str = "ann") -> Position:
        return self.ask(room, Say(text=text), nick)

    def close(self, room: str = "algebra") -> None:
        self.ask(room, Close(), "hosting", "key")

    def ask(self, room: str, command: Command, nick: str = "ann", host_key: str = "") -> Position:
        return ask(self.bus, LIMITS, room, command, Asker(nick, f"{nick}'s token", host_key), time.time())

    def talk(self, *texts: str, room: str = "algebra") -> None:
        """Somebody comes in, says all of it, and stays."""
        for command in (Join(nick="sue", via="web"), *(Say(text=text) for text in texts)):
            feed = feed_of(self.bus, room, LIMITS)
            event = feed.room.decide(command, digest("sue's token"), time.time())
            self.bus.publish(room, event, feed.room.guards(event))

    def journal(self, observer: str = "site", now: Any = time.monotonic) -> Journal:
        journal = Journal(connect(read_address(server().url)), self.names, observer, now)
        self.addCleanup(journal._close_ear)
        return journal

    def all(self, journal: Journal) -> list[Heard]:
        """Everything that the journal has now, acknowledged."""
        found = []
        while (batch := journal.take()) is not None:
            found += heard_in(batch)
            journal.acknowledge(batch, [number for number, _ in batch.records])
        return found


def heard_in(batch: Batch) -> list[Heard]:
    return [heard for _, heard in batch.records if heard is not None]


def said(heard: list[Heard]) -> list[str]:
    """The lines among them."""
    return [each.fields["text"] for each in heard if each.kind == "said"]
