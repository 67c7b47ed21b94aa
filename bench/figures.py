"""What single runs come to: medians, ratios to the yardstick of the same round, spreads.

Pure: results in, figures out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

YARDSTICK = "loop"
"""The peer whose figure is 1 in every round."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one peer in one row; ``failed`` says why there are no figures."""

    round: int
    row: str
    peer: str
    figures: dict[str, Any] = field(default_factory=dict)
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some values, and how far they lie apart."""

    middle: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread | None:
    """None of no values."""
    found = sorted(values)
    return Spread(median(found), found[0], found[-1]) if found else None


def of(results: Sequence[Result], row: str, peer: str, figure: str) -> Spread | None:
    """The spread of one figure over the rounds."""
    return spread(
        result.figures[figure]
        for result in results
        if result.row == row and result.peer == peer and figure in result.figures
    )


def ratio(results: Sequence[Result], row: str, peer: str, figure: str) -> Spread | None:
    """The spread of one figure as a ratio to the yardstick's in the same round."""
    yardstick = {
        result.round: result.figures[figure]
        for result in results
        if result.row == row and result.peer == YARDSTICK and result.figures.get(figure)
    }
    return spread(
        result.figures[figure] / yardstick[result.round]
        for result in results
        if result.row == row and result.peer == peer and figure in result.figures and result.round in yardstick
    )


def failures(results: Sequence[Result], row: str, peer: str) -> list[str]:
    """What went wrong, each sentence once."""
    return list(
        dict.fromkeys(
            result.failed for result in results if result.row == row and result.peer == peer and result.failed
        )
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which ``share`` (0 to 1) of ``values`` lies; there must be one."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def short(value: float) -> str:
    """A number as people read it: three digits that count, thousands as k."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:.2f} M"
    if value >= 10_000:
        return f"{value / 1000:.0f} k"
    if value >= 1000:
        return f"{value / 1000:.1f} k"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
