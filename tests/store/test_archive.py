"""The archive's work on one connection: keeping once, pages of talk, forgetting for good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from meet.events import Event, Forgotten, Joined, Opened, Position, Said
from meet.interfaces import Record
from meet.moments import moment
from meet.store import archive
from meet.store.tables import ENTRIES, ROOMS
from meet.wire import encode

NOW = 1_800_000_000.0
AT = moment(NOW)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as connection:
        archive.upgrade(connection)
        yield connection


def record(seq: int, event: Event, epoch: str = "e1") -> Record:
    return Record("algebra", Position(epoch, seq), encode(event))


def said(seq: int, epoch: str = "e1") -> Record:
    return record(seq, Said(at=AT, by="p1", nick="ann", via="web", text=f"line {seq}"), epoch)


def opened(epoch: str = "e1") -> Record:
    return record(1, Opened(at=AT, name="algebra", title="Algebra", ends=AT, limit=140, lock="x"), epoch)


def numbers(page: list[tuple[Position, bytes]]) -> list[int]:
    return [position.seq for position, _ in page]


def test_what_comes_twice_is_kept_once_and_presence_not_at_all(connection: Connection) -> None:
    here = record(2, Joined(at=AT, by="p1", nick="ann", via="web"))
    for _ in range(2):
        archive.keep(connection, [opened(), here, said(3), said(4)], NOW)
    assert numbers(archive.talk_after(connection, "algebra", "e1", 0, 10)) == [3, 4]
    assert len(connection.execute(ENTRIES.select()).all()) == 3
    assert [row.title for row in connection.execute(ROOMS.select())] == ["Algebra"]


def test_pages_go_back_from_the_newest_and_on_from_the_oldest(connection: Connection) -> None:
    archive.keep(connection, [opened(), *(said(seq) for seq in range(2, 12))], NOW)
    assert numbers(archive.talk_before(connection, "algebra", Position("e1", 9), 3)) == [6, 7, 8]
    assert numbers(archive.talk_before(connection, "algebra", Position("e1", 3), 3)) == [2]
    assert numbers(archive.talk_after(connection, "algebra", "e1", 9, 3)) == [10, 11]
    assert archive.talk_after(connection, "algebra", "e2", 0, 3) == []


def test_what_was_forgotten_does_not_come_back_late(connection: Connection) -> None:
    archive.keep(connection, [opened(), said(2)], NOW)
    assert archive.keep(connection, [record(3, Forgotten(at=AT))], NOW)
    archive.keep(connection, [opened(), said(2), opened("e2"), said(2, "e2")], NOW)
    assert archive.talk_after(connection, "algebra", "e1", 0, 10) == []
    assert numbers(archive.talk_after(connection, "algebra", "e2", 0, 10)) == [2]
