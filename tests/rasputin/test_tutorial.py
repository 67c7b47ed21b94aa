"""docs/rasputin.md, done as it stands there, on a real Redis."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import meet
from tests.servers.redis import Redis

ROOT = Path(meet.__file__).parent.parent
TEXT = (ROOT / "docs" / "rasputin.md").read_text("utf-8").split("## A first site", 1)[1].split("\n## ", 1)[0]


@pytest.fixture(scope="module", autouse=True)
def databases() -> None:
    """These sites have their own."""


def test_the_first_site(tmp_path: Path) -> None:
    with Redis() as redis:
        told = ""
        for language, block in re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL):
            block = block.replace("redis://127.0.0.1:6379", redis.url)
            if language == "python":
                name = re.match(r"# (\S+)\n", block)
                assert name is not None, block
                file = tmp_path / name[1]
                file.write_text((file.read_text() if name[1].endswith("settings.py") else "") + block)
            else:
                told = commands(tmp_path, block) or told
        assert told == "1 line"


def commands(folder: Path, block: str) -> str:
    """Give the commands of one block, one after the other; the last line of the last that printed one."""
    told = ""
    for line in block.strip().splitlines():
        words = shlex.split(line)
        if words[0] == "pip":
            continue
        programs = {"python": [sys.executable], "django-admin": [sys.executable, "-m", "django"]}
        path = os.pathsep.join([str(folder), str(ROOT)])
        environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        ran = subprocess.run(
            [*programs[words[0]], *words[1:]],
            cwd=folder,
            env={**environment, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
        told = (ran.stdout.strip().splitlines() or [told])[-1]
    return told
