"""The manual's tables say what the code says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

import meet.store
from meet.broker.folder import FILE, LOCK
from meet.command import CommandOptions
from meet.configuration import OPTIONS
from meet.errors import GOODBYES, REFUSALS
from meet.health import Health
from meet.interfaces import IBroker, IMeasured
from meet.limits import Limits, limit_name
from meet.metrics import Metrics
from meet.options import MeetOptions
from meet.store import _DIALECTS
from tests.flow import Flow

HOUSE = Path(meet.store.__file__).parent
MANUAL = (Path(__file__).parent.parent / "docs" / "manual.md").read_text("utf-8")


def rows(heading: str, head: str = "| ") -> list[list[str]]:
    """The cells of the first table under ``heading`` whose first line begins with ``head``, without that line."""
    under = MANUAL.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = under.split(f"\n{head}", 1)[1].split("\n\n", 1)[0].strip().split("\n")
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table[2:]]


class Manual(SynchronousTestCase):
    maxDiff = None

    def test_options(self) -> None:
        assert rows("Options") == [
            [
                f"`--{option.name}`",
                f"`{option.variable}`",
                f"`{option.default}`" if option.default else "empty",
                option.about,
            ]
            for option in OPTIONS
        ]

    def test_every_store_is_there(self) -> None:
        modules = {path.stem for path in HOUSE.glob("*.py") if "\ndef make_store(" in path.read_text("utf-8")}
        words = modules - {"sql"} | set(_DIALECTS)
        table = MANUAL.split("\n| store | what it is |\n")[1].split("\n\n")[0]
        assert not [word for word in words if f"`{word}:" not in table]

    def test_every_option_of_the_command_line_is_there(self) -> None:
        for name in MeetOptions().longOpt:
            if name not in ("help",):
                assert f"`--{name.rstrip('=')}" in MANUAL

    def test_limits(self) -> None:
        assert rows("Limits") == [
            [
                f"`{limit_name(row.name)}`",
                str(row.default),
                row.metadata["unit"],
                "yes" if row.metadata["off"] else "no",
                row.metadata["reason"],
            ]
            for row in fields(Limits)
        ]

    def test_refusals(self) -> None:
        assert rows("What people are refused") == [
            [f"`{code}`", str(refusal.status), refusal.numeric, refusal.title] for code, refusal in REFUSALS.items()
        ]

    def test_goodbyes(self) -> None:
        assert rows("How connections end") == [
            [f"`{goodbye.name}`", str(goodbye.close), "yes" if goodbye.again else "no", goodbye.text]
            for goodbye in GOODBYES.values()
        ]

    def test_the_command(self) -> None:
        text = MANUAL.split("\n## The command\n", 1)[1].split("\n## ", 1)[0]
        for word, _, options, _ in CommandOptions.subCommands:
            assert f"`meet {word}`" in text
            for name in options().longOpt:
                if name not in ("help", "version"):
                    assert f"--{name.rstrip('=')}" in text

    def test_files(self) -> None:
        assert [row[0] for row in rows("Files")] == [f"`{LOCK}`", f"`{FILE}`", "`archive.sqlite3`"]

    def test_metrics(self) -> None:
        flow = Flow()
        directlyProvides(flow.broker, IBroker, IMeasured)
        flow.broker.sizes = lambda: succeed({})  # type: ignore[attr-defined]
        metrics = Metrics(flow.broker, flow.hub, flow.sessions, Health(flow.clock, {}))
        text = flow.result(Deferred.fromCoroutine(metrics.text())).decode()
        told = [line.split(" ", 3)[2:] for line in text.splitlines() if line.startswith("# HELP")]
        assert rows("Options", "| metric ") == [[f"`{name}`", about] for name, about in told]

    def test_session_grace_in_words(self) -> None:
        assert f"has {Limits().session_grace} seconds (`session-grace`)" in MANUAL
