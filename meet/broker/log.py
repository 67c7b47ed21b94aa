"""What the local broker remembers, and its journal, in a file of SQLite.

One table holds every entry.  It is there because its room remembers it (``held``) or
because an observer has not yet acknowledged it; when neither is so it is deleted, many at a
time: what a commit writes is written while somebody waits to be heard.  So where each room stands,
and under which marks it was asked, is in tables of its own only once a second, and before any
entry is deleted; until then the entries say it.

The law: everything here happens in the one thread that has this object, between `begin`
and `commit`; what was not committed never happened.  With ``synchronous`` NORMAL a commit
survives the end of the process, kill -9 included, and may be lost with the machine's
power; with FULL it survives both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from meet.broker import file
from meet.broker.ledger import Ledger, Mark, Published, Restored, Row
from meet.broker.observation import Batch
from meet.events import Position
from meet.interfaces import Observer, Record
from meet.limits import Limits

SWEEP = 500
"""Rows deleted in one commit at most, so that a long journal is not let go in one pause."""

EVERY = 1.0
"""Seconds between two lettings go, and two notes of being alive."""

# Talk has neither key nor owner, and for each None the sqlite3 module looks for an adapter.
_SAY = "INSERT INTO entries (id, room, epoch, seq, held, body) VALUES (?, ?, ?, ?, 1, ?)"
_SAY_ONCE = "INSERT INTO entries (id, room, epoch, seq, held, body, once, at) VALUES (?, ?, ?, ?, 1, ?, ?, ?)"
_ENTER = (
    "INSERT INTO entries (id, room, epoch, seq, held, key, owner, body, once, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LET_GO = "UPDATE entries SET held = 0 WHERE room = ? AND epoch = ? AND seq = ?"
_LET_TALK_GO = (
    "UPDATE entries SET held = 0 WHERE room = ? AND epoch = ? AND seq BETWEEN ? AND ? AND key IS NULL AND held"
)
_ROOM = "INSERT OR REPLACE INTO rooms VALUES (?, ?, ?, ?, ?)"
_MARKS = "INSERT INTO marks VALUES (?, ?, ?, ?)"
_UNMARK = (
    "UPDATE entries SET once = NULL, at = NULL WHERE room = ? AND epoch = ? AND seq BETWEEN ? AND ? AND once NOT NULL"
)
_ALIVE = "INSERT OR REPLACE INTO facts VALUES ('alive', ?)"
_NUMBERED = (("id", "entries"), ("acknowledged", "observers"))


class Left(NamedTuple):
    """Keys of a room that a process has left behind, of people who were last there at ``seen``."""

    room: str
    seen: float
    keys: list[str]


class Written(NamedTuple):
    """One publish as it is written: what came, and what the ledger made of it."""

    room: str
    body: bytes
    key: str | None
    once: str | None
    erase: Position | None
    at: float
    published: Published
    law: int
    floor: int

    @property
    def marks(self) -> list[Mark]:
        """The mark under which it was asked, if it was."""
        return [] if self.once is None else [Mark(self.once, self.published.position.seq, self.at)]


_BEFORE_ALL = -(2**62)
"""What a new observer has acknowledged.  What a restored room remembers has a number below 0:
it was told in its former log to all observers that there were.
"""


class Log:
    """The file at ``path``; ``synchronous`` is ``NORMAL`` or ``FULL``.

    ``ended`` is when the process that had it before was last at work, in seconds since 1970.
    """

    def __init__(self, path: Path, synchronous: str, limits: Limits) -> None:
        self._path = path
        self._synchronous = synchronous
        self._limits = limits
        # What the tables of rooms and of marks are behind by; so much of it is committed, and this commit
        # has caught up with so much.
        self._behind: list[Written] = []
        self._committed = self._caught_up = 0
        self._now = self._lived = self._swept = 0.0
        self._changes = 0
        self.more_to_sweep = False
        self.ended = 0.0

    def open(self, random: Callable[[int], bytes], now: float) -> bytes:
        """Open or make the file at ``now`` (seconds since 1970) and return its secret.

        Raises `ValueError` with one sentence if it is not ours, or broken, or out of reach.
        """
        with file.told(self._path):
            self._connection, secret = file.opened(self._path, self._synchronous, random)
            try:
                self._take_over(now)
            except BaseException:
                self._connection.close()
                raise
        return secret

    def close(self) -> None:
        """Close the file; nothing is left in its write-ahead log."""
        self._connection.close()

    def begin(self) -> None:
        """Begin what `commit` will keep together."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._changes = self._connection.total_changes

    def commit(self) -> bool:
        """Keep all that was written since `begin`, and now and then let go what nobody needs any more.

        Returns whether anything was written, so that the disk has taken it.
        """
        published = len(self._behind) > self._committed
        if published and abs(self._now - self._lived) >= EVERY:
            self.live(self._now)
        # Who only reads writes nothing: that is done also while the disk is full.
        if self.more_to_sweep or (published and abs(self._now - self._swept) >= EVERY):
            self._sweep()
        self._connection.execute("COMMIT")
        del self._behind[: self._caught_up]
        self._committed, self._caught_up = len(self._behind), 0
        return self._connection.total_changes > self._changes

    def rollback(self) -> None:
        """Forget all that was written since `begin`."""
        del self._behind[self._committed :]
        self._caught_up = 0
        self._lived = self._swept = 0.0
        self.more_to_sweep = False
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def publish(self, written: Written) -> None:
        """Write one entry, and what it changed."""
        room, body, once, published = written.room, written.body, written.once, written.published
        epoch, seq = published.position
        execute, number = self._connection.execute, self._number()
        if written.key is not None:
            owner, at = published.owner, None if once is None else written.at
            execute(_ENTER, (number, room, epoch, seq, published.held, written.key, owner, body, once, at))
            # Until the file says so, what was said under the key before would stand again after a restart.
            self._connection.executemany(_LET_GO, [(room, epoch, passed) for passed in published.passed])
        elif once is not None:
            execute(_SAY_ONCE, (number, room, epoch, seq, body, once, written.at))
        else:
            execute(_SAY, (number, room, epoch, seq, body))
        if written.erase is not None:
            # Talk alone: a state entry is what the room is, and goes only by a newer one.
            execute(
                "DELETE FROM entries WHERE room = ? AND epoch = ? AND seq = ? AND key IS NULL", (room, *written.erase)
            )
            execute(file.WIPE_DUE)
        for changed, rest in published.changed:
            execute(
                "UPDATE entries SET body = ? WHERE room = ? AND epoch = ? AND seq = ? AND key IS NULL",
                (rest, room, epoch, changed),
            )
            execute(file.WIPE_DUE)
        self._behind.append(written)
        if seq in (1, written.law):
            # By the row of its room it is told which log goes on, and what is the law.
            self._catch_up()
        self._now = written.at

    def drop(self, room: str, position: Position, body: bytes) -> None:
        """Delete all of ``room``; ``body`` is journaled at ``position`` and not remembered.

        The bytes are gone from the files after `wipe`.
        """
        self._catch_up()
        for table in ("entries", "marks", "rooms", "away"):
            self._connection.execute(f"DELETE FROM {table} WHERE room = ?", (room,))
        self._connection.execute(
            "INSERT INTO entries (id, room, epoch, seq, held, body) VALUES (?, ?, ?, ?, 0, ?)",
            (self._number(), room, *position, body),
        )
        self._connection.execute(file.WIPE_DUE)
        self.more_to_sweep = True

    def restore(self, room: str, restored: Restored) -> None:
        """Let ``room`` be what it is in its new log; what the former one has not told yet is told all the same."""
        self._catch_up()
        ledger = restored.ledger
        execute, epoch = self._connection.execute, ledger.epoch
        execute("UPDATE entries SET held = 0 WHERE room = ?", (room,))
        execute("DELETE FROM marks WHERE room = ?", (room,))
        told = dict(restored.records)
        rows = {Position(epoch, row.seq): row for row in ledger.rows}
        quiet = [at for at in rows if at not in told]
        first = execute("SELECT min(0, min(id)) FROM entries").fetchone()[0] or 0
        numbers = [*((at, first - len(quiet) + each) for each, at in enumerate(quiet)), *((at, 0) for at in told)]
        for at, number in numbers:
            row = rows.get(at) or Row(at.seq, None, None, told[at])
            entry = (number or self._number(), room, *at, at in rows, row.key, row.owner, row.body, None, None)
            execute(_ENTER, entry)
        self._mark(room, epoch, ledger.marks)
        execute(_ROOM, (room, epoch, ledger.last, ledger.law, ledger.floor))

    def live(self, now: float) -> None:
        """Note that this process is at work at ``now``."""
        self._connection.execute(_ALIVE, (now,))
        self._lived = now

    def leave_behind(self) -> Sequence[Left]:
        """Every key that somebody holds, and when they were last there; none of them is here."""
        execute = self._connection.execute
        held = "SELECT room, key FROM entries WHERE held AND owner IS NOT NULL"
        execute(f"DELETE FROM away WHERE (room, key) NOT IN ({held})")
        execute(f"INSERT OR IGNORE INTO away SELECT room, key, ? FROM ({held})", (self.ended,))
        rows = execute("SELECT room, seen, key FROM away ORDER BY room, seen, key")
        return [Left(room, seen, [row[2] for row in each]) for (room, seen), each in groupby(rows, itemgetter(0, 1))]

    def come_back(self, room: str, key: str) -> None:
        """Whose ``key`` it is has come back since, or it is another's."""
        self._connection.execute("DELETE FROM away WHERE room = ? AND key = ?", (room, key))

    def load(self, room: str, epoch: str) -> Ledger:
        """The ledger of ``room`` as it was written, or a new one of ``epoch`` if there is none."""
        execute = self._connection.execute
        found = execute("SELECT epoch, last, law, floor FROM rooms WHERE room = ?", (room,)).fetchone()
        if found is None:
            return Ledger(epoch, self._limits)
        epoch, last, law, floor = found
        packed = execute("SELECT marks FROM marks WHERE room = ? ORDER BY last", (room,))
        marks = [Mark(*mark) for (each,) in packed for mark in json.loads(each)]
        for each in self._behind[self._caught_up :]:
            if each.room == room:
                last, law, floor = each.published.position.seq, each.law, each.floor
                marks += each.marks
        held = "SELECT seq, key, owner, body FROM entries WHERE room = ? AND held AND (key IS NOT NULL OR seq > ?)"
        rows = [Row(*row) for row in execute(f"{held} ORDER BY seq", (room, floor))]
        return Ledger.rebuilt(epoch, self._limits, last=last, law=law, floor=floor, rows=rows, marks=marks)

    def rooms(self) -> Sequence[str]:
        """The name of every room that is remembered, in order."""
        return [row[0] for row in self._connection.execute("SELECT room FROM rooms ORDER BY room")]

    def register(self, observer: str) -> int:
        """The number that ``observer`` has acknowledged; it is known from now on."""
        # To one that is new nothing is told that was only there until now because nobody had let it go.
        self._sweep()
        self._connection.execute(
            "INSERT INTO observers (name, acknowledged) VALUES (?, ?) ON CONFLICT DO UPDATE SET seen = NULL",
            (observer, _BEFORE_ALL),
        )
        found = self._connection.execute("SELECT acknowledged FROM observers WHERE name = ?", (observer,))
        acknowledged: int = found.fetchone()[0]
        return acknowledged

    def leave(self, observer: str, now: float) -> None:
        """``observer`` was there until ``now``."""
        self._connection.execute("UPDATE observers SET seen = ? WHERE name = ?", (now, observer))

    def observers(self, now: float) -> Sequence[Observer]:
        """Every observer that is known, as it is at ``now``."""
        rows = self._connection.execute(
            "SELECT name, (SELECT count(*) FROM entries WHERE id > acknowledged), seen FROM observers ORDER BY name"
        )
        return [Observer(name, behind, 0.0 if seen is None else max(0.0, now - seen)) for name, behind, seen in rows]

    def dismiss(self, observer: str) -> bool:
        """Forget ``observer``; whether it was known."""
        self.more_to_sweep = True
        return self._connection.execute("DELETE FROM observers WHERE name = ?", (observer,)).rowcount > 0

    def sizes(self, rooms: Sequence[str]) -> Mapping[str, int]:
        """The bytes of what each of ``rooms`` remembers, about."""
        weigh = "SELECT total(length(body) + coalesce(length(key), 0)) FROM entries WHERE room = ? AND held"
        return {room: round(self._connection.execute(weigh, (room,)).fetchone()[0]) for room in rooms}

    def after(self, number: int, count: int) -> Batch:
        """The oldest ``count`` records above ``number``."""
        rows = self._connection.execute(
            "SELECT id, room, epoch, seq, body FROM entries WHERE id > ? ORDER BY id LIMIT ?", (number, count)
        )
        records = [(row[0], Record(row[1], Position(row[2], row[3]), row[4])) for row in rows]
        return Batch(records, len(records) == count)

    def acknowledge(self, observer: str, number: int) -> None:
        """``observer`` has taken everything up to ``number``."""
        self._connection.execute("UPDATE observers SET acknowledged = ? WHERE name = ?", (number, observer))
        self.more_to_sweep = True

    def wipe(self) -> None:
        """Outside of a commit: leave no byte in the files of anything that was deleted."""
        file.wipe(self._connection)

    def _take_over(self, now: float) -> None:
        """Take the file as the process before has left it, and nobody is there who was there then."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        # Rows that were let go do not give their numbers back: an observer counts by them.
        newest = [execute(f"SELECT max({name}) FROM {table}").fetchone()[0] or 0 for name, table in _NUMBERED]
        self._newest = max(0, *newest)
        found = execute("SELECT value FROM facts WHERE name = 'alive'").fetchone()
        self.ended = now if found is None else found[0]
        execute("UPDATE observers SET seen = ? WHERE seen IS NULL", (self.ended,))
        newer = "entries.room = rooms.room AND entries.epoch = rooms.epoch AND entries.seq > rooms.last"
        rooms = f"SELECT rooms.*, max(entries.seq) FROM rooms JOIN entries ON {newer} GROUP BY rooms.room"
        for room, epoch, before, law, floor, last in execute(rooms).fetchall():
            self._go_on(room, epoch, before, law, floor, last)
        execute("COMMIT")

    def _go_on(self, room: str, epoch: str, before: int, law: int, floor: int, last: int) -> None:
        """What the process before had not yet said of ``room`` after the number ``before``."""
        execute = self._connection.execute
        talk = "SELECT seq FROM entries WHERE room = ? AND held AND key IS NULL ORDER BY seq DESC LIMIT 1 OFFSET ?"
        passed = execute(talk, (room, self._limits.entries_in_tail)).fetchone()
        if passed is not None and passed[0] > floor:
            floor = passed[0]
            execute(_LET_TALK_GO, (room, epoch, 0, floor))
        marked = "SELECT once, seq, at FROM entries WHERE room = ? AND epoch = ? AND seq > ? AND once IS NOT NULL"
        self._mark(room, epoch, [Mark(*row) for row in execute(f"{marked} ORDER BY seq", (room, epoch, before))])
        execute(_ROOM, (room, epoch, last, law, floor))

    def _number(self) -> int:
        self._newest += 1
        return self._newest

    def _catch_up(self) -> None:
        """Let the tables of rooms and of marks say what the entries say."""
        newest: dict[str, Written] = {}
        marks: dict[str, list[Mark]] = defaultdict(list)
        passed: dict[str, int] = {}
        for each in self._behind[self._caught_up :]:
            newest[each.room] = each
            marks[each.room] += each.marks
            if each.key is None and each.published.passed:
                passed[each.room] = min(*each.published.passed, passed.get(each.room, each.published.position.seq))
        for room, each in newest.items():
            epoch, seq = each.published.position
            if room in passed:
                self._connection.execute(_LET_TALK_GO, (room, epoch, passed[room], each.floor))
            self._mark(room, epoch, marks[room])
            self._connection.execute(_ROOM, (room, epoch, seq, each.law, each.floor))
        self._caught_up = len(self._behind)

    def _mark(self, room: str, epoch: str, marks: Sequence[Mark]) -> None:
        """Let one row have ``marks``, and their entries no longer: each mark goes in its time."""
        if marks:
            newest = max(mark.at for mark in marks)
            self._connection.execute(_MARKS, (room, marks[-1].seq, newest, file.packed(marks)))
            self._connection.execute(_UNMARK, (room, epoch, marks[0].seq, marks[-1].seq))

    def _sweep(self) -> None:
        # What is deleted says nothing any more.
        self._catch_up()
        self._swept = self._now
        execute = self._connection.execute
        taken = execute("SELECT min(acknowledged) FROM observers").fetchone()[0]
        deleted = execute(
            "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE NOT held AND id <= ? ORDER BY id LIMIT ?)",
            (self._newest if taken is None else taken, SWEEP),
        ).rowcount
        expired = execute(
            "DELETE FROM marks WHERE (room, last) IN (SELECT room, last FROM marks WHERE at <= ? LIMIT ?)",
            (self._now - self._limits.once_kept, SWEEP),
        ).rowcount
        self.more_to_sweep = SWEEP in (deleted, expired)
