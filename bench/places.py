"""Where things lie: this repository, the folder of the peers, and free ports."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
SERVERS = HERE / "servers"

PORTS = range(20_000, 32_768)
"""Below those that Linux gives to connections as their own end."""


class Absent(Exception):
    """Something is not installed; the text says what."""


@dataclass(frozen=True, slots=True)
class Peers:
    """The folder that ``setup`` fills: ``debian``, ``node_modules``, ``python``, and two programs in C."""

    folder: Path

    @property
    def load(self) -> Path:
        """The load generator."""
        return self.needed(self.folder / "load")

    @property
    def loop(self) -> Path:
        """The yardstick."""
        return self.needed(self.folder / "loop")

    @property
    def python(self) -> Path:
        """The Python with the peers from PyPI."""
        return self.needed(self.folder / "python" / "bin" / "python")

    def node_module(self, name: str) -> Path:
        """The folder of modules, if the module ``name`` is in it."""
        return self.needed(self.folder / "node_modules" / name).parent

    def program(self, name: str) -> Path:
        """A program from Debian: ours, or else the machine's."""
        for folder in ("usr/sbin", "usr/bin"):
            path = self.folder / "debian" / folder / name
            if path.exists():
                return path
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if found is None:
            raise Absent(f"{name} is not installed")
        return Path(found)

    def debian(self, pattern: str) -> Path:
        """What ``pattern`` finds among the unpacked packages of Debian."""
        for path in (self.folder / "debian").glob(pattern):
            return path
        raise Absent(f"{pattern} is not among the unpacked packages")

    def environment(self) -> dict[str, str]:
        """What the unpacked programs need to find their libraries."""
        libraries = [str(path) for path in sorted((self.folder / "debian").glob("usr/lib/*-linux-gnu"))]
        modules = str(self.folder / "node_modules")
        return os.environ | {"LD_LIBRARY_PATH": ":".join(libraries), "NODE_PATH": modules, "NODE_ENV": "production"}

    def needed(self, path: Path) -> Path:
        """``path``, if it is there; raises `Absent`."""
        if not path.exists():
            raise Absent(f"{path.name} is not installed")
        return path


def free_ports() -> Iterator[int]:
    """Ports of 127.0.0.1 where nobody listens, each once."""
    for port in random.sample(PORTS, len(PORTS)):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            yield port


def meet_environment() -> dict[str, str]:
    """What Meet itself is started with: this repository's code, whatever else is installed."""
    return os.environ | {"PYTHONPATH": str(REPOSITORY)}


def twistd() -> str:
    """The ``twistd`` beside this Python."""
    path = Path(sys.executable).with_name("twistd")
    if not path.exists():
        raise Absent("twistd is not beside this Python; install Meet's requirements")
    return str(path)
