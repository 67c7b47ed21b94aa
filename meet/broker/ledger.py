"""One room's numbering: its guards, its tail, its state and its law, without any I/O.

The law: a ledger changes in `Ledger.publish` alone, wholly or not at all; who is refused
has changed nothing.  What changed is told as a `Published`, so that a broker that keeps
files can write exactly that, and `Ledger.rebuilt` can begin again from what it wrote.

`Ledger.restored` is `meet.interfaces.IBroker.restore`: of a ledger that has lost entries and
of what somebody knows of them it makes the ledger of a new log, and changes neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from meet.errors import Stale, Taken
from meet.events import Position, Presence, Removed, Renewed
from meet.limits import Limits
from meet.look import Look, Numbered, holds, lacking, lineage
from meet.wire import decode_event, encode

_RENEWED = "renewed"
_LOGS_NAMED = 32
"""Former logs that are known by name; each stands for one loss."""


class Row(NamedTuple):
    """One remembered entry; talk has no ``key``, state has an ``owner`` if it was claimed."""

    seq: int
    key: str | None
    owner: str | None
    body: bytes


class Mark(NamedTuple):
    """One ``once``: what was published under ``name`` got ``seq``, at ``at`` seconds since 1970."""

    name: str
    seq: int
    at: float


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish changed.

    ``repeated``: nothing, ``position`` is the one that this ``once`` already has.  Otherwise
    ``held`` says whether the entry is remembered (in the tail, or as state that belongs to
    ``owner``), ``passed`` has the numbers of those that no longer are, and ``changed`` the talk that
    has another body now.
    """

    position: Position
    repeated: bool = False
    held: bool = True
    owner: str | None = None
    passed: tuple[int, ...] = ()
    changed: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """The ledger of a log that goes on from one that has lost entries.

    ``records`` are to be journaled in this order: the `meet.events.Renewed`, which is the
    ledger's newest entry, behind it those that the former log lacked or had under another number,
    and `meet.events.Removed` for the numbers that nothing has any more.
    """

    ledger: Ledger
    records: list[tuple[Position, bytes]]

    @property
    def renewed(self) -> tuple[Position, bytes]:
        """What those who attend are told."""
        return self.records[0]


