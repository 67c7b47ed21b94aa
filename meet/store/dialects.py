"""What differs between SQLite, PostgreSQL and MySQL: how each is reached, and its own words.

The law: the rest of the store does not ask which database it is; it is asked here.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, make_url, text
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError

from meet.store.tables import METADATA

THREADS = 4
"""Connections to a database: one records, the others read pages of history."""

FILE = "archive.sqlite3"

# The drivers that Meet names in its documentation; a URL can name another after a plus sign.
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_REACHED_BY: dict[str, dict[str, Any]] = {
    # A host that has vanished is noticed within half a minute; one that thinks is waited for.
    "psycopg": {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    },
    "pymysql": {"connect_timeout": 5, "read_timeout": 600, "write_timeout": 600},
}
_READS = "meet_reads"  # the option of an engine of SQLite whose transactions only read
_BUSY = 5.0  # seconds that one statement waits for another process's transaction
_CLASHES = {"40001", "40P01", 1020, 1205, 1213}
"""What says that two transactions were in each other's way: PostgreSQL's SQLSTATE, MySQL's numbers."""

_RELATIONS = """
SELECT pg_relation_filepath(c.oid) FROM pg_class c WHERE c.relfilenode <> 0 AND (c.relname = ANY(:names) OR c.oid IN (
  SELECT unnest(ARRAY[t.reltoastrelid, i.indexrelid]) FROM pg_class t LEFT JOIN pg_index i ON i.indrelid = t.oid
  WHERE t.relname = ANY(:names)))
"""

_ONE_UPGRADE = 0x4D656574
"""The number of PostgreSQL's advisory lock for migrations; MySQL's is the word ``meet``."""


def address_of(url: str, data: Path) -> URL:
    """Read ``url``; a file of SQLite becomes absolute, for twistd may change its folder.

    ``sqlite:`` alone is a file in ``data``.  Raises `ValueError` with one sentence if it is no URL.
    """
    dialect, _, rest = url.partition(":")
    if dialect == "sqlite" and rest in ("", "//", "///"):
        return URL.create("sqlite", database=str((data / FILE).absolute()))
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("The store's URL looks like sqlite:////path or postgresql://user@host/name.") from None
    if address.get_backend_name() == "sqlite":
        return address.set(database=str(Path(address.database or FILE).absolute()))
    if not address.database:
        raise ValueError(f"The store's URL must name a database: {dialect}://user@host/name.")
    if dialect.startswith(("mysql", "mariadb")):
        address = address.update_query_dict({"charset": "utf8mb4"})
    return address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))


# The pool tells of each lost connection by a traceback; what that did to the work is raised, too.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def engine_for(address: URL) -> Engine:
    """What opens connections to the database at ``address``; raises `ValueError` where its driver is missing."""
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, hide_parameters=True, connect_args={"timeout": _BUSY})
        event.listen(engine, "connect", _prepare_file)
        event.listen(engine, "begin", _begin)
        return engine
    try:
        dialect = address.get_dialect()
        # Serializable, so that a record which comes late cannot pass its room's forgetting.
        return create_engine(
            address,
            hide_parameters=True,
            isolation_level="SERIALIZABLE",
            pool_pre_ping=True,
            pool_size=THREADS,
            connect_args=_REACHED_BY.get(dialect.driver, {}),
        )
    except (ImportError, NoSuchModuleError):
        extra = _EXTRAS.get(address.get_backend_name())
        hint = f": pip install 'meet[{extra}]'" if extra else ""
        raise ValueError(f"The database driver for {address.drivername} is not installed{hint}.") from None


def reading(engine: Engine) -> Engine:
    """The same, for what only reads: it sees one moment, and is in nobody's way."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_READS: True})
    return engine.execution_options(isolation_level="REPEATABLE READ")


def changing(engine: Engine) -> Engine:
    """The same, for what makes tables: whoever waited for another process sees what that has made."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="READ COMMITTED")


def clashed(error: DBAPIError) -> bool:
    """Whether the database gave a transaction up because of another one: it may be tried again at once."""
    told = error.orig
    code = getattr(told, "sqlstate", None) or next(iter(getattr(told, "args", ())), None)
    return code in _CLASHES


def files_of(engine: Engine) -> list[Path]:
    """The files of the tables and indices on a server, as far as they are on this machine and may be read."""
    if (engine.url.host or "localhost") not in ("localhost", "127.0.0.1", "::1"):
        return []
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if engine.dialect.name == "postgresql":
                # What only the server's memory has yet, or no longer, would not be seen in them.
                connection.execute(text("CHECKPOINT"))
                names = connection.execute(text(_RELATIONS), {"names": list(METADATA.tables)}).scalars()
                folder = Path(str(connection.execute(text("SHOW data_directory")).scalar()))
                found = [each for name in names for each in folder.glob(f"{name}*")]
            else:
                connection.execute(text(f"FLUSH TABLES {', '.join(METADATA.tables)} FOR EXPORT"))
                connection.execute(text("UNLOCK TABLES"))
                folder = Path(str(connection.execute(text("SELECT @@datadir")).scalar()), engine.url.database or "")
                found = [folder / f"{name}.ibd" for name in METADATA.tables]
    except (OperationalError, ProgrammingError):
        # Who may not ask for this cannot say what is in the files.
        return []
    return [path for path in found if os.access(path, os.R_OK)]


def write_anew(engine: Engine) -> None:
    """Let a server write the tables anew, without the bytes of what was deleted; nobody else can use them meanwhile."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in METADATA.tables:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"VACUUM (FULL) {name}"))
            else:
                connection.execute(text(f"OPTIMIZE TABLE {name}")).all()


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Let one process at a time change the tables of a server; SQLite's transaction sees to that itself."""
    match connection.dialect.name:
        case "postgresql":
            # It ends with the transaction.
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_UPGRADE})
            yield
        case "mysql" | "mariadb":
            connection.execute(text("SELECT GET_LOCK('meet', 600)"))
            try:
                yield
            finally:
                connection.execute(text("SELECT RELEASE_LOCK('meet')"))
        case _:
            yield


def insert_or_replace(dialect: str, table: Table, known_by: list[str]) -> Insert:
    """An INSERT into ``table`` that takes the place of a row with the same ``known_by``."""
    rest = [column.name for column in table.c if column.name not in known_by]
    if dialect in ("mysql", "mariadb"):
        given = mysql_insert(table)
        return given.on_duplicate_key_update({name: given.inserted[name] for name in rest})
    insert = postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)
    return insert.on_conflict_do_update(index_elements=known_by, set_={name: insert.excluded[name] for name in rest})


def insert_or_ignore(dialect: str, table: Table) -> Insert:
    """An INSERT into ``table`` that leaves the rows alone which are there."""
    if dialect in ("mysql", "mariadb"):
        return table.insert().prefix_with("IGNORE")
    if dialect == "postgresql":
        return postgresql_insert(table).on_conflict_do_nothing()
    return sqlite_insert(table).on_conflict_do_nothing()


def _prepare_file(connection: Any, _: object) -> None:
    # Transactions are begun by `_begin`; the driver would begin its own, and later.
    connection.isolation_level = None
    cursor = connection.cursor()
    (_, _, path) = cursor.execute("PRAGMA database_list").fetchone()
    with _alone_in(Path(path).parent) if path else nullcontext():
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else is in here for this folder.

    Of two that bring a new file into WAL mode at once, one is told at once that it is locked,
    however long it would wait (seen in SQLite 3.40).
    """
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later can fail half-way in SQLite.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_READS) else "BEGIN IMMEDIATE")
