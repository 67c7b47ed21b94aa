"""The command line of ``twistd meet``.

Reads what stands there, and the environment and the file beside it; what it means is
`meet.configuration`'s to say.  The law: whatever is wrong is told in one sentence on
standard error, and the exit code is 1.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from twisted.python.usage import Options, UsageError

from meet.configuration import ENVIRONMENT, OPTIONS, Configuration, configure

_CONFIG_VARIABLE = f"{ENVIRONMENT}CONFIG"
_FILE_MOST = 1_000_000
"""Bytes; a configuration file that is longer is something else."""


class MeetOptions(Options):
    """The options.  ``configuration`` is what they come to, once they have been parsed."""

    synopsis = "[options]"
    longdesc = "Opens rooms that browsers, IRC clients, nc and scripts enter. The manual is docs/manual.md."
    optParameters: ClassVar = [
        *(
            [option.name, None, None, f"{option.about} [default: {option.default}]"]
            for option in OPTIONS
            if not option.switch
        ),
        ["config", None, None, "a TOML file with these options and a table [limits]"],
    ]
    optFlags: ClassVar = [[option.name, None, option.about] for option in OPTIONS if option.switch]

    configuration: Configuration

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted 26.10 gives it no types
        self._limits: list[str] = []

    def opt_limit(self, pair: str) -> None:
        """Set a limit, as in --limit people-in-room=500; may be given many times."""
        self._limits.append(pair)

    def opt_version(self) -> None:
        """Say which Meet this is, and exit."""
        from meet.version import VERSION

        print(f"Meet {VERSION}")  # noqa: T201  # it is what was asked for
        raise SystemExit(0)

    def parseOptions(self, options: Any = None) -> None:
        """Read the command line.  What is wrong ends the process: twistd would print all of its own help."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except UsageError as wrong:
            raise SystemExit(f"meet: {_sentence(str(wrong))}") from None

    def parseArgs(self, *words: str) -> None:
        """There are only options."""
        if words:
            raise UsageError(f"{words[0]!r} is not an option")

    def postOptions(self) -> None:
        """Build `configuration`; raises `UsageError` with one sentence."""
        switches = {option.name for option in OPTIONS if option.switch}
        given = {name: value for name, value in self.items() if value is not None and name not in switches}
        given |= {name: "1" for name in switches if self[name]}
        path = given.pop("config", None) or os.environ.get(_CONFIG_VARIABLE, "")
        try:
            self.configuration = configure(given, self._limits, os.environ, _text(path) if path else "")
        except ValueError as wrong:
            raise UsageError(str(wrong)) from None


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_FILE_MOST + 1)
        if len(data) > _FILE_MOST:
            raise ValueError(f"The configuration file {path} is too large.")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"The configuration file {path} is not UTF-8.") from None
    except OSError as error:
        raise ValueError(f"The configuration file {path} cannot be read: {error.strerror}.") from None


def _sentence(words: str) -> str:
    """``words``, as Twisted may have put them, as a sentence."""
    words = " ".join(words.split())
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
