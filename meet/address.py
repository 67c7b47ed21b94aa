"""What a broker's URL says: where Redis is, who we are there, and how careful to be.  Pure, but for one file.

===================================================  ===============================================
URL                                                  what it reaches
===================================================  ===============================================
``redis://host:6379/0``                              one server; ``rediss://`` by TLS
``redis+unix:///run/redis.sock?db=2``                one server by its socket
``redis+sentinel://s1:26379,s2,s3/mymaster/0``       the master that Sentinel names
``redis+cluster://n1:7000,n2:7000``                  a Cluster; one node that answers is enough
===================================================  ===============================================

Everywhere ``user:password@`` may stand before the host, and after a question mark: ``prefix``
(of all keys and channels, ``meet``), ``wait`` (servers that must have a copy of an entry before it
counts, 0), ``ca`` (a file of certificates to trust instead of the system's), ``password-file``
(where the password is, if it should not be in the URL), ``sentinel-password-file`` likewise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT = 6379
SENTINEL_PORT = 26379
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,32}\Z")
_MASTER = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_KNOWN = ("prefix", "wait", "db", "ca", "password-file", "sentinel-password-file")
_DATABASES = 10_000
_COPIES = 5
_PASSWORD_MOST = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """One broker: ``kind`` is ``server``, ``socket``, ``sentinel`` or ``cluster``.

    ``places`` are hosts with ports, for a socket its path with port 0; ``master`` is the name
    that Sentinel knows the server by; ``ca`` the path of a file of certificates, or empty.
    """

    kind: str
    places: tuple[tuple[str, int], ...]
    tls: bool = False
    user: str = ""
    password: str = ""
    database: int = 0
    master: str = ""
    sentinel_password: str = ""
    prefix: str = "meet"
    wait: int = 0
    ca: str = ""

    def __str__(self) -> str:
        """Where it is, without secrets."""
        places = ", ".join(host if port == 0 else f"{host}:{port}" for host, port in self.places)
        return f"{self.master} by {places}" if self.master else places


def read_address(url: str) -> Address:
    """Read ``url``; raises `ValueError` with one sentence for what it cannot mean."""
    try:
        parts = urlsplit(url)
        scheme, _, kind = parts.scheme.partition("+")
    except ValueError:
        raise _wrong() from None
    if scheme not in ("redis", "rediss") or kind not in ("", "unix", "sentinel", "cluster") or parts.fragment:
        raise _wrong()
    if kind == "unix" and scheme == "rediss":
        raise ValueError("A Redis behind a socket takes no TLS: begin with redis+unix://.")
    wishes = _wishes(parts)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, colon, password = credentials.partition(":")
    if credentials and not colon:
        # redis-cli and every library read it so: what stands alone is a password's user.
        user, password = credentials, ""
    path = unquote(parts.path).strip("/").split("/") if parts.path.strip("/") else []
    places: tuple[tuple[str, int], ...]
    if kind == "unix":
        if hosts or not parts.path:
            raise ValueError("A Redis behind a socket is named as redis+unix:///run/redis.sock.")
        places, path = ((unquote(parts.path), 0),), []
    else:
        places = _places(hosts, SENTINEL_PORT if kind == "sentinel" else PORT)
    master = ""
    if kind == "sentinel":
        if not path or not _MASTER.match(path[0]):
            raise ValueError("Behind Sentinel the master has a name: redis+sentinel://host:26379/mymaster.")
        master = path.pop(0)
    database = _number("db", wishes.get("db", path.pop(0) if path else "0"), _DATABASES)
    if path:
        raise _wrong()
    if kind == "cluster" and database:
        raise ValueError("A Redis Cluster has the database 0 alone.")
    if not kind and len(places) != 1:
        raise ValueError("Several servers are a redis+cluster:// or a redis+sentinel://.")
    prefix = wishes.get("prefix", "meet")
    if not _PREFIX.match(prefix):
        raise ValueError("The prefix of Redis's keys has 1 to 32 letters, digits and . _ : -.")
    return Address(
        kind={"": "server", "unix": "socket"}.get(kind, kind),
        places=places,
        tls=scheme == "rediss",
        user=unquote(user),
        password=secret(wishes.get("password-file", "")) or unquote(password),
        database=database,
        master=master,
        sentinel_password=secret(wishes.get("sentinel-password-file", "")),
        prefix=prefix,
        wait=_number("wait", wishes.get("wait", "0"), _COPIES),
        ca=wishes.get("ca", ""),
    )


def _wishes(parts: SplitResult) -> dict[str, str]:
    wishes = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in wishes:
        if name not in _KNOWN:
            raise ValueError(f"The broker's URL takes {', '.join(_KNOWN[:-1])} and {_KNOWN[-1]}, not {name}.")
    return wishes


def _places(hosts: str, port: int) -> tuple[tuple[str, int], ...]:
    places = []
    for place in (hosts or "localhost").split(","):
        try:
            parts = urlsplit(f"//{place}")
            host, own = parts.hostname, parts.port
        except ValueError:
            raise _wrong() from None
        if not host or own == 0 or not host.isascii() or " " in host:
            raise _wrong()
        places.append((host, own or port))
    return tuple(places)


def _number(name: str, value: str, most: int) -> int:
    if not value.isascii() or not value.isdigit() or int(value[:9]) > most:
        raise ValueError(f"In the broker's URL {name} is a number from 0 to {most}, not {value!r}.")
    return int(value)


def secret(path: str) -> str:
    """The password in the file at ``path``, '' where there is none; raises `ValueError` if it cannot be read."""
    if not path:
        return ""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(_PASSWORD_MOST).strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"The password file {path} cannot be read.") from None


def _wrong() -> ValueError:
    return ValueError("The broker's URL looks like redis://host:6379/0, and the manual shows the others.")
