"""One Redis, the real one."""

from __future__ import annotations

import contextlib
import shutil
import socket
from typing import Any

from tests.servers.certificate import Certificate, make_certificate
from tests.servers.program import PATIENCE, Program, free_port, program


class RedisError(Exception):
    """What Redis answered instead of an answer."""


class Redis(Program):
    """``redis-server``.  A restart keeps the folder and the ports.

    * ``aof``: every write is on the disk before it is answered (``appendfsync always``); without
      it nothing outlives the process.
    * ``maxmemory``: bytes, or as in ``"3mb"``; more is refused (``noeviction``).
    * ``user``, ``password``: the only ones who may do anything; ``default`` is off if a user is given.
    * ``tls``: the port speaks TLS only, with `certificate`.
    * ``options``: further lines of the configuration file.

    A UNIX socket, `socket_path`, is always there too.
    """

    def __init__(
        self,
        *options: str,
        aof: bool = False,
        maxmemory: str = "",
        user: str = "",
        password: str = "",
        tls: bool = False,
    ) -> None:
        super().__init__()
        self._program = program("redis-server", "redis-server")
        self.port = free_port()
        self.user, self.password = user, password
        self.socket_path = self.folder / "redis.sock"
        self.certificate: Certificate | None = make_certificate(self.folder) if tls else None
        self.data = self.folder / "data"
        self.data.mkdir()
        self.options = [
            "bind 127.0.0.1",
            f"dir {self.data}",
            f"unixsocket {self.socket_path}",
            'save ""',
            "repl-diskless-sync-delay 0",
            f"appendonly {'yes' if aof else 'no'}",
            "appendfsync always",
            *options,
        ]
        if self.certificate:
            self.options += [
                "port 0",
                f"tls-port {self.port}",
                f"tls-cert-file {self.certificate.certificate}",
                f"tls-key-file {self.certificate.key}",
                f"tls-ca-cert-file {self.certificate.certificate}",
                "tls-auth-clients no",
            ]
        else:
            self.options.append(f"port {self.port}")
        if maxmemory:
            self.options += [f"maxmemory {maxmemory}", "maxmemory-policy noeviction"]
        if user:
            self.options += [f"user {user} on >{password} ~* &* +@all", "user default off"]
        elif password:
            self.options.append(f"requirepass {password}")

    @property
    def address(self) -> str:
        """Host and port, as they stand in a URL."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """How a client finds it, with who may in; ``rediss://`` where it speaks TLS."""
        who = f"{self.user}:{self.password}@" if self.password else ""
        return f"redis{'s' if self.certificate else ''}://{who}{self.address}"

    def command_line(self) -> list[str]:
        """As `Program` says."""
        file = self.folder / "redis.conf"
        if not file.exists():
            # Redis itself writes into it, where it is a Sentinel or in a cluster.
            file.write_text("\n".join(self.options) + "\n")
        return [self._program, str(file)]

    def ready(self) -> bool:
        """As `Program` says: it answers, and has read its files."""
        try:
            return bool(self.command("PING") == "PONG")
        except (OSError, RedisError, EOFError):
            return False

    def empty(self) -> None:
        """Remove what it keeps on the disk; only while it does not run."""
        assert not self.running
        shutil.rmtree(self.data)
        self.data.mkdir()

    def command(self, *words: str | bytes | int, timeout: float = PATIENCE) -> Any:
        """Have one command done; its answer, strings as `str`.  Raises `RedisError` for a refusal."""
        return self.commands(list(words), timeout=timeout)[0]

    def commands(self, *commands: list[str | bytes | int], timeout: float = PATIENCE) -> list[Any]:
        """Have some done on one connection, as WAIT after a write needs it; their answers."""
        with contextlib.ExitStack() as stack:
            end = stack.enter_context(socket.socket(socket.AF_UNIX))
            end.settimeout(timeout)
            end.connect(str(self.socket_path))
            lines = stack.enter_context(end.makefile("rb"))
            if self.password:
                end.sendall(_request("AUTH", *([self.user] if self.user else []), self.password))
                _answer(lines)
            end.sendall(b"".join(_request(*words) for words in commands))
            return [_answer(lines) for _ in commands]

    def info(self, section: str) -> dict[str, str]:
        """A section of INFO, as ``commandstats`` or ``memory``."""
        lines = str(self.command("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def calls(self) -> dict[str, int]:
        """How often each command was done since `forget_calls`, or the start, by its name in lower case."""
        return {
            name.removeprefix("cmdstat_"): int(stat.split(",")[0].removeprefix("calls="))
            for name, stat in self.info("commandstats").items()
        }

    def forget_calls(self) -> None:
        """Count `calls` from here."""
        self.command("CONFIG", "RESETSTAT")


def _request(*words: str | bytes | int) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _answer(lines: Any) -> Any:
    line = lines.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError("Redis hung up")
    kind, rest = line[:1], line[1:-2]
    match kind:
        case b"+":
            return rest.decode()
        case b"-":
            raise RedisError(rest.decode())
        case b":":
            return int(rest)
        case b"$":
            if rest == b"-1":
                return None
            return lines.read(int(rest) + 2)[:-2].decode(errors="surrogateescape")
        case b"*":
            return None if rest == b"-1" else [_answer(lines) for _ in range(int(rest))]
    raise RedisError(f"Not understood: {line!r}")
