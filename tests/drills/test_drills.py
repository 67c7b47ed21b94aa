"""The drills in their short form, with moments that are always the same."""

from __future__ import annotations

import pytest

from tests.drills.drills import DRILLS, Drill, run

SEED = 4


@pytest.mark.parametrize(
    "drill", [each for each in DRILLS if each.among_tests], ids=lambda drill: f"{drill.letter}_{drill.harm.__name__}"
)
def test_nothing_accepted_is_lost_doubled_or_out_of_order(drill: Drill) -> None:
    outcome = run(drill, SEED, short=True, tell=lambda what: None)
    assert outcome.passed, "\n" + "\n".join(outcome.lines())
    assert outcome.verdict.accepted > 20, "hardly anything was said"
