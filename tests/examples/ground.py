"""What the tests of the examples share: a Redis, a Meet on it, and programs of other languages."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.deploy.ground import ROOT
from tests.servers.program import Program

EXAMPLES = ROOT / "examples"


class Talk:
    """Somebody in a room by single requests."""

    def __init__(self, url: str, room: str, nick: str) -> None:
        self._at = f"{url}/api/v1/rooms/{room}"
        self._token = str(self._ask("/sessions", {"nick": nick})["token"])

    def say(self, text: str) -> str:
        """Say a line; its position."""
        return str(self._ask("/says", {"text": text})["position"])

    def _ask(self, path: str, body: dict[str, str]) -> Any:
        request = urllib.request.Request(self._at + path, json.dumps(body).encode())
        if hasattr(self, "_token"):
            request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


class Command(Program):
    """A program of an example, in its folder; it is up once ``sign`` stands in its log."""

    def __init__(
        self, words: Sequence[str], *, environment: Mapping[str, str] = {}, folder: Path = EXAMPLES, sign: str = ""
    ) -> None:  # the mapping is only read
        super().__init__()
        settings = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self._words = [*words]
        self._environment = {**settings, **environment}
        self._place = folder
        self._sign = sign

    def command_line(self) -> list[str]:
        """As `Program` says."""
        pairs = [f"{name}={value}" for name, value in self._environment.items()]
        return ["env", "-i", "-C", str(self._place), *pairs, *self._words]

    def ready(self) -> bool:
        """As `Program` says."""
        return self._sign in self.logged()

    def logged(self) -> str:
        """All that it has written."""
        return self.log.read_text(errors="replace")
