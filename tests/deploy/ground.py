"""What the tests of ``deploy/`` share: its files with other places in them, and Meet as they start it."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from tests.servers.nginx import Nginx
from tests.servers.program import Program, free_port

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def shipped(name: str, places: Mapping[str, str] = {}) -> str:  # it is only read
    """The file ``name`` of ``deploy/``, with each of the ``places`` in it replaced; each must be there."""
    text = (DEPLOY / name).read_text()
    for place, other in places.items():
        assert place in text, f"{name} has no {place}"
        text = text.replace(place, other)
    return text


class Process(Program):
    """One Meet, started with ``words`` after its name and ``environment`` beside ours; it is up once it is ready."""

    def __init__(self, *words: str, environment: Mapping[str, str] = {}, program: str = "") -> None:
        super().__init__()
        self.health = free_port()
        self.words = words
        self._program = program or str(BIN / "twistd")
        self._environment = {**environment, "MEET_HEALTH": f"tcp:{self.health}:interface=127.0.0.1"}

    def command_line(self) -> list[str]:
        """As `Program` says."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MEET_")}
        settings = {**ours, "PYTHONPATH": str(ROOT), **self._environment}
        pairs = [f"{name}={value}" for name, value in settings.items()]
        return ["env", "-i", *pairs, self._program, "-n", "--pidfile=", "meet", *self.words]

    def ready(self) -> bool:
        """As `Program` says."""
        with contextlib.suppress(OSError):
            return fetch(f"http://127.0.0.1:{self.health}/health/ready").status == 200
        return False

    def logged(self) -> str:
        """All that it has written."""
        return self.log.read_text(errors="replace")


class Answer:
    """One answer over HTTP, read to its end."""

    def __init__(self, response: HTTPResponse | urllib.error.HTTPError) -> None:
        self.status: int = response.status or 0
        self.headers = response.headers
        self.text = response.read().decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Stay here."""


def fetch(url: str, data: bytes | None = None, context: ssl.SSLContext | None = None, **headers: str) -> Answer:
    """Ask for ``url`` once, by a connection of its own; redirects are answers."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers=sent)
    ways: list[Any] = [urllib.request.HTTPSHandler(context=context), _Stay]
    try:
        with urllib.request.build_opener(*ways).open(request, timeout=30) as response:
            return Answer(response)
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused)


def nginx(http: str, ports: list[int], outside: str = "") -> Nginx:
    """nginx with ``http`` as a file in ``conf.d`` has it, and ``outside`` as one beside ``http { }`` has it."""
    made = Nginx(http, ports=ports)
    if outside:
        assert STREAM_MODULE.exists(), "This test needs nginx's stream module: apt-get install libnginx-mod-stream"
        made.file.write_text(f"load_module {STREAM_MODULE};\n{made.file.read_text()}\n{outside}")
    return made


def sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """A unit file of systemd: the settings of each section, in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    settings: list[tuple[str, str]] = []
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            settings = found.setdefault(match[1], [])
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.append((name, value))
    return found
