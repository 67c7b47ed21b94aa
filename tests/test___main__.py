"""``python -m meet`` is the command."""

from __future__ import annotations

import subprocess
import sys

from meet.version import VERSION


def test_it_is_the_command() -> None:
    told = subprocess.run([sys.executable, "-m", "meet", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"Meet {VERSION}\n"
