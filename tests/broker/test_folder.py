"""The folder of the local broker is one process's at a time."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meet.broker.folder import InUse, lock


class Folders(SynchronousTestCase):
    def test_it_is_made_for_its_user_alone(self) -> None:
        folder = Path(self.mktemp()) / "data"
        os.close(lock(folder))
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_a_second_has_it_when_the_first_has_closed_it(self) -> None:
        folder = Path(self.mktemp())
        held = lock(folder)
        with self.assertRaisesRegex(InUse, r"is in use by another Meet\.$"):
            lock(folder)
        os.close(held)
        os.close(lock(folder))

    def test_a_file_in_its_place(self) -> None:
        folder = Path(self.mktemp())
        folder.write_text("not a folder")
        with self.assertRaisesRegex(ValueError, r"cannot be written: .*\.$"):
            lock(folder)
