"""One room as one process knows it: its law, its newest talk, and the order of both.

Live entries come at most once and may be lost, late or twice; numbers make that visible.
`Feed.hear` lets an entry through when it is the next one.  When one is missing it says so,
and whoever owns the feed reads the broker anew and hands the look to `Feed.restore`.  A broker
that has lost entries is noticed there too, and gets them back out of `Feed.memory`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from meet.events import Entry, Expired, Left, Position, Presence, Removed, Said
from meet.limits import Limits
from meet.look import Look, holds
from meet.moments import moment, seconds
from meet.room import Room
from meet.wire import bare, encode, entry

IN_DOUBT = 2.0
"""Seconds of talk that a lost connection may not have delivered."""


class Caught(NamedTuple):
    """What a feed learnt by a look: ``entries`` in order, and whether it began ``anew``
    (a first look, another log, or talk lost in between).

    ``lost`` says that the broker no longer has all that is known here: the feed stays as it
    is, with a hole, until that was given back (`Feed.memory`).
    """

    entries: list[Entry]
    anew: bool
    lost: bool = False


class Since(NamedTuple):
    """What a listener missed.  ``resumed`` is False where that cannot be told in full;
    ``entries`` are then the newest.
    """

    resumed: bool
    entries: list[Entry]


class Feed:
    """One room in one process."""

    __slots__ = (
        "_depth",
        "_floor",
        "_held",
        "_limits",
        "_overflowed",
        "_past",
        "_refs",
        "_said",
        "_settings",
        "hole",
        "last",
        "name",
        "room",
    )

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.room = Room(name, limits)
        self.last: Position | None = None
        self.hole = True
        self._limits = limits
        self._depth = limits.entries_in_tail
        self._floor = 0
        self._said: deque[Entry] = deque()
        self._refs: dict[tuple[str, str], Position] = {}
        self._settings: dict[str, Entry] = {}
        self._held: dict[Position, bytes] = {}
        # Whether something was heard that is not held, so that one look is not enough.
        self._overflowed = False
        self._past = ""

    @property
    def tail(self) -> Sequence[Entry]:
        """The talk that is remembered, oldest first."""
        return self._said

    @property
    def state(self) -> tuple[object, ...]:
        """All that two feeds of one log agree on once they have heard the same; for comparing."""
        return self.last, self.room.state, list(self._said), self._floor, self._settings

    def hear(self, position: Position, body: bytes) -> list[Entry]:
        """Take a live entry; return those that are now next, in order.

        An entry that is older than the newest is dropped.  One that is too new sets `hole`
        and is held until a look has filled what is missing.
        """
        if position.epoch == self._past:
            return []
        if not self.hole and position == self._next(position.epoch):
            item = entry(position, body)
            self._take(item)
            return [item]
        if self.last is not None and position.epoch == self.last.epoch and position.seq <= self.last.seq:
            return []
        self.hole = True
        if len(self._held) < self._depth:
            self._held[position] = body
        else:
            self._overflowed = True
        return []

    def memory(self, upto: Position | None = None) -> Look:
        """What is remembered here, as far as number ``upto`` (None: all), as a broker would show it.

        People are left out: those who stand for them tell them back in.
        """
        last = self.last
        if last is None:
            return Look(None, None, [], [], 0)
        if upto is not None and upto < last:
            last = upto
        settings = sorted(self._settings.values(), key=_number)
        kept, tail = (
            [(item.position, item.body) for item in items if item.position <= last] for items in (settings, self._said)
        )
        return Look(last, self.room.ruled, kept, tail, self._floor)

    def restore(self, look: Look, asked: Position | None = None) -> Caught:
        """Take a look at the broker, and the live entries that came after it.

        `hole` stays set if entries are missing even then: read once more.  ``asked`` is where
        this feed stood when the look was asked for, which it must not be older than; without
        it the look is believed whatever it lacks.
        """
        known = self.last
        if (
            known is not None
            and asked is not None
            and asked.epoch == known.epoch
            and not holds(look, self.memory(asked))
        ):
            self.hole = True
            return Caught([], anew=False, lost=True)
        anew = known is None or look.last is None or known.epoch != look.last.epoch
        caught: list[Entry] = []
        if anew:
            self._begin(None if look.last is None else Position(look.last.epoch, 0))
        if look.last is not None and self.last is not None and look.last.seq > self.last.seq:
            anew = anew or look.floor > self.last.seq
            caught = self._catch_up(look, self.last.seq, look.last)
        self.hole = False
        held, self._held = self._held, {}
        overflowed, self._overflowed = self._overflowed, False
        epoch = None if look.last is None else look.last.epoch
        for position in sorted(held, key=lambda each: each.seq):
            if epoch is None or position.epoch == epoch:
                caught.extend(self.hear(position, held[position]))
            else:
                # Of a log before this one, or of one begun since: the next look will tell.
                overflowed = True
        if epoch is None:
            # Of a log that a look did not know, and the next one will.
            self._held.clear()
        self.hole = self.hole or overflowed
        return Caught(caught, anew)

    def since(self, after: Position | None) -> Since:
        """What a listener that last heard ``after`` has missed: settings as they are now, and talk."""
        last = self.last
        if after is None or last is None or after.epoch != last.epoch or not self._floor <= after.seq <= last.seq:
            newest = list(islice(reversed(self._said), self._limits.entries_on_joining))
            return Since(False, newest[::-1])
        # From the end: most have missed little.
        missed = list(takewhile(lambda item: item.position.seq > after.seq, reversed(self._said)))
        missed.extend(item for item in self._settings.values() if item.position.seq > after.seq)
        missed.sort(key=_number)
        return Since(True, missed)

    def said(self, by: str, ref: str) -> Position | None:
        """Where the talk stands that the participant ``by`` asked for with ``ref``, if it is remembered."""
        return self._refs.get((by, ref)) if ref else None

    def reached(self, lost: float | None = None) -> Position | None:
        """Where a reader surely stands whose connection was lost at ``lost`` (seconds since 1970).

        What was said in the last `IN_DOUBT` seconds may have been on its way.  Without a time it
        is counted from the newest talk: the process was killed in the middle of it.
        """
        if self.last is None:
            return None
        if lost is None:
            lost = next((at for item in reversed(self._said) if (at := _time(item)) is not None), IN_DOUBT)
        surely = moment(lost - IN_DOUBT)
        for item in reversed(self._said):
            if item.event.at < surely:
                return item.position
        return Position(self.last.epoch, self._floor)

    def _next(self, epoch: str) -> Position:
        return Position(epoch, 1) if self.last is None else Position(self.last.epoch, self.last.seq + 1)

    def _begin(self, at: Position | None) -> None:
        if self.last is not None:
            self._past = self.last.epoch
        self.last = at
        self.room = Room(self.name, self._limits)
        self._said.clear()
        self._refs.clear()
        self._settings.clear()
        self._floor = 0

    def _catch_up(self, look: Look, known: int, last: Position) -> list[Entry]:
        before = dict(self.room.people.held())
        self.room = Room(self.name, self._limits)
        self._settings = {}
        caught = []
        for position, body in look.kept:
            item = entry(position, body)
            self.room.apply(item)
            self._remember_setting(item)
            if position.seq > known:
                caught.append(item)
        # The newest ruling may be one that forgot its key: a host left.
        self.room.ruled = look.law
        talk = [entry(position, body) for position, body in look.tail]
        caught.extend(item for item in talk if item.position.seq > known)
        still = dict(self.room.people.held())
        # A closing ends everybody's stay by itself.
        gone = {} if self.room.closed else before
        for key, person in gone.items():
            now = still.get(key)
            if now is None or now.id != person.id:
                # Their Left was missed, and what is forgotten cannot be read again.  It was
                # numbered before somebody else came under that nick.
                position = last if now is None else Position(last.epoch, now.since.seq - 1)
                because = "lost" if self.room.people.person(person.id) is None else "renamed"
                left = Left(
                    at=moment(0), by=person.id, nick=person.nick, because=because, host=person.host, via=person.via
                )
                caught.append(Entry(position, left, encode(left)))
        self._said.clear()
        self._refs.clear()
        for item in talk:
            self._keep(item)
        self._floor = look.floor
        self._trim()
        self.last = last
        caught.sort(key=_number)
        return caught

    def _take(self, item: Entry) -> None:
        self.room.apply(item)
        self.last = item.position
        if isinstance(item.event, Expired):
            self._expire(item.event.until)
        if item.event.key is None:
            self._keep(item)
            self._trim()
        else:
            self._remember_setting(item)

    def _expire(self, until: str) -> None:
        for index, item in enumerate(self._said):
            body = bare(item.body, until)
            if body is not item.body:
                self._said[index] = entry(item.position, body)

    def _remember_setting(self, item: Entry) -> None:
        if item.event.key is not None and not isinstance(item.event, Presence):
            self._settings[item.event.key] = item

    def _keep(self, item: Entry) -> None:
        self._said.append(item)
        if isinstance(item.event, Removed) and item.event.number < item.position.seq:
            self._erase(item.event.number)
        if isinstance(item.event, Said) and item.event.ref:
            self._refs[item.event.by, item.event.ref] = item.position

    def _erase(self, number: int) -> None:
        for item in self._said:
            if item.position.seq == number:
                self._said.remove(item)
                return

    def _trim(self) -> None:
        while len(self._said) > self._depth:
            passed = self._said.popleft()
            self._floor = passed.position.seq
            if isinstance(passed.event, Said):
                self._refs.pop((passed.event.by, passed.event.ref), None)


def _time(item: Entry) -> float | None:
    try:
        return seconds(item.event.at)
    except ValueError:
        return None


def _number(item: Entry) -> int:
    return item.position.seq
