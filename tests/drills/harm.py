"""What is done to the cast while people talk: one function a drill."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.drills.people import Browser, Front
from tests.drills.stage import Alone
from tests.servers.network import Network
from tests.servers.program import is_root, program, until

# One process with the local broker.


def kill_the_only_process(stage: Alone) -> None:
    """``kill -9`` of the one that does everything, in the middle of talk."""
    stage.build()
    stage.begin()
    for _ in range(stage.chance.randint(2, 3) if stage.short else stage.chance.randint(3, 8)):
        stage.some_talk()
        stage.meet.kill()
        stage.meet.start()
    stage.everybody_speaks()


def lock_the_store(stage: Alone) -> None:
    """The store's database refuses every write for a while."""
    stage.build()
    stage.begin()
    stage.some_talk()
    seconds = stage.lasting(8, 60)
    with contextlib.closing(sqlite3.connect(stage.archive, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        stage.note(f"the archive is locked for {seconds} s")
        stage.pause(seconds)
        database.execute("ROLLBACK")
    stage.everybody_speaks()


def stop_reading(stage: Alone) -> None:
    """Somebody stops reading until they are ended as slow, and comes back; nginx is reloaded all the while."""
    stage.build(bytes_unsent=65_536, seconds_unsent=3)
    network = stage.closing.enter_context(Network(stage.meet.web_port, buffer=20_000))
    sleeper = stage.invite(Browser, "", Front(network.port, stage.serving))
    for nick in ("fay", "fred", "fern", "finn", "flora", "frank"):
        # So that the system's own buffers are full soon.
        stage.invite(Browser, nick, pace=0.01, words=f"{nick} {'talks ' * 60}")
    stage.begin()
    for _ in range(1 if stage.short else 4):
        stage.some_talk()
        before = sleeper.returns
        network.hold("down")
        for _ in range(3):
            stage.some_talk(50, 200)
            stage.nginx.reload()
        until(network.ended_by_target, "the sleeper to be ended as slow", 60)
        network.heal()
        until(lambda before=before: sleeper.returns > before, "the sleeper to come back", 30)
    stage.everybody_speaks()


def fill_the_disk(stage: Alone) -> None:
    """The disk of the data folder is full for a while."""
    data = stage.folder / "meet" / "data"
    data.mkdir(parents=True)
    stage.closing.enter_context(_small_disk(data))
    stage.build()
    stage.begin()
    for _ in range(1 if stage.short else 3):
        stage.some_talk()
        filler = data / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        accepted = stage.accepted
        stage.pause(stage.lasting(3, 20))
        stage.note(f"{stage.accepted - accepted} lines were accepted while the disk was full")
        filler.unlink()
        stage.everybody_speaks()


def step_the_clock(stage: Alone) -> None:
    """The wall clock jumps by an hour, forth and back."""
    clock = stage.folder / "clock"

    def step(seconds: int) -> None:
        new = clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(clock)

    step(0)
    stage.build(environment=_clock_in(clock))
    stage.begin()
    for seconds in (3600, 0, -3600, 0):
        stage.some_talk()
        step(seconds)
        stage.pause(1.5)
        stage.note(f"the clock differs by {seconds:+d} s now")
        stage.everybody_speaks()


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    root = [] if is_root() else ["sudo"]
    owner = f"uid={os.getuid()},gid={os.getgid()}"
    subprocess.run([*root, "mount", "-t", "tmpfs", "-o", f"size=4m,{owner}", "meet-drill", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "umount", "-l", str(folder)], check=True)


def _clock_in(file: Path) -> dict[str, str]:
    """The environment of a process whose wall clock differs from the true one by what stands in ``file``."""
    program("faketime", "faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        # Only the wall clock can be set.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
