"""``kill -9`` of the process that records, in the middle of a batch: every line is kept, once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from tests.live.conftest import UNBOUNDED
from tests.live.people import Socket
from tests.live.server import Meet
from tests.servers.database import Database
from tests.servers.mariadb import Mariadb
from tests.servers.postgresql import Postgresql
from tests.servers.program import until
from tests.servers.redis import Redis

BATCH = 100

Held = Callable[[Any, str], contextlib.AbstractContextManager[Callable[[], bool]]]


@contextlib.contextmanager
def held_postgresql(server: Postgresql, database: str) -> Iterator[Callable[[], bool]]:
    """No batch gets beyond its last statement, when all of its lines are written; whether one has come so far."""
    with psycopg.connect(server.url(database)) as connection:
        connection.execute("LOCK TABLE forgotten IN EXCLUSIVE MODE")
        yield lambda: bool(server.statement("SELECT 1 FROM pg_locks WHERE NOT granted", database))


@contextlib.contextmanager
def held_mariadb(server: Mariadb, database: str) -> Iterator[Callable[[], bool]]:
    """Likewise."""
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user="root", database=database)
    with connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLES forgotten READ")
        waits = "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
        yield lambda: bool(server.statement(waits))


@pytest.mark.parametrize(
    ("kind", "held"), [(Postgresql, held_postgresql), (Mariadb, held_mariadb)], ids=["postgresql", "mariadb"]
)
def test_killed_in_the_middle_of_a_batch(kind: type[Database], held: Held, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        redis, server = stack.enter_context(Redis()), kind.shared()
        database = server.new()
        options = ("--broker", redis.url, "--store", server.url(database), *(f"--limit={name}=0" for name in UNBOUNDED))
        recording = Meet(tmp_path / "record", *options, "--record", web=False, irc=False, line=False)
        serving = Meet(tmp_path / "serve", *options, "--serve", "web", irc=False, line=False)
        for meet in (recording, serving):
            stack.callback(meet.start().stop)
        serving.open("algebra")
        ann = Socket(serving, "algebra", "ann")
        stack.callback(ann.close)
        until(lambda: ann.welcomes, "ann to be welcomed")

        def say(count: int) -> None:
            for _ in range(count):
                text = f"line {len(ann.accepted)}"
                ref = ann.say(text)
                until(lambda ref=ref: ref in ann.accepted, "the line to be accepted")

        def kept() -> list[str]:
            rows = server.statement("SELECT text FROM entries WHERE kind = 'said' ORDER BY seq", database)
            return [text for (text,) in rows]

        say(10)
        until(lambda: len(kept()) == 10, "the first lines to be kept")
        # So that what it takes up when it is back is one batch.
        assert recording.terminate() == 0
        say(BATCH)
        with held(server, database) as in_the_middle:
            recording.start()
            until(in_the_middle, lambda: f"the batch to be under way: {recording.log.read_text()}", 40)
            recording.kill()
            assert len(kept()) == 10
        recording.start()
        say(10)
        until(lambda: len(kept()) >= BATCH + 20, lambda: f"all to be kept: {len(kept())}", 60)
        assert kept() == [f"line {number}" for number in range(BATCH + 20)]
