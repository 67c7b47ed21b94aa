"""Who listens to one room, and how far each of them has been told.

What a room has to tell waits until it is told, is written once for each format, joined, and
handed to every listener in one piece, to so many in one go.  What comes to be told meanwhile
waits for the next round.

The law: each listener hears, in order, all that was put while it listened, and nothing that
was put before.  Whoever calls says when, and how many at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from meet.errors import GOODBYES, Goodbye
from meet.events import Entry
from meet.interfaces import Here, IFormat, IListener, Status
from meet.writer import NO_FILE, Writer, write_past, writer_of

Told = Entry | Here | Status
"""What listeners are told."""

Broke = Callable[[str, object], None]
"""Told, while an exception is dealt with, what broke: a sentence, and the thing."""

ENDING = 10
"""Ending a listener's stay costs as much as telling so many."""


class Way(Protocol):
    """How bytes come to one listener: by the `Writer` whose `write` is its `heard`, or by whatever else that is.

    ``file`` is as in `Writer`; what the kernel did not take is left to ``write_on``.
    """

    file: int

    def write(self, data: bytes) -> None:
        """Take ``data``."""

    def write_on(self, data: bytes) -> None:
        """Take ``data``, the rest of what was handed to ``file``."""


class _Heard:
    """The way to a listener whose `heard` is something else."""

    __slots__ = ("file", "write", "write_on")

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.file = NO_FILE
        self.write = self.write_on = heard


class _Queue:
    """The ways to all listeners of one format, in their order, and their files as the kernel takes them."""

    __slots__ = ("_as_of", "_files", "_places", "ways")

    def __init__(self, ways: Iterable[Way]) -> None:
        self.ways = list(ways)
        self._files = array("i")
        self._as_of = -1
        self._places: dict[Way, int] = {}

    def __len__(self) -> int:
        return len(self.ways)

    def place(self, way: Way) -> int:
        """Where ``way`` stands; -1 if it does not."""
        if not self._places:
            self._places = {each: number for number, each in enumerate(self.ways)}
        return self._places.get(way, -1)

    def look(self) -> None:
        """Take down the files of all.  As long as no writer has another one, nobody has to be looked at again."""
        if self._as_of != Writer.changes:
            self._files = array("i", [way.file for way in self.ways])
            self._as_of = Writer.changes

    def files(self, first: int, last: int) -> array[int]:
        """The files of those from place ``first`` to before ``last``."""
        if self._as_of != Writer.changes:
            return array("i", [way.file for way in self.ways[first:last]])
        return self._files[first:last]


class _Listeners:
    """Who listens in one format, and the way to each."""

    __slots__ = ("_queue", "_ways")

    def __init__(self) -> None:
        self._ways: dict[IListener, Way] = {}
        self._queue: _Queue | None = None

    def __len__(self) -> int:
        return len(self._ways)

    def __iter__(self) -> Iterator[IListener]:
        return iter(self._ways)

    def way(self, listener: IListener) -> Way | None:
        """The way to ``listener``; None if it does not listen."""
        return self._ways.get(listener)

    def put(self, listener: IListener) -> None:
        """Let it listen, by the way that it has now."""
        self._ways[listener] = writer_of(listener.heard) or _Heard(listener.heard)
        self._queue = None

    def take(self, listener: IListener) -> Way | None:
        """Let it listen no more; the way that it had."""
        self._queue = None
        return self._ways.pop(listener, None)

    def queue(self) -> _Queue:
        """All of them, as they are now; it stays as it is when somebody comes or goes."""
        if self._queue is None:
            self._queue = _Queue(self._ways.values())
        return self._queue


@dataclass(slots=True, eq=False)
class _Round:
    """What the listeners of one format are told in one round, and who of them comes next."""

    form: IFormat
    data: bytes
    entries: int
    queue: _Queue
    apart: dict[Way, list[bytes]]
    """Who is told something else: less, as they said some of it themselves, or came late."""

    reached: int = 0


