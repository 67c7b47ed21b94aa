"""One PostgreSQL.  It refuses to be root, so the tests of root run it as another user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.database import Database, children, open_folder, signal_all
from tests.servers.program import PATIENCE, is_root, program, until

_SETTINGS = {
    # What is committed outlives ``kill -9`` of the server, not a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "autovacuum": "off",
}


def _program(name: str) -> str:
    """Debian keeps the server's programs out of everybody's PATH, by version."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return str(places[-1]) if places else program(name, "postgresql")


class Postgresql(Database):
    """A server whose user ``meet`` may do everything.

    Its order of words is that of a language, as on most machines, and not that of bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._as: list[str] = []
        self._frozen: list[int] = []
        if is_root():
            names = {each.pw_name for each in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self._as = [
                program("setpriv", "util-linux"),
                f"--reuid={user.pw_uid}",
                f"--regid={user.pw_gid}",
                "--clear-groups",
                "--",
            ]
            shutil.rmtree(self.folder)
            self.folder = open_folder()
            self.log = self.folder / "log"
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.data = self.folder / "data"

    def initialise(self) -> None:
        """As `Database` says."""
        words = "--username=meet --auth=trust --no-sync --no-instructions --encoding=UTF8 --locale=C.UTF-8"
        order = "--locale-provider=icu --icu-locale=en"
        command = [*self._as, _program("initdb"), f"--pgdata={self.data}", *words.split(), *order.split()]
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr

    def command_line(self) -> list[str]:
        """As `Program` says."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        return [*self._as, _program("postgres"), "-D", str(self.data), "-p", str(self.port), *settings]

    def ready(self) -> bool:
        """As `Program` says."""
        try:
            self.statement("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """As `Database` says."""
        return f"postgresql://meet@127.0.0.1:{self.port}/{database}"

    def statement(self, text: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """As `Database` says."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def drop(self, database: str) -> None:
        """As `Database` says."""
        self.statement(f"DROP DATABASE {database} WITH (FORCE)")

    def freeze(self) -> None:
        """Stop it and the process that it has for each connection."""
        super().freeze()
        assert self.process is not None
        self._frozen = children(self.process.pid)
        signal_all(self._frozen, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all of them go on."""
        signal_all(self._frozen, signal.SIGCONT)
        self._frozen = []
        super().thaw()

    def stop(self) -> None:
        """End it in order, without waiting for who is connected: SIGINT."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """``kill -9`` of all its processes."""
        assert self.process is not None
        others = children(self.process.pid)
        super().kill()
        signal_all(others, signal.SIGKILL)
        # A new one does not begin before the last of the old has let its memory go.
        until(
            lambda: not any(Path(f"/proc/{each}/exe").is_symlink() for each in others), "its processes to end", PATIENCE
        )

    def close(self) -> None:
        """As `Program` says."""
        if self.running:
            self.kill()
        super().close()
