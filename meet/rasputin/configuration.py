"""The setting ``RASPUTIN``: one table of what a site may say, and its defaults.

::

    RASPUTIN = {"BROKER": "redis://127.0.0.1:6379"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from meet import names
from meet.address import Address, read_address
from meet.errors import Refused
from meet.limits import Limits

_OBSERVER = re.compile(r"[a-z0-9-]{1,40}\Z")

_KINDS: dict[type, tuple[type, str]] = {
    str: (str, "a text"),
    bool: (bool, "True or False"),
    int: (int, "a whole number"),
    dict: (Mapping, "a dictionary"),
}


def _setting(default: Any, about: str) -> Any:
    told = {"default": default, "about": about}
    return field(default_factory=dict, metadata=told) if default == {} else field(default=default, metadata=told)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What ``RASPUTIN`` says; in the setting each name is written in capitals."""

    broker: str = _setting("", "the URL of Meet's Redis, as `twistd meet --broker` takes it")
    observer: str = _setting("rasputin", "the name under which Meet keeps its journal for this site")
    nick: str = _setting("Site", "under which nick the site speaks where it says no other")
    keep: bool = _setting(True, "whether rooms and lines are kept in the site's own database")
    tries: int = _setting(5, "how often a record is told to a receiver that raises, before it is set aside")
    url: str = _setting("/", "where Meet's pages begin, for links to rooms")
    limits: Mapping[str, int] = _setting({}, "limits of Meet that are not the default, by name")

    def __post_init__(self) -> None:
        """Raise `ImproperlyConfigured` with one sentence for what cannot be."""
        for row in self.__dataclass_fields__.values():
            value = getattr(self, row.name)
            kind, words = _KINDS[type(row.metadata["default"])]
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise ImproperlyConfigured(f"RASPUTIN: {row.name.upper()} is {words}, not {value!r}.")
        try:
            _ = self.address, self.bounds
            names.nick(self.nick)
        except ValueError as wrong:
            raise ImproperlyConfigured(f"RASPUTIN: {wrong}") from None
        except Refused as refused:
            raise ImproperlyConfigured(f"RASPUTIN: NICK: {refused.detail}") from None
        if not _OBSERVER.match(self.observer) or self.observer in ("recorder", "reaper"):
            raise ImproperlyConfigured("RASPUTIN: OBSERVER is a name of a-z, 0-9 and - that Meet does not use itself.")
        if self.tries < 1:
            raise ImproperlyConfigured("RASPUTIN: TRIES is at least 1.")

    @property
    def address(self) -> Address:
        """Where Redis is."""
        if not self.broker:
            raise ValueError("BROKER is missing: say which Redis is Meet's, as in redis://127.0.0.1:6379.")
        return read_address(self.broker)

    @property
    def bounds(self) -> Limits:
        """The bounds that rooms are held to."""
        return Limits().but(self.limits)


def configured() -> Configuration:
    """What the settings say now; raises `ImproperlyConfigured` with one sentence."""
    said = getattr(settings, "RASPUTIN", None)
    if not isinstance(said, dict):
        raise ImproperlyConfigured('The setting RASPUTIN is missing: RASPUTIN = {"BROKER": "redis://127.0.0.1:6379"}.')
    known = {name.upper() for name in Configuration.__dataclass_fields__}
    for name in said:
        if name not in known:
            raise ImproperlyConfigured(f"RASPUTIN has no {name!r}; it has {', '.join(sorted(known))}.")
    return Configuration(**{name.lower(): value for name, value in said.items()})
