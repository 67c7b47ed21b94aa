"""The archive's tables: what identifies a row, and what every dialect can take."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateTable

from meet.store.tables import METADATA, ROOMS, fit


@pytest.mark.parametrize(
    "dialect", [sqlite.dialect(), postgresql.dialect(), mysql.dialect()], ids=lambda each: each.name
)
def test_every_dialect_can_make_every_table(dialect: object) -> None:
    for table in METADATA.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))


def test_an_entry_is_known_by_room_epoch_and_number() -> None:
    assert [column.name for column in METADATA.tables["entries"].primary_key] == ["room", "epoch", "seq"]
    assert [column.name for column in METADATA.tables["rooms"].primary_key] == ["room", "epoch"]


def test_what_is_too_long_is_cut_and_has_no_nul() -> None:
    assert fit("a\x00" + "b" * 200, ROOMS.c.title) == "a" + "b" * 159
