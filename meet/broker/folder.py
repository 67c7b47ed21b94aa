"""The folder of the local broker: its files, and the one process that has it.

The law: two processes never write to one log.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

FILE = "broker.sqlite3"
LOCK = "lock"
"""Names in the data folder."""


class InUse(ValueError):
    """Another process has the folder."""


def lock(folder: Path) -> int:
    """A descriptor that holds ``folder``, which is made if it is absent, for this process until it is
    closed or the process ends.

    Raises `ValueError` with one sentence if the folder cannot be written, `InUse` if another has it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ValueError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise InUse(f"The folder {folder} is in use by another Meet.") from None
    return held
