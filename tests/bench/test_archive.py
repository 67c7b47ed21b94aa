"""The benchmark of archives: what it fills one with, and that it tells how that answered."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bench import archive
from meet.limits import Limits
from meet.store import store_for


class Filling(SynchronousTestCase):
    def test_half_of_all_is_in_one_room_and_the_rest_in_small_ones(self) -> None:
        held = list(archive.records(5500))
        assert len(held) == 5500
        rooms = [record.room for record in held if record.position.seq == 1]
        assert rooms == [archive.LARGE, "room-0", "room-1", "room-2"]
        assert sum(record.room == archive.LARGE for record in held) == 2750


class Measuring(TestCase):
    async def test_an_archive_is_filled_copied_timed_and_emptied(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        url = f"sqlite:///{folder.name}/a.db"
        words = ["-m", "bench", "archive", "--store", url, "--entries", "8000", "--recorded", "4000"]
        command = [sys.executable, *words]
        ran = await deferToThread(subprocess.run, command, capture_output=True, text=True, timeout=110, check=False)
        assert ran.returncode == 0, ran.stderr
        assert "8,000 of 8,000 are there" in ran.stdout
        for what in ("page from a moment on", "search for it through all of the room", "its memory at most"):
            assert f"| {what} |" in ran.stdout
        store = store_for(url, data=Path(), clock=reactor, limits=Limits())
        await store.start()
        self.addCleanup(store.stop)
        left = [each.room for each in await store.rooms(("", ""), 99)]
        assert left == ["copy-001-room-0", "copy-001-room-1", "copy-002-room-0", "copy-002-room-1", "room-0"]

    def test_a_store_must_be_named_and_there_must_be_rooms_enough(self) -> None:
        for words in (["--entries", "8000"], ["--store", "sqlite:", "--entries", "10"]):
            command = [sys.executable, "-m", "bench", "archive", *words]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
            assert "say which store" in ran.stderr.lower()
