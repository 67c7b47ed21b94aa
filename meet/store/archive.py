"""What is done to the archive's tables, each on a connection inside one transaction.

The law: keeping is idempotent.  An entry is kept by (room, epoch, number), and only one that
was new changes its room's row, so a batch that comes twice, or late by another worker, leaves
what it found.  Nothing is kept of a log that was forgotten, or that goes on in another.

Only where a broker has lost entries and given their numbers again can two come under one
number; the log that goes on from there tells which is whose, and that is what stays.

Everything here blocks; `meet.store.sql` runs it on threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Table, and_, delete, func, inspect, select, text, update

from meet.events import (
    Closed,
    Event,
    Expired,
    Extended,
    Forgotten,
    Opened,
    Position,
    Presence,
    Removed,
    Renewed,
    Retitled,
    Said,
)
from meet.interfaces import Found, Kept, Record
from meet.look import Look, Numbered
from meet.moments import DAY
from meet.search import search
from meet.store import sieves, summary
from meet.store.dialects import alone, insert_or_ignore, insert_or_replace
from meet.store.kinds import TALK, kind_of
from meet.store.tables import ENTRIES, FORGOTTEN, METADATA, NO_LINE, ROOMS, fit
from meet.wire import bare, decode_event, expires

GRAVE_KEPT = 7 * DAY
"""Seconds that a forgotten log is known: far longer than any record is on its way."""

_AT_ONCE = 500  # SQLite before 3.32 takes 999 values in a statement
_CHANGES = ["retitled", "extended", "closed"]
_REMOVED, _EXPIRED, _SAID = (kind.__name__.lower() for kind in (Removed, Expired, Said))
_NUMBERED = ["room", "epoch", "seq"]
_KIND = ENTRIES.c.kind
_READ = [ENTRIES.c.at, ENTRIES.c.by, ENTRIES.c.nick, ENTRIES.c.via, ENTRIES.c.text]
# Alembic keeps the migration under way in a variable of its module.
_one_upgrade = threading.Lock()


def upgrade(connection: Connection) -> None:
    """Bring the tables up to this version.

    Raises `alembic.util.CommandError` if they were made by a newer one, `ValueError` with a
    sentence if they are somebody else's.
    """
    config = Config()
    config.set_main_option("script_location", "meet.store:migrations")
    config.attributes["connection"] = connection
    with _one_upgrade, alone(connection):
        there = set(inspect(connection).get_table_names())
        if "alembic_version" not in there and (strange := there & set(METADATA.tables)):
            raise ValueError(f"The database has a table {min(strange)} that is not Meet's: name one of Meet's own.")
        command.upgrade(config, "head")


def keep(connection: Connection, records: Sequence[Record], now: float) -> bool:
    """Keep ``records``, and forget what they say is to be forgotten, words that have expired among it.

    ``now`` is in seconds since 1970.  True if something was forgotten, also if it was before:
    the caller then sees to it that the files hold nothing of it.
    """
    graves = _graves(connection, {record.room for record in records})
    forgot = False
    said: list[dict[str, Any]] = []
    expiring: dict[tuple[str, str], int] = {}
    changed: dict[tuple[str, str], set[int]] = {}
    for room, position, body in records:
        if (room, position.epoch) in graves:
            forgot = forgot or isinstance(decode_event(body), Forgotten)
            continue
        event = decode_event(body)
        if isinstance(event, Presence):
            continue
        if isinstance(event, Forgotten | Renewed | Removed):
            _put(connection, said)
            said = []
        if isinstance(event, Forgotten):
            forget(connection, room, position.epoch, now)
            graves.add((room, position.epoch))
            forgot = True
            continue
        if isinstance(event, Expired | Renewed):
            expiring[room, position.epoch] = 0
        elif expires(body):
            expiring[room, position.epoch] = min(expiring.get((room, position.epoch), position.seq), position.seq)
        row = _row(room, position, event, body)
        numbers = changed.setdefault((room, position.epoch), set())
        numbers.add(position.seq)
        if isinstance(event, Removed) and event.number < position.seq:
            _remove(connection, room, position.epoch, event.number)
            numbers.add(event.number)
            forgot = True
        if event.key is None:
            said.append(row)
        elif _insert(connection, ENTRIES, [row]) or _replace(connection, row):
            _keep_room(connection, room, position, event)
        if isinstance(event, Renewed):
            for former in {event.was, *event.before} - {position.epoch}:
                _move(connection, room, former, position.epoch)
                _bury(connection, room, former, now)
                graves.add((room, former))
    _put(connection, said)
    _remove_again(connection, records)
    for log, since in expiring.items():
        gone = _expire(connection, *log, since)
        changed.setdefault(log, set()).update(gone)
        forgot = bool(gone) or forgot
    for log, numbers in changed.items():
        if log not in graves:
            sieves.make(connection, *log, numbers)
    connection.execute(delete(FORGOTTEN).where(FORGOTTEN.c.at < int(now) - GRAVE_KEPT))
    return forgot


def living(connection: Connection) -> list[tuple[str, str]]:
    """Room and epoch of every log that is kept, in order."""
    rows = connection.execute(select(ROOMS.c.room, ROOMS.c.epoch).order_by(ROOMS.c.room, ROOMS.c.epoch)).all()
    return [(row.room, row.epoch) for row in rows]


def memory(connection: Connection, room: str, epoch: str, count: int) -> Look:
    """The log as it is kept: its newest number, its state, its newest ``count`` pieces of talk."""
    mine = and_(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch)
    last = sieves.newest(connection, mine)
    if last is None:
        return Look(None, None, [], [], 0)
    tail = talk_before(connection, room, Position(epoch, last + 1), count + 1)
    rest = _no_lines(connection, mine, epoch, ENTRIES.c.kind.not_in(TALK))
    return summary.memory(Position(epoch, last), rest, tail, count)


def talk_before(connection: Connection, room: str, before: Position, count: int, begin: int = 0) -> Numbered:
    """The newest ``count`` pieces of talk before ``before`` in its log and from ``begin`` on, oldest first."""
    rows = connection.execute(
        select(ENTRIES.c.seq, ENTRIES.c.body)
        .where(_talk_of(room, before.epoch), ENTRIES.c.seq < before.seq, ENTRIES.c.seq >= begin)
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


def entries(connection: Connection, room: str, epoch: str, after: int, count: int) -> Numbered:
    """The oldest ``count`` entries numbered above ``after``, oldest first."""
    rows = connection.execute(
        select(ENTRIES.c.seq, ENTRIES.c.body)
        .where(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch, ENTRIES.c.seq > after)
        .order_by(ENTRIES.c.seq)
        .limit(count)
    ).all()
    return [(Position(epoch, row.seq), bytes(row.body)) for row in rows]


def talk_since(connection: Connection, room: str, epoch: str, at: str, count: int) -> Numbered:
    """``count`` pieces of talk from the earliest of the moment ``at`` or later on."""
    first = connection.execute(
        select(ENTRIES.c.seq)
        .where(_talk_of(room, epoch), ENTRIES.c.at >= at)
        .order_by(ENTRIES.c.at, ENTRIES.c.seq)
        .limit(1)
    ).scalar()
    return [] if first is None else talk_after(connection, room, epoch, first - 1, count)


def find(connection: Connection, room: str, before: Position, words: str, count: int) -> Found:
    """The newest ``count`` pieces of talk before ``before`` that have each of ``words``."""
    floor = 0

    def talk() -> Iterator[tuple[Position, bytes]]:
        nonlocal floor
        for begin, end in sieves.ranges(connection, room, before, words):
            floor = end if begin == end else 0
            since = Position(before.epoch, end)
            while page := talk_before(connection, room, since, _AT_ONCE, begin):
                yield from reversed(page)
                since = page[0][0]
                if len(page) < _AT_ONCE:
                    break

    talk_found, down_to = search(talk(), words, count)
    return Found(talk_found, down_to or floor)


def rooms(connection: Connection, after: tuple[str, str], count: int) -> list[Kept]:
    """The first ``count`` logs behind ``after``, by room and epoch."""
    found: list[tuple[str, str]] = []
    while len(found) < count and (log := _next_log(connection, *after)) is not None:
        after = log
        found.append(log)
    if not found:
        return []
    known = {
        (row.room, row.epoch): Kept(row.room, row.epoch, row.title, row.opened, row.ends, row.closed or "")
        for row in connection.execute(select(ROOMS).where(ROOMS.c.room.between(found[0][0], found[-1][0]))).all()
    }
    return [known.get(log) or Kept(*log, "", "", "", "") for log in found]


def _next_log(connection: Connection, room: str, epoch: str) -> tuple[str, str] | None:
    # One step in the key for each log: to ask for all that differ would read every entry.
    order = (ENTRIES.c.room, ENTRIES.c.epoch, ENTRIES.c.seq)
    for behind in (and_(ENTRIES.c.room == room, ENTRIES.c.epoch > epoch), ENTRIES.c.room > room):
        row = connection.execute(select(*order[:2]).where(behind).order_by(*order).limit(1)).first()
        if row is not None:
            return row.room, row.epoch
    return None


def _talk_of(room: str, epoch: str) -> Any:
    return and_(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch, ENTRIES.c.kind.in_(TALK))


def _graves(connection: Connection, rooms: Iterable[str]) -> set[tuple[str, str]]:
    names = sorted(rooms)
    found: set[tuple[str, str]] = set()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        rows = connection.execute(select(FORGOTTEN.c.room, FORGOTTEN.c.epoch).where(FORGOTTEN.c.room.in_(some)))
        found.update((row.room, row.epoch) for row in rows)
    return found


def forget(connection: Connection, room: str, epoch: str, now: float) -> None:
    """Delete all that is kept of a log, and keep nothing more of it."""
    connection.execute(delete(ENTRIES).where(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch))
    connection.execute(delete(ROOMS).where(ROOMS.c.room == room, ROOMS.c.epoch == epoch))
    sieves.drop(connection, room, epoch)
    _bury(connection, room, epoch, now)


def _remove(connection: Connection, room: str, epoch: str, number: int) -> None:
    """Delete the talk of that ``number``; state stays whatever the number."""
    connection.execute(delete(ENTRIES).where(_talk_of(room, epoch), ENTRIES.c.seq == number))


def _remove_again(connection: Connection, records: Sequence[Record]) -> None:
    """Delete of ``records`` what was removed already: they may have come late, by another worker."""
    oldest: dict[tuple[str, str], int] = {}
    for room, position, _ in records:
        log = (room, position.epoch)
        oldest[log] = min(oldest.get(log, position.seq), position.seq)
    for room, epoch in _removed_after(connection, oldest):
        seq = oldest[room, epoch]
        mine = and_(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch)
        later = and_(ENTRIES.c.seq > seq, ENTRIES.c.kind == _REMOVED)
        for position, body in _no_lines(connection, mine, epoch, later):
            event = decode_event(body)
            if isinstance(event, Removed) and seq <= event.number < position.seq:
                _remove(connection, room, epoch, event.number)


def _removed_after(connection: Connection, numbers: Mapping[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The logs, of those that have a number here, in which something was removed behind it."""
    found: set[tuple[str, str]] = set()
    names = sorted({room for room, _ in numbers})
    for start in range(0, len(names), _AT_ONCE):
        removed = and_(text(NO_LINE), _KIND == _REMOVED, ENTRIES.c.room.in_(names[start : start + _AT_ONCE]))
        newest = select(ENTRIES.c.room, ENTRIES.c.epoch, func.max(ENTRIES.c.seq)).where(removed)
        for room, epoch, seq in connection.execute(newest.group_by(ENTRIES.c.room, ENTRIES.c.epoch)).all():
            if numbers.get((room, epoch), seq) < seq:
                found.add((room, epoch))
    return found


