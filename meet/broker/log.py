"""The SQLite file of the local broker: what is remembered, and the journal.

One table holds every entry.  It is there because its room remembers it (``held``) or
because an observer has not yet acknowledged it; when neither is so it is deleted, many at a
time: what a commit writes is written while somebody waits to be heard.

The law: everything here happens in the one thread that has this object, between `begin`
and `commit`; what was not committed never happened.  With ``synchronous`` NORMAL a commit
survives the end of the process, kill -9 included, and may be lost with the machine's
power; with FULL it survives both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from meet.broker.ledger import Ledger, Mark, Published, Restored, Row
from meet.broker.observation import Batch
from meet.events import Position
from meet.interfaces import Observer, Record
from meet.limits import Limits

VERSION = 2
"""Of the tables; a file with a higher one was written by a newer Meet."""

SWEEP = 500
"""Rows deleted in one commit at most, so that a long journal is not let go in one pause."""

EVERY = 1.0
"""Seconds between two lettings go, and two notes of being alive."""

_APPLICATION = 0x4D656574  # "Meet", for file(1)
_SECRET_BYTES = 32

_TABLES = f"""
PRAGMA application_id = {_APPLICATION};
BEGIN IMMEDIATE;
CREATE TABLE rooms (
    room TEXT PRIMARY KEY, epoch TEXT NOT NULL, last INTEGER NOT NULL, law INTEGER NOT NULL, floor INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    held INTEGER NOT NULL, key TEXT, owner TEXT, body BLOB NOT NULL
);
CREATE UNIQUE INDEX by_position ON entries (room, epoch, seq);
CREATE INDEX passed ON entries (id) WHERE NOT held;
CREATE TABLE once (
    room TEXT NOT NULL, mark TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (room, mark)
) WITHOUT ROWID;
CREATE INDEX once_at ON once (at);
CREATE TABLE observers (name TEXT PRIMARY KEY, acknowledged INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""

_FROM = {
    1: """
BEGIN IMMEDIATE;
ALTER TABLE observers ADD COLUMN seen REAL;
DELETE FROM facts WHERE name = 'probe';
CREATE TABLE away (room TEXT NOT NULL, key TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (room, key)) WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
"""
}
"""What leads from each version to the next.

``seen`` is when an observer was last there, NULL while it is; ``away`` has the keys that a
process has taken over from one before and whose people have not come back since.
"""

_ENTER = "INSERT INTO entries (id, room, epoch, seq, held, key, owner, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ALIVE = "INSERT OR REPLACE INTO facts VALUES ('alive', ?)"
_WIPE_DUE = "INSERT OR IGNORE INTO facts VALUES ('wipe due', x'')"
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
        self._changed: dict[str, tuple[str, int, int, int]] = {}
        # Talk that its rooms do not remember any more, where the file does not say so yet.  Should it
        # never come to that, `load` goes by the room's floor.
        self._passed: list[tuple[str, str, int]] = []
        self._now = self._lived = self._swept = 0.0
        self._changes = 0
        self.more_to_sweep = False
        self.ended = 0.0

    def open(self, random: Callable[[int], bytes], now: float) -> bytes:
        """Open or make the file at ``now`` (seconds since 1970) and return its secret.

        Raises `ValueError` with one sentence if it is not ours, or broken, or out of reach.
        """
        try:
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise ValueError(f"The file {self._path} could not be opened: {error}.") from None
        try:
            secret = self._prepare(random)
            self._look_back(now)
            return secret
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise ValueError(f"The file {self._path} could not be opened: {error}.") from None
        except sqlite3.DatabaseError:
            self._connection.close()
            raise ValueError(f"The file {self._path} is broken, or is not a log of Meet.") from None
        except ValueError:
            self._connection.close()
            raise

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
        self._flush()
        if self.more_to_sweep or abs(self._now - self._swept) >= EVERY:
            self._sweep()
        self._connection.execute("COMMIT")
        return self._connection.total_changes > self._changes

    def rollback(self) -> None:
        """Forget all that was written since `begin`."""
        self._changed.clear()
        self._passed.clear()
        self._lived = self._swept = 0.0
        self.more_to_sweep = False
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def publish(self, written: Written) -> None:
        """Write one entry, and what it changed."""
        room, published = written.room, written.published
        epoch, seq = published.position
        execute = self._connection.execute
        self._passed += [(room, epoch, passed) for passed in published.passed]
        if written.key is None:
            # Talk has neither key nor owner, and for each None the sqlite3 module looks for an adapter.
            execute(
                "INSERT INTO entries (id, room, epoch, seq, held, body) VALUES (?, ?, ?, ?, 1, ?)",
                (self._number(), room, epoch, seq, written.body),
            )
        else:
            execute(
                _ENTER, (self._number(), room, epoch, seq, published.held, written.key, published.owner, written.body)
            )
            # Until the file says so, what was said under the key before would stand again after a restart.
            self._pass()
        if written.once is not None:
            execute("INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?)", (room, written.once, seq, written.at))
        if written.erase is not None:
            # Talk alone: a state entry is what the room is, and goes only by a newer one.
            execute(
                "DELETE FROM entries WHERE room = ? AND epoch = ? AND seq = ? AND key IS NULL", (room, *written.erase)
            )
            execute(_WIPE_DUE)
        for number, body in published.changed:
            execute(
                "UPDATE entries SET body = ? WHERE room = ? AND epoch = ? AND seq = ? AND key IS NULL",
                (body, room, epoch, number),
            )
            execute(_WIPE_DUE)
        self._changed[room] = (epoch, seq, written.law, written.floor)
        self._now = written.at

    def drop(self, room: str, position: Position, body: bytes) -> None:
        """Delete all of ``room``; ``body`` is journaled at ``position`` and not remembered.

        The bytes are gone from the files after `wipe`.
        """
        self._changed.pop(room, None)
        for table in ("entries", "once", "rooms", "away"):
            self._connection.execute(f"DELETE FROM {table} WHERE room = ?", (room,))
        self._connection.execute(
            "INSERT INTO entries (id, room, epoch, seq, held, body) VALUES (?, ?, ?, ?, 0, ?)",
            (self._number(), room, *position, body),
        )
        self._connection.execute(_WIPE_DUE)
        self.more_to_sweep = True

    def restore(self, room: str, restored: Restored) -> None:
        """Let ``room`` be what it is in its new log; what the former one has not told yet is told all the same."""
        ledger = restored.ledger
        execute, epoch = self._connection.execute, ledger.epoch
        execute("UPDATE entries SET held = 0 WHERE room = ?", (room,))
        execute("DELETE FROM once WHERE room = ?", (room,))
        told = dict(restored.records)
        rows = {Position(epoch, row.seq): row for row in ledger.rows}
        quiet = [at for at in rows if at not in told]
        first = execute("SELECT min(0, min(id)) FROM entries").fetchone()[0] or 0
        numbers = [*((at, first - len(quiet) + each) for each, at in enumerate(quiet)), *((at, 0) for at in told)]
        for at, number in numbers:
            row = rows.get(at) or Row(at.seq, None, None, told[at])
            execute(_ENTER, (number or self._number(), room, *at, at in rows, row.key, row.owner, row.body))
        self._connection.executemany(
            "INSERT INTO once VALUES (?, ?, ?, ?)", [(room, mark.name, mark.seq, mark.at) for mark in ledger.marks]
        )
        self._changed[room] = (epoch, ledger.last, ledger.law, ledger.floor)

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
        self._flush()
        execute = self._connection.execute
        found = execute("SELECT epoch, last, law, floor FROM rooms WHERE room = ?", (room,)).fetchone()
        if found is None:
            return Ledger(epoch, self._limits)
        execute(
            "UPDATE entries SET held = 0 WHERE room = ? AND epoch = ? AND seq <= ? AND key IS NULL AND held",
            (room, found[0], found[3]),
        )
        rows = execute("SELECT seq, key, owner, body FROM entries WHERE room = ? AND held ORDER BY seq", (room,))
        marks = execute("SELECT mark, seq, at FROM once WHERE room = ? ORDER BY at", (room,))
        return Ledger.rebuilt(
            found[0],
            self._limits,
            last=found[1],
            law=found[2],
            floor=found[3],
            rows=[Row(*row) for row in rows],
            marks=[Mark(*mark) for mark in marks],
        )

    def rooms(self) -> Sequence[str]:
        """The name of every room that is remembered, in order."""
        self._flush()
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
        """Outside of a commit: leave no byte in the files of anything that was deleted.

        ``secure_delete`` zeroes what is deleted, but SQLite 3.40 leaves copies of rows in
        the unused part of pages that it has split or joined; only writing the file anew
        rids it of them.
        """
        self._connection.execute("VACUUM")
        self._connection.execute("DELETE FROM facts WHERE name = 'wipe due'")
        self._truncate()

    def _prepare(self, random: Callable[[int], bytes]) -> bytes:
        execute = self._connection.execute
        version = execute("PRAGMA user_version").fetchone()[0]
        application = execute("PRAGMA application_id").fetchone()[0]
        empty = execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if not empty and application != _APPLICATION:
            raise ValueError(f"The file {self._path} is not a log of Meet.")
        if version > VERSION:
            raise ValueError(f"The file {self._path} was written by a newer Meet.")
        execute("PRAGMA secure_delete = ON")
        execute(f"PRAGMA synchronous = {self._synchronous}")
        # What VACUUM puts aside would otherwise stand in a file of the system's own folder.
        execute("PRAGMA temp_store = MEMORY")
        execute("PRAGMA journal_mode = WAL")
        if empty:
            self._connection.executescript(_TABLES)
            version = 1
        if execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise ValueError(f"The file {self._path} is broken.")
        for older in range(version, VERSION):
            self._connection.executescript(_FROM[older])
        if execute("SELECT 1 FROM facts WHERE name = 'wipe due'").fetchone() is not None:
            # A process that ended between a deletion and its wiping left this to us.
            self.wipe()
        execute("INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (random(_SECRET_BYTES),))
        # Rows that were let go do not give their numbers back: an observer counts by them.
        newest = [execute(f"SELECT max({name}) FROM {table}").fetchone()[0] or 0 for name, table in _NUMBERED]
        self._newest = max(0, *newest)
        found = execute("SELECT value FROM facts WHERE name = 'secret'")
        secret: bytes = found.fetchone()[0]
        return secret

    def _look_back(self, now: float) -> None:
        """See when the process before was last at work, and that nobody is there who was there then."""
        found = self._connection.execute("SELECT value FROM facts WHERE name = 'alive'").fetchone()
        self.ended = now if found is None else found[0]
        self._connection.execute("UPDATE observers SET seen = ? WHERE seen IS NULL", (self.ended,))

    def _number(self) -> int:
        self._newest += 1
        return self._newest

    def _flush(self) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO rooms VALUES (?, ?, ?, ?, ?)",
            [(room, *state) for room, state in self._changed.items()],
        )
        if self._changed and self._now and abs(self._now - self._lived) >= EVERY:
            self.live(self._now)
        self._changed.clear()

    def _pass(self) -> None:
        self._connection.executemany(
            "UPDATE entries SET held = 0 WHERE room = ? AND epoch = ? AND seq = ?", self._passed
        )
        self._passed.clear()

    def _sweep(self) -> None:
        self._pass()
        self._swept = self._now
        execute = self._connection.execute
        taken = execute("SELECT min(acknowledged) FROM observers").fetchone()[0]
        deleted = execute(
            "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE NOT held AND id <= ? ORDER BY id LIMIT ?)",
            (self._newest if taken is None else taken, SWEEP),
        ).rowcount
        expired = execute(
            "DELETE FROM once WHERE (room, mark) IN (SELECT room, mark FROM once WHERE at <= ? LIMIT ?)",
            (self._now - self._limits.once_kept, SWEEP),
        ).rowcount
        self.more_to_sweep = SWEEP in (deleted, expired)

    def _truncate(self) -> None:
        busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise sqlite3.OperationalError("the write-ahead log is read by somebody else")
