"""Who listens to one room, and how far each of them has been told.

What a room has to tell waits until it is told, is written once for each format, joined, and
handed to every listener in one piece, to so many in one go.  What comes to be told meanwhile
waits for the next round.

The law: each listener hears, in order, all that was put while it listened, and nothing that
was put before.  Pure: whoever calls says when, and how many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from meet.errors import GOODBYES, Goodbye
from meet.events import Entry
from meet.interfaces import Here, IFormat, IListener, Status

Told = Entry | Here | Status
"""What listeners are told."""

Hear = Callable[[bytes], None]
"""A listener's own `heard`."""

Broke = Callable[[str, object], None]
"""Told, while an exception is dealt with, what broke: a sentence, and the thing."""

ENDING = 10
"""Ending a listener's stay costs as much as telling so many."""


@dataclass(slots=True, eq=False)
class _Round:
    """What the listeners of one format are told in one round, and who of them comes next."""

    form: IFormat
    data: bytes
    entries: int
    due: list[Hear]
    apart: dict[Hear, list[bytes]]
    """Who is told something else: less, as they said some of it themselves, or came late."""

    reached: int = 0


class Audience:
    """The listeners of one room.  ``delivered`` counts entries, for each who was told."""

    __slots__ = (
        "_broke",
        "_by_format",
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
        self._by_format: dict[IFormat, dict[IListener, Hear]] = {}
        self._skipping: dict[str, dict[IListener, None]] = {}
        self._waiting: list[Told] = []
        # Of those who came while something waited: how much of it they are not told.
        self._late: dict[IListener, int] = {}
        self._rounds: list[_Round] = []
        # Who is to be told nothing more of these rounds: they have gone, or know it already.
        self._done: set[Hear] = set()
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
        self._by_format.setdefault(listener.format, {})[listener] = listener.heard
        if listener.skips:
            self._skipping.setdefault(listener.skips, {})[listener] = None
        if self._waiting:
            self._late[listener] = len(self._waiting)

    def remove(self, listener: IListener) -> bool:
        """Tell ``listener`` nothing more; say whether it listened."""
        listeners = self._by_format.get(listener.format, {})
        hear = listeners.pop(listener, None)
        if hear is None:
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
            self._done.add(hear)
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
        if self._goodbye is not None and not self._rounds and not self._waiting:
            while count < most and self._by_format:
                self.dismiss(next(iter(next(iter(self._by_format.values())))), self._goodbye)
                count += ENDING
        return count

    def catch_up(self, listener: IListener) -> None:
        """Tell ``listener`` now what waits for it, before its turn."""
        hear = self._by_format.get(listener.format, {}).get(listener)
        if hear is None:
            return
        pieces: list[bytes] = []
        for each in self._rounds:
            if each.form == listener.format and hear not in self._done and hear in each.due[each.reached :]:
                mine = each.apart.get(hear)
                pieces += [each.data] if mine is None else mine
                self.delivered += each.entries if mine is None else len(mine)
        if self._rounds:
            self._done.add(hear)
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
                hear(data)
        except Exception:
            self._broken(listener)

    def tell_one(self, listener: IListener, told: Told) -> None:
        """Tell ``listener`` alone, at once, if it listens."""
        hear = self._by_format.get(listener.format, {}).get(listener)
        if hear is None:
            return
        try:
            data = _write(listener.format, self.room, told)
            if data:
                hear(data)
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
        authors = {by for item in waiting if (by := _author(item))}
        apart = [*late, *(listener for by in authors for listener in self._skipping.get(by, ()))]
        for form, listeners in list(self._by_format.items()):
            try:
                pieces = [(_author(item), _write(form, self.room, item)) for item in waiting]
            except Exception:
                self._broke("A format broke and its listeners were removed", form)
                for listener in list(listeners):
                    self.dismiss(listener, GOODBYES["internal"])
                continue
            data = b"".join(piece for _, piece in pieces)
            if data:
                own = {
                    listeners[each]: [
                        piece for by, piece in pieces[late.get(each, 0) :] if piece and (not by or by != each.skips)
                    ]
                    for each in apart
                    if each in listeners
                }
                entries = sum(1 for _, piece in pieces if piece)
                self._rounds.append(_Round(form, data, entries, list(listeners.values()), own))

    def _go_on(self, turn: _Round, most: int) -> int:
        hears = turn.due[turn.reached : turn.reached + most]
        count = len(hears)
        turn.reached += count
        if turn.reached >= len(turn.due):
            del self._rounds[0]
        if self._done:
            hears = [hear for hear in hears if hear not in self._done]
        if turn.apart:
            for hear in [hear for hear in hears if hear in turn.apart]:
                pieces = turn.apart[hear]
                self.delivered += len(pieces)
                if pieces:
                    self._hand((hear,), b"".join(pieces), turn.form)
            hears = [hear for hear in hears if hear not in turn.apart]
        self.delivered += len(hears) * turn.entries
        self._hand(hears, turn.data, turn.form)
        return count

    def _hand(self, hears: Sequence[Hear], data: bytes, form: IFormat) -> None:
        """The loop that everything else is about: next to nothing but the system call in `Writer.write`."""
        for hear in hears:
            try:
                hear(data)
            except Exception:
                listeners = self._by_format.get(form, {})
                for listener in [each for each, its in listeners.items() if its is hear]:
                    self._broken(listener)

    def _broken(self, listener: IListener) -> None:
        self._broke("A listener broke and was removed", listener)
        self.dismiss(listener, GOODBYES["internal"])


def _author(item: Told) -> str:
    return getattr(item.event, "by", "") if isinstance(item, Entry) else ""


def _write(form: IFormat, room: str, item: Told) -> bytes:
    match item:
        case Here():
            return form.here(room, item)
        case Status():
            return form.status(room, item)
        case _:
            return form.entry(room, item)
