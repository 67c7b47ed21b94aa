"""What the tests take for a CouchDB: PouchDB behind CouchDB's HTTP (``server.js``), a real server on a real disk.

It answers as CouchDB does to all that Meet asks but for ``_purge``, which it does not have.  Its packages
are those of ``package-lock.json``.
"""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.database import Database
from tests.servers.program import program

HERE = Path(__file__).parent
USER, PASSWORD = "meet", "pass word/1"


class Couchdb(Database):
    """A server whose only user is ``meet``."""

    def initialise(self) -> None:
        """As `Database` says."""
        assert (HERE / "node_modules" / "express-pouchdb").is_dir(), (
            "This test needs the packages of tests/servers/couchdb: npm ci --prefix tests/servers/couchdb"
        )
        self.data.mkdir()

    def command_line(self) -> list[str]:
        """As `Program` says."""
        return [program("node", "nodejs"), str(HERE / "server.js"), str(self.port), str(self.data), USER, PASSWORD]

    def ready(self) -> bool:
        """As `Program` says."""
        with contextlib.suppress(OSError):
            self.ask("GET", "")
            return True
        return False

    def url(self, database: str) -> str:
        """As `Database` says."""
        return f"couchdb://{USER}:pass%20word%2F1@127.0.0.1:{self.port}/{database}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the server answers to one question; raises `urllib.error.HTTPError` where it says no."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", method=method)
        words = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {words}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def new(self) -> str:
        """A name that no database has yet: Meet makes it."""
        self._made += 1
        return f"meet{self._made}"

    def drop(self, database: str) -> None:
        """As `Database` says."""
        with contextlib.suppress(urllib.error.HTTPError):
            self.ask("DELETE", database)

    def bytes_of(self, database: str) -> bytes:
        """All that the files of ``database`` and of its views hold."""
        files = (path for folder in self.data.glob(f"{database}*") for path in folder.rglob("*"))
        return b"".join(path.read_bytes() for path in files if path.is_file())
