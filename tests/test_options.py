from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.configuration import Configuration
from meet.options import MeetOptions


def parsed(*words: str) -> Configuration:
    options = MeetOptions()
    options.parseOptions(list(words))
    return options.configuration


class TheCommandLine(SynchronousTestCase):
    def file(self) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name) / "meet.toml"

    def ended(self, *words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            parsed(*words)
        end = ended.value
        # Python writes a text to standard error and exits with 1.
        assert isinstance(end.code, str)
        assert "\n" not in str(end.code)
        assert str(end.code).endswith("."), end.code
        return str(end.code)

    def test_options_and_limits_are_read(self) -> None:
        configuration = parsed("--http", "9000", "--irc=", "--limit", "grace=60", "--limit=people-in-room=0")
        assert configuration.doors == {"http": "9000", "line": "2323"}
        assert (configuration.limits.grace, configuration.limits.people_in_room) == (60, 0)

    def test_a_switch_stands_alone(self) -> None:
        self.patch(os, "environ", {})
        configuration = parsed("--record", "--serve", "irc")
        assert (configuration.serve, configuration.record, configuration.reap) == (("irc",), True, False)

    def test_the_environment_is_read(self) -> None:
        self.patch(os, "environ", {"MEET_HTTP": "9001", "MEET_LIMITS": "grace=61"})
        configuration = parsed()
        assert (configuration.http, configuration.limits.grace) == ("9001", 61)

    def test_a_file_is_read(self) -> None:
        path = self.file()
        path.write_text('http = "9002"\n[limits]\ngrace = 62\n')
        assert parsed("--config", str(path)).http == "9002"
        self.patch(os, "environ", {"MEET_CONFIG": str(path)})
        assert parsed().limits.grace == 62

    def test_what_is_wrong_ends_with_one_sentence(self) -> None:
        for words, named in (
            (["--nothing"], "--nothing"),
            (["--http"], "--http"),
            (["word"], "word"),
            (["--limit", "speed=1"], "speed"),
            (["--log", "xml"], "log"),
            (["--config", "/there/is/no/such/file"], "/there/is/no/such/file"),
        ):
            assert named in self.ended(*words)

    def test_a_file_that_cannot_be_one(self) -> None:
        path = self.file()
        path.write_bytes(b'name = "\xff"')
        assert "UTF-8" in self.ended("--config", str(path))
        path.write_bytes(b"#" * 2_000_000)
        assert "too large" in self.ended("--config", str(path))

    def test_version(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
            parsed("--version")
        assert ended.value.code == 0
        assert said.getvalue().startswith("Meet ")
