"""The bus as this site asks it: one room looked at, one event published behind its guards."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

from redis.exceptions import RedisError

from meet.bus import look_of, published, to_publish, to_read
from meet.errors import Unavailable
from meet.events import Event, Position, new_epoch
from meet.keys import Names
from meet.limits import Limits
from meet.look import Look
from meet.rasputin.configuration import configured
from meet.rasputin.connection import away, connect, run
from meet.room import Guards
from meet.wire import encode

PROCESS = "site"
"""Whoever publishes for a site: it stands for its participants only until it lets them leave."""

_COPYING = 1000
"""Milliseconds in which other servers must have a copy, where the broker's URL wants any."""


class Bus(Protocol):
    """What is asked of the bus.  Both raise `Unavailable` if it is away."""

    def look(self, room: str) -> Look:
        """All that is remembered of ``room``."""

    def publish(self, room: str, event: Event, guards: Guards) -> Position:
        """Number ``event``, remember and send it; raises `Stale` or `Taken`."""


class RedisBus:
    """The `Bus` of a Redis."""

    def __init__(self, client: Any, names: Names, limits: Limits, wait: int = 0) -> None:
        self._client = client
        self._names = names
        self._limits = limits
        self._wait = wait

    def look(self, room: str) -> Look:
        """As `Bus` says."""
        return look_of(run(self._client, "read", to_read(self._names, room)))

    def publish(self, room: str, event: Event, guards: Guards) -> Position:
        """As `Bus` says."""
        asked = to_publish(
            self._names,
            room,
            encode(event),
            **guards._asdict(),
            process=PROCESS,
            epoch=new_epoch(time.time(), secrets.token_bytes(3)),
            limits=self._limits,
        )
        position = published(run(self._client, "publish", asked))
        if self._wait:
            self._copied()
        return position

    def _copied(self) -> None:
        try:
            copies = self._client.wait(self._wait, _COPYING)
        except RedisError as error:
            raise away(error) from error
        if copies < self._wait:
            raise Unavailable("Redis could not copy this to another server in time. Ask again.")


_others: list[Bus] = []


@contextmanager
def using(bus: Bus) -> Iterator[None]:
    """Let `current` be ``bus`` for a while; for tests."""
    _others.append(bus)
    try:
        yield
    finally:
        _others.remove(bus)


def current() -> Bus:
    """The bus of this process."""
    return _others[-1] if _others else _redis()


@cache
def _redis() -> RedisBus:
    told = configured()
    address = told.address
    return RedisBus(connect(address), Names(address.prefix), told.bounds, address.wait)
