"""A bus in memory, for the tests of a site.

::

    class Lessons(RasputinTestCase):
        def test_a_line_counts(self):
            self.open("algebra")
            self.said("algebra", "ann", "hi")
            self.assertEqual(Score.objects.get(nick="ann").lines, 1)

What is said here, by the test or by the site itself, is told to the site's receivers at once, as the
worker would tell it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import TestCase

from meet import names
from meet.commands import Close, Command, Extend, Join, Leave, Open, Rename, Retitle, Say
from meet.errors import Stale, Taken, Unavailable
from meet.events import Event, Forgotten, Position
from meet.limits import Limits
from meet.look import Look
from meet.moments import HOUR, moment
from meet.rasputin import bus
from meet.rasputin.asking import feed_of
from meet.rasputin.configuration import configured
from meet.rasputin.observing import Heard
from meet.rasputin.telling import tell
from meet.room import Guards
from meet.wire import encode

_EPOCH = "test"


class _Log:
    """One room."""

    def __init__(self) -> None:
        self.last = 0
        self.law = 0
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.owners: dict[str, str] = {}
        self.talk: list[tuple[int, bytes]] = []
        self.marks: dict[str, int] = {}


class MemoryBus:
    """The `meet.rasputin.bus.Bus` of one process.

    ``entries`` is all that was published, in order; ``away`` lets it be unreachable.
    """

    def __init__(self) -> None:
        self.entries: list[Heard] = []
        self.away = False
        self._logs: dict[str, _Log] = defaultdict(_Log)

    def look(self, room: str) -> Look:
        """As `Bus` says."""
        self._reach()
        log = self._logs.get(room)
        if log is None:
            return Look(None, None, [], [], 0)
        state = sorted(log.kept.values())
        return Look(
            Position(_EPOCH, log.last),
            Position(_EPOCH, log.law) if log.law else None,
            [(Position(_EPOCH, number), body) for number, body in state],
            [(Position(_EPOCH, number), body) for number, body in log.talk],
            0,
        )

    def publish(self, room: str, event: Event, guards: Guards) -> Position:
        """As `Bus` says."""
        self._reach()
        log = self._logs[room]
        if guards.once is not None and guards.once in log.marks:
            return Position(_EPOCH, log.marks[guards.once])
        if guards.under != (Position(_EPOCH, log.law) if log.law else None):
            raise Stale("A ruling was numbered since.")
        if guards.claim is not None:
            key, owner = guards.claim
            holder = log.owners.get(key)
            takes = key == guards.key and not guards.forget
            if holder != owner and not (takes and holder is None):
                raise Taken("That belongs to somebody else.")
            if takes:
                log.owners[key] = owner
        log.last += 1
        body = encode(event)
        if guards.ruling:
            log.law = log.last
        if guards.key is None:
            log.talk.append((log.last, body))
        elif guards.forget:
            log.kept.pop(guards.key, None)
            log.owners.pop(guards.key, None)
        else:
            log.kept[guards.key] = (log.last, body)
        if guards.once is not None:
            log.marks[guards.once] = log.last
        position = Position(_EPOCH, log.last)
        self.entries.append(Heard(room, position, body))
        return position

    def drop(self, room: str) -> None:
        """Forget the room, as Meet does some time after its end."""
        log = self._logs.pop(room)
        body = encode(Forgotten(at=moment(time.time())))
        self.entries.append(Heard(room, Position(_EPOCH, log.last + 1), body))

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("The bus of this test is away.")


class RasputinTestCase(TestCase):
    """A test of a site that hears Meet and speaks in it; ``bus`` is its `MemoryBus`."""

    def setUp(self) -> None:
        """Begin with no room."""
        super().setUp()
        self.bus = MemoryBus()
        self._told = 0
        self.enterContext(bus.using(self.bus))

    @contextmanager
    def committed(self) -> Iterator[None]:
        """What is published inside is sent at the end, as after a commit, and told to the site."""
        with self.captureOnCommitCallbacks(execute=True):
            yield
        self.deliver()

    def deliver(self) -> int:
        """Tell the site what it was not told yet; how many records that was."""
        waiting = self.bus.entries[self._told :]
        self._told = len(self.bus.entries)
        for heard in waiting:
            tell(heard, keep=configured().keep)
        return len(waiting)

    def open(self, room: str, *, title: str = "", hours: float = 1, host_key: str = "key") -> None:
        """Somebody opens a room."""
        ends = time.time() + hours * HOUR
        self.happens(room, Open(title=title, ends=ends, limit=140, lock=names.digest(host_key)), "")

    def said(self, room: str, nick: str, text: str) -> None:
        """Somebody says a line, and comes in for it if they are not there."""
        self.happens(room, Say(text=text), nick)

    def closed(self, room: str, *, host_key: str = "key") -> None:
        """The room's host closes it."""
        self.happens(room, Join(nick="hosting", via="web", host_key=host_key), "hosting")
        self.happens(room, Close(), "hosting")

    def happens(self, room: str, command: Command, nick: str) -> Position:
        """``command`` is asked by the participant ``nick``, granted, and told; raises `meet.errors.Refused`."""
        who = f"{nick}'s id" if nick else ""
        feed = feed_of(self.bus, room, Limits())
        needs = isinstance(command, Say | Leave | Rename | Retitle | Extend)
        if needs and feed.room.people.person(who) is None:
            self.happens(room, Join(nick=nick, via="web"), nick)
            feed = feed_of(self.bus, room, Limits())
        event = feed.room.decide(command, who, time.time())
        position = self.bus.publish(room, event, feed.room.guards(event))
        self.deliver()
        return position

    def publish(self, room: str, body: dict[str, Any]) -> None:
        """Tell the site something that no rule has decided, as a newer Meet might."""
        position = Position(_EPOCH, 1_000_000 + len(self.bus.entries))
        self.bus.entries.append(Heard(room, position, encode(body)))
        self.deliver()
