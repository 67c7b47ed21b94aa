"""The page for operators says what the code says."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meet.twitter import SETTINGS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "twitter.md").read_text("utf-8")


class Page(SynchronousTestCase):
    def test_every_setting_is_there(self) -> None:
        table = PAGE.split("\n| setting |", 1)[1].split("\n\n", 1)[0].split("\n")[2:]
        rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table]
        self.assertEqual(
            rows,
            [
                [f"`{name}`", f"`{default}`" if default else "empty", about]
                for name, (default, about) in SETTINGS.items()
            ],
        )
