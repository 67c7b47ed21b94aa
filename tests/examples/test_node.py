"""examples/node on a real Redis, with a Meet beside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.deploy.ground import Process
from tests.examples.ground import EXAMPLES, Command, Talk
from tests.servers.program import free_port, program, until
from tests.servers.redis import Redis

NODE = EXAMPLES / "node"


class Stage:
    """Redis, a Meet, and a room."""

    def __init__(self, redis: Redis, url: str) -> None:
        self.redis = redis
        self.url = url
        self.node = program("node", "nodejs")

    def observer(self, name: str) -> Command:
        return Command([self.node, "observe.js", self.redis.url, name], folder=NODE, sign="observing").start()

    def publish(self, room: str, nick: str, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.node, "publish.js", self.redis.url, room, nick, text],
            cwd=NODE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def entries(self, room: str) -> list[dict[str, Any]]:
        with urlopen(f"{self.url}/api/v1/rooms/{room}/entries", timeout=30) as answer:
            return [event for _, event in json.load(answer)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    data = tmp_path_factory.mktemp("node")
    doors = ["--http", f"tcp:{port}:interface=127.0.0.1", "--irc", "", "--line", ""]
    with Redis() as redis, Process("--broker", redis.url, "--data", str(data), *doors):
        yield Stage(redis, f"http://127.0.0.1:{port}")


def opened(stage: Stage, room: str) -> Talk:
    urlopen(Request(f"{stage.url}/api/v1/rooms", json.dumps({"name": room}).encode()), timeout=30).close()
    return Talk(stage.url, room, "ann")


def said(observer: Command) -> list[str]:
    told = [json.loads(line) for line in observer.logged().splitlines() if line.startswith("{")]
    return [each["event"]["text"] for each in told if each["event"]["kind"] == "said"]


def test_the_observer_misses_nothing_while_it_is_away_and_tells_nothing_twice(stage: Stage) -> None:
    first = stage.observer("away")
    talk = opened(stage, "algebra")
    talk.say("one")
    until(lambda: said(first) == ["one"], first.logged)
    first.stop()
    assert first.process is not None
    assert first.process.returncode == 0
    talk.say("zwei ✓")
    talk.say("three")
    second = stage.observer("away")
    until(lambda: said(second) == ["zwei ✓", "three"], second.logged)
    stage.redis.command("XADD", "meet:{07}:journal", "*", "x", "y")
    stage.redis.command("PUBLISH", "meet:wake", "7")
    talk.say("four")
    until(lambda: said(second)[-1] == "four", second.logged)
    assert "is no record" in second.logged()
    for each in (first, second):
        each.close()


def test_the_publisher_is_heard_like_everybody(stage: Stage, tmp_path: Path) -> None:
    opened(stage, "botany")
    again = {"MEET_SECRET": "s", "MEET_REF": "7"}
    one, two = (stage.publish("botany", "Timer", "Ten minutes left.", **again) for _ in range(2))
    assert (one.returncode, one.stderr) == (0, "")
    assert one.stdout == two.stdout
    (line,) = stage.entries("botany")[-1:]
    assert (line["nick"], line["via"], line["text"]) == ("Timer", "node", "Ten minutes left.")
    with urlopen(f"{stage.url}/api/v1/rooms/botany", timeout=30) as answer:
        assert json.load(answer)["here"]["names"] == ["ann"]


def test_the_publisher_keeps_to_the_rules(stage: Stage) -> None:
    opened(stage, "cooking")
    for room, nick, text, words in (
        ("nowhere", "Timer", "hi", "There is no room nowhere."),
        ("cooking", "Ann", "hi", "The nick Ann is taken in cooking."),
        ("cooking", "Timer", "x" * 141, "This room takes 140 characters."),
    ):
        ran = stage.publish(room, nick, text)
        assert (ran.returncode, ran.stderr.strip()) == (1, words)
    assert [each for each in stage.entries("cooking") if each["kind"] == "said"] == []
