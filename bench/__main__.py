"""The command line of ``python -m bench``: ``setup``, ``run``, ``soak``, ``archive``."""

from __future__ import annotations

import os
import platform
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from twisted.python.usage import Options, UsageError

from bench import archive, installation, plot, report, soak
from bench.course import Course
from bench.figures import Result
from bench.peers import PEERS
from bench.places import HERE, Peers
from bench.rows import ROWS, Row

_PEERS = ["peers", None, str(HERE / "peers"), "the folder of the peers"]
_RESULTS = ["results", None, str(HERE / "results"), "the folder that the table and the plot go to"]


class Setup(Options):
    """Fetch the peers and build the load generator."""

    optParameters: ClassVar = [_PEERS]


class Run(Options):
    """Measure, and write results.json, table.md and plot.svg."""

    optParameters: ClassVar = [
        _PEERS,
        _RESULTS,
        ["only", None, "", f"only these peers, with commas: {', '.join(peer.name for peer in PEERS)}"],
        ["rows", None, "", f"only these rows, with commas: {', '.join(row.name for row in ROWS)}"],
        ["rounds", None, 5, "how many rounds", int],
        ["seconds", None, 3.0, "seconds that are measured in each run", float],
        ["warm", None, 1.0, "seconds of talk before them", float],
        ["share", None, 1.0, "the share of the listeners: under 1 it tries the benchmark, its figures are none", float],
        ["redis", None, "", "the URL of a Redis for the rows that need one [default: one is started]"],
    ]

    def postOptions(self) -> None:
        """Find the rows and the peers that are named; raises `UsageError` with one sentence."""
        known = {row.name: row for row in ROWS}
        chosen = _words(self["rows"]) or list(known)
        peers = [peer.name for peer in PEERS]
        for name, among in [*((name, known) for name in chosen), *((name, peers) for name in _words(self["only"]))]:
            if name not in among:
                raise UsageError(f"there is no {name} among {', '.join(among)}")
        self.rows: list[Row] = [
            known[name] if self["share"] == 1 else known[name].smaller(self["share"]) for name in chosen
        ]


class Soak(Options):
    """Let people come, talk and go on all doors of a Meet, and look whether it grows."""

    optParameters: ClassVar = [
        _PEERS,
        _RESULTS,
        ["minutes", None, 30.0, "how long", float],
        ["people", None, 2000, "how many people", int],
        ["rooms", None, 15, "in how many rooms", int],
        ["broker", None, "", "the broker of the Meet [default: its own]"],
    ]


class Archive(Options):
    """Fill an archive, and time what it answers."""

    optParameters: ClassVar = [
        ["store", None, None, "the store, as twistd meet --store names it: an empty one"],
        ["entries", None, 10_000, "how many entries", int],
        ["recorded", None, 0, "how many of them are recorded, 0 for all; the others are copied in the database", int],
    ]

    def postOptions(self) -> None:
        """A store is needed."""
        if not self["store"] or self["entries"] < archive.LEAST:
            raise UsageError(f"say which store, and at least {archive.LEAST} entries: --store sqlite:////tmp/large.db")


class Bench(Options):
    """The benchmark in the box."""

    synopsis = "python -m bench setup|run|soak|archive [options]"
    subCommands: ClassVar = [
        ("setup", None, Setup, "fetch the peers and build the load generator"),
        ("run", None, Run, "measure"),
        ("soak", None, Soak, "let people come and go for half an hour"),
        ("archive", None, Archive, "fill an archive, and time its pages"),
    ]


def main(words: list[str]) -> int:
    """Do what ``words`` ask for; the exit code."""
    # Whoever ends us ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options: Any = Bench()
    try:
        options.parseOptions(words)
        if options.subCommand is None:
            raise UsageError("setup, run, soak or archive? --help says more")
    except UsageError as wrong:
        sys.stderr.write(f"bench: {wrong}\n")
        return 1
    chosen = options.subOptions
    if options.subCommand == "archive":
        return archive.run(chosen["store"], chosen["recorded"], chosen["entries"], say)
    folder = Path(chosen["peers"])
    if options.subCommand == "setup":
        return 1 if installation.install(folder, say) else 0
    if options.subCommand == "run":
        return run(chosen, folder)
    into = Path(chosen["results"])
    wishes = chosen["minutes"], chosen["people"], chosen["rooms"]
    return soak.soak(Peers(folder.resolve()), *wishes, into, say, chosen["broker"])


def run(chosen: Any, folder: Path) -> int:
    """Measure; what has been measured is written after each round, so that ending early loses little."""
    course = Course(
        Peers(folder.resolve()),
        chosen.rows,
        _words(chosen["only"]),
        chosen["rounds"],
        chosen["seconds"],
        chosen["warm"],
        chosen["redis"],
    )
    results: list[Result] = []
    into = Path(chosen["results"])
    into.mkdir(parents=True, exist_ok=True)
    about = machine(folder, course)
    for result in course.results(say):
        results.append(result)
        for name, write in (("results.json", report.data), ("table.md", report.markdown), ("plot.svg", plot.svg)):
            (into / name).write_text(write(chosen.rows, results, about))
    say(f"Written: {into}/table.md, results.json, plot.svg")
    return 1 if any(result.failed for result in results) else 0


def machine(folder: Path, course: Course) -> dict[str, str]:
    """What the figures hold for."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "machine": f"{processor}, {os.cpu_count()} cores, Linux {platform.release()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "rounds": f"{course.rounds} rounds of {course.seconds:g} s",
    } | {name: version for name, version in installation.versions(folder).items() if version}


def say(words: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
