"""Meet as its operator starts and ends it: a real ``twistd meet`` with the line door."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.configuration import configure
from meet.limits import Limits
from meet.store import store_for
from meet.tap import MeetService
from tests.deploy.ground import fetch
from tests.servers.program import until

ROOT = Path(__file__).parent.parent
DOORS = ("--http", "", "--irc", "", "--health", "", "--line", "tcp:0:interface=127.0.0.1")


class Operator(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, *options: str, twistd: tuple[str, ...] = ("-n", "--pidfile=")) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MEET_")}
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("twistd")), *twistd, "meet", *options],
            cwd=self.folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def end() -> None:
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def refused(self, *options: str) -> str:
        """The sentence with which a start ends."""
        process = self.start(*options)
        out, error = process.communicate(timeout=60)
        assert process.returncode == 1, (out, error)
        assert "Traceback" not in out + error
        assert error.count("\n") == 1, error
        return error

    def until_open(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        for line in process.stdout:
            if "is open" in line:
                return line
        raise AssertionError(f"It ended:\n{process.communicate()[1]}")

    def test_it_opens_logs_and_ends_with_zero(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start(*DOORS, "--log", "json")
            opened = json.loads(self.until_open(process))
            assert opened["level"] == "info"
            assert "line " in opened["text"]
            port = int(opened["text"].split("line ")[1].split(".")[0])
            with socket.create_connection(("127.0.0.1", port), timeout=60) as caller:
                assert caller.recv(1000).startswith(b"Meet.")
                began = time.monotonic()
                process.send_signal(number)
                told = b""
                with contextlib.suppress(OSError):
                    while data := caller.recv(1000):
                        told += data
            out, error = process.communicate(timeout=60)
            assert time.monotonic() - began < 5
            assert process.returncode == 0, (out, error)
            assert b"restarting" in told
            assert error == ""
            assert "127.0.0.1" not in out
            assert all(json.loads(line) for line in out.splitlines())

    def test_its_folder_is_for_its_user_alone(self) -> None:
        self.until_open(self.start(*DOORS, "--data", "here/within"))
        folder = self.folder / "here" / "within"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {"broker.sqlite3", "archive.sqlite3", "lock"} <= {file.name for file in folder.iterdir()}

    def test_a_port_that_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            told = self.refused(*DOORS[:6], "--line", f"tcp:{port}:interface=127.0.0.1")
        assert "The option line cannot have" in told
        assert "Address already in use." in told

    def test_a_process_that_only_records_has_no_door_and_tells_its_health(self) -> None:
        process = self.start("--record", "--health", "tcp:0:interface=127.0.0.1")
        opened = self.until_open(process)
        assert "open: record, health " in opened
        port = int(opened.split("health ")[1].split(".")[0])
        until(lambda: fetch(f"http://127.0.0.1:{port}/health/ready").text == "ready\n", "it to be ready")
        assert 'meet_part_ready{part="store"} 1\n' in fetch(f"http://127.0.0.1:{port}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    def test_a_second_meet_goes_on_without_health_unless_it_was_asked_for(self) -> None:
        with contextlib.ExitStack() as stack:
            taken = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                taken.bind(("127.0.0.1", 8081))
                taken.listen()
            process = self.start(*DOORS[:4], *DOORS[6:])
            assert "health" not in self.until_open(process)
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            health = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            assert "The option health cannot have" in self.refused(*DOORS, "--health", health)

    def test_a_folder_that_cannot_be_written(self) -> None:
        (self.folder / "file").write_text("")
        assert "cannot be written" in self.refused(*DOORS, "--data", "file/data")

    def test_a_folder_in_use_by_another_meet(self) -> None:
        self.until_open(self.start(*DOORS))
        assert "in use by another Meet" in self.refused(*DOORS)

    def test_an_archive_that_cannot_be_opened(self) -> None:
        # This shows only once the reactor runs.
        (self.folder / "archive").write_text("This is no database, and it is long enough to show it. " * 20)
        told = self.refused(*DOORS, "--store", "sqlite:///archive")
        assert "archive" in told

    def test_wrong_options(self) -> None:
        for options, word in (
            (["--nothing"], "--nothing"),
            (["--irc", "nothing:1"], "irc"),
            (["--broker", "nothing:"], "nothing"),
            (["--store", "nothing:"], "nothing"),
            (["--http", "", "--irc", "", "--line", ""], "door"),
            (["--serve", "ftp"], "serve"),
            (["--http", "reuse:0"], "http"),
            (["--store", "process:unix:/run/meet/archive.sock"], "in which this one cannot record"),
        ):
            assert word in self.refused(*options)

    def test_as_a_daemon_it_tells_the_same(self) -> None:
        (self.folder / "file").write_text("")
        process = self.start(*DOORS, "--data", "file/data", twistd=("--pidfile=",))
        _, error = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "cannot be written" in error
        assert "cannot be written" in (self.folder / "twistd.log").read_text()


class Greeted(Protocol):
    def __init__(self) -> None:
        self.greeting: Deferred[bytes] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        if not self.greeting.called:
            self.greeting.callback(data)

    def connectionLost(self, reason: object = None) -> None:
        self.gone.callback(None)


class Service(TestCase):
    """The parts, in this process."""

    def service(self, **options: str) -> MeetService:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        doors = {"http": "", "irc": "", "health": "", "line": "tcp:0:interface=127.0.0.1"}
        return MeetService(configure({**doors, "data": folder.name, **options}), reactor)

    async def test_who_reads_the_archive_through_it_never_meets_it_half_closed_and_waits_for_the_next(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        place = f"unix:{folder.name}/archive.sock"
        there = store_for(f"process:{place}", data=Path("/nowhere"), clock=reactor, limits=Limits())
        service = self.service(archive=f"{place}:mode=600")
        service.privilegedStartService()
        service.startService()
        await there.start()
        assert await there.living() == []
        assert (Path(folder.name) / "archive.sock").stat().st_mode & 0o777 == 0o600
        asked: list[Deferred[Any]] = []
        really = service.broker.stop

        def stop_the_broker() -> Deferred[None]:
            asked.append(there.living())
            return deferLater(reactor, 0.1, really)

        # Behind the store in the order of ending: whoever asks now would be told that it is closed.
        self.patch(service.broker, "stop", stop_the_broker)
        await service.stopService()
        again = self.service(archive=f"{place}:mode=600")
        again.privilegedStartService()
        again.startService()
        assert await asked[0] == []
        await there.stop()
        await again.stopService()

    async def test_who_comes_at_the_first_moment_is_greeted_once_all_stands(self) -> None:
        service = self.service()
        service.privilegedStartService()
        service.startService()
        (entrance,) = service.entrances
        caller = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", entrance.number), Greeted())
        assert (await caller.greeting).startswith(b"Meet.")
        await service.stopService()
        await caller.gone

    async def test_it_can_be_ended_before_it_is_open(self) -> None:
        service = self.service()
        service.privilegedStartService()
        service.startService()
        await service.stopService()
        assert service.gateways == []

    async def test_a_part_that_hangs_does_not_keep_the_others(self) -> None:
        service = self.service()
        left: list[tuple[int, bool]] = []
        service.leave = lambda code, in_time: left.append((code, in_time))
        service.privilegedStartService()
        service.startService()
        (entrance,) = service.entrances
        caller = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", entrance.number), Greeted())
        await caller.greeting
        really = service.recorder.stopService
        self.patch(service.recorder, "stopService", Deferred)
        began = time.monotonic()
        await service.stopService()
        assert time.monotonic() - began < 5
        assert left == [(0, False)]
        await really()
        await caller.gone
