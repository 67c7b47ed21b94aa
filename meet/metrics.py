"""What a process counts, as text that Prometheus reads.

Source: the text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.defer import TimeoutError as TookTooLong

from meet.errors import REFUSALS, Unavailable
from meet.events import Entry
from meet.health import Health
from meet.hub import Hub
from meet.interfaces import IBroker, IMeasured, Observer
from meet.sessions import Sessions
from meet.version import VERSION

TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PATIENCE = 2.0
"""Seconds in which a broker says how much it holds, or it is left out."""

_ROOMS = 20
"""Rooms that are told one by one, the largest: more would make a time series of every room that ever was."""


class Metric(NamedTuple):
    """One thing that is counted: its name, what kind it is, what it means, and each value with its labels."""

    name: str
    kind: str
    about: str
    values: Sequence[tuple[Mapping[str, str], float]]


class Metrics:
    """Counts what happens in this process."""

    def __init__(self, broker: IBroker, hub: Hub, sessions: Sessions, health: Health) -> None:
        self._broker = broker
        self._hub = hub
        self._sessions = sessions
        self._health = health
        self._heard = 0
        hub.follow(self._told)

    async def text(self) -> bytes:
        """All of it, as it stands now.  Never fails: what is away is left out."""
        asks: list[Callable[[], Deferred[Any]]] = [self._broker.observers]
        if IMeasured.providedBy(self._broker):
            asks.append(self._broker.sizes)
        observers, *sizes = await gatherResults([Deferred.fromCoroutine(self._asked(ask)) for ask in asks])
        return write([*self._own(), *_behind(observers), *_held(*sizes or [None])])

    def _told(self, _room: str, entries: Sequence[Entry]) -> None:
        self._heard += len(entries)

    def _own(self) -> Iterator[Metric]:
        health, sessions = self._health, self._sessions
        yield Metric("meet_info", "gauge", "Which Meet this is.", [({"version": VERSION}, 1)])
        yield _one("meet_ready", "gauge", "1 while this process delivers.", health.trouble is None)
        yield Metric(
            "meet_part_ready",
            "gauge",
            "1 while a part does its work.",
            [({"part": part.name}, not part.trouble) for part in health.parts],
        )
        yield Metric(
            "meet_part_seconds",
            "gauge",
            "How long a part took the last time that it did its work.",
            [({"part": part.name}, part.took) for part in health.parts],
        )
        yield _one("meet_loop_lag_seconds", "gauge", "How late the reactor was at worst in a minute.", health.lag)
        yield _one("meet_people", "gauge", "People whom this process stands for.", len(sessions))
        yield _one("meet_rooms", "gauge", "Rooms that this process has in memory.", len(self._hub))
        yield _one("meet_entries_heard_total", "counter", "Entries that this process has heard.", self._heard)
        yield _one(
            "meet_deliveries_total", "counter", "Entries told to listeners, each of them.", self._hub.outbox.delivered
        )
        yield _one("meet_asks_total", "counter", "Asks, among them joins and openings.", sessions.asks)
        yield Metric(
            "meet_refusals_total",
            "counter",
            "Asks that were refused.",
            [({"code": code}, sessions.refusals[code]) for code in REFUSALS],
        )

    async def _asked(self, ask: Callable[[], Deferred[Any]]) -> Any:
        """What the broker says of itself; None if it does not in time."""
        try:
            return await maybeDeferred(ask).addTimeout(_PATIENCE, self._sessions.clock)
        except (Unavailable, TookTooLong):
            return None


def write(metrics: Sequence[Metric]) -> bytes:
    """The text of ``metrics``."""
    lines = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {metric.about}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        for labels, value in metric.values:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{metric.name}{f'{{{inside}}}' if inside else ''} {float(value):.10g}")
    return "".join(f"{line}\n" for line in lines).encode()


def _behind(observers: Sequence[Observer] | None) -> Iterator[Metric]:
    if observers is None:
        return
    yield Metric(
        "meet_observer_behind",
        "gauge",
        "Records that the broker keeps for an observer of its journal.",
        [({"observer": each.name}, each.behind) for each in observers],
    )
    yield Metric(
        "meet_observer_away_seconds",
        "gauge",
        "How long no process has told an observer anything.",
        [({"observer": each.name}, each.away) for each in observers],
    )


def _held(sizes: Mapping[str, int] | None) -> Iterator[Metric]:
    if sizes is None:
        return
    yield _one("meet_broker_rooms", "gauge", "Rooms that the broker holds.", len(sizes))
    yield _one("meet_broker_bytes", "gauge", "Bytes that the broker holds of rooms.", sum(sizes.values()))
    largest = sorted(sizes.items(), key=lambda each: (-each[1], each[0]))[:_ROOMS]
    yield Metric(
        "meet_room_bytes",
        "gauge",
        f"Bytes that the broker holds of a room, of the {_ROOMS} largest.",
        [({"room": room}, size) for room, size in largest],
    )


def _one(name: str, kind: str, about: str, value: float) -> Metric:
    return Metric(name, kind, about, [({}, value)])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
