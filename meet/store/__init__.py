"""The archive: where what was said is kept until its room is forgotten.

=============  =====================================================================
module         what it is
=============  =====================================================================
``sql``        `meet.interfaces.IStore` over SQLAlchemy: SQLite, PostgreSQL, MySQL
``archive``    what is done to its tables, on one connection
``dialects``   what differs between the databases
``tables``     the tables that it keeps, and how wide their columns are
``sieves``     what lets a search pass over blocks that cannot have its words
``couchdb``    `meet.interfaces.IStore` over CouchDB
``documents``  what stands in its documents, and under which ids
``keeping``    how entries get into them, and out for good
``http``       how CouchDB is asked
``lines``      `meet.interfaces.IStore` as files of JSON lines, without a database
``shelf``      one log in such files
``process``    `meet.interfaces.IStore` in another process, which has the archive
``readers``    the door for such processes
``questions``  what passes between them
``kinds``      what kind an entry is of
``summary``    what the entries of a log come to
``thread``     where a store does what would block
``migrations`` how those tables came to be, step by step (Alembic, package data)
=============  =====================================================================

Only this package knows a database.  It is fed by `meet.recorder` alone, from the journal,
so it is never on the way of a message.  The word on the command line is the module's name:
a store of your own is one file with a ``make_store``, named with its dots::

    --store sqlite:              data/archive.sqlite3
    --store sqlite:////srv/a.db  that file
    --store lines:               files of JSON lines in data/archive
    --store postgresql://…       a server (mysql:// and mariadb:// likewise)
    --store couchdb://…          a server (couchdbs:// by TLS)
    --store process:unix:…       the archive of another process
    --store school.archive:…     make_store of the module school.archive
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from meet.interfaces import IStore
from meet.limits import Limits

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

DEFAULT_URL = "sqlite:"

_DIALECTS = {"sqlite": "sql", "postgresql": "sql", "mysql": "sql", "mariadb": "sql", "couchdbs": "couchdb"}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


def store_for(url: str, *, data: Path, clock: IReactorTime, limits: Limits) -> IStore:
    """Make the store that ``url`` names; nothing is opened before its ``start``.

    ``data`` is the folder for a store that keeps files.  Raises `ValueError` with one
    sentence if there is no such store, or the store cannot use the rest of the URL.
    """
    word = url.partition(":")[0]
    dialect = word.partition("+")[0]
    name = word if "." in word else f"meet.store.{_DIALECTS.get(dialect, word)}"
    unknown = ValueError(f"There is no store called {word!r}.")
    if not _WORD.match(name):
        raise unknown
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        # A store that is there and lacks a package of its own must say which.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise unknown from None
    if not hasattr(module, "make_store"):
        raise unknown
    store: IStore = module.make_store(url, data=data, clock=clock, limits=limits)
    return store
