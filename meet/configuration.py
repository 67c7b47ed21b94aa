"""Everything an operator can decide, as one frozen value, built once.

`configure` is pure: the command line, the environment and the configuration file come in
as what they hold.  The law: the command line goes before the environment, that before the
file, that before the defaults; and what is wrong anywhere is said in one sentence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meet.limits import Limits

ENVIRONMENT = "MEET_"
LIMITS_VARIABLE = "MEET_LIMITS"

LOG_FORMS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warn", "error", "critical")

DOORS = {"web": "http", "irc": "irc", "line": "line"}
"""The doors by the names that ``serve`` takes, each with the option that says where it stands."""

HEALTH = "tcp:8081:interface=127.0.0.1"
"""Where health is told if nobody says where."""

UNIX = "unix"
"""The word of ``trust`` for whoever comes by a UNIX socket, which has no address."""

SECRETS = ("token", "tokens", "secret", "password", "key")
"""What is no setting of a source, and stands in no place that others can read: a source takes it from a file, or
from a variable of the environment, by itself."""

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")
_PATH = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+\Z")

_DIGITS_MOST = 18
_OBSERVER = re.compile(r"[a-z0-9-]{1,40}\Z")
_SERVER_NAME = re.compile(
    r"(?=.{1,63}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be decided: its name everywhere, its default, what it is."""

    name: str
    default: str
    about: str
    switch: bool = False
    """Whether it stands alone on the command line, and is on or off elsewhere."""

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
    Option("serve", "", "the doors that this process serves: any of web, irc and line, with commas"),
    Option("record", "", "this process keeps the archive", switch=True),
    Option("recorder", "recorder", "the name under which the broker keeps the journal for this archive"),
    Option("archive", "", "where other processes read the archive of this one: a Twisted endpoint; empty for nowhere"),
    Option("reap", "", "this process ends rooms and deletes them", switch=True),
    Option("follow", "", "what this process follows outside: any of twitter, mastodon, bluesky, with commas"),
    Option("health", HEALTH, "where health and metrics are told: a port, or a Twisted endpoint; empty for nowhere"),
    Option("at", "", "the path under which the pages stand, as /meet; empty for the one in public-url, or none"),
    Option("trust", "", "the proxies that tell people's addresses: addresses, networks or unix, with commas"),
    Option("name", "meet.local", "what this server calls itself"),
    Option("public-url", "", "the address of the pages that share links show; empty for the one that was asked for"),
    Option("log", "text", "how the log is written: text or json"),
    Option("log-level", "info", "what is logged, from this level on: debug, info, warn, error or critical"),
)
"""Every option but ``config`` and ``limit``, which say where others stand."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was decided.

    ``http``, ``irc``, ``line`` and ``health`` are ports or endpoints, empty for a closed door.
    ``serve`` holds the doors that this process serves, by their names in `DOORS`; ``at`` begins
    with a slash and does not end with one, or is empty; ``trust`` holds networks, and `UNIX`.
    ``sources`` has of each source in ``follow`` the settings that were given.
    """

    http: str
    irc: str
    line: str
    data: Path
    broker: str
    store: str
    serve: tuple[str, ...]
    record: bool
    recorder: str
    archive: str
    reap: bool
    follow: tuple[str, ...]
    health: str
    at: str
    trust: tuple[str, ...]
    name: str
    public_url: str
    log: str
    log_level: str
    limits: Limits
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @property
    def doors(self) -> dict[str, str]:
        """Where each door that this process serves listens, by the name of its option."""
        places = {"http": self.http, "irc": self.irc, "line": self.line}
        return {DOORS[name]: places[DOORS[name]] for name in self.serve}

    @property
    def opens_store(self) -> bool:
        """Whether this process opens the store: to write it, or to show people what was said."""
        return bool(self.serve) or self.record