def _expire(connection: Connection, room: str, epoch: str, since: int) -> set[int]:
    """Let words numbered ``since`` or above go that have expired; the numbers of those whose went.

    They may have come after that was said.
    """
    mine = and_(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch)
    told = _no_lines(connection, mine, epoch, ENTRIES.c.kind == _EXPIRED)
    events = [decode_event(body) for _, body in told]
    until = max((event.until for event in events if isinstance(event, Expired)), default="")
    if not until:
        return set()
    # Who speaks from outside has a colon in their id, and has no name once their words are gone.
    with_words = and_(mine, ENTRIES.c.seq >= since, ENTRIES.c.nick != "", ENTRIES.c.by.like("%:%"))
    rows = connection.execute(select(ENTRIES.c.seq, ENTRIES.c.body).where(with_words, ENTRIES.c.kind == _SAID)).all()
    gone = set()
    for seq, body in rows:
        rest = bare(bytes(body), until)
        if rest != bytes(body):
            _replace(connection, _row(room, Position(epoch, seq), decode_event(rest), rest))
            gone.add(seq)
    return gone


def _no_lines(connection: Connection, mine: Any, epoch: str, which: Any) -> Numbered:
    """Those entries of the log ``mine`` that are no lines and are ``which``, in order."""
    # First their numbers, which are all in an index: who asks for the rest at once has the whole log read.
    numbers = select(ENTRIES.c.seq).where(mine, text(NO_LINE), which)
    seqs = sorted(connection.execute(numbers).scalars())
    found: list[tuple[Position, bytes]] = []
    for start in range(0, len(seqs), _AT_ONCE):
        some = ENTRIES.c.seq.in_(seqs[start : start + _AT_ONCE])
        rows = select(ENTRIES.c.seq, ENTRIES.c.body).where(mine, some).order_by(ENTRIES.c.seq)
        found += [(Position(epoch, row.seq), bytes(row.body)) for row in connection.execute(rows).all()]
    return found


