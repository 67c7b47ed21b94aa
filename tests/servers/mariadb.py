"""One MariaDB."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pymysql

from tests.servers.database import Database, one_at_a_time
from tests.servers.program import is_root, program

_SETTINGS = (
    # What is committed outlives ``kill -9`` of the server, not a power cut.
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--performance-schema=OFF",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--character-set-server=latin1",
    "--max-connections=60",
)


class Mariadb(Database):
    """A server whose ``root`` needs no password.  What names no character set is Latin-1 there, as it long was."""

    def initialise(self) -> None:
        """As `Database` says."""
        command = [
            program("mariadb-install-db", "mariadb-server"),
            "--no-defaults",
            *(["--user=root"] if is_root() else []),
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]
        # Where several were set up at the same moment, one of them could not install its system tables.
        with one_at_a_time("mariadb-install-db"):
            made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                shutil.rmtree(self.data, ignore_errors=True)
                made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr

    def command_line(self) -> list[str]:
        """As `Program` says."""
        return [
            program("mariadbd", "mariadb-server"),
            "--no-defaults",
            *(["--user=root"] if is_root() else []),
            f"--datadir={self.data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            *_SETTINGS,
        ]

    def ready(self) -> bool:
        """As `Program` says."""
        try:
            self.statement("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """As `Database` says."""
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    def statement(self, text: str, database: str = "") -> list[tuple[Any, ...]]:
        """As `Database` says."""
        connection = pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            database=database or None,
            autocommit=True,
            connect_timeout=5,
            read_timeout=5,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def drop(self, database: str) -> None:
        """As `Database` says."""
        self.statement(f"DROP DATABASE {database}")
