"""The table and the picture."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from bench import plot, report
from bench.figures import Result
from bench.rows import ROWS

W1 = next(row for row in ROWS if row.name == "w1")
MACHINE = {"machine": "a < b", "date": "2026-11-25"}
RESULTS = [
    Result(1, "w1", "loop", {"per_cpu": 100_000.0, "p99": 9.0}),
    Result(1, "w1", "meet", {"per_cpu": 80_000.0, "p99": 11.0}),
    Result(1, "w1", "ws", {"per_cpu": 50_000.0, "p99": 12.0}),
    Result(1, "w1", "nchan", failed="nginx is not installed"),
]


class Report(SynchronousTestCase):
    def test_the_best_stand_first_and_who_failed_last(self) -> None:
        assert report.peers_of(W1, RESULTS) == ["loop", "meet", "ws", "nchan"]

    def test_the_table_shows_figures_ratios_and_what_failed(self) -> None:
        table = report.markdown([W1], RESULTS, MACHINE)
        assert "| meet | 80 k | 0.80 | – | – | 11.0 | – |" in table
        assert "- nchan: nginx is not installed" in table
        assert "- date: 2026-11-25" in table

    def test_the_json_has_every_run(self) -> None:
        told = json.loads(report.data([W1], RESULTS, MACHINE))
        assert [result["peer"] for result in told["results"]] == ["loop", "meet", "ws", "nchan"]
        assert told["rows"]["w1"]["shape"]["listeners"] == 1000

    def test_the_picture_is_svg_with_a_bar_for_each_who_has_a_ratio(self) -> None:
        root = ElementTree.fromstring(plot.svg([W1], RESULTS, MACHINE))
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert [word for word in words if word in ("loop", "meet", "ws", "nchan")] == ["loop", "meet", "ws"]
        assert "a < b · 2026-11-25" in words

    def test_rows_have_names_of_their_own(self) -> None:
        assert len({row.name for row in ROWS}) == len(ROWS)
