"""Production does no more for a line while a shadow listens than without."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.drills.shadowing import PEOPLE, PER_LINE, Trial


def test_redis_is_asked_for_the_same_with_a_shadow_and_without(tmp_path: Path) -> None:
    with contextlib.ExitStack() as closing:
        trial = Trial(tmp_path, closing)
        without, shadowed = trial.turn(50, shadowed=False), trial.turn(50, shadowed=True)
    for name in PER_LINE:
        assert without.calls[name] >= 50 * PEOPLE
        # What each process asks as time passes (leases, signs of life) comes in one turn or in the other.
        assert abs(without.calls[name] - shadowed.calls[name]) <= 10, (name, without.calls, shadowed.calls)
    # What it says itself, beside signs of life: that it listens, before the first line.
    assert set(shadowed.calls) - set(without.calls) <= {"psubscribe", "pubsub|numpat"}
    assert shadowed.calls["psubscribe"] == 0
    (report,) = trial.reports
    assert report["rooms"] == 1
    assert report["heard"] > 0
