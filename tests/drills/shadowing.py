"""``python -m tests.drills.shadowing``: what production notices of ``meet shadow``, in commands and in milliseconds.

Two processes serve over one Redis, and four people say line after line there: so many without a shadow,
then with one that does it all again at a candidate, in turns.  For each turn it tells what Redis did for
a line (``INFO commandstats``) and how long a line took from its author's hand until it came back.

While times are measured, the shadow and the candidate give way to all others (``nice``): they would run on
another machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.ground import fetch
from tests.live.conftest import UNBOUNDED
from tests.live.people import Socket
from tests.live.server import Meet
from tests.servers.program import free_port, until
from tests.servers.redis import Redis

ROOM = "algebra"
PEOPLE = 4

PER_LINE = ("xadd", "hmget", "xlen", "pttl", "get")
"""Commands that Redis does for a line and not because time passes."""

_LIMITS = [f"--limit={name}=0" for name in UNBOUNDED]


@dataclass(frozen=True)
class Turn:
    """So many ``lines`` were said; ``calls`` is what Redis was asked meanwhile, ``seconds`` how long each line took."""

    shadowed: bool
    lines: int
    calls: Mapping[str, int]
    seconds: Sequence[float]

    def row(self) -> str:
        """It as a line of a table."""
        milliseconds = sorted(1000 * each for each in self.seconds)
        counts = "".join(f"{self.calls.get(name, 0) / self.lines:>7.2f}" for name in PER_LINE)
        p99 = milliseconds[int(len(milliseconds) * 0.99)]
        return f"{'with' if self.shadowed else 'without':8}{counts}{statistics.median(milliseconds):>9.2f}{p99:>8.2f}"


HEAD = f"{'shadow':8}{''.join(f'{name:>7}' for name in PER_LINE)}{'median':>9}{'99 %':>8}  (calls a line; ms)"


class _Speaker(Socket):
    """Says a line when the one before has come back, and notes how long each took."""

    def __init__(self, meet: Meet, nick: str) -> None:
        self.seconds: list[float] = []
        self._said = 0
        self._began = 0.0
        super().__init__(meet, ROOM, nick)
        until(lambda: self.welcomes, f"{nick} to be welcomed")

    def say_some(self, count: int) -> None:
        """Say so many lines."""
        for _ in range(count):
            self._said += 1
            ref = f"{self.nick}-{self._said}"
            self._began = time.perf_counter()
            self.say(f"{self.nick} says {self._said}", ref)
            until(lambda ref=ref: ref in self.accepted, "the line to come back")

    def _hear(self, line: tuple[str, str]) -> None:
        if line == (self.nick, f"{self.nick} says {self._said}"):
            self.seconds.append(time.perf_counter() - self._began)
        super()._hear(line)


class Trial:
    """Production, a candidate, and people who talk; ``niceness`` is how far the shadow and the candidate give way."""

    def __init__(self, folder: Path, closing: contextlib.ExitStack, niceness: int = 0) -> None:
        self._niceness = niceness
        self.redis = closing.enter_context(Redis())
        store = ("--store", f"sqlite:///{folder}/archive.sqlite3")
        production = ("--broker", self.redis.url, *store, *_LIMITS)
        meets = [
            Meet(folder / "serve1", *production, "--serve", "web", "--record", "--reap", irc=False, line=False),
            Meet(folder / "serve2", *production, "--serve", "web", irc=False, line=False),
        ]
        free = (f"--limit={name}=0" for name in ("rooms-per-address", "joins-per-address", "connections-per-address"))
        self._health = free_port()
        health = ("--health", f"tcp:{self._health}:interface=127.0.0.1")
        self.candidate = Meet(folder / "candidate", *_LIMITS, *free, *health, irc=False, line=False)
        for meet in (*meets, self.candidate):
            closing.callback(meet.stop)
            meet.start()
        self._give_way(self.candidate.process)
        meets[0].open(ROOM)
        self.speakers = [_Speaker(meets[number % 2], f"p{number}") for number in range(PEOPLE)]
        for speaker in self.speakers:
            closing.callback(speaker.close)
        self.reports: list[dict[str, Any]] = []

    def turn(self, each: int, *, shadowed: bool) -> Turn:
        """Everybody says so many lines."""
        with self._shadow() if shadowed else contextlib.nullcontext():
            for speaker in self.speakers:
                speaker.seconds.clear()
            before = self.redis.calls()
            with ThreadPoolExecutor(PEOPLE) as talk:
                list(talk.map(lambda speaker: speaker.say_some(each), self.speakers))
            after = self.redis.calls()
        calls = {name: count - before.get(name, 0) for name, count in after.items()}
        seconds = [one for speaker in self.speakers for one in speaker.seconds]
        return Turn(shadowed, each * PEOPLE, calls, seconds)

    @contextlib.contextmanager
    def _shadow(self) -> Iterator[None]:
        words = ["shadow", "--from", self.redis.url, "--to", self.candidate.url, "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "meet", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            until(lambda: self.redis.command("PUBSUB", "NUMPAT") == 1, "the shadow to listen")
            self._give_way(process)
            before = self._told()
            yield
            # Beyond the news that each has come in, it is a line.
            until(lambda: self._told() > before + PEOPLE, "the candidate to tell what was said")
            process.send_signal(signal.SIGINT)
            # How the candidate kept pace is told, and is another matter: production did not wait for it.
            out, errors = process.communicate(timeout=60)
            assert "Traceback" not in errors, errors
            self.reports.append(json.loads(out))
        finally:
            process.kill()

    def _told(self) -> float:
        """How many entries the candidate has told its listeners, of which the shadow is the only one."""
        figures = fetch(f"http://127.0.0.1:{self._health}/metrics").text
        (told,) = re.findall(r"^meet_deliveries_total (\S+)$", figures, re.MULTILINE)
        return float(told)

    def _give_way(self, process: subprocess.Popen[Any] | None) -> None:
        assert process is not None
        os.setpriority(os.PRIO_PROCESS, process.pid, self._niceness)


def main() -> int:
    """Run it and print the table; 1 if Redis was asked for another number of commands a line with a shadow."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.shadowing", description=__doc__)
    parser.add_argument("--lines", type=int, default=500, help="that each of the four says in a turn [default: 500]")
    parser.add_argument("--turns", type=int, default=5, help="without and with, each so often [default: 5]")
    wishes = parser.parse_args()
    turns = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as closing:
        trial = Trial(Path(folder), closing, niceness=19)
        trial.turn(wishes.lines, shadowed=False)
        sys.stdout.write(f"{HEAD}\n")
        for _ in range(wishes.turns):
            for shadowed in (False, True):
                turns.append(trial.turn(wishes.lines, shadowed=shadowed))
                sys.stdout.write(f"{turns[-1].row()}\n")
                sys.stdout.flush()
        for report in trial.reports:
            sys.stdout.write(f"the shadow's report: {json.dumps(report)}\n")
    counts = {tuple(turn.calls.get(name, 0) for name in PER_LINE) for turn in turns}
    return int(len(counts) > 1)


if __name__ == "__main__":
    sys.exit(main())
