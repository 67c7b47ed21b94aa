"""The picture: bars of the ratios to the yardstick, as SVG that follows the reader's light or dark.

Pure: results in, text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bench.figures import Result, Spread, ratio
from bench.report import peers_of
from bench.rows import Row

WIDTH, LEFT, RIGHT = 720, 120, 110
BAR, GAP, HEAD = 18, 6, 44
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d1f23}.soft{fill:#5c6068}.bar{fill:#a9c4c7}.meet{fill:#0b6470}"
    ".line{stroke:#5c6068;stroke-dasharray:3 3}.spread{stroke:#1d1f23}.paper{fill:#faf9f6}"
    "@media(prefers-color-scheme:dark){text{fill:#eceae4}.soft{fill:#a0a4ad}.bar{fill:#33555a}.meet{fill:#67c9cf}"
    ".line{stroke:#a0a4ad}.spread{stroke:#eceae4}.paper{fill:#14161a}}"
)


def svg(rows: Sequence[Row], results: Sequence[Result], machine: Mapping[str, str]) -> str:
    """One group of bars for each row that has ratios."""
    body: list[str] = []
    top = 34
    for row in rows:
        bars = [
            (peer, spread)
            for column in row.columns
            if column.ratio
            for peer in peers_of(row, results)
            if (spread := ratio(results, row.name, peer, column.figure)) is not None
        ]
        bars.sort(key=lambda bar: -bar[1].middle)
        if bars:
            body += _group(row, bars, top)
            top += HEAD + len(bars) * (BAR + GAP)
    foot = " · ".join(machine[name] for name in ("machine", "date", "rounds") if name in machine)
    height = top + 30
    title = "Deliveries per second of server CPU; a bare loop of send() in C is 1"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text x="16" y="24" font-weight="600">{title}</text>',
        *body,
        f'<text class="soft" x="16" y="{height - 10}" style="font-size:11px">{escape(foot)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _group(row: Row, bars: Sequence[tuple[str, Spread]], top: int) -> list[str]:
    most = max(1.0, *(spread.most for _, spread in bars))
    scale = (WIDTH - LEFT - RIGHT) / most
    end = top + HEAD + len(bars) * (BAR + GAP) - GAP
    one = LEFT + scale
    parts = [
        f'<text class="soft" x="16" y="{top + 30}">{escape(row.about)}</text>',
        f'<line class="line" x1="{one:.1f}" x2="{one:.1f}" y1="{top + HEAD - 4}" y2="{end + 2}"/>',
    ]
    for place, (peer, spread) in enumerate(bars):
        y = top + HEAD + place * (BAR + GAP)
        middle = y + BAR / 2
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(peer)}</text>',
            f'<rect class="{"meet" if peer == "meet" else "bar"}" x="{LEFT}" y="{y}" rx="3" '
            f'width="{max(1.0, spread.middle * scale):.1f}" height="{BAR}"/>',
            f'<line class="spread" x1="{LEFT + spread.least * scale:.1f}" x2="{LEFT + spread.most * scale:.1f}" '
            f'y1="{middle:.1f}" y2="{middle:.1f}"/>',
            f'<text x="{LEFT + spread.most * scale + 8:.1f}" y="{y + 14}">{spread.middle:.2f}</text>',
        ]
    return parts
