"""What the database servers of the tests share: one for all tests of a process, and a database of its own for each."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.servers.program import Program, free_port

_SHARED: dict[type[Database], Any] = {}


class Database(Program):
    """A server on a free port of 127.0.0.1, that takes everybody at their word."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.data = self.folder / "data"
        self._made = 0
        self._shared_database = ""

    @classmethod
    def shared(cls) -> Any:
        """The one that all tests of this process share; it is started for the first, and ends with the process."""
        if cls not in _SHARED:
            _SHARED[cls] = cls().start()
        server = _SHARED[cls]
        if not server.running:
            server.start()
        return server

    def start(self) -> Any:
        """Start it, the first time with a new cluster of databases."""
        if not self.data.exists():
            self.initialise()
        return super().start()

    def initialise(self) -> None:
        """Make what the server needs on the disk."""
        raise NotImplementedError

    def statement(self, text: str, database: str = "") -> list[tuple[Any, ...]]:
        """Have one statement done by a connection of its own; the rows that it answers with."""
        raise NotImplementedError

    def url(self, database: str) -> str:
        """How Meet finds a database, as ``--store`` takes it."""
        raise NotImplementedError

    def new(self) -> str:
        """The name of a new, empty database."""
        self._made += 1
        name = f"meet{self._made}"
        self.statement(f"CREATE DATABASE {name}")
        return name

    def shared_database(self) -> str:
        """The name of a database that tests share, who each leave it empty: a new one takes its time."""
        self._shared_database = self._shared_database or self.new()
        return self._shared_database

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected."""
        raise NotImplementedError

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it stand still for a while, with its connections open."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()


@contextlib.contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Wait until no other process of the same user's tests does ``what``."""
    with (Path(tempfile.gettempdir()) / f"meet-tests-{os.geteuid()}-{what}.lock").open("w") as lock:
        # The kernel lets it go, however the process ends.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def children(process: int) -> list[int]:
    """The processes that ``process`` has begun and that live."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name stands in brackets and may have spaces.
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(entry.name))
    return found


def signal_all(processes: list[int], number: signal.Signals) -> None:
    """Send a signal to each of ``processes`` that is still there."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def open_folder() -> Path:
    """A new folder that other users can reach by its path."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        parents = [Path(place).resolve(), *Path(place).resolve().parents]
        if all(parent.is_dir() and parent.stat().st_mode & 0o001 for parent in parents):
            return Path(tempfile.mkdtemp(prefix="meet-", dir=place))
    raise AssertionError("A server that does not run as root needs a folder for temporary files that all may enter.")
