"""What a site wants to hear.

::

    from meet.rasputin.observing import Heard, observe

    @observe("said", room="class-*")
    def count(heard: Heard) -> None:
        Score.objects.filter(nick=heard.event.nick).update(lines=F("lines") + 1)

Put it into a module ``observers`` of an app; the worker calls it.  The law: a receiver is called in the
transaction in which its record is marked as told, so what it writes is written once; what it does
besides (a mail, a request) may be done again after a crash.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from meet.events import Event, Position
from meet.wire import decode_event


@dataclass(frozen=True)
class Heard:
    """One event of one room.

    ``event`` is one of `meet.events`, an `meet.events.Unknown` if this version does not know its kind;
    ``body`` is its JSON as it was numbered.
    """

    room: str
    position: Position
    body: bytes

    @cached_property
    def event(self) -> Event:
        """The event as an object."""
        return decode_event(self.body)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Everything that the event says, also what this version does not know."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def kind(self) -> str:
        """The kind of the event, in lower case."""
        return str(self.fields.get("kind", ""))


Receive = Callable[[Heard], object]


@dataclass(frozen=True, slots=True)
class Receiver:
    """One function of a site; ``name`` tells it from the others, also in the list of what was set aside."""

    name: str
    receive: Receive
    kinds: frozenset[str]
    room: str

    def wants(self, heard: Heard) -> bool:
        """Whether ``heard`` is for it."""
        return (not self.kinds or heard.kind in self.kinds) and fnmatchcase(heard.room, self.room)


RECEIVERS: dict[str, Receiver] = {}
"""All of them by name, in the order in which they were declared."""


def observe(*kinds: str, room: str = "*") -> Callable[[Receive], Receive]:
    """Call the function for each event of these ``kinds`` (none: all) in ``room``, a name or a pattern with ``*``."""

    def declare(receive: Receive) -> Receive:
        name = f"{receive.__module__}.{receive.__qualname__}"
        RECEIVERS[name] = Receiver(name, receive, frozenset(kinds), room)
        return receive

    return declare
