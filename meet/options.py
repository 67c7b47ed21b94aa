"""The command lines of ``twistd meet`` and, as far as it is the same, of ``meet``.

Reads what stands there, and the environment and the file beside it; what it means is
`meet.configuration`'s to say.  The law: whatever is wrong is told in one sentence on
standard error, and the exit code is 1.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from twisted.python.usage import Options, UsageError

from meet.configuration import ENVIRONMENT, OPTIONS, Configuration, configure

_CONFIG_VARIABLE = f"{ENVIRONMENT}CONFIG"
_FILE_MOST = 1_000_000
"""Bytes; a configuration file that is longer is something else."""


def parameters(names: Container[str]) -> list[list[str | None]]:
    """Those of `OPTIONS` that take a value and whose names are in ``names``, for Twisted, and ``config``."""
    return [
        *(
            [option.name, None, None, f"{option.about} [default: {option.default}]"]
            for option in OPTIONS
            if not option.switch and option.name in names
        ),
        ["config", None, None, "a TOML file with these options and the tables [limits] and [source.NAME]"],
    ]


class Configured(Options):
    """Options that come to a `Configuration`, together with the environment and the file.

    ``configuration`` is that, once they have been parsed; ``limits`` has each ``name=value`` that was given,
    ``sources`` each ``source.setting=value``.
    """

    configuration: Configuration

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted 26.10 gives it no types
        self.limits: list[str] = []
        self.sources: list[str] = []

    def opt_version(self) -> None:
        """Say which Meet this is, and exit."""
        tell_version()

    def parseOptions(self, options: Any = None) -> None:
        """Read the command line.  What is wrong ends the process: twistd would print all of its own help."""
        with sentences():
            super().parseOptions(options)  # type: ignore[no-untyped-call]

    def parseArgs(self, *words: str) -> None:
        """There are only options."""
        if words:
            raise UsageError(f"{words[0]!r} is not an option")

    def postOptions(self) -> None:
        """Build `configuration`; raises `UsageError` with one sentence."""
        given = {}
        for option in OPTIONS:
            value = self.get(option.name)
            if option.switch and value:
                given[option.name] = "1"
            elif not option.switch and value is not None:
                given[option.name] = value
        path = self["config"] or os.environ.get(_CONFIG_VARIABLE, "")
        try:
            self.configuration = configure(given, self.limits, os.environ, _text(path) if path else "", self.sources)
        except ValueError as wrong:
            raise UsageError(str(wrong)) from None


class MeetOptions(Configured):
    """The options of ``twistd meet``."""

    synopsis = "[options]"
    longdesc = "Opens rooms that browsers, IRC clients, nc and scripts enter. The manual is docs/manual.md."
    optParameters: ClassVar = parameters([option.name for option in OPTIONS])
    optFlags: ClassVar = [[option.name, None, option.about] for option in OPTIONS if option.switch]

    def opt_limit(self, pair: str) -> None:
        """Set a limit, as in --limit people-in-room=500; may be given many times."""
        self.limits.append(pair)

    def opt_source(self, pair: str) -> None:
        """Set something of a source, as in --source bluesky.host=jetstream.example; may be given many times."""
        self.sources.append(pair)


def tell_version() -> NoReturn:
    """Say which Meet this is, and end the process."""
    from meet.version import VERSION

    print(f"Meet {VERSION}")  # noqa: T201  # it is what was asked for
    raise SystemExit(0)


@contextmanager
def sentences() -> Iterator[None]:
    """What is wrong with the command line ends the process with a sentence."""
    try:
        yield
    except UsageError as wrong:
        raise SystemExit(f"meet: {_sentence(str(wrong))}") from None


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
