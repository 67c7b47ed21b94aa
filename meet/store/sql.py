"""The SQL store: SQLite by default, PostgreSQL and MySQL by URL.

The laws: the reactor's thread never waits for the database, and what was forgotten is in
no file.  All work runs on a pool of threads of the store's own, each piece in one
transaction.  What changes the archive waits for what changed it before; who reads waits for neither.

SQLite's ``secure_delete`` overwrites what is deleted, but not the copies that its B-tree
leaves in a page's free space when it shares out rows among pages (seen in 3.40).  So after
something was forgotten the file is written anew by VACUUM and the write-ahead log is
emptied.  The archive holds only rooms that live, so it stays small; where it is large, that
takes a while, in which pages are read as before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.errors import Unavailable
from meet.events import Position
from meet.interfaces import Found, IOnDisk, IStore, Kept, Record
from meet.limits import Limits
from meet.look import Look, Numbered
from meet.store import archive
from meet.store.dialects import THREADS, address_of, changing, clashed, engine_for, files_of, reading, write_anew
from meet.store.thread import Threads

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_TRIES = 20  # of a transaction that another one was in the way of
_PATIENCE = 10.0  # seconds that somebody who reads waits; what is recorded is waited for

_T = TypeVar("_T")


def make_store(url: str, *, data: Path, clock: IReactorTime, limits: Limits) -> IStore:
    """Make the store at ``url``; ``sqlite:`` alone is a file in the folder ``data``.

    Raises `ValueError` with one sentence if ``url`` is none, or its driver is not installed.
    """
    return SqlStore(engine_for(address_of(url, data)), clock)


@implementer(IStore, IOnDisk)
class SqlStore:
    """Rooms and their transcripts in an SQL database."""

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._clock = clock
        self._is_file = engine.dialect.name == "sqlite"
        self._threads = Threads(THREADS)
        self._changing = Lock()

    def start(self) -> Deferred[None]:
        """Open the database and bring its tables up to date; fires when it can be used.

        Fails with `ValueError` where an operator must mend something, with `Unavailable`
        where a server is away.
        """
        self._threads.start()
        done = self._run(self._prepare)
        done.addErrback(self._not_started)
        return done

    def stop(self) -> Deferred[None]:
        """Finish what is under way, then close.  From here on the store is `Unavailable`."""
        return self._threads.stop().addCallback(lambda _: self._engine.dispose())

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        """Keep ``records``, each once however often it comes; all of them or none."""
        now = self._clock.seconds()

        def work() -> None:
            with self._changing:
                forgot = self._transaction(lambda connection: archive.keep(connection, records, now))
                if forgot and self._is_file:
                    self._leave_no_bytes()

        return self._run(work)

    def delete(self, room: str, epoch: str) -> Deferred[None]:
        """Delete the log, and keep nothing more of it."""
        now = self._clock.seconds()

        def work() -> None:
            with self._changing:
                self._transaction(lambda connection: archive.forget(connection, room, epoch, now))
                if self._is_file:
                    self._leave_no_bytes()

        return self._run(work)

    def living(self) -> Deferred[Sequence[tuple[str, str]]]:
        """Fires with room and epoch of every log that is recorded and not forgotten, in order."""
        return self._look(archive.living)

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        """Fires with the log as it is recorded, for `IBroker.restore`."""
        return self._look(lambda connection: archive.memory(connection, room, epoch, count))

    def history(self, room: str, before: Position, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        """Fires with the newest ``count`` pieces of talk before ``before`` in its epoch, oldest first."""
        return self._look(lambda connection: archive.talk_before(connection, room, before, count))

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        """Fires with the oldest ``count`` pieces of talk numbered above ``after``, oldest first."""
        return self._look(lambda connection: archive.talk_after(connection, room, epoch, after, count))

    def rooms(self, after: tuple[str, str], count: int) -> Deferred[Sequence[Kept]]:
        """Fires with the first ``count`` logs behind ``after``."""
        return self._look(lambda connection: archive.rooms(connection, after, count))

    def entries(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Fires with the oldest ``count`` entries of any kind numbered above ``after``."""
        return self._look(lambda connection: archive.entries(connection, room, epoch, after, count))

    def since(self, room: str, epoch: str, at: str, count: int) -> Deferred[Numbered]:
        """Fires with a page of talk from the moment ``at`` on."""
        return self._look(lambda connection: archive.talk_since(connection, room, epoch, at, count))

    def search(self, room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        """Fires with the newest ``count`` pieces of talk before ``before`` that have each of ``words``."""
        return self._look(lambda connection: archive.find(connection, room, before, words, count))

    def files(self) -> Deferred[Sequence[Path]]:
        """Fires with the file and its journals, or with those of the server's tables if they are on this machine."""
        if self._is_file:
            path = self._engine.url.database or ""
            return succeed([each for end in ("", "-wal", "-journal") if (each := Path(f"{path}{end}")).exists()])
        return self._run(lambda: files_of(self._engine))

    def wipe(self) -> Deferred[None]:
        """Let a server write its tables anew; SQLite's are written anew whenever something is deleted."""

        def work() -> None:
            with self._changing:
                write_anew(self._engine)

        return succeed(None) if self._is_file else self._run(work)

    def _look(self, work: Callable[[Connection], _T]) -> Deferred[_T]:
        def look() -> _T:
            with self._reading.begin() as connection:
                return work(connection)

        return self._in_time(self._run(look))

    def _transaction(self, work: Callable[[Connection], _T]) -> _T:
        """Do ``work`` in one transaction, and again where another process's was in its way."""
        for _ in range(_TRIES - 1):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not clashed(error):
                    raise
        with self._engine.begin() as connection:
            return work(connection)

    def _in_time(self, done: Deferred[_T]) -> Deferred[_T]:
        """What ``done`` fires with, or `Unavailable` when that takes too long; the work itself goes on."""
        answer: Deferred[_T] = Deferred()
        done.addCallbacks(answer.callback, answer.errback)
        # A server that stands still keeps its connections open, and would be waited for without end.
        late = self._clock.callLater(_PATIENCE, answer.cancel)

        def ended(result: _T | Failure) -> Any:
            if late.active():
                late.cancel()
            elif isinstance(result, Failure) and isinstance(result.value, CancelledError):
                raise Unavailable("The archive does not answer.")
            return result

        return answer.addBoth(ended)

    def _run(self, work: Callable[[], _T]) -> Deferred[_T]:
        return self._threads.run(lambda: _honestly(work))

    def _prepare(self) -> None:
        if self._is_file:
            self._make_folder()
        try:
            with changing(self._engine).begin() as connection:
                archive.upgrade(connection)
        except ProgrammingError as error:
            # What a user may not do, or tables of somebody else's.
            raise ValueError(f"The archive cannot be prepared: {_sentence(error)}") from None

    def _make_folder(self) -> None:
        folder = Path(self._engine.url.database or "").parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"The folder {folder} for the archive cannot be made: {error.strerror}.") from error

    def _not_started(self, failure: Any) -> Any:
        self.stop()
        if failure.check(CommandError) is not None:
            raise ValueError("The archive was written by a newer version of Meet.") from failure.value
        if self._is_file and failure.check(Unavailable) is not None:
            path = self._engine.url.database
            raise ValueError(f"The archive {path} cannot be opened: {failure.value}") from failure.value
        return failure

    def _leave_no_bytes(self) -> None:
        # Neither statement may stand inside a transaction, which SQLAlchemy would begin.
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            (busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise Unavailable("Another program holds the archive open.")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{error}.") from error
        finally:
            raw.close()


def _honestly(work: Callable[[], _T]) -> _T:
    """Do ``work``; what goes wrong because the database is away becomes `Unavailable`."""
    try:
        return work()
    except (DataError, IntegrityError, ProgrammingError):
        raise
    except (DatabaseError, NoConnection) as error:
        raise Unavailable(_sentence(error)) from None


def _sentence(error: DatabaseError | NoConnection) -> str:
    """What the driver says, on one line."""
    # The statement's values are people's words: only the driver's own sentence goes on.
    told = getattr(error, "orig", None)
    # PyMySQL's errors are a number and a sentence; what PostgreSQL adds on further lines can have values.
    words = told.args[-1] if told is not None and told.args else type(error).__name__
    return f"{str(words).strip().splitlines()[0].removesuffix('.')}."
