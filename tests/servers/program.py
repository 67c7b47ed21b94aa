"""A program of somebody else's, running in a temporary folder until it is closed."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

PATIENCE = 20.0
"""Seconds after which a test gives up waiting for something that should come by itself."""

PORTS = range(20_000, 32_768)
"""Below those that Linux gives to connections as their own end."""

WORKERS = 16
"""Runs of the tests side by side that are surely given different ports."""

_given: set[int] = set()
tick = threading.Condition()
"""Notified by whatever hears something that `until` may be waiting for."""


def program(name: str, package: str) -> str:
    """The path of a program that the tests need, or a failure that says what to install."""
    # Debian keeps servers where only root's PATH looks.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    assert found, f"This test needs {name}: apt-get install {package}"
    return found


def free_port() -> int:
    """A free port that stays free while nobody listens there; never the same twice.

    One of the system's choice would not: it is among those that Linux gives to connections as their own end
    (from 32768 on), so somebody who knocks again and again while a server is away can end up talking with themselves.
    """
    # pytest-xdist names the processes that share the tests gw0, gw1 and so on.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    own = PORTS[int(worker.removeprefix("gw")) % WORKERS :: WORKERS] if worker else PORTS
    while True:
        port = random.SystemRandom().choice(own)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def until(true: Callable[[], Any], what: str | Callable[[], str], patience: float = PATIENCE) -> Any:
    """Wait until ``true()`` is; fail, saying ``what`` was waited for, when it does not come."""
    deadline = time.monotonic() + patience
    while True:
        result = true()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise AssertionError(f"Waited {patience} s in vain for {what if isinstance(what, str) else what()}")
        with tick:
            # What is watched may be another process's file or screen, which tells nobody of
            # its changes; what our own threads hear wakes this at once.
            tick.wait(0.05)


def heard_something() -> None:
    """Let everybody who waits look again."""
    with tick:
        tick.notify_all()


class Program:
    """One process and its folder.  Closing it ends the process, however it is, and removes the folder."""

    def __init__(self) -> None:
        # Not pytest's folder: the path of a UNIX socket may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="meet-"))
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def command_line(self) -> list[str]:
        """What is started."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it can be used now."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start it and come back once it can be used."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command_line(), cwd=self.folder, stdout=log, stderr=log)
        until(self._up, lambda: f"{self.command_line()[0]} to be ready:\n{self.log.read_text(errors='replace')}")
        return self

    def _up(self) -> bool:
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"It ended with {code}:\n{self.log.read_text(errors='replace')}"
        return self.ready()

    @property
    def running(self) -> bool:
        """Whether its process lives; one that is frozen does."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End it in order: SIGTERM.  Of one that has ended nothing happens."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut ends it: ``kill -9``."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        self.thaw()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)
            raise

    def freeze(self) -> None:
        """Stop it where it stands, with its connections open: SIGSTOP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folder."""
        atexit.unregister(self.close)
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_raised: object) -> None:
        self.close()


def answers(port: int) -> bool:
    """Whether somebody listens on ``port``."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def is_root() -> bool:
    """Whether we are root, for whom some programs want another configuration."""
    return os.geteuid() == 0
