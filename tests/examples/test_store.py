"""The example of a store keeps the contract, and is found by its dotted name."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from meet.limits import Limits
from meet.store import store_for
from tests.contracts.store import StoreContract

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


class OverANotebook(StoreContract, TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])

    def make(self, clock):
        return store_for("store.notebook:", data=self.data, clock=clock, limits=Limits())

    def files(self):
        return b"".join(path.read_bytes() for path in self.data.glob("*"))

    def break_it(self):
        def full(_descriptor):
            raise OSError(28, "No space left on device")

        return self.patch(os, "fsync", full).restore
