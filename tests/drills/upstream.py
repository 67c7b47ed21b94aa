"""X, Mastodon and Bluesky as a drill has them: in one process of their own, which does as it is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.servers.program import PATIENCE

ROOT = Path(__file__).parents[2]


class Upstream:
    """`tests.standins.directed` in ``folder``; what it can be asked is said there.

    ``settings`` are those of each source.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._log = (folder / "log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.standins.directed", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
        )
        self.settings: dict[str, dict[str, str]] = self._answer()

    def ask(self, word: str, *rest: Any) -> Any:
        """Have it do something; its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([word, *rest]).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"The stand-ins have ended:\n{(self.folder / 'log').read_text()}"
        return json.loads(line)

    def options(self, *sources: str) -> list[str]:
        """What a Meet is given that follows these."""
        return ["--follow", ",".join(sources)] + [
            part
            for source in sources
            for name, value in self.settings[source].items()
            for part in ("--source", f"{source}.{name}={value}")
        ]

    def freeze(self) -> None:
        """Let it stand still with its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        self.thaw()
        self._process.kill()
        self._process.communicate()
        self._process.wait(PATIENCE)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()
