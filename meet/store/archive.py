"""What is done to the archive's tables, each on a connection inside one transaction.

The law: keeping is idempotent.  An entry is inserted or ignored by (room, epoch, number),
and only one that was new changes its room's row, so a batch that comes twice, or late by
another worker, leaves what it found.  Nothing is kept of a log that was forgotten.

Everything here blocks; `meet.store.sql` runs it on threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Insert, Table, and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from meet.events import KINDS, Closed, Event, Extended, Forgotten, Opened, Position, Presence, Retitled
from meet.interfaces import Record
from meet.moments import DAY
from meet.store.tables import ENTRIES, FORGOTTEN, ROOMS, fit
from meet.wire import decode_event

GRAVE_KEPT = 7 * DAY
"""Seconds that a forgotten log is known: far longer than any record is on its way."""

_ROOMS_AT_ONCE = 500  # SQLite before 3.32 takes 999 values in a statement
# Talk is what has no key (`meet.events`); a class cannot be asked for that without an event.
_TALK = [kind.__name__.lower() for kind in KINDS if kind.key is Event.key and kind is not Forgotten]
# Alembic keeps the migration under way in a variable of its module.
_one_upgrade = threading.Lock()


class _Kind(msgspec.Struct):
    kind: str = ""


_kind = msgspec.json.Decoder(_Kind)


def upgrade(connection: Connection) -> None:
    """Bring the tables up to this version.

    Raises `alembic.util.CommandError` if they were made by a newer one.
    """
    config = Config()
    config.set_main_option("script_location", "meet.store:migrations")
    config.attributes["connection"] = connection
    with _one_upgrade:
        command.upgrade(config, "head")


def keep(connection: Connection, records: Sequence[Record], now: float) -> bool:
    """Keep ``records``, and forget what they say is to be forgotten.

    ``now`` is in seconds since 1970.  True if something was forgotten, also if it was before:
    the caller then sees to it that the files hold nothing of it.
    """
    graves = _graves(connection, {record.room for record in records})
    forgot = False
    said: list[dict[str, Any]] = []
    for room, position, body in records:
        if (room, position.epoch) in graves:
            forgot = forgot or isinstance(decode_event(body), Forgotten)
            continue
        event = decode_event(body)
        if isinstance(event, Presence):
            continue
        if isinstance(event, Forgotten):
            _insert(connection, ENTRIES, said)
            said = []
            _forget(connection, room, position.epoch, now)
            graves.add((room, position.epoch))
            forgot = True
        elif event.key is None:
            said.append(_row(room, position, event, body))
        elif _insert(connection, ENTRIES, [_row(room, position, event, body)]):
            _keep_room(connection, room, position.epoch, event)
    _insert(connection, ENTRIES, said)
    connection.execute(delete(FORGOTTEN).where(FORGOTTEN.c.at < int(now) - GRAVE_KEPT))
    return forgot


def talk_before(connection: Connection, room: str, before: Position, count: int) -> list[tuple[Position, bytes]]:
    """The newest ``count`` pieces of talk before ``before`` in its log, oldest first."""
    rows = connection.execute(
        select(ENTRIES.c.seq, ENTRIES.c.body)
        .where(_talk_of(room, before.epoch), ENTRIES.c.seq < before.seq)
        .order_by(ENTRIES.c.seq.desc())
        .limit(count)
    ).all()
    return [(Position(before.epoch, row.seq), bytes(row.body)) for row in reversed(rows)]


def talk_after(connection: Connection, room: str, epoch: str, after: int, count: int) -> list[tuple[Position, bytes]]:
    """The oldest ``count`` pieces of talk numbered above ``after``, oldest first."""
    rows = connection.execute(
        select(ENTRIES.c.seq, ENTRIES.c.body)
        .where(_talk_of(room, epoch), ENTRIES.c.seq > after)
        .order_by(ENTRIES.c.seq)
        .limit(count)
    ).all()
    return [(Position(epoch, row.seq), bytes(row.body)) for row in rows]


def _talk_of(room: str, epoch: str) -> Any:
    return and_(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch, ENTRIES.c.kind.in_(_TALK))


def _graves(connection: Connection, rooms: Iterable[str]) -> set[tuple[str, str]]:
    names = sorted(rooms)
    found: set[tuple[str, str]] = set()
    for start in range(0, len(names), _ROOMS_AT_ONCE):
        some = names[start : start + _ROOMS_AT_ONCE]
        rows = connection.execute(select(FORGOTTEN.c.room, FORGOTTEN.c.epoch).where(FORGOTTEN.c.room.in_(some)))
        found.update((row.room, row.epoch) for row in rows)
    return found


def _forget(connection: Connection, room: str, epoch: str, now: float) -> None:
    connection.execute(delete(ENTRIES).where(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch))
    connection.execute(delete(ROOMS).where(ROOMS.c.room == room, ROOMS.c.epoch == epoch))
    _insert(connection, FORGOTTEN, [{"room": room, "epoch": epoch, "at": int(now)}])


def _keep_room(connection: Connection, room: str, epoch: str, event: Event) -> None:
    match event:
        case Opened():
            row = {
                "room": room,
                "epoch": epoch,
                "title": fit(event.title, ROOMS.c.title),
                "opened": fit(event.at, ROOMS.c.opened),
                "ends": fit(event.ends, ROOMS.c.ends),
                "closed": None,
            }
            _insert(connection, ROOMS, [row])
            return
        case Retitled():
            change = {"title": fit(event.title, ROOMS.c.title)}
        case Extended():
            change = {"ends": fit(event.ends, ROOMS.c.ends)}
        case Closed():
            change = {"closed": fit(event.at, ROOMS.c.closed)}
        case _:
            return
    connection.execute(update(ROOMS).where(ROOMS.c.room == room, ROOMS.c.epoch == epoch).values(change))


def _row(room: str, position: Position, event: Event, body: bytes) -> dict[str, Any]:
    return {
        "room": room,
        "epoch": position.epoch,
        "seq": position.seq,
        "kind": fit(_kind_of(body), ENTRIES.c.kind),
        "at": fit(event.at, ENTRIES.c.at),
        "by": fit(getattr(event, "by", ""), ENTRIES.c.by),
        "nick": fit(getattr(event, "nick", ""), ENTRIES.c.nick),
        "via": fit(getattr(event, "via", ""), ENTRIES.c.via),
        "text": fit(getattr(event, "text", ""), ENTRIES.c.text),
        "body": body,
    }


def _kind_of(body: bytes) -> str:
    # An event of a kind that only a newer version knows is kept under its own name.
    try:
        return _kind.decode(body).kind
    except msgspec.DecodeError:
        return ""


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert the ``rows`` that are not there yet; the answer counts truly only for a single row."""
    if not rows:
        return 0
    return connection.execute(_insert_or_ignore(connection.dialect.name, table), rows).rowcount


def _insert_or_ignore(dialect: str, table: Table) -> Insert:
    if dialect in ("mysql", "mariadb"):
        return table.insert().prefix_with("IGNORE")
    if dialect == "postgresql":
        return postgresql_insert(table).on_conflict_do_nothing()
    return sqlite_insert(table).on_conflict_do_nothing()
