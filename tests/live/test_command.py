"""The operator's command beside real processes, and on the files of one that has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.server import Meet
from tests.servers.program import until
from tests.servers.redis import Redis


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``meet`` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "meet", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def told(*words: str) -> Any:
    """What it tells as JSON."""
    ran = command(*words, "--json")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return json.loads(ran.stdout)


def refused(*words: str) -> str:
    """The sentence that it refuses by."""
    ran = command(*words)
    assert ran.returncode == 1, ran.stdout
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1, ran.stderr
    return ran.stderr.removeprefix("meet: ").rstrip("\n")


def talk(meet: Meet, room: str, *texts: str) -> None:
    """Open ``room`` and say ``texts`` in it."""
    meet.open(room)
    status, welcome = meet.call("POST", f"/api/v1/rooms/{room}/sessions", {"nick": "sue"})
    assert status == 201, welcome
    for text in texts:
        status, answer = meet.call("POST", f"/api/v1/rooms/{room}/says", {"text": text}, welcome["token"])
        assert status == 201, answer


def test_on_the_files_of_a_meet_that_has_ended(tmp_path: Path) -> None:
    meet = Meet(tmp_path / "meet", irc=False, line=False)
    data = ("--data", str(meet.data))
    meet.start()
    talk(meet, "small", "hi")
    talk(meet, "large", *("x" * 140 for _ in range(5)))
    in_use = refused("rooms", *data)
    assert in_use.startswith(f"The folder {meet.data} is in use by another Meet. While that runs, its metrics tell ")
    assert "its metrics" in refused("observers", "--dismiss", "recorder", *data)
    meet.terminate()

    rooms = told("rooms", *data)
    assert [(room["room"], room["people"]) for room in rooms] == [("large", 1), ("small", 1)]
    assert rooms[0]["bytes"] - rooms[1]["bytes"] > 5 * 140 - 2
    assert [(each["name"], each["behind"]) for each in told("observers", *data)] == [("reaper", 0), ("recorder", 0)]
    plain = command("observers", *data)
    assert plain.stdout.startswith("OBSERVER  BEHIND  AWAY\nreaper         0  ")
    away = [each["away"] for each in told("observers", *data)]
    assert all(0 < each < 60 for each in away)

    assert command("observers", "--dismiss", "recorder", *data).stdout == "Nothing is kept for recorder any more.\n"
    assert [each["name"] for each in told("observers", *data)] == ["reaper"]
    assert refused("observers", "--dismiss", "recorder", *data) == "There is no observer called recorder."

    # Whatever was asked meanwhile, the next start goes on where that one ended.
    meet.start()
    assert [text for _, text in meet.transcript("small")] == ["hi"]
    meet.stop()


def test_beside_processes_on_redis(tmp_path: Path) -> None:
    with Redis() as redis:
        broker = ("--broker", redis.url)
        archive = ("--store", f"sqlite:///{tmp_path / 'archive.sqlite3'}")
        serving = Meet(tmp_path / "serving", *broker, *archive, "--serve", "web", "--reap", irc=False, line=False)
        recording = Meet(tmp_path / "recording", *broker, *archive, "--record", web=False, irc=False, line=False)
        serving.start()
        recording.start()
        try:
            until(lambda: len(told("observers", *broker)) == 2, "both to observe")
            talk(serving, "algebra", "one")
            assert [(room["room"], room["people"]) for room in told("rooms", *broker)] == [("algebra", 1)]
            until(lambda: [each["behind"] for each in told("observers", *broker)] == [0, 0], "both to have taken all")
            assert refused("observers", "--dismiss", "recorder", *broker, *archive).startswith(
                "The observer recorder is there: a process tells it."
            )
            assert recording.terminate() == 0
            talk(serving, "botany", "two")
            one = next(each for each in told("observers", *broker) if each["name"] == "recorder")
            assert one["behind"] > 0
            assert one["away"] > 0
            told("observers", "--dismiss", "recorder", *broker)
            assert [each["name"] for each in told("observers", *broker)] == ["reaper"]
            until(
                lambda: sum(int(redis.command("XLEN", key)) for key in redis.command("KEYS", "*:journal")) == 0,
                "nothing to be kept any more",
            )
            talk(serving, "chemistry", "three")
            assert {room["room"] for room in told("rooms", *broker)} == {"algebra", "botany", "chemistry"}
        finally:
            for meet in (serving, recording):
                meet.stop()


def test_who_is_away_for_too_long_is_told_once_with_the_command(tmp_path: Path) -> None:
    with Redis() as redis:
        options = ("--broker", redis.url, "--limit", "observer-away=1")
        meet = Meet(tmp_path / "meet", *options, irc=False, line=False)
        meet.start()
        until(lambda: len(told("observers", "--broker", redis.url)) == 2, "both to observe")
        meet.terminate()
        again = Meet(tmp_path / "again", *options, "--serve", "web", irc=False, line=False)
        again.start()
        until(lambda: again.log.read_text().count("meet observers --dismiss") == 2, "both to be told")
        talk(again, "algebra", "one")
        again.stop()
        text = again.log.read_text()
        assert text.count("meet observers --dismiss recorder") == text.count("meet observers --dismiss reaper") == 1


@pytest.mark.parametrize("where", ["--data", "--broker"])
def test_where_there_is_nothing(tmp_path: Path, where: str) -> None:
    nowhere = tmp_path / "nowhere"
    if where == "--data":
        assert refused("rooms", where, str(nowhere)) == f"There is no Meet in the folder {nowhere}."
        assert not nowhere.exists()
    else:
        assert refused("rooms", where, "redis://127.0.0.1:1").startswith("The broker, Redis at 127.0.0.1:1, cannot be ")


def test_the_environment_and_a_file_say_where(tmp_path: Path) -> None:
    file = tmp_path / "meet.toml"
    file.write_text(f'data = "{tmp_path / "filed"}"\n')
    assert refused("rooms", "--config", str(file)) == f"There is no Meet in the folder {tmp_path / 'filed'}."
    ran = command("rooms", "--config", str(file), MEET_DATA=str(tmp_path / "set"))
    assert ran.stderr == f"meet: There is no Meet in the folder {tmp_path / 'set'}.\n"


def test_whoever_reads_may_have_read_enough(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "meet", "rooms", "--broker", "memory:"]
    ran = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, timeout=60, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, b"")
