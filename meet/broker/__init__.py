"""Brokers: what numbers, remembers and carries entries between processes.

==============  ====================================================================
``ledger``      one room's numbering and its guards; pure, shared by the brokers here
``observation`` one durable observer of the journal: told, acknowledged, told again
``turns``       work that one at a time does
``memory``      `IBroker` in plain dictionaries, for tests and to read first
``shared``      what the processes of ``memory`` share
``records``     its journal
``standing``    which of its processes stands for whom
``local``       `IBroker` for one process, durable: the default
``scribe``      the one thread that writes for ``local``, many asks to a commit
``shelves``     the rooms that ``local`` has in memory
``log``         what ``local`` remembers and its journal, in SQLite
``file``        their file: opened, brought up to this version, wiped
``folder``      where that file is, and the one process that has it
``redis``       `IBroker` for many processes on many hosts
==============  ====================================================================

The word on the command line is the module's name: ``local:`` is `meet.broker.local`, and
``redis://``, ``rediss://`` or ``redis+cluster://`` are `meet.broker.redis`; a word with a dot
in it is a module from elsewhere.  Such a module has one function,
``make_broker(url, *, data, clock, random, limits)``, with the promise of `broker_for`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from meet.interfaces import IBroker
from meet.limits import Limits

_SCHEMES = {"rediss": "redis"}
"""Words of URLs, up to their plus sign, that mean another module."""


def broker_for(url: str, *, data: Path, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits) -> IBroker:
    """The broker that ``url`` names, not yet started; it may keep files in the folder ``data``.

    ``random(n)`` gives n bytes that nobody can guess.  Raises `ValueError` with one sentence
    if there is no such broker or the rest of the ``url`` says nothing to it.
    """
    word = url.partition(":")[0]
    make = _maker(word)
    if make is None:
        raise ValueError(f"There is no broker called {word!r}; there is {', '.join(_words())}.")
    broker: IBroker = make(url, data=data, clock=clock, random=random, limits=limits)
    return broker


def _maker(word: str) -> Callable[..., IBroker] | None:
    name = word if "." in word else f"{__name__}.{_module(word)}"
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
            raise
        return None
    maker: Callable[..., IBroker] | None = getattr(module, "make_broker", None)
    return maker


def _module(word: str) -> str:
    scheme = word.partition("+")[0]
    return _SCHEMES.get(scheme, scheme)


def _words() -> list[str]:
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [word for word in found if _maker(word) is not None]
