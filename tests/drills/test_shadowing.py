"""Production does no more for a line while a shadow listens than without."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.drills.shadowing import PEOPLE, PER_LINE, Trial, Turn


def for_lines(turn: Turn, name: str) -> int:
    """How often Redis did the command ``name`` for lines, and not to show somebody a whole room."""
    # A look at a room, as after it was opened, comes in whichever turn that is: one HMGET, and the only HVALS.
    looks = turn.calls.get("hvals", 0) if name == "hmget" else 0
    return turn.calls[name] - looks


def test_redis_is_asked_for_the_same_with_a_shadow_and_without(tmp_path: Path) -> None:
    with contextlib.ExitStack() as closing:
        trial = Trial(tmp_path, closing)
        without, shadowed = trial.turn(50, shadowed=False), trial.turn(50, shadowed=True)
    for name in PER_LINE:
        assert for_lines(without, name) == for_lines(shadowed, name) >= 50 * PEOPLE
    # What it says itself, beside signs of life: that it listens, before the first line.
    assert set(shadowed.calls) - set(without.calls) <= {"psubscribe", "pubsub|numpat"}
    assert shadowed.calls["psubscribe"] == 0
    (report,) = trial.reports
    assert report["rooms"] == 1
    assert report["heard"] > 0
