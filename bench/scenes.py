"""What is done with one started server, and the figures that come of it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.peers import Door, Peers
from bench.probes import QUIET, Probes, has_ended
from bench.server import LOAD_CORE, Failed, Server, pinned

PATIENCE = 240.0
"""Seconds that the load generator may take beyond the windows it was asked for."""

REST = 2.0
"""Seconds that a server has to come to rest before its memory is read."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many, where, and what is said."""

    door: str
    listeners: int
    rooms: int = 1
    speakers: int = 1
    under_way: int = 1
    """Messages of each speaker that not everybody has heard yet."""

    rate: float = 0
    """Messages a second; 0 for as fast as ``under_way`` allows."""

    more: int = 0
    """How many come in later, where that is measured."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One server, started, and what the scene is to be."""

    peers: Peers
    server: Server
    door: Door
    shape: Shape
    seconds: float
    warm: float

    def load(self, *words: str) -> subprocess.Popen[str]:
        """The load generator, started on its core."""
        shape, door = self.shape, self.door
        command = [str(self.peers.load), "--port", str(self.server.ports[door.port])]
        command += ["--door", door.client, "--path", door.path]
        if door.speaker:
            command += ["--speaker-door", door.speaker, "--speaker-path", door.speaker_path]
        command += ["--at-once", str(door.at_once)]
        command += ["--rooms", str(shape.rooms), "--listeners", str(shape.listeners)]
        command += ["--speakers", str(shape.speakers), "--under-way", str(shape.under_way), "--rate", str(shape.rate)]
        command += ["--warm", str(self.warm), "--seconds", str(self.seconds), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(pinned(LOAD_CORE, command), stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    @property
    def pids(self) -> str:
        """The server's processes, as the load generator wants them."""
        return ",".join(map(str, self.server.pids()))


def talk(stage: Stage) -> dict[str, float]:
    """Let them talk, and count what is heard."""
    return _talked(_end(stage.load("--cpu", stage.pids), stage))


def says(stage: Stage) -> dict[str, float]:
    """Let them talk, and count what is said."""
    told = _end(stage.load("--cpu", stage.pids), stage)
    return _talked(told) | {
        "says": told["messages"] / told["wall"],
        "says_per_cpu": told["messages"] / told["server_cpu"],
    }


def joins(stage: Stage) -> dict[str, float]:
    """Time how more come in."""
    told = _end(stage.load("--cpu", stage.pids, "--join", str(stage.shape.more)), stage)
    return {
        "per_second": told["joined"] / told["wall"],
        "per_cpu": told["joined"] / told["server_cpu"],
        "p50": told["p50"],
        "p99": told["p99"],
    }


def memory(stage: Stage) -> dict[str, float]:
    """Compare the server's memory before and after they came in."""
    time.sleep(REST)
    before = stage.server.memory()
    load = stage.load("--hold", "1", "--seconds", "0")
    try:
        _line(load)
        time.sleep(REST)
        after = stage.server.memory()
    finally:
        _stop(load)
    people = stage.shape.listeners * stage.shape.rooms
    pss, rss = ((later - earlier) / 1024 / people for earlier, later in zip(before, after, strict=True))
    return {"pss_kib": pss, "rss_kib": rss}


def come_back(stage: Stage) -> dict[str, float]:
    """Restart the server and time how all come back; lines said meanwhile are verified like others."""
    load = stage.load("--again-path", stage.door.again_path, "--at-once", str(stage.shape.listeners))
    try:
        # All are in; then the talk has warmed up.
        _line(load)
        _line(load)
        time.sleep(1)
        stage.server.stop(signal.SIGTERM)
        stage.server.start()
        back = _line(load)
        told = _end(load, stage)
    finally:
        _stop(load)
    return {"seconds": back["wall"], "back": back["back"], "messages": told["messages"]}


def fair(stage: Stage) -> dict[str, float]:
    """Ask for other things while they talk."""
    open_rooms(stage.server.ports[stage.door.port], QUIET)
    load = stage.load("--cpu", stage.pids)
    try:
        _line(load)
        time.sleep(stage.warm)
        found = Probes(stage.server.ports[stage.door.port], "b0").during(stage.seconds)
        told = _end(load, stage)
    finally:
        _stop(load)
    return found | {"deliveries_per_second": told["deliveries"] / told["wall"]}


def stalled(stage: Stage) -> dict[str, float]:
    """Let them talk, while one more in their room reads nothing."""
    load = stage.load("--cpu", stage.pids)
    try:
        _line(load)
        with Probes(stage.server.ports[stage.door.port], "b0").silent() as silent:
            told = _end(load, stage)
            return _talked(told) | {"ended": has_ended(silent)}
    finally:
        _stop(load)


def open_rooms(port: int, *names: str) -> None:
    """Open rooms of the Meet on ``port`` by its JSON."""
    for name in names:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/rooms",
            json.dumps({"name": name}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            if answer.status != 201:
                raise Failed(f"Meet did not open {name}: {answer.status}")


def _talked(told: dict[str, Any]) -> dict[str, float]:
    if told["server_cpu"] <= 0 or told["deliveries"] == 0:
        raise Failed("nothing was measured: the server was gone, or the window too short")
    return {
        "deliveries": told["deliveries"],
        "per_cpu": told["deliveries"] / told["server_cpu"],
        "per_second": told["deliveries"] / told["wall"],
        "per_load_cpu": told["deliveries"] / told["load_cpu"],
        "load_busy": told["load_cpu"] / told["wall"],
        "server_busy": told["server_cpu"] / told["wall"],
        "bytes": told["bytes"] / told["deliveries"],
        "p50": told["p50"],
        "p99": told["p99"],
    }


def _line(load: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line that the load generator tells."""
    assert load.stdout is not None
    line = load.stdout.readline()
    if not line:
        raise Failed(_words(load))
    told: dict[str, Any] = json.loads(line)
    return told


def _end(load: subprocess.Popen[str], stage: Stage) -> dict[str, Any]:
    """The last line that the load generator tells; raises `Failed` unless every delivery was right."""
    try:
        told, words = load.communicate(timeout=stage.seconds + stage.warm + PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not end") from None
    finally:
        _stop(load)
    lines = told.splitlines()
    if load.returncode != 0 or not lines:
        raise Failed(_sentence(words, lines))
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def _words(load: subprocess.Popen[str]) -> str:
    _, words = load.communicate(timeout=PATIENCE)
    return _sentence(words, [])


def _sentence(words: str, lines: Sequence[str]) -> str:
    faults = ("lost", "twice", "torn", "astray", "refused", "closed", "unheard")
    told = json.loads(lines[-1]) if lines else {}
    counted = ", ".join(f"{told[fault]} {fault}" for fault in faults if told.get(fault))
    said = words.strip().splitlines()
    return "; ".join(part for part in (counted, said[0] if said else "") if part) or "the load generator failed"


def _stop(load: subprocess.Popen[str]) -> None:
    if load.poll() is None:
        load.kill()
    load.wait()