class Audience:
    """The listeners of one room.  ``delivered`` counts entries, for each who was told."""

    __slots__ = (
        "_broke",
        "_by_format",
        "_changed",
        "_done",
        "_goodbye",
        "_late",
        "_rounds",
        "_skipping",
        "_waiting",
        "delivered",
        "room",
    )

    def __init__(self, room: str, broke: Broke) -> None:
        self.room = room
        self.delivered = 0
        self._broke = broke
        self._by_format: dict[IFormat, _Listeners] = {}
        self._skipping: dict[str, dict[IListener, None]] = {}
        self._waiting: list[Told] = []
        # Of those who came while something waited: how much of it they are not told.
        self._late: dict[IListener, int] = {}
        self._rounds: list[_Round] = []
        # Who is to be told nothing more of these rounds: they have gone, or know it already.
        self._done: set[Way] = set()
        # Whose `heard` is another one since these rounds began.
        self._changed: list[IListener] = []
        self._goodbye: Goodbye | None = None

    def __len__(self) -> int:
        """How many listen."""
        return sum(map(len, self._by_format.values()))

    def __iter__(self) -> Iterator[IListener]:
        """Everybody who listens; they may change meanwhile."""
        return iter([listener for listeners in self._by_format.values() for listener in listeners])

    @property
    def behind(self) -> bool:
        """Whether somebody is still to be told something."""
        return bool(self._rounds or self._waiting or (self._goodbye and self._by_format))

    def add(self, listener: IListener) -> None:
        """Tell ``listener`` what is put from now on."""
        self._by_format.setdefault(listener.format, _Listeners()).put(listener)
        if listener.skips:
            self._skipping.setdefault(listener.skips, {})[listener] = None
        if self._waiting:
            self._late[listener] = len(self._waiting)

    def look_again(self, listener: IListener) -> None:
        """Its ``heard`` is another one now, to the same end; in a round it is called by the one that it had."""
        if self._rounds:
            self._changed.append(listener)
            return
        if self._way_to(listener) is not None:
            self._by_format[listener.format].put(listener)

    def remove(self, listener: IListener) -> bool:
        """Tell ``listener`` nothing more; say whether it listened."""
        listeners = self._by_format.get(listener.format)
        way = None if listeners is None else listeners.take(listener)
        if listeners is None or way is None:
            return False
        if not listeners:
            del self._by_format[listener.format]
        skipping = self._skipping.get(listener.skips)
        if skipping is not None:
            skipping.pop(listener, None)
            if not skipping:
                del self._skipping[listener.skips]
        self._late.pop(listener, None)
        if self._rounds:
            self._done.add(way)
        return True

    def put(self, told: Sequence[Told]) -> None:
        """Tell everybody who listens now, in this order, when it is their turn."""
        self._waiting.extend(told)

    def end(self, goodbye: Goodbye) -> None:
        """Once everybody has been told what waits, end everybody's stay with ``goodbye``."""
        self._goodbye = goodbye

    def tell(self, most: int) -> int:
        """Tell what waits to at most ``most`` listeners; returns how many were told, or what it cost to end them."""
        if not self._rounds:
            self._begin()
        count = 0
        while self._rounds and count < most:
            count += self._go_on(self._rounds[0], most - count)
        if not self._rounds:
            self._done.clear()
            changed, self._changed = self._changed, []
            for listener in changed:
                self.look_again(listener)
        if self._goodbye is not None and not self._rounds and not self._waiting:
            while count < most and self._by_format:
                self.dismiss(next(iter(next(iter(self._by_format.values())))), self._goodbye)
                count += ENDING
        return count

    def catch_up(self, listener: IListener) -> None:
        """Tell ``listener`` now what waits for it, before its turn."""
        way = self._way_to(listener)
        if way is None:
            return
        pieces: list[bytes] = []
        for each in self._rounds:
            if each.form == listener.format and way not in self._done and each.queue.place(way) >= each.reached:
                mine = each.apart.get(way)
                pieces += [each.data] if mine is None else mine
                self.delivered += each.entries if mine is None else len(mine)
        if self._rounds:
            self._done.add(way)
        waiting = self._waiting[self._late.get(listener, 0) :]
        if self._waiting:
            self._late[listener] = len(self._waiting)
        try:
            for item in waiting:
                if not listener.skips or listener.skips != _author(item):
                    pieces.append(_write(listener.format, self.room, item))
                    self.delivered += bool(pieces[-1])
            data = b"".join(pieces)
            if data:
                way.write(data)
        except Exception:
            self._broken(listener)

    def tell_one(self, listener: IListener, told: Told) -> None:
        """Tell ``listener`` alone, at once, if it listens."""
        way = self._way_to(listener)
        if way is None:
            return
        try:
            data = _write(listener.format, self.room, told)
            if data:
                way.write(data)
        except Exception:
            self._broken(listener)

    def dismiss(self, listener: IListener, goodbye: Goodbye) -> None:
        """End the stay of ``listener``."""
        self.remove(listener)
        try:
            listener.ended(goodbye)
        except Exception:
            self._broke("A listener broke at its end", listener)

    def _begin(self) -> None:
        """Write what waits, for all who listen now."""
        waiting, self._waiting = self._waiting, []
        late, self._late = self._late, {}
        if not waiting:
            return
        apart = list(late)
        if self._skipping:
            authors = {by for item in waiting if (by := _author(item))}
            apart += [listener for by in authors for listener in self._skipping.get(by, ())]
        for form, listeners in list(self._by_format.items()):
            try:
                pieces = [_write(form, self.room, item) for item in waiting]
            except Exception:
                self._broke("A format broke and its listeners were removed", form)
                for listener in list(listeners):
                    self.dismiss(listener, GOODBYES["internal"])
                continue
            data = b"".join(pieces)
            if data:
                own = {}
                for each in apart:
                    if (way := listeners.way(each)) is not None:
                        since = late.get(each, 0)
                        own[way] = _not_its_own(each, waiting[since:], pieces[since:])
                entries = len(pieces) - pieces.count(b"")
                queue = listeners.queue()
                queue.look()
                self._rounds.append(_Round(form, data, entries, queue, own))

    def _go_on(self, turn: _Round, most: int) -> int:
        queue, first = turn.queue, turn.reached
        turn.reached = last = min(first + most, len(queue))
        if last >= len(queue):
            del self._rounds[0]
        files = queue.files(first, last)
        others = {}
        for way in (*self._done, *turn.apart):
            if first <= (place := queue.place(way)) < last:
                others[place] = way
                files[place - first] = NO_FILE
        for way in others.values():
            if (pieces := turn.apart.get(way)) and way not in self._done:
                self.delivered += len(pieces)
                self._hand(way, way.write, b"".join(pieces), turn.form)
        self.delivered += (last - first - len(others)) * turn.entries
        # What everything else is about: next to nothing but what the kernel does.
        whole = len(turn.data)
        taken = write_past(files, turn.data)
        if taken.count(whole) < len(taken):
            for place, count in enumerate(taken, first):
                if count < whole and place not in others:
                    way = queue.ways[place]
                    self._hand(way, way.write_on, turn.data[count:], turn.form)
        return last - first

    def _hand(self, way: Way, take: Callable[[bytes], None], data: bytes, form: IFormat) -> None:
        """Let ``way`` take ``data`` by its own ``take``."""
        try:
            take(data)
        except Exception:
            listeners = self._by_format.get(form)
            for listener in [each for each in listeners or () if self._way_to(each) is way]:
                self._broken(listener)

    def _way_to(self, listener: IListener) -> Way | None:
        listeners = self._by_format.get(listener.format)
        return None if listeners is None else listeners.way(listener)

    def _broken(self, listener: IListener) -> None:
        self._broke("A listener broke and was removed", listener)
        self.dismiss(listener, GOODBYES["internal"])


def _not_its_own(listener: IListener, told: Sequence[Told], pieces: Sequence[bytes]) -> list[bytes]:
    """Those of ``pieces``, in which ``told`` was written, that ``listener`` is to hear."""
    skips = listener.skips
    return [piece for item, piece in zip(told, pieces, strict=True) if piece and not (skips and skips == _author(item))]


def _author(item: Told) -> str:
    return getattr(item.event, "by", "") if isinstance(item, Entry) else ""


def _write(form: IFormat, room: str, item: Told) -> bytes:
    if isinstance(item, Entry):
        return form.entry(room, item)
    return form.here(room, item) if isinstance(item, Here) else form.status(room, item)
