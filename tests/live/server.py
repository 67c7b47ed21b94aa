"""A real Meet in a process of its own, in a temporary folder, on free ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.program import PATIENCE, answers, free_port, until

_START = 60.0
"""Seconds that a start may take where many run at once."""


class Meet:
    """One ``twistd meet``.  `kill` and `start` again keep the folder and the ports."""

    def __init__(self, folder: Path, *options: str, web: bool = True, irc: bool = True, line: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.options = options
        self.web_port = free_port() if web else 0
        self.irc_port = free_port() if irc else 0
        self.line_port = free_port() if line else 0
        self.log = folder / "meet.log"
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def command(self) -> list[str]:
        twistd = Path(sys.executable).with_name("twistd")
        ports = {"--http": self.web_port, "--irc": self.irc_port, "--line": self.line_port}
        doors = [
            part
            for option, port in ports.items()
            for part in (option, f"tcp:{port}:interface=127.0.0.1" if port else "")
        ]
        own = ["--data", str(self.data), "--health", "", *doors]
        return [str(twistd), "-n", "--pidfile=", "meet", *own, *self.options]

    def start(self) -> Meet:
        """Start it and come back once every door answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HOME": str(self.folder), **self.environment},
            )
        process = self.process

        def open_at(port: int) -> bool:
            assert process.poll() is None, f"Meet ended with {process.returncode}:\n{self.log.read_text()}"
            return answers(port)

        for port in filter(None, (self.web_port, self.irc_port, self.line_port)):
            until(
                lambda port=port: open_at(port),
                lambda port=port: f"port {port} to answer:\n" + self.log.read_text(),
                _START,
            )
        return self

    def kill(self) -> None:
        """As a power cut ends it: ``kill -9``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self) -> int:
        """As an operator ends it: SIGTERM.  Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def stop(self) -> None:
        """End it, however it is, and look for tracebacks in what it logged."""
        if self.process is not None and self.process.poll() is None:
            self.terminate()
        assert "Traceback" not in self.log.read_text(errors="replace"), self.log.read_text(errors="replace")

    def call(
        self, method: str, path: str, body: Any = None, token: str = "", timeout: float = PATIENCE
    ) -> tuple[int, Any]:
        """One request of the JSON API: its status and its JSON."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def open(self, name: str, **wishes: Any) -> str:
        """Open a room; its host key."""
        status, room = self.call("POST", "/api/v1/rooms", {"name": name, **wishes})
        assert status == 201, room
        return str(room["host_key"])

    def is_ready(self) -> bool:
        """Whether it says that visitors should be sent to it."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=PATIENCE):
                return True
        except OSError:
            return False

    def transcript(self, room: str) -> list[tuple[str, str]]:
        """Every line of the room, oldest first, as nick and text, by pages through the API."""
        status, pairs = self.call("GET", f"/api/v1/rooms/{room}/entries")
        assert status == 200, pairs
        while pairs:
            status, older = self.call("GET", f"/api/v1/rooms/{room}/entries?before={pairs[0][0]}&count=200")
            assert status == 200, older
            if not older:
                break
            pairs = older + pairs
        return [(event["nick"], event["text"]) for _, event in pairs if event["kind"] == "said"]