def configure(
    options: Mapping[str, str],
    limits: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    file: str = "",
    sources: Sequence[str] = (),
) -> Configuration:
    """Build the configuration.

    ``options`` holds what stood on the command line, by name, and ``limits`` each
    ``name=value`` that did, ``sources`` each ``source.setting=value``; ``environment`` is the
    process's, ``file`` the text of the configuration file.  Raises `ValueError` with one sentence for
    the first thing that is wrong.
    """
    environment = environment or {}
    written = _toml(file)
    file_limits = _file_limits(written.pop("limits", {}))
    file_sources = _file_sources(written.pop("source", {}))
    chosen = {option.name: option.default for option in OPTIONS}
    chosen |= dict(_file_options(written))
    chosen |= {option.name: environment[option.variable] for option in OPTIONS if option.variable in environment}
    chosen |= {option.name: options[option.name] for option in OPTIONS if option.name in options}
    # An address is easily copied with a space or a line's end.
    chosen = {name: value.strip() for name, value in chosen.items()}

    changes = dict(file_limits)
    changes |= _limits(environment.get(LIMITS_VARIABLE, "").split(","), LIMITS_VARIABLE)
    changes |= _limits(limits, "--limit")
    follow = _follow(chosen["follow"])
    serve, record, reap = _roles(chosen, follow)
    origin, path = _public_url(chosen["public-url"])
    at = _at(chosen["at"]) or path
    if path and at != path:
        raise ValueError(f"The options at and public-url name two paths, {at} and {path}: a proxy keeps the path.")
    return Configuration(
        http=chosen["http"],
        irc=chosen["irc"],
        line=chosen["line"],
        data=_data(chosen["data"]),
        broker=_needed("broker", chosen["broker"]),
        store=_needed("store", chosen["store"]),
        serve=serve,
        record=record,
        recorder=_recorder(chosen["recorder"]),
        archive=_archive(chosen, record),
        reap=reap,
        follow=follow,
        health=chosen["health"],
        at=at,
        trust=_trust(chosen["trust"]),
        name=_name(chosen["name"]),
        public_url=f"{origin}{at}" if origin else "",
        log=_one_of("log", chosen["log"], LOG_FORMS),
        log_level=_one_of("log-level", chosen["log-level"], LOG_LEVELS),
        limits=Limits().but(changes),
        sources=_settings(follow, file_sources, environment, _source_pairs(sources)),
    )


def _recorder(name: str) -> str:
    if not _OBSERVER.match(name):
        raise ValueError("The option recorder must be a name of 1 to 40 of the characters a-z, 0-9 and -.")
    if name == "reaper":
        raise ValueError("The option recorder cannot be reaper: by that name the ends of rooms are heard.")
    return name


def _archive(chosen: Mapping[str, str], record: bool) -> str:
    where = chosen["archive"]
    if where and not record:
        raise ValueError("The option archive is for a process that records: give it record too.")
    if where.isdigit():
        raise ValueError(
            "The option archive takes an endpoint such as unix:/run/meet/archive.sock:mode=600, not a bare port, "
            "which everybody could reach."
        )
    return where


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"The configuration file is not TOML: {error}.") from None


def _file_options(written: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = {option.name: option for option in OPTIONS}
    for name, value in written.items():
        if name not in known:
            raise ValueError(f"The configuration file sets {name}, which is not an option.")
        if known[name].switch and isinstance(value, bool):
            yield name, _YES[0] if value else _NO[0]
            continue
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


def _follow(value: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))
    for word in words:
        if not all(part.isidentifier() for part in word.split(".")):
            raise ValueError(f"The option follow takes sources such as bluesky, with commas, not {word!r}.")
    return words


