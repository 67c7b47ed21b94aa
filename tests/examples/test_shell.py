"""examples/shell: redis-cli and curl."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from meet.keys import shard_of
from tests.deploy.ground import Process
from tests.examples.ground import EXAMPLES, Command, Talk
from tests.servers.program import free_port, program, until
from tests.servers.redis import Redis


def sh(name: str, *words: str, **environment: str) -> str:
    """What a script prints."""
    ran = subprocess.run(
        ["sh", name, *words],
        cwd=EXAMPLES / "shell",
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_saying_observing_and_the_journal(tmp_path: Path) -> None:
    program("redis-cli", "redis-tools")
    program("curl", "curl")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    doors = ["--http", f"tcp:{port}:interface=127.0.0.1", "--irc", "", "--line", ""]
    with Redis() as redis, Process("--broker", redis.url, "--data", str(tmp_path), *doors):
        where = {"REDIS_CLI": f"-p {redis.port}"}
        shard = str(shard_of("algebra"))
        assert sh("journal.sh", "cron", shard, **where) == ""
        subprocess.run(
            ["curl", "-sSf", f"{url}/api/v1/rooms", "-d", '{"name": "algebra"}'], check=True, capture_output=True
        )
        live = Command(["sh", "observe.sh"], environment=where, folder=EXAMPLES / "shell").start()
        until(lambda: redis.command("PUBSUB", "NUMPAT") == 1, "the observer to listen")
        Talk(url, "algebra", "ann").say("hi")
        position = json.loads(sh("say.sh", url, "algebra", "Timer", 'Ten "minutes" left.'))["position"]
        until(lambda: position in live.logged(), live.logged)
        live.close()
        told = [json.loads(line) for line in sh("journal.sh", "cron", shard, **where).splitlines()]
        assert [each["text"] for each in told if each["kind"] == "said"] == ["hi", 'Ten "minutes" left.']
        assert [told[0]["kind"], told[-1]["kind"]] == ["opened", "left"]
        assert sh("journal.sh", "cron", shard, **where) == ""