def _bury(connection: Connection, room: str, epoch: str, now: float) -> None:
    _insert(connection, FORGOTTEN, [{"room": room, "epoch": epoch, "at": int(now)}])


def _move(connection: Connection, room: str, former: str, epoch: str) -> None:
    """What is kept of the log ``former`` is kept of ``epoch``, unless that has its own of the same number."""
    there = connection.execute(select(ENTRIES.c.seq).where(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch))
    seqs = [row.seq for row in there.all()]
    theirs = and_(ENTRIES.c.room == room, ENTRIES.c.epoch == former)
    for start in range(0, len(seqs), _AT_ONCE):
        connection.execute(delete(ENTRIES).where(theirs, ENTRIES.c.seq.in_(seqs[start : start + _AT_ONCE])))
    connection.execute(update(ENTRIES).where(theirs).values(epoch=epoch))
    sieves.move(connection, room, former, epoch, seqs)
    begun = connection.execute(select(ROOMS.c.room).where(ROOMS.c.room == room, ROOMS.c.epoch == epoch)).first()
    row = and_(ROOMS.c.room == room, ROOMS.c.epoch == former)
    if begun is None:
        connection.execute(update(ROOMS).where(row).values(epoch=epoch))
    else:
        connection.execute(delete(ROOMS).where(row))


