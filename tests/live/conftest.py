"""Fixtures: a Meet of one's own for each test, and everything that was started is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.server import Meet

UNBOUNDED = ("says-per-participant", "joins-per-address", "rooms-per-address", "commands-per-connection")
"""Limits that tests switch off: they talk faster than people."""


@pytest.fixture
def closing() -> Iterator[Callable[[Any], Any]]:
    """Registers something with a ``close``; it is closed when the test is over."""
    with ExitStack() as stack:

        def register(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        yield register


@pytest.fixture
def meet(tmp_path: Path) -> Iterator[Meet]:
    """A running Meet without limits on how fast one talks."""
    server = Meet(tmp_path / "meet", *(f"--limit={name}=0" for name in UNBOUNDED))
    server.start()
    try:
        yield server
    finally:
        server.stop()