def _file_sources(table: Any) -> dict[str, dict[str, str]]:
    """The tables ``[source.NAME]``; a source with dots in its name stands in nested ones."""
    found: dict[str, dict[str, str]] = {}

    def read(name: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise ValueError("In the configuration file sources are tables, [source.bluesky].")
        for key, value in values.items():
            if isinstance(value, dict):
                read(f"{name}.{key}" if name else key, value)
            elif not name or isinstance(value, bool) or not isinstance(value, str | int):
                raise ValueError(f"In the configuration file source.{name}.{key} must be text in quotes.")
            else:
                found.setdefault(name, {})[key] = str(value)

    read("", table)
    return found


def _source_pairs(pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        source, dot, setting = name.strip().rpartition(".")
        if not equals or not dot or not source or not setting:
            raise ValueError(f"--source takes NAME.SETTING=VALUE, not {name.strip()!r}.")
        found.setdefault(source, {})[setting] = value.strip()
    return found


def _settings(
    follow: Sequence[str],
    file: Mapping[str, Mapping[str, str]],
    environment: Mapping[str, str],
    given: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, str]]:
    for where, sources in (("on the command line", given), ("in the configuration file", file)):
        for source, values in sources.items():
            for setting in values:
                if setting in SECRETS:
                    variable = _variable(source) + setting.upper()
                    raise ValueError(
                        f"The {setting} of {source} does not stand {where}: others could read it. "
                        f"Set {setting}-file to a file that holds it, or the variable {variable}."
                    )
    settings = {}
    for word in follow:
        prefix = _variable(word)
        found = {
            name.removeprefix(prefix).lower().replace("_", "-"): value
            for name, value in environment.items()
            if name.startswith(prefix)
        }
        for secret in SECRETS:
            found.pop(secret, None)
        settings[word] = {**file.get(word, {}), **found, **given.get(word, {})}
    return settings


def _variable(source: str) -> str:
    return f"{ENVIRONMENT}SOURCE_{source.upper().replace('.', '_')}_"


def _roles(chosen: Mapping[str, str], follow: Sequence[str]) -> tuple[tuple[str, ...], bool, bool]:
    """What this process does: the doors that it serves, whether it records, whether it reaps.

    Everything, unless one of the three is given; then only what is given.  To follow is such a role
    too where there can be other processes; the broker ``local:`` has but one, which does the rest.
    """
    open_doors = tuple(name for name, option in DOORS.items() if chosen[option])
    alone = chosen["broker"].partition(":")[0] in ("local", "memory")
    if not any(chosen[name] for name in ("serve", "record", "reap")) and (alone or not follow):
        if not open_doors:
            raise ValueError("Every door is closed. Give one of the options http, irc and line a port.")
        return open_doors, True, True
    named = [name.strip() for name in chosen["serve"].split(",") if name.strip()]
    for name in named:
        if name not in DOORS:
            raise ValueError(f"The option serve takes web, irc and line, with commas, not {name!r}.")
        if name not in open_doors:
            raise ValueError(f"The option serve names {name}, but the option {DOORS[name]} is empty.")
    serve = tuple(name for name in DOORS if name in named)
    record, reap = _switch("record", chosen["record"]), _switch("reap", chosen["reap"])
    if not (serve or record or reap or follow):
        raise ValueError("There is nothing left for this process to do. Give it serve, record, reap or follow.")
    return serve, record, reap


def _switch(name: str, value: str) -> bool:
    if value.lower() not in (*_YES, *_NO, ""):
        raise ValueError(f"The option {name} is 1 or 0, not {value!r}.")
    return value.lower() in _YES


def _at(value: str) -> str:
    path = value.rstrip("/")
    if path and not _PATH.match(path):
        raise ValueError(f"The option at takes a path such as /meet, not {value!r}.")
    return path


def _trust(value: str) -> tuple[str, ...]:
    trusted = []
    for each in (part.strip() for part in value.split(",")):
        if not each:
            continue
        try:
            trusted.append(each if each == UNIX else str(ip_network(each)))
        except ValueError:
            raise ValueError(
                f"The option trust takes addresses and networks such as 127.0.0.1,10.0.0.0/8, not {each!r}."
            ) from None
    return tuple(trusted)


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


def _public_url(value: str) -> tuple[str, str]:
    """The address without its path, and the path, empty or with a slash before it and none behind it."""
    if not value:
        return "", ""
    wrong = ValueError(f"The option public-url takes an address such as https://meet.example.org, not {value!r}.")
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise wrong from None
    path = parts.path.rstrip("/")
    beyond = parts.query or parts.fragment or parts.username is not None or (path and not _PATH.match(path))
    if parts.scheme not in ("http", "https") or not named or beyond or not value.isascii() or " " in value:
        raise wrong
    return f"{parts.scheme}://{parts.netloc}", path
