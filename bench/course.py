"""The course: every row, every peer, round after round, each with a server of its own.

The law: peers of a row follow each other at once, in another order each round, so that what
the machine does meanwhile meets all of them.  Whoever fails is noted, and the course goes on.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import scenes
from bench.figures import Result
from bench.peers import MEET, PEERS, WEB, Peer, Place
from bench.places import Absent, Peers, free_ports
from bench.rows import Row
from bench.server import LOAD_CORE, Failed, Server


@dataclass(frozen=True, slots=True)
class Course:
    """What is run.  ``redis`` is the URL of a Redis for the rows that need one; empty starts one for each run."""

    peers: Peers
    rows: Sequence[Row]
    only: Sequence[str]
    rounds: int
    seconds: float
    warm: float
    redis: str = ""

    def runs(self) -> list[tuple[int, Row, Peer]]:
        """All runs, in their order."""
        return [
            (number, row, peer)
            for number in range(1, self.rounds + 1)
            for row in self.rows
            for peer in _turned(self._peers_of(row), number - 1)
        ]

    def results(self, say: Callable[[str], None]) -> Iterator[Result]:
        """Run all, telling how far it is."""
        runs = self.runs()
        for count, (number, row, peer) in enumerate(runs, 1):
            result = self._run(number, row, peer)
            first = row.columns[0]
            told = result.failed or f"{result.figures.get(first.figure, 0):,.2f} {first.heading}"
            say(f"[{count}/{len(runs)}] round {number} · {row.name} · {peer.name}: {told}")
            yield result

    def _peers_of(self, row: Row) -> list[Peer]:
        return [
            peer
            for peer in PEERS
            if (not self.only or peer.name in self.only)
            and (not row.peers or peer.name in row.peers)
            and (row.shape.door in peer.doors or (not row.peers and peer.name == "loop"))
        ]

    def _run(self, number: int, row: Row, peer: Peer) -> Result:
        # The yardstick has one door; a row of another door is held against it all the same.
        door = peer.doors.get(row.shape.door, peer.doors.get(WEB))
        assert door is not None
        with ExitStack() as after:
            folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            # Some servers give up root before they write.
            folder.chmod(0o777)
            try:
                broker = self._broker(row, folder, after)
                server = peer.server(Place(self.peers, folder, broker, row.processes))
                server.start()
                after.callback(server.stop)
                if peer is MEET and row.shape.door != "irc":
                    scenes.open_rooms(server.ports[0], *(f"b{room}" for room in range(row.shape.rooms)))
                figures = row.scene(scenes.Stage(self.peers, server, door, row.shape, self.seconds, self.warm))
            except (Absent, Failed, OSError) as error:
                return Result(number, row.name, peer.name, failed=str(error))
        return Result(number, row.name, peer.name, figures)

    def _broker(self, row: Row, folder: Path, after: ExitStack) -> str:
        if not row.broker:
            return ""
        if importlib.util.find_spec(f"meet.broker.{row.broker}") is None:
            raise Absent(f"this Meet has no broker called {row.broker}")
        if self.redis:
            return self.redis
        port = next(free_ports())
        command = [str(self.peers.program("redis-server")), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--dir", str(folder), "--save", "", "--appendonly", "yes"]
        server = Server(command, [port], folder, self.peers.environment(), core=LOAD_CORE)
        server.start()
        after.callback(server.stop)
        return f"redis://127.0.0.1:{port}"


def _turned(peers: Sequence[Peer], by: int) -> list[Peer]:
    by = by % len(peers) if peers else 0
    return [*peers[by:], *peers[:by]]
