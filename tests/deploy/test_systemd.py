"""The shipped units: systemd's own judgement of them, and what they start, started as it is written."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.ground import BIN, DEPLOY, ROOT, fetch, sections
from tests.live.test_upgrade import Coming, greeting, page
from tests.servers.program import PATIENCE, free_port, program, until
from tests.servers.redis import Redis

UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir() if path.suffix in (".service", ".socket"))
SERVICES = [name for name in UNITS if name.endswith(".service")]


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A folder with the units, whose program is this test's."""
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text().replace("/opt/meet/bin", str(BIN))
        (tmp_path / name).write_text(text)
    return tmp_path


def test_systemd_finds_nothing_wrong(units: Path) -> None:
    names = [str(units / name.replace("@.", "@1.")) for name in UNITS]
    for name in UNITS:
        if "@." in name:
            (units / name.replace("@.", "@1.")).write_text((units / name).read_text())
    analyze = [program("systemd-analyze", "systemd"), "verify", "--man=no", "--recursive-errors=no", *names]
    told = subprocess.run(analyze, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_process_that_was_broken_into_could_do_little(units: Path, name: str) -> None:
    analyze = [program("systemd-analyze", "systemd"), "security", "--offline=true", "--threshold=20"]
    told = subprocess.run([*analyze, str(units / name)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_every_socket_goes_to_a_service_that_knows_its_name() -> None:
    given: dict[str, set[str]] = {}
    for name in UNITS:
        if name.endswith(".socket"):
            settings = dict(sections((DEPLOY / "systemd" / name).read_text())["Socket"])
            given.setdefault(settings["Service"].replace("%i", ""), set()).add(settings["FileDescriptorName"])
    for service, names in given.items():
        unit = sections((DEPLOY / "systemd" / service).read_text())
        assert set(re.findall(r"name=(\w+)", dict(unit["Service"])["ExecStart"])) == names
        assert dict(unit["Service"])["Sockets"] == dict(unit["Unit"])["Requires"]


class Unit:
    """What a service unit starts, with its sockets, as systemd would: they outlive the process."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str]) -> None:
        """``settings`` stand in the configuration file beside the folder for Meet's files."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.log = folder / "log"
        self.health = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        command = dict(sections((DEPLOY / "systemd" / name).read_text())["Service"])["ExecStart"].replace("%i", "1")
        assert "/etc/meet/meet.toml" in command
        command = command.replace("/opt/meet/bin", str(BIN)).replace("/etc/meet/meet.toml", str(folder / "meet.toml"))
        command = command.replace("/run/meet", str(folder.parent))
        command = re.sub(r"tcp:81\d\d:", f"tcp:{self.health}:", command)
        if "--health" not in command:
            settings = {**settings, "health": f"tcp:{self.health}:interface=127.0.0.1"}
        self.command = shlex.split(command)
        lines = {"data": str(folder / "data"), **settings}
        (folder / "meet.toml").write_text("".join(f'{key} = "{value}"\n' for key, value in lines.items()))
        self.sockets = {word: self._socket(word) for word in re.findall(r"name=(\w+)", command)}

    def _socket(self, name: str) -> socket.socket:
        family = socket.AF_INET if name == "http" else socket.AF_INET6
        made = socket.socket(family)
        made.bind(("127.0.0.1" if name == "http" else "::", free_port()))
        made.listen(1024)
        return made

    def port(self, name: str) -> int:
        return int(self.sockets[name].getsockname()[1])

    def start(self) -> None:
        """Start it and come back when it says that it is ready, as ``systemctl`` does for Type=notify."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The name of a socket has 107 bytes at most, and a test's folder may have as many.
        path = Path(tempfile.mkdtemp(prefix="meet-", dir="/tmp")) / "notify"
        notify.bind(str(path))
        notify.settimeout(PATIENCE)
        # Descriptors begin at 3, and the number of the process is known only to itself.
        moves = " ".join(f"{3 + index}<&{each.fileno()}" for index, each in enumerate(self.sockets.values()))
        passed = [each.fileno() for each in self.sockets.values()]
        variables = {
            "LISTEN_FDS": str(len(passed)),
            "LISTEN_FDNAMES": ":".join(self.sockets),
            "NOTIFY_SOCKET": str(path),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
        }
        line = f"exec {moves}; export LISTEN_PID=$$; exec {shlex.join(self.command)}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", line], cwd=self._folder, env=variables, pass_fds=passed, stdout=log, stderr=log
            )
        try:
            assert notify.recv(100) == b"READY=1"
        except TimeoutError:
            raise AssertionError(self.log.read_text()) from None
        finally:
            notify.close()
            shutil.rmtree(path.parent)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        for each in self.sockets.values():
            each.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Unit]]:
    """Starts a unit, and ends it after the test."""
    with contextlib.ExitStack() as stack:

        def start(name: str, **settings: str) -> Unit:
            unit = Unit(tmp_path / name, name, settings)
            stack.callback(unit.close)
            unit.start()
            return unit

        yield start


def test_one_process_is_restarted_and_nobody_is_refused(started: Callable[..., Unit], closing: Any) -> None:
    unit = started("meet.service")
    web, line = unit.port("http"), unit.port("line")
    coming = closing(Coming(*[lambda: page(web)] * 2, lambda: greeting(line)))
    for _ in range(3):
        enough = coming.came + 30
        until(lambda enough=enough: coming.came >= enough, "people to come")
        assert unit.stop() == 0
        unit.start()
    enough = coming.came + 30
    until(lambda: coming.came >= enough, "people to come")
    coming.close()
    assert coming.wrong == []
    with socket.create_connection(("127.0.0.1", unit.port("irc")), timeout=PATIENCE) as irc:
        irc.sendall(b"NICK igor\r\nUSER i 0 * :i\r\n")
        assert b" 001 igor " in irc.recv(4096)


def test_several_processes_and_one_that_records(started: Callable[..., Unit], tmp_path: Path) -> None:
    with Redis(aof=True) as redis:
        shared = {"broker": redis.url, "store": f"sqlite:///{tmp_path}/archive.sqlite3"}
        recording = started("meet-record.service", **shared)
        serving = started("meet@.service", **shared)
        assert fetch(f"http://127.0.0.1:{recording.health}/health/ready").status == 200
        assert fetch(f"http://127.0.0.1:{serving.health}/health/ready").status == 200
        assert recording.sockets == {}
        page(serving.port("http"))
        greeting(serving.port("line"))
        door = tmp_path / "archive.sock"
        assert stat.S_ISSOCK(door.stat().st_mode)
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        assert f"unix:{door}" in shlex.join(serving.command)
        assert (serving.stop(), recording.stop()) == (0, 0)


def test_it_takes_its_sockets_from_systemds_own_activation(tmp_path: Path) -> None:
    activate = program("systemd-socket-activate", "systemd")
    unit = Unit(tmp_path, "meet.service", {})
    ports = {name: free_port() for name in unit.sockets}
    unit.close()
    places = [f"127.0.0.1:{ports['http']}", f"[::]:{ports['irc']}", f"[::]:{ports['line']}"]
    words = [activate, f"--fdname={':'.join(ports)}", *(word for place in places for word in ("-l", place))]
    words += ["-E", f"PYTHONPATH={ROOT}", *unit.command]
    with unit.log.open("ab") as log:
        unit.process = subprocess.Popen(words, cwd=tmp_path, stdout=log, stderr=log)
    try:
        until(lambda: "Listening on" in unit.log.read_text(), unit.log.read_text)
        # The first who comes starts it, and waits.
        page(ports["http"])
        greeting(ports["line"])
        assert unit.stop() == 0
    finally:
        unit.close()
