"""How late the candidate was, what it refused, and what it told otherwise than production.  Pure.

The law: every line that was asked for is in the end heard once, missing, or refused; each is counted.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

_WRONG = ("failed", "missing", "twice", "strange", "disordered", "different")
"""What a candidate that is content has none of."""


class _Line(NamedTuple):
    """One line on its way: what was asked, by whom, as that person's how-manieth, and since when."""

    text: str
    by: str
    number: int
    since: float


class Report:
    """What came of one shadow; moments are seconds of one clock."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.lags: list[float] = []
        self._waiting: dict[tuple[str, str], _Line] = {}
        self._heard: set[tuple[str, str]] = set()
        self._asked: Counter[tuple[str, str]] = Counter()
        self._newest: dict[tuple[str, str], int] = {}

    @property
    def waiting(self) -> int:
        """Lines that were asked for and not heard yet."""
        return len(self._waiting)

    @property
    def content(self) -> bool:
        """Whether the candidate did all that production did."""
        return not self.refused and not any(self.counts[each] for each in _WRONG)

    def asked(self, room: str, ref: str, text: str, by: str, since: float) -> None:
        """A line is asked for; ``since`` is when production was heard."""
        self.counts["lines"] += 1
        self._asked[room, by] += 1
        self._waiting[room, ref] = _Line(text, by, self._asked[room, by], since)

    def granted_not(self, room: str, ref: str, code: str) -> None:
        """The candidate refused a line."""
        self._waiting.pop((room, ref), None)
        self.refused[code] += 1

    def heard(self, room: str, ref: str, text: str, now: float) -> None:
        """The candidate told a line."""
        line = self._waiting.pop((room, ref), None)
        if line is None:
            self.counts["twice" if (room, ref) in self._heard else "strange"] += 1
            return
        self._heard.add((room, ref))
        self.lags.append(now - line.since)
        if line.text != text:
            self.counts["different"] += 1
        if line.number < self._newest.get((room, line.by), 0):
            self.counts["disordered"] += 1
        else:
            self._newest[room, line.by] = line.number

    def close(self) -> None:
        """Nothing more comes: what is on its way is missing."""
        self.counts["missing"] += len(self._waiting)
        self._waiting.clear()

    def told(self) -> dict[str, Any]:
        """All of it, for programs."""
        names = ["rooms", "joins", "lines", *_WRONG, "missed", "left-out"]
        ordered = sorted(self.lags)

        def part(share: float) -> float:
            return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else 0.0

        return {
            **{name: self.counts[name] for name in names},
            "heard": len(ordered),
            "refused": dict(self.refused),
            "lag": {"median": part(0.5), "p99": part(0.99), "most": part(1)},
        }
