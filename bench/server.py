"""One server under measurement: started on its core, watched through /proc, ended.

What it uses is the whole tree of its processes: a server's workers are its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STARTING = 20.0
"""Seconds that a server has until its port answers."""

SETTLING = 0.5
"""Seconds more: workers may be started after the port is open, and their time counts."""

ENDING = 30.0
"""Seconds that it has to end by itself."""

SERVER_CORE, LOAD_CORE = 0, 1
FILES = 60_000
"""Open files that servers and the load generator may have, if the machine allows it."""


class Failed(Exception):
    """A server or the load generator did not do what it should; the text says what."""


class Server:
    """A server's processes, from the start to the end of one run."""

    def __init__(
        self,
        command: Sequence[str],
        ports: Sequence[int],
        folder: Path,
        environment: Mapping[str, str],
        *,
        core: int = SERVER_CORE,
    ) -> None:
        self.command = list(command)
        self.ports = ports
        self.folder = folder
        self.environment = environment
        self._core = core
        self._log = folder / f"{Path(self.command[0]).name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Come back when every port answers; raises `Failed`."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                pinned(self._core, self.command),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTING
        for port in self.ports:
            while not _answers(port):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    words = self.output()
                    self.stop()
                    raise Failed(f"{Path(self.command[0]).name} did not start: {words}")
                time.sleep(0.05)
        time.sleep(SETTLING)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDING)
        # The group is its own, so whatever is left in it is its.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def pids(self) -> list[int]:
        """The processes of the tree."""
        return [] if self._process is None else list(_tree(self._process.pid))

    def seconds(self) -> float:
        """Seconds of CPU that the tree's living processes have used."""
        return sum(_ticks(pid) for pid in self.pids()) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> tuple[int, int]:
        """Bytes of the tree: proportional share (PSS) and resident (RSS)."""
        sums = {"Pss": 0, "Rss": 0}
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in sums:
                    sums[name] += int(rest.split()[0]) * 1024
        return sums["Pss"], sums["Rss"]

    def descriptors(self) -> Counter[str]:
        """What the tree has open, and how often: files by their names, and sockets and the like by their kinds."""
        paths = [path for pid in self.pids() for path in Path(f"/proc/{pid}/fd").iterdir()]
        found: Counter[str] = Counter()
        for path in paths:
            with suppress(FileNotFoundError):
                found[path.readlink().name.partition(":")[0]] += 1
        return found

    def output(self) -> str:
        """The last line that it wrote."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """``command`` on one core, with many open files allowed."""
    shell = f'ulimit -n {FILES} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"'
    return ["sh", "-c", shell, "sh", "taskset", "-c", str(core), *command]


def _tree(pid: int) -> Sequence[int]:
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(each for child in children for each in _tree(int(child)))]
    return []


def _ticks(pid: int) -> int:
    # The name, which may hold anything, ends at the last bracket; see proc_pid_stat(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
