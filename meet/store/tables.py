"""The tables of the archive, and what fits into them.

The law: no word outlives its room.  ``rooms`` and ``entries`` hold words, ``sieves`` what is
made of them, and they lose them when the room is forgotten; ``forgotten`` holds none, and is
there so that a record which comes late finds a grave and not an empty place.

Widths are counted in characters and are generous: events were held to their limits when
they were decided.  They exist because two of the three dialects refuse what is wider, and
a record that could never be kept would hold up all that come after it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text, text
from sqlalchemy.dialects import mysql

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# MySQL counts an accent or an emoji as one character, and ``a`` as other than ``A``, only so.
_MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


NO_LINE = "kind <> 'said'"
"""What a query must say in these words, so that SQLite finds its index."""


def _ordered(width: int) -> Any:
    # The order of bytes, as in the other two: PostgreSQL's own is that of a language.
    return String(width).with_variant(String(width, collation="C"), "postgresql")


ROOMS = Table(
    "rooms",
    METADATA,
    Column("room", _ordered(40), primary_key=True),
    Column("epoch", _ordered(16), primary_key=True),
    Column("title", String(160), nullable=False),
    Column("opened", String(32), nullable=False),
    Column("ends", String(32), nullable=False),
    Column("closed", String(32), nullable=True),
    **_MYSQL,
)
"""One row a room and log; times are moments (`meet.moments`), ``closed`` NULL while it is open."""

ENTRIES = Table(
    "entries",
    METADATA,
    Column("room", _ordered(40), primary_key=True),
    Column("epoch", _ordered(16), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("at", _ordered(32), nullable=False),
    Column("by", String(64), nullable=False),
    Column("nick", String(64), nullable=False),
    Column("via", String(32), nullable=False),
    # MySQL's plain ones end at 64 KiB, and a record that could never be kept would hold up all others.
    Column("text", Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"), nullable=False),
    Column("body", LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"), nullable=False),
    Index(None, "room", "epoch", "at", "seq"),
    # The few entries that are no lines, among many that are.  MySQL has no index of some rows only.
    Index(None, "room", "epoch", "kind", "seq", sqlite_where=text(NO_LINE), postgresql_where=text(NO_LINE)),
    sqlite_with_rowid=False,
    **_MYSQL,
)
"""One row an entry.  ``body`` is the event as it was numbered; the other columns are read out of it."""

SIEVES = Table(
    "sieves",
    METADATA,
    Column("room", _ordered(40), primary_key=True),
    Column("epoch", _ordered(16), primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("sieve", LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"), nullable=False),
    **_MYSQL,
)
"""One row for a block of numbers whose talk a search may pass over (`meet.store.sieves`)."""

FORGOTTEN = Table(
    "forgotten",
    METADATA,
    Column("room", _ordered(40), primary_key=True),
    Column("epoch", _ordered(16), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index(None, "at"),
    **_MYSQL,
)
"""One row a log that was forgotten ``at`` seconds since 1970; kept for a bounded time."""


def fit(text: str, column: Column[str]) -> str:
    """Cut ``text`` to what ``column`` holds in every dialect."""
    width = getattr(column.type, "length", None)
    # PostgreSQL has no NUL in its texts.
    return (text.replace("\x00", "") if "\x00" in text else text)[:width]
