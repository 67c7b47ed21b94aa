"""The bus in memory keeps the promises of the real one: the same steps, both ways."""

from __future__ import annotations

import time
from typing import Any

from meet.commands import Close, Join, Leave, Say
from meet.errors import Refused, Stale, Taken, Unavailable
from meet.events import Left, Position, Said
from meet.limits import Limits
from meet.rasputin.asking import feed_of
from meet.rasputin.bus import Bus
from meet.rasputin.testing import MemoryBus, RasputinTestCase
from meet.room import Guards
from tests.rasputin.ground import BusCase

LIMITS = Limits()


class Steps:
    """What both do."""

    bus: Bus

    def begin(self) -> None:
        raise NotImplementedError

    def decided(self, command: Any, who: str) -> tuple[Any, Guards]:
        feed = feed_of(self.bus, "algebra", LIMITS)
        event = feed.room.decide(command, who, time.time())
        return event, feed.room.guards(event)

    def publish(self, command: Any, who: str) -> Position:
        return self.bus.publish("algebra", *self.decided(command, who))

    def test_the_guards(self) -> None:
        self.begin()
        first, other = self.decided(Join(nick="ann", via="web"), "p1"), self.decided(Join(nick="Ann", via="web"), "p2")
        self.bus.publish("algebra", *first)
        self.assertRaises(Taken, self.bus.publish, "algebra", *other)  # type: ignore[attr-defined]
        line = self.decided(Say(text="hi", ref="7"), "p1")
        assert self.bus.publish("algebra", *line) == self.bus.publish("algebra", *line)
        late = self.decided(Say(text="late"), "p1")
        self.publish(Join(nick="hosting", via="web", host_key="key"), "p3")
        self.assertRaises(Stale, self.bus.publish, "algebra", *late)  # type: ignore[attr-defined]
        self.publish(Leave(), "p1")
        self.publish(Close(), "p3")
        look = self.bus.look("algebra")
        assert [type(each.event) for each in feed_of(self.bus, "algebra", LIMITS).tail] == [Said]
        assert look.last is not None
        assert look.law == look.last
        assert look.last.seq == 6
        assert Left.__name__ not in str(look.kept)

    def test_an_unknown_room(self) -> None:
        assert self.bus.look("nowhere").last is None


class InMemory(Steps, RasputinTestCase):
    bus: MemoryBus

    def begin(self) -> None:
        self.open("algebra")

    def test_it_may_be_away(self) -> None:
        self.bus.away = True
        self.assertRaises(Unavailable, self.bus.look, "algebra")

    def test_rules_are_kept_in_tests_too(self) -> None:
        self.assertRaises(Refused, self.said, "nowhere", "ann", "hi")


class InRedis(Steps, BusCase):
    def begin(self) -> None:
        self.open("algebra")
