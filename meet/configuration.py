"""Everything an operator can decide, as one frozen value, built once.

`configure` is pure: the command line, the environment and the configuration file come in
as what they hold.  The law: the command line goes before the environment, that before the
file, that before the defaults; and what is wrong anywhere is said in one sentence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meet.limits import Limits

ENVIRONMENT = "MEET_"
LIMITS_VARIABLE = "MEET_LIMITS"

LOG_FORMS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warn", "error", "critical")

_DIGITS_MOST = 18
_SERVER_NAME = re.compile(
    r"(?=.{1,63}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be decided: its name everywhere, its default, what it is."""

    name: str
    default: str
    about: str

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return ENVIRONMENT + self.name.upper().replace("-", "_")


OPTIONS: tuple[Option, ...] = (
    Option("http", "8080", "where browsers and scripts come in: a port, or a Twisted endpoint; empty for nowhere"),
    Option("irc", "6667", "where IRC clients come in, likewise"),
    Option("line", "2323", "where nc and telnet come in, likewise"),
    Option("data", "meet-data", "the folder for Meet's files; it is made if it is absent"),
    Option("broker", "local:", "what numbers and remembers entries"),
    Option("store", "sqlite:", "where the archive is"),
    Option("name", "meet.local", "what this server calls itself"),
    Option("public-url", "", "the address of the pages that share links show; empty for the one that was asked for"),
    Option("log", "text", "how the log is written: text or json"),
    Option("log-level", "info", "what is logged, from this level on: debug, info, warn, error or critical"),
)
"""Every option but ``config`` and ``limit``, which say where others stand."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was decided.  ``http``, ``irc`` and ``line`` are ports or endpoints, empty for a closed door."""

    http: str
    irc: str
    line: str
    data: Path
    broker: str
    store: str
    name: str
    public_url: str
    log: str
    log_level: str
    limits: Limits

    @property
    def doors(self) -> dict[str, str]:
        """Where each open door listens, by the name of its option."""
        doors = {"http": self.http, "irc": self.irc, "line": self.line}
        return {name: where for name, where in doors.items() if where}


def configure(
    options: Mapping[str, str],
    limits: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    file: str = "",
) -> Configuration:
    """Build the configuration.

    ``options`` holds what stood on the command line, by name, and ``limits`` each
    ``name=value`` that did; ``environment`` is the process's, ``file`` the text of the
    configuration file.  Raises `ValueError` with one sentence for the first thing that is
    wrong.
    """
    environment = environment or {}
    written = _toml(file)
    file_limits = _file_limits(written.pop("limits", {}))
    chosen = {option.name: option.default for option in OPTIONS}
    chosen |= dict(_file_options(written))
    chosen |= {option.name: environment[option.variable] for option in OPTIONS if option.variable in environment}
    chosen |= {option.name: options[option.name] for option in OPTIONS if option.name in options}
    # An address is easily copied with a space or a line's end.
    chosen = {name: value.strip() for name, value in chosen.items()}

    changes = dict(file_limits)
    changes |= _limits(environment.get(LIMITS_VARIABLE, "").split(","), LIMITS_VARIABLE)
    changes |= _limits(limits, "--limit")
    return Configuration(
        http=chosen["http"],
        irc=chosen["irc"],
        line=chosen["line"],
        data=_data(chosen["data"]),
        broker=_needed("broker", chosen["broker"]),
        store=_needed("store", chosen["store"]),
        name=_name(chosen["name"]),
        public_url=_public_url(chosen["public-url"]),
        log=_one_of("log", chosen["log"], LOG_FORMS),
        log_level=_one_of("log-level", chosen["log-level"], LOG_LEVELS),
        limits=Limits().but(changes),
    )


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"The configuration file is not TOML: {error}.") from None


def _file_options(written: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = {option.name for option in OPTIONS}
    for name, value in written.items():
        if name not in known:
            raise ValueError(f"The configuration file sets {name}, which is not an option.")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(f"In the configuration file {name} must be text in quotes.")
        yield name, str(value)


def _file_limits(table: Any) -> dict[str, int]:
    if not isinstance(table, dict):
        raise ValueError("In the configuration file limits must be a table, [limits].")
    return table


def _limits(pairs: Sequence[str], where: str) -> dict[str, int]:
    changes = {}
    for pair in pairs:
        if not pair.strip():
            continue
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not name or not equals or not value:
            raise ValueError(f"{where} takes name=value, not {pair!r}.")
        if not value.isascii() or not value.isdigit() or len(value) > _DIGITS_MOST:
            raise ValueError(f"The limit {name} must be a whole number, not {value!r}.")
        changes[name] = int(value)
    return changes


def _needed(name: str, value: str) -> str:
    if not value:
        raise ValueError(f"The option {name} cannot be empty.")
    return value


def _data(value: str) -> Path:
    if "\0" in value:
        raise ValueError("The option data must be a folder's path.")
    return Path(_needed("data", value))


def _one_of(name: str, value: str, words: Sequence[str]) -> str:
    if value not in words:
        raise ValueError(f"The option {name} takes {', '.join(words[:-1])} or {words[-1]}, not {value!r}.")
    return value


def _name(value: str) -> str:
    if not _SERVER_NAME.match(value):
        raise ValueError(f"The option name takes a host name such as meet.example.org, not {value!r}.")
    return value


def _public_url(value: str) -> str:
    if not value:
        return ""
    wrong = ValueError(f"The option public-url takes an address such as https://meet.example.org, not {value!r}.")
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise wrong from None
    # The pages stand at the root of their host, so a path would lead nowhere.
    beyond = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in ("http", "https") or not named or beyond or not value.isascii() or " " in value:
        raise wrong
    return f"{parts.scheme}://{parts.netloc}"
