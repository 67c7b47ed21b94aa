"""The SQLite file of the local broker as a file: opened, brought up to this version, and wiped.

Its tables are `meet.broker.log`'s to read and to write.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

VERSION = 3
"""Of the tables; a file with a higher one was written by a newer Meet."""

WIPE_DUE = "INSERT OR IGNORE INTO facts VALUES ('wipe due', x'')"
"""Notes, in the commit that deletes, that the file is to be wiped."""

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
ALTER TABLE observers ADD COLUMN seen REAL;
DELETE FROM facts WHERE name = 'probe';
CREATE TABLE away (room TEXT NOT NULL, key TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (room, key)) WITHOUT ROWID;
PRAGMA user_version = 2;
""",
    2: """
ALTER TABLE entries ADD COLUMN once TEXT;
ALTER TABLE entries ADD COLUMN at REAL;
CREATE TABLE marks (
    room TEXT NOT NULL, last INTEGER NOT NULL, at REAL NOT NULL, marks TEXT NOT NULL, PRIMARY KEY (room, last)
) WITHOUT ROWID;
CREATE INDEX marks_at ON marks (at);
PRAGMA user_version = 3;
""",
}
"""What leads from each version to the next.

``seen`` is when an observer was last there, NULL while it is; ``away`` has the keys that a process has
taken over from one before and whose people have not come back since.

``once`` had a row for each mark.  ``marks`` has one for many of a room, as `packed`, under the newest of
their numbers and with the newest of their moments; until they are there each stands with its entry.
"""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What SQLite says of the file at ``path`` becomes a `ValueError` with one sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ValueError(f"The file {path} could not be opened: {error}.") from None
    except sqlite3.DatabaseError:
        raise ValueError(f"The file {path} is broken, or is not a log of Meet.") from None


def opened(path: Path, synchronous: str, random: Callable[[int], bytes]) -> tuple[sqlite3.Connection, bytes]:
    """Open or make the file at ``path``, whose commits are ``synchronous``; its connection and its secret.

    Raises `ValueError` with one sentence if it is not ours, and what SQLite does if it is broken or out of reach.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        return connection, _prepare(connection, path, synchronous, random)
    except BaseException:
        connection.close()
        raise


def packed(marks: Iterable[tuple[str, int, float]]) -> str:
    """Marks, each with its number and its moment, as one row has them."""
    return json.dumps(list(marks), separators=(",", ":"))


def wipe(connection: sqlite3.Connection) -> None:
    """Outside of a commit: leave no byte in the files of anything that was deleted.

    ``secure_delete`` zeroes what is deleted, but SQLite 3.40 leaves copies of rows in
    the unused part of pages that it has split or joined; only writing the file anew
    rids it of them.
    """
    connection.execute("VACUUM")
    connection.execute("DELETE FROM facts WHERE name = 'wipe due'")
    if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise sqlite3.OperationalError("the write-ahead log is read by somebody else")


def _prepare(connection: sqlite3.Connection, path: Path, synchronous: str, random: Callable[[int], bytes]) -> bytes:
    execute = connection.execute
    version = execute("PRAGMA user_version").fetchone()[0]
    application = execute("PRAGMA application_id").fetchone()[0]
    empty = execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not empty and application != _APPLICATION:
        raise ValueError(f"The file {path} is not a log of Meet.")
    if version > VERSION:
        raise ValueError(f"The file {path} was written by a newer Meet.")
    execute("PRAGMA secure_delete = ON")
    execute(f"PRAGMA synchronous = {synchronous}")
    # What VACUUM puts aside would otherwise stand in a file of the system's own folder.
    execute("PRAGMA temp_store = MEMORY")
    execute("PRAGMA journal_mode = WAL")
    if empty:
        connection.executescript(_TABLES)
        version = 1
    if execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise ValueError(f"The file {path} is broken.")
    for older in range(version, VERSION):
        execute("BEGIN IMMEDIATE")
        for statement in _FROM[older].split(";")[:-1]:
            execute(statement)
        if older == 2:
            _pack(connection)
        execute("COMMIT")
    if execute("SELECT 1 FROM facts WHERE name = 'wipe due'").fetchone() is not None:
        # A process that ended between a deletion and its wiping left this to us.
        wipe(connection)
    execute("INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (random(_SECRET_BYTES),))
    secret: bytes = execute("SELECT value FROM facts WHERE name = 'secret'").fetchone()[0]
    return secret


def _pack(connection: sqlite3.Connection) -> None:
    """Put the marks that had a row each together."""
    rows = connection.execute("SELECT room, mark, seq, at FROM once ORDER BY room, seq").fetchall()
    for room, each in groupby(rows, itemgetter(0)):
        marks = [row[1:] for row in each]
        newest = max(at for _, _, at in marks)
        connection.execute("INSERT INTO marks VALUES (?, ?, ?, ?)", (room, marks[-1][1], newest, packed(marks)))
    connection.execute("DROP TABLE once")
