"""The table: results as Markdown for people and as JSON for programs.

Pure: results in, texts out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench.figures import Result, Spread, failures, of, ratio, short
from bench.rows import Column, Row


def markdown(rows: Sequence[Row], results: Sequence[Result], machine: Mapping[str, str]) -> str:
    """One table for each row, under what was measured where and when."""
    parts = ["# Meet beside others", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    parts += [
        "Figures are the middle of all rounds, with the least and the most in brackets. A ratio is to the bare",
        "loop of send() in C in the same round. Every delivery was verified; what failed is said.",
    ]
    for row in rows:
        parts += ["", *_table(row, results)]
    return "\n".join(parts) + "\n"


def data(rows: Sequence[Row], results: Sequence[Result], machine: Mapping[str, str]) -> str:
    """All of it, every single run too."""
    told = {
        "machine": dict(machine),
        "rows": {row.name: {"about": row.about, "shape": asdict(row.shape)} for row in rows},
        "results": [asdict(result) for result in results],
    }
    return json.dumps(told, indent=1) + "\n"


def peers_of(row: Row, results: Sequence[Result]) -> list[str]:
    """Who was in a row, the best first, those without figures last."""
    names = list(dict.fromkeys(result.peer for result in results if result.row == row.name))
    first = row.columns[0]
    middles = {name: of(results, row.name, name, first.figure) for name in names}
    # A count of something is better when it is more, a span of time or a size when it is less.
    sign = -1 if "per_" in first.figure or "says" in first.figure else 1

    def place(name: str) -> tuple[bool, float]:
        middle = middles[name]
        return middle is None, 0.0 if middle is None else sign * middle.middle

    return sorted(names, key=place)


def _table(row: Row, results: Sequence[Result]) -> list[str]:
    headings = ["who"]
    for column in row.columns:
        headings += [column.heading, *(["ratio"] if column.ratio else [])]
    lines = [
        f"## {row.name}: {row.about}",
        "",
        "| " + " | ".join(headings) + " |",
        "| " + " | ".join("---" for _ in headings) + " |",
    ]
    notes = []
    for peer in peers_of(row, results):
        cells = [peer]
        for column in row.columns:
            cells += _cells(column, row, peer, results)
        lines.append("| " + " | ".join(cells) + " |")
        notes += [f"- {peer}: {words}" for words in failures(results, row.name, peer)]
    return [*lines, *([""] if notes else []), *notes]


def _cells(column: Column, row: Row, peer: str, results: Sequence[Result]) -> list[str]:
    cells = [_cell(of(results, row.name, peer, column.figure))]
    if column.ratio:
        cells.append(_cell(ratio(results, row.name, peer, column.figure)))
    return cells


def _cell(value: Spread | None) -> str:
    if value is None:
        return "–"
    if value.least == value.most:
        return short(value.middle)
    return f"**{short(value.middle)}** ({short(value.least)} – {short(value.most)})"
