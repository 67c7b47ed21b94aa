"""The journal of the broker in memory: records, and what each observer has taken of them.

A record is there because its room still remembers the entry (``held``), or because an
observer has not yet acknowledged it; when neither is so it is gone.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from meet.broker.observation import Batch
from meet.events import Position
from meet.interfaces import Record

_BEFORE_ALL = -(2**62)


class Records:
    """Every entry that is still remembered, or that an observer has not yet acknowledged."""

    def __init__(self) -> None:
        self._numbered = 0
        # Numbers of what was remembered in a log before: told to nobody but new observers.
        self._before = 0
        self._records: dict[int, Record] = {}
        self._numbers: dict[tuple[str, Position], int] = {}
        self._talk: set[int] = set()
        self._held: set[int] = set()
        self._observers: dict[str, int] = {}

    def copy(self) -> Records:
        """As things stand.  Numbers are never given twice: hand it to `fall_back` only."""
        return copy.deepcopy(self)

    def fall_back(self, former: Records) -> None:
        """Hold what ``former`` held, and forget all that came after it."""
        numbered = self._numbered
        self.__dict__.update(former.copy().__dict__)
        self._numbered = numbered

    def add(self, record: Record, *, talk: bool, held: bool) -> None:
        """Journal ``record``; ``talk`` can be erased, what is ``held`` is remembered."""
        self._numbered += 1
        self._put(self._numbered, record, talk, held)
        self._sweep([self._numbered])

    def renew(self, room: str, remembered: Sequence[tuple[Record, bool]]) -> None:
        """The room remembers these now (and whether each is talk), and nothing else.

        They are told to observers to come; to those that there are, `add` them.
        """
        held = [number for number in self._held if self._records[number].room == room]
        self._held.difference_update(held)
        self._sweep(held)
        self._before -= len(remembered)
        for number, (record, talk) in enumerate(remembered, self._before):
            self._put(number, record, talk, True)

    def _put(self, number: int, record: Record, talk: bool, held: bool) -> None:
        self._records[number] = record
        self._numbers[record.room, record.position] = number
        if talk:
            self._talk.add(number)
        if held:
            self._held.add(number)

    def release(self, room: str, epoch: str, seqs: Sequence[int]) -> None:
        """These are no longer remembered by their room."""
        numbers = [self._numbers.get((room, Position(epoch, seq)), 0) for seq in seqs]
        self._held.difference_update(numbers)
        self._sweep(numbers)

    def erase(self, room: str, position: Position) -> None:
        """The talk at that position is gone, whoever has not heard it yet."""
        number = self._numbers.get((room, position), 0)
        if number in self._talk:
            self._delete(number)

    def change(self, room: str, position: Position, body: bytes) -> None:
        """The talk at that position has another body, for whoever has not heard it yet."""
        number = self._numbers.get((room, position), 0)
        if number in self._talk:
            self._records[number] = Record(room, position, body)

    def drop(self, room: str) -> None:
        """Nothing of ``room`` is held or told any more."""
        for number in [number for number, record in self._records.items() if record.room == room]:
            self._delete(number)

    def register(self, observer: str) -> int:
        """The number that ``observer`` has acknowledged; it is known from now on."""
        return self._observers.setdefault(observer, _BEFORE_ALL)

    def behind(self) -> dict[str, int]:
        """How many records each observer has yet to take."""
        return {
            observer: sum(number > taken for number in self._records)
            for observer, taken in sorted(self._observers.items())
        }

    def dismiss(self, observer: str) -> bool:
        """Forget ``observer``, and what was kept for it alone; whether it was known."""
        known = self._observers.pop(observer, None) is not None
        self._sweep(list(self._records))
        return known

    def acknowledge(self, observer: str, number: int) -> None:
        """``observer`` has taken everything up to ``number``."""
        self._observers[observer] = max(self._observers[observer], number)
        self._sweep(list(self._records))

    def after(self, number: int, count: int) -> Batch:
        """The oldest ``count`` records above ``number``."""
        numbers = sorted(each for each in self._records if each > number)
        return Batch([(each, self._records[each]) for each in numbers[:count]], len(numbers) > count)

    def _sweep(self, numbers: Sequence[int]) -> None:
        acknowledged = min(self._observers.values(), default=self._numbered)
        for number in numbers:
            if number <= acknowledged and number not in self._held:
                self._delete(number)

    def _delete(self, number: int) -> None:
        record = self._records.pop(number, None)
        if record is not None:
            self._numbers.pop((record.room, record.position), None)
        self._talk.discard(number)
        self._held.discard(number)
