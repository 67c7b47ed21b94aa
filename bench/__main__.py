"""The command line of ``python -m bench``: ``setup``, ``run``, ``soak``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

from twisted.python.usage import Options, UsageError

from bench import installation
from bench.places import HERE

PEERS = str(HERE / "peers")


class Setup(Options):
    """Fetch the peers and build the load generator."""

    optParameters: ClassVar = [["peers", None, PEERS, "the folder they go to"]]


class Bench(Options):
    """The benchmark in the box."""

    synopsis = "python -m bench [options] setup|run|soak"
    subCommands: ClassVar = [
        ("setup", None, Setup, "fetch the peers and build the load generator"),
    ]


def main(words: list[str]) -> int:
    """Do what ``words`` ask for; the exit code."""
    options: Any = Bench()
    try:
        options.parseOptions(words)
        if options.subCommand is None:
            raise UsageError("setup, run or soak? --help says more")
    except UsageError as wrong:
        sys.stderr.write(f"bench: {wrong}.\n")
        return 1
    chosen = options.subOptions
    if options.subCommand == "setup":
        return 1 if installation.install(Path(chosen["peers"]), say) else 0
    return 0


def say(words: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
