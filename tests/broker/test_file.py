"""Files of older versions of Meet are brought up to this one, and nothing of them is lost."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from meet.broker.file import _FROM, _TABLES, VERSION
from meet.broker.ledger import Mark
from meet.broker.log import Log
from meet.limits import Limits
from meet.look import Look

ENTRY = "INSERT INTO entries (id, room, epoch, seq, held, body) VALUES"


def file_of(path: Path, version: int, *statements: str) -> None:
    """Make the file of an older version, with what ``statements`` put into it."""
    connection = sqlite3.connect(path)
    connection.executescript(_TABLES)
    for older in range(1, version):
        connection.executescript(_FROM[older])
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def opened(path: Path) -> Log:
    log = Log(path, "NORMAL", Limits())
    log.open(os.urandom, 1000.0)
    return log


def test_the_first_version_knew_not_when_somebody_was_last_there(tmp_path: Path) -> None:
    path = tmp_path / "broker.sqlite3"
    file_of(
        path,
        1,
        "INSERT INTO rooms VALUES ('algebra', 'k3q', 1, 0, 0)",
        "INSERT INTO entries VALUES (1, 'algebra', 'k3q', 1, 1, 'who:ann', 'p1', 'ann')",
        "INSERT INTO observers VALUES ('recorder', 0)",
    )
    log = opened(path)
    assert list(log.observers(1060.0)) == [("recorder", 1, 60.0)]
    assert log.leave_behind() == [("algebra", 1000.0, ["who:ann"])]
    log.close()


def test_the_second_version_had_a_row_for_each_mark(tmp_path: Path) -> None:
    path = tmp_path / "broker.sqlite3"
    file_of(
        path,
        2,
        "INSERT INTO rooms VALUES ('algebra', 'k3q', 2, 0, 0), ('botany', 'k4q', 1, 1, 0)",
        f"{ENTRY} (1, 'algebra', 'k3q', 1, 1, CAST('one' AS BLOB))",
        f"{ENTRY} (2, 'botany', 'k4q', 1, 1, CAST('opened' AS BLOB))",
        f"{ENTRY} (3, 'algebra', 'k3q', 2, 1, CAST('two' AS BLOB))",
        "INSERT INTO once VALUES ('algebra', 'z', 1, 990.0), ('algebra', 'a', 2, 995.5), ('botany', 'é', 1, 999.0)",
    )
    for _ in range(2):
        log = opened(path)
        log.begin()
        algebra, botany = log.load("algebra", "new"), log.load("botany", "new")
        assert (algebra.marks, botany.marks) == ([Mark("z", 1, 990.0), Mark("a", 2, 995.5)], [Mark("é", 1, 999.0)])
        assert algebra.look() == Look(("k3q", 2), None, [], [(("k3q", 1), b"one"), (("k3q", 2), b"two")], 0)
        assert botany.ruled == ("k4q", 1)
        log.commit()
        log.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert "once" not in {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    connection.close()
