"""Health over a real Redis: red when nothing comes back, green again by itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.deploy.ground import Process, fetch
from tests.servers.program import free_port, until
from tests.servers.redis import Redis

PROMISED = 10.0
"""Seconds within which a process that delivers nothing says so."""


def test_a_redis_that_answers_nobody_turns_it_red_in_time_and_green_when_it_is_back(tmp_path: Path) -> None:
    web = f"tcp:{free_port()}:interface=127.0.0.1"
    with Redis(aof=True) as redis:
        shared = ["--broker", redis.url, "--store", f"sqlite:///{tmp_path}/archive.sqlite3", "--data", str(tmp_path)]
        with (
            Process(*shared, "--serve", "web", "--http", web) as serving,
            Process(*shared, "--record", "--reap") as recording,
        ):
            for process in (serving, recording):
                ready = f"http://127.0.0.1:{process.health}/health/ready"
                redis.freeze()
                began = time.monotonic()
                until(lambda ready=ready: fetch(ready).status == 503, "it to turn red")
                assert time.monotonic() - began < PROMISED
                problem = json.loads(fetch(ready).text)
                assert (problem["part"], problem["code"]) == ("broker", "unavailable")
                assert fetch(f"http://127.0.0.1:{process.health}/health/live").status == 200
                redis.thaw()
                until(process.ready, "it to turn green")
            for process in (serving, recording):
                assert process.logged().count("Not ready: ") == process.logged().count("does its work again.")
                assert "Not ready: " in process.logged()
                assert "Traceback" not in process.logged()


def test_subscriptions_that_are_gone_are_made_again(tmp_path: Path) -> None:
    with Redis(aof=True) as redis:
        options = ["--broker", redis.url, "--store", f"sqlite:///{tmp_path}/archive.sqlite3", "--data", str(tmp_path)]
        with Process(*options, "--record") as recording:
            redis.command("CLIENT", "KILL", "TYPE", "pubsub")
            until(recording.ready, "it to be ready")
            figures = fetch(f"http://127.0.0.1:{recording.health}/metrics").text
            assert 'meet_part_ready{part="broker"} 1' in figures
            assert "meet_broker_rooms 0\n" in figures