class Ledger:
    """The entries of one room in one log.

    ``epoch`` is the log's, and ``last`` the newest number in it: 0 until something was
    published, and till then nothing is known of the room.
    """

    __slots__ = ("_kept", "_limits", "_marks", "_tail", "epoch", "floor", "last", "law")

    def __init__(self, epoch: str, limits: Limits) -> None:
        self.epoch = epoch
        self.last = 0
        self.law = 0
        self.floor = 0
        self._limits = limits
        self._tail: dict[int, bytes] = {}
        # In the order of their numbers: a key that is written again moves to the end.
        self._kept: dict[str, Row] = {}
        # Oldest first, so that what has expired is found at the front.
        self._marks: dict[str, Mark] = {}

    @classmethod
    def rebuilt(
        cls,
        epoch: str,
        limits: Limits,
        *,
        last: int,
        law: int,
        floor: int,
        rows: Iterable[Row],
        marks: Iterable[Mark],
    ) -> Ledger:
        """The ledger that wrote ``rows`` (remembered, in order) and ``marks`` (oldest first)."""
        ledger = cls(epoch, limits)
        ledger.last, ledger.law, ledger.floor = last, law, floor
        for row in rows:
            if row.key is None:
                ledger._tail[row.seq] = row.body
            else:
                ledger._kept[row.key] = row
        for mark in marks:
            ledger._marks[mark.name] = mark
        return ledger

    @property
    def known(self) -> bool:
        """Whether anything was ever published here."""
        return self.last > 0

    @property
    def ruled(self) -> Position | None:
        """The position of the newest ruling."""
        return Position(self.epoch, self.law) if self.law else None

    def publish(
        self,
        body: bytes,
        now: float,
        *,
        under: Position | None,
        key: str | None = None,
        forget: bool = False,
        ruling: bool = False,
        claim: tuple[str, str] | None = None,
        once: str | None = None,
        erase: Position | None = None,
        instead: Numbered = (),
        stands: bool = True,
    ) -> Published:
        """`meet.interfaces.IBroker.publish` at ``now`` (seconds since 1970), for this room.

        ``stands`` says whether who asks may forget the key of the claim, because they hold it
        or nobody does.  Raises `Stale` or `Taken`; ``once`` is asked first, ``under`` next,
        ``claim`` last.
        """
        self._expire(now)
        if once is not None and (mark := self._marks.get(once)) is not None and self._holds(mark, now):
            return Published(Position(self.epoch, mark.seq), repeated=True)
        if under != self.ruled:
            raise Stale("A ruling was numbered since.")
        if claim is not None:
            self._check(claim, takes=not forget and key == claim[0])
            if forget and key == claim[0] and not stands:
                raise Taken("Another process stands for them.")
        position = self.next()
        self.last = position.seq
        if ruling:
            self.law = position.seq
        passed = self._erase(erase)
        changed = self._put_instead(instead)
        owner = None
        if key is None:
            self._tail[position.seq] = body
            passed.extend(self._trim())
        else:
            former = self._kept.pop(key, None)
            if former is not None:
                passed.append(former.seq)
            if not forget:
                # A key that is written without a claim stays whose it was.
                owner = former.owner if former is not None else None
                if claim is not None and claim[0] == key:
                    owner = claim[1]
                self._kept[key] = Row(position.seq, key, owner, body)
        if once is not None:
            self._marks.pop(once, None)
            self._marks[once] = Mark(once, position.seq, now)
        held = not (forget and key is not None)
        return Published(position, held=held, owner=owner, passed=tuple(passed), changed=changed)

    def restored(self, known: Look, renewed: bytes, epoch: str, now: float) -> Restored | None:
        """The log ``epoch`` that holds what this one does and what it lacks of ``known``, or None
        if nothing need be given back (`meet.look.holds`).

        ``renewed`` is the JSON of a `Renewed`; which logs it names is put right here.  Numbers
        stay, but where both sides have an entry of one number: from there on, those that came
        last get new ones above all others, in their order.  Under their former numbers they are
        told to be removed, for an observer may have heard of them.
        """
        look = self.look()
        if known.last is None or holds(look, known):
            return None
        # A line that was asked again since the loss stands already.
        lost = [item for item in lacking(look, known) if item.event.once not in self._marks]
        behind = known.last.epoch == self.epoch and known.last.seq > self.last
        fell_back = self.epoch in lineage(known)
        if not lost and not behind and not fell_back:
            return None
        top = max(self.last, known.last.seq)
        mine = {row.seq: row.seq for row in self.rows}
        theirs = {item.position.seq: item.position.seq for item in lost}
        clash = min(mine.keys() & theirs.keys(), default=top + 1)
        if known.last.epoch == self.epoch or fell_back:
            # What this log has numbered since the loss came after what it lost.
            agreed = {(position.seq, body) for position, body in (*known.kept, *known.tail)}
            moved = [row.seq for row in self.rows if row.seq >= clash and (row.seq, row.body) not in agreed]
            mine.update((seq, top + each) for each, seq in enumerate(moved, 1))
        else:
            # Numbers of a log that was restored before are given: the latecomers take others.
            moved = [seq for seq in theirs if seq >= clash]
            theirs.update((seq, top + each) for each, seq in enumerate(moved, 1))
        # Of those who come and go nothing is kept that would stand in place of talk.
        taken = {mine[row.seq] for row in self.rows if row.key is None or not _is_presence(row.body)}
        left = sorted(set(moved) - taken - set(theirs.values()))
        ledger = Ledger(epoch, self._limits)
        ledger.last = ledger.law = top + len(moved) + len(left) + 1
        ledger.floor = known.floor if known.floor > self.last else self.floor
        theirs_before = (known.last.epoch, *lineage(known))
        former = (self.epoch, *lineage(look)) if self.known else ()
        # In the order of their ages, as far as it is known, and each once.
        former = tuple(dict.fromkeys((*theirs_before, *former) if fell_back else (*former, *theirs_before)))
        newest = Row(ledger.last, _RENEWED, None, _renewed(renewed, former))
        removed = {item.event.number for item in lost if isinstance(item.event, Removed)}
        stay = [row._replace(seq=mine[row.seq]) for row in self.rows if row.key is not None or row.seq not in removed]
        back = [Row(theirs[item.position.seq], item.event.key, None, item.body) for item in lost]
        for row in sorted((*stay, *back, newest), key=_number):
            ledger._remember(row)
        ledger._trim()
        for mark in self._marks.values():
            ledger._marks[mark.name] = mark._replace(seq=mine.get(mark.seq, mark.seq))
        for item in lost:
            if item.event.once is not None:
                ledger._marks[item.event.once] = Mark(item.event.once, theirs[item.position.seq], now)
        told = [newest, *sorted((*back, *(row for row in stay if row.seq > top)), key=_number)]
        told += [Row(top + len(moved) + each, None, None, _left(renewed, seq)) for each, seq in enumerate(left, 1)]
        return Restored(ledger, [(Position(epoch, row.seq), row.body) for row in told])

    def next(self) -> Position:
        """The position that the next entry gets."""
        return Position(self.epoch, self.last + 1)

    @property
    def rows(self) -> list[Row]:
        """All that is remembered, in order."""
        talk = (Row(seq, None, None, body) for seq, body in self._tail.items())
        return sorted((*self._kept.values(), *talk), key=_number)

    @property
    def marks(self) -> list[Mark]:
        """Every ``once`` that is known, oldest first."""
        return list(self._marks.values())

    def owner(self, key: str) -> str | None:
        """Who holds ``key``, or None."""
        row = self._kept.get(key)
        return None if row is None else row.owner

    @property
    def claimed(self) -> list[str]:
        """Every key that somebody holds, in the order of their numbers."""
        return [key for key, row in self._kept.items() if row.owner is not None]

    def look(self) -> Look:
        """All of it, as a feed takes it; a copy, which later publishes do not change."""
        if not self.known:
            return Look(None, None, [], [], 0)
        kept = [(Position(self.epoch, row.seq), row.body) for row in self._kept.values()]
        tail = [(Position(self.epoch, seq), body) for seq, body in self._tail.items()]
        return Look(Position(self.epoch, self.last), self.ruled, kept, tail, self.floor)

    def _check(self, claim: tuple[str, str], *, takes: bool) -> None:
        key, owner = claim
        holder = self.owner(key)
        if holder != owner and not (takes and holder is None):
            raise Taken("That belongs to somebody else.")

    def _erase(self, position: Position | None) -> list[int]:
        if position is None or position.epoch != self.epoch or self._tail.pop(position.seq, None) is None:
            return []
        return [position.seq]

    def _put_instead(self, bodies: Numbered) -> tuple[tuple[int, bytes], ...]:
        there = [(at.seq, body) for at, body in bodies if at.epoch == self.epoch and at.seq in self._tail]
        self._tail.update(there)
        return tuple(there)

    def _remember(self, row: Row) -> None:
        if row.key is not None:
            self._kept.pop(row.key, None)
            self._kept[row.key] = row
        elif row.seq > self.floor:
            self._tail[row.seq] = row.body

    def _trim(self) -> list[int]:
        trimmed = []
        while len(self._tail) > self._limits.entries_in_tail:
            self.floor = next(iter(self._tail))
            del self._tail[self.floor]
            trimmed.append(self.floor)
        return trimmed

    def _expire(self, now: float) -> None:
        while self._marks:
            oldest = next(iter(self._marks.values()))
            if self._holds(oldest, now):
                return
            del self._marks[oldest.name]

    def _holds(self, mark: Mark, now: float) -> bool:
        return now - mark.at < self._limits.once_kept


def _renewed(body: bytes, former: tuple[str, ...]) -> bytes:
    event = decode_event(body)
    if not isinstance(event, Renewed):
        return body
    return encode(Renewed(at=event.at, was=former[0], before=former[1:_LOGS_NAMED]))


def _is_presence(body: bytes) -> bool:
    return isinstance(decode_event(body), Presence)


def _left(renewed: bytes, number: int) -> bytes:
    return encode(Removed(at=decode_event(renewed).at, number=number, because="renewed"))


def _number(row: Row) -> int:
    return row.seq
