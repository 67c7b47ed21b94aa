"""Comings and goings of one room, gathered: a join costs the same in a room of ten and of ten thousand.

Changes of 250 ms become one `Here`.  Somebody who comes and goes within it, or goes and is
back, is not mentioned.  Above ``names-in-here`` people only the count is told, once a second.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from meet.events import Event, Joined, Left, Renamed
from meet.interfaces import Here
from meet.limits import Limits
from meet.roster import Roster

GATHER = 0.25
GATHER_COUNT = 1.0
"""Seconds for which changes are gathered, and for which they are while only the count is told:
a hall that comes in would otherwise have itself told to all who are in already, all the time."""


class Digest:
    """The changes of one room since it was last told; ``tell`` gets each digest."""

    def __init__(self, people: Roster, clock: IReactorTime, limits: Limits, tell: Callable[[Here], None]) -> None:
        self._clock = clock
        self._limits = limits
        self._tell = tell
        self._nicks: dict[str, str] = {person.id: person.nick for person in people}
        self._before: dict[str, str | None] = {}
        self._call: IDelayedCall | None = None

    def take(self, event: Event) -> None:
        """Note what ``event`` changes about who is here, if anything."""
        match event:
            case Joined() | Renamed():
                self._note(event.by, event.nick)
            case Left() if self._nicks.get(event.by) == event.nick:
                self._note(event.by, None)

    def stop(self) -> None:
        """Tell nothing more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _note(self, identity: str, nick: str | None) -> None:
        was = self._nicks.get(identity)
        if was == nick:
            return
        self._before.setdefault(identity, was)
        if nick is None:
            del self._nicks[identity]
        else:
            self._nicks[identity] = nick
        if self._call is None:
            many = len(self._nicks) > self._limits.names_in_here
            self._call = self._clock.callLater(GATHER_COUNT if many else GATHER, self._flush)

    def _flush(self) -> None:
        self._call = None
        before, self._before = self._before, {}
        came: list[str] = []
        went: list[str] = []
        renamed: list[tuple[str, str]] = []
        for identity, was in before.items():
            nick = self._nicks.get(identity)
            if was == nick:
                continue
            if was is not None:
                went.append(was)
            if nick is not None:
                came.append(nick)
            if was is not None and nick is not None:
                renamed.append((was, nick))
        if not came and not went:
            return
        if len(self._nicks) > self._limits.names_in_here:
            came, went = [], []
            renamed = []
        self._tell(Here(len(self._nicks), came, went, tuple(renamed)))