def _keep_room(connection: Connection, room: str, position: Position, event: Event) -> None:
    mine = and_(ENTRIES.c.room == room, ENTRIES.c.epoch == position.epoch)
    row = and_(ROOMS.c.room == room, ROOMS.c.epoch == position.epoch)
    if isinstance(event, Opened):
        values = {
            "room": room,
            "epoch": position.epoch,
            "title": fit(event.title, ROOMS.c.title),
            "opened": fit(event.at, ROOMS.c.opened),
            "ends": fit(event.ends, ROOMS.c.ends),
            "closed": None,
        }
        if _insert(connection, ROOMS, [values]):
            # In an import it can come after what is newer.
            changes = select(ENTRIES.c.body).where(mine, text(NO_LINE), ENTRIES.c.kind.in_(_CHANGES))
            changes = changes.order_by(ENTRIES.c.seq)
            for (body,) in connection.execute(changes).all():
                connection.execute(update(ROOMS).where(row).values(_change(decode_event(bytes(body)))))
    elif change := _change(event):
        kind = type(event).__name__.lower()
        newer = select(ENTRIES.c.seq).where(mine, ENTRIES.c.seq > position.seq, text(NO_LINE), ENTRIES.c.kind == kind)
        newer = newer.limit(1)
        if connection.execute(newer).first() is None:
            connection.execute(update(ROOMS).where(row).values(change))


def _change(event: Event) -> dict[str, str]:
    match event:
        case Retitled():
            return {"title": fit(event.title, ROOMS.c.title)}
        case Extended():
            return {"ends": fit(event.ends, ROOMS.c.ends)}
        case Closed():
            return {"closed": fit(event.at, ROOMS.c.closed)}
    return {}


def _row(room: str, position: Position, event: Event, body: bytes) -> dict[str, Any]:
    return {
        "room": room,
        "epoch": position.epoch,
        "seq": position.seq,
        "kind": fit(kind_of(body), _KIND),
        **{column.name: fit(getattr(event, column.name, ""), column) for column in _READ},
        "body": body,
    }


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert the ``rows`` that are not there yet; the answer counts truly only for a single row."""
    if not rows:
        return 0
    values = rows if len(rows) > 1 else rows[0]
    # SQLAlchemy does not ask psycopg for the count of an INSERT by itself (seen in 2.1.9).
    counting = {"preserve_rowcount": True}
    return connection.execute(
        insert_or_ignore(connection.dialect.name, table), values, execution_options=counting
    ).rowcount


def _put(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert ``rows`` into the entries, in place of others of their numbers."""
    if rows:
        connection.execute(insert_or_replace(connection.dialect.name, ENTRIES, _NUMBERED), rows)


def _replace(connection: Connection, row: dict[str, Any]) -> bool:
    """Let ``row`` stand in place of another of its number; whether there was one that is not the same."""
    same = and_(*(ENTRIES.c[name] == row[name] for name in _NUMBERED))
    return connection.execute(update(ENTRIES).where(same, ENTRIES.c.body != row["body"]).values(row)).rowcount > 0
