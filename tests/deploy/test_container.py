"""The Dockerfile and the compose file, without a container engine: their steps in a plain folder, as processes.

What an engine would do besides (images to begin from, users, mounts, networks) is not tried out here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.sync.client import connect

from meet.configuration import OPTIONS
from tests.deploy.ground import DEPLOY, ROOT, Process, fetch, nginx, shipped
from tests.servers.program import free_port, until
from tests.servers.redis import Redis

DOCKERFILE = (DEPLOY / "container" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())


def steps() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile and what stands behind it."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


class Image:
    """The Dockerfile's steps, done in a folder that stands where ``/`` would."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment: dict[str, str] = {}
        self.command: list[str] = []
        self.health: list[str] = []
        self.exposed: set[int] = set()
        self.user = ""
        self.works = root
        for instruction, words in steps():
            self._do(instruction, words)

    def here(self, words: str) -> str:
        """``words`` with every path of the image as one of the folder."""
        return re.sub(r"(?<![\w.])/(opt/meet|src|var/lib/meet)\b", rf"{self.root}/\1", words)

    def _do(self, instruction: str, words: str) -> None:
        match instruction:
            case "FROM":
                assert re.match(r"python:3\.\d+-slim-\w+( AS \w+)?\Z", words)
            case "WORKDIR":
                self.works = Path(self.here(words))
                self.works.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(words)
            case "RUN":
                self._run(self.here(words))
            case "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(words))
            case "EXPOSE":
                self.exposed |= {int(port) for port in words.split()}
            case "USER":
                self.user = words
            case "VOLUME":
                assert Path(self.here(words)).is_dir()
            case "STOPSIGNAL":
                assert words == "SIGTERM"
            case "HEALTHCHECK":
                self.health = json.loads(words.partition("CMD ")[2])
            case "CMD":
                self.command = json.loads(words)
            case _:
                raise AssertionError(f"This test does not know the instruction {instruction}")

    def _copy(self, words: str) -> None:
        if words.startswith("--from="):
            # The stages share this folder: what is taken over must be there already, in the same place.
            _, source, target = words.split()
            assert source == target
            assert Path(self.here(source)).exists()
            return
        *sources, target = words.split()
        for source in sources:
            place = self.works / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place / source)

    def _run(self, words: str) -> None:
        if os.geteuid() != 0:
            # Only root may give files away.
            words = re.sub(r" -o \d+ -g \d+", "", words)
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            ["sh", "-ec", words], cwd=self.works, env=ours, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def meet(self, folder: Path, **settings: str) -> Process:
        """A process of the image, with its own packages and ``settings`` of the environment, not yet started."""
        own = {**self.environment, "MEET_DATA": str(folder), "PYTHONPATH": ""}
        twistd, *words = self.command
        assert words == ["-n", "--pidfile=", "meet"]
        return Process(environment={**own, **settings}, program=self.here(twistd))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


def test_the_image_is_not_roots_and_shows_its_doors(image: Image) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.user)
    assert image.exposed == {8080, 6667, 2323, 8081}
    known = {option.variable for option in OPTIONS}
    assert set(image.environment) <= known
    assert image.environment["MEET_HEALTH"] == "8081"


def test_what_it_starts_lives_and_its_health_check_knows(image: Image, tmp_path: Path) -> None:
    port = free_port()
    doors = {"MEET_HTTP": f"tcp:{port}:interface=127.0.0.1", "MEET_IRC": "", "MEET_LINE": ""}
    with image.meet(tmp_path / "data", **doors) as meet:
        assert fetch(f"http://127.0.0.1:{port}/help").status == 200
        check = [image.here(word).replace(":8081/", f":{meet.health}/") for word in image.health]
        assert subprocess.run(check, check=False, capture_output=True).returncode == 0
        meet.stop()
        assert meet.process is not None
        assert meet.process.returncode == 0
        assert subprocess.run(check, check=False, capture_output=True).returncode != 0


def test_the_compose_file_says_nothing_that_is_not_known() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"redis", "serve-1", "serve-2", "record", "nginx"}
    known = {option.variable for option in OPTIONS}
    for name, service in services.items():
        assert set(service.get("environment", {})) <= known, name
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / "container" / source).exists(), volume
        assert set(service.get("depends_on", [])) <= set(services)
    build = services["serve-1"]["build"]
    assert (DEPLOY / "container" / build["context"] / build["dockerfile"]).samefile(DEPLOY / "container" / "Dockerfile")


@contextlib.contextmanager
def composed(image: Image, folder: Path) -> Iterator[str]:
    """The services as processes, by their settings in the compose file; where nginx is."""
    services = COMPOSE["services"]
    ports = {name: free_port() for name in ("serve-1", "serve-2")}
    with contextlib.ExitStack() as stack:
        command = services["redis"]["command"]
        assert command[:5] == ["redis-server", "--appendonly", "yes", "--appendfsync", "always"]
        redis = stack.enter_context(Redis(aof=True))
        for name in ("record", *ports):
            settings = dict(services[name]["environment"])
            settings["MEET_BROKER"] = settings["MEET_BROKER"].replace("redis:6379", redis.address)
            for place in {"MEET_STORE", "MEET_ARCHIVE"} & set(settings):
                settings[place] = settings[place].replace("/var/lib/meet", str(folder))
            settings["MEET_TRUST"] += ",127.0.0.1"
            settings |= {"MEET_IRC": f"{free_port()}", "MEET_LINE": f"{free_port()}"}
            if name in ports:
                settings["MEET_HTTP"] = f"tcp:{ports[name]}:interface=127.0.0.1"
            stack.enter_context(image.meet(folder, **settings))
        locations = folder / "meet-locations.conf"
        locations.write_text(shipped("nginx/meet-locations.conf"))
        front = free_port()
        places = {f"{name}:8080": f"127.0.0.1:{port}" for name, port in ports.items()}
        places |= {"/etc/nginx/meet-locations.conf": str(locations), "listen 80;": f"listen {front};"}
        stack.enter_context(nginx(shipped("container/nginx.conf", places), [front]))
        yield f"127.0.0.1:{front}"


def test_all_services_together(image: Image, tmp_path: Path) -> None:
    with composed(image, tmp_path) as place:
        room = f"{place}/api/v1/rooms/algebra"
        assert fetch(f"http://{place}/api/v1/rooms", b'{"name": "algebra"}').status == 201
        with connect(f"ws://{room}/socket?nick=ann") as ann, connect(f"ws://{room}/socket?nick=bob") as bob:
            for person in (ann, bob):
                assert json.loads(person.recv(20))["kind"] == "welcome"
            for number in range(5):
                ann.send(json.dumps({"ask": "say", "text": f"line {number}"}))
            heard: list[str] = []

            def listen() -> bool:
                message = json.loads(bob.recv(20))
                if isinstance(message, list) and message[1]["kind"] == "said":
                    heard.append(message[1]["text"])
                return len(heard) == 5

            until(listen, "five lines")
            assert heard == [f"line {number}" for number in range(5)]
        until(lambda: fetch(f"http://{place}/algebra/transcript.txt").text.count("line ") == 5, "the transcript")
