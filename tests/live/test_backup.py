"""Backup and restore by the commands of the manual and of the operations page, word for word."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.live.server import Meet
from tests.servers.program import program, until
from tests.servers.redis import Redis

DOCS = Path(__file__).parent.parent.parent / "docs"


def commands(page: str, word: str) -> list[str]:
    """The indented lines of ``page`` that begin with the program ``word``."""
    return re.findall(rf"^    ({word} .*)$", (DOCS / page).read_text(), re.MULTILINE)


def run(command: str, places: dict[str, str]) -> None:
    """Do ``command`` with each of the ``places`` that are in it replaced."""
    word = command.split()[0]
    program(word, {"sqlite3": "sqlite3", "redis-cli": "redis-tools"}[word])
    for place, other in places.items():
        command = command.replace(place, other)
    done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def talk(meet: Meet, *texts: str) -> None:
    """Say ``texts`` as somebody who comes for that."""
    status, welcome = meet.call("POST", "/api/v1/rooms/algebra/sessions", {"nick": "sue", "token": "sue-and-her-token"})
    assert status == 201, welcome
    for text in texts:
        status, answer = meet.call("POST", "/api/v1/rooms/algebra/says", {"text": text}, welcome["token"])
        assert status == 201, answer


def test_one_process(meet: Meet, tmp_path: Path) -> None:
    meet.open("algebra")
    talk(meet, "one", "two")
    backup = tmp_path / "backup"
    backup.mkdir()
    found = commands("manual.md", "sqlite3")
    assert len(found) == 2
    for command in found:
        run(command, {"meet-data/": f"{meet.data}/", "/backup/": f"{backup}/"})
    talk(meet, "too late")
    meet.kill()

    restored = Meet(tmp_path / "restored")
    shutil.copytree(backup, restored.data)
    restored.start()
    try:
        assert restored.transcript("algebra") == [("sue", "one"), ("sue", "two")]
        talk(restored, "three")
        assert restored.transcript("algebra")[-1] == ("sue", "three")
    finally:
        restored.stop()


def test_with_redis(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    archive = tmp_path / "archive.sqlite3"

    def options(redis: Redis) -> list[str]:
        return ["--broker", redis.url, "--store", f"sqlite:///{archive}"]

    with Redis(aof=True) as redis:
        meet = Meet(tmp_path / "meet", *options(redis), irc=False, line=False)
        meet.start()
        meet.open("algebra")
        talk(meet, "one", "two")
        copy, configure = commands("operations.md", "redis-cli")
        places = {
            "redis-cli": f"redis-cli -s {redis.socket_path}",
            "/var/lib/meet/archive.sqlite3": str(archive),
            "/backup/": f"{backup}/",
        }
        (keep,) = commands("operations.md", "sqlite3")
        run(copy, places)
        run(keep, places)
        talk(meet, "too late")
        meet.stop()

    (start,) = commands("operations.md", "redis-server")
    assert start == "redis-server --appendonly no"
    archive.unlink()
    for beside in tmp_path.glob("archive.sqlite3-*"):
        beside.unlink()
    shutil.copy(backup / "archive.sqlite3", archive)
    new = Redis(aof=False)
    shutil.copy(backup / "meet.rdb", new.data / "dump.rdb")
    with new:
        run(configure, {"redis-cli": f"redis-cli -s {new.socket_path}"})
        restored = Meet(tmp_path / "restored", *options(new), irc=False, line=False)
        restored.start()
        try:
            until(lambda: restored.call("GET", "/api/v1/rooms/algebra")[0] == 200, "the room to be back")
            assert restored.transcript("algebra") == [("sue", "one"), ("sue", "two")]
            talk(restored, "three")
            assert restored.transcript("algebra")[-1] == ("sue", "three")
            assert any(file.suffix == ".aof" for file in new.data.rglob("*"))
        finally:
            restored.stop()
