"""Stories of one room: given what happened, when somebody asks, then this became true or was refused."""

from __future__ import annotations

from typing import Any

from meet import names
from meet.commands import Command
from meet.errors import Refused
from meet.events import Entry, Event, Joined, Opened, Position
from meet.limits import Limits
from meet.moments import HOUR, moment
from meet.room import Room
from meet.wire import encode

NOON = 1_795_521_600.0
"""2026-11-24T12:00:00Z, when every story begins."""

HOST_KEY = "the key of the house"


def opened(**but: Any) -> Opened:
    """The room algebra, opened at noon for an hour."""
    values: dict[str, Any] = {
        "at": moment(NOON),
        "name": "algebra",
        "title": "Algebra",
        "ends": moment(NOON + HOUR),
        "limit": 140,
        "lock": names.digest(HOST_KEY),
    }
    return Opened(**values | but)


def joined(nick: str, *, host: bool = False, via: str = "web") -> Joined:
    """Somebody came in; their id is ``id-`` and the nick in lower case."""
    return Joined(at=moment(NOON), by=f"id-{nick.lower()}", nick=nick, via=via, host=host)


class Story:
    """One room and what becomes of it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.room = Room("algebra", limits or Limits())
        self.now = NOON
        self.became: Event | None = None
        self.no: Refused | None = None
        self._seq = 0

    def given(self, *events: Event) -> Story:
        """These became true, in this order."""
        for event in events:
            self._seq += 1
            self.room.apply(Entry(Position("e1", self._seq), event, encode(event)))
        return self

    def later(self, seconds: float) -> Story:
        """So much time passes."""
        self.now += seconds
        return self

    def when(self, who: str, command: Command) -> Story:
        """``who`` asks; what is granted becomes true."""
        before = self.room.state
        self.became = self.no = None
        try:
            self.became = self.room.decide(command, who, self.now)
        except Refused as no:
            self.no = no
        assert self.room.state == before, "deciding changes nothing"
        if self.became is not None:
            self.given(self.became)
        return self

    def then(self, event: Event) -> Story:
        """This, exactly, became true."""
        assert self.no is None, self.no
        assert self.became == event
        return self

    def refused(self, code: str, detail: str) -> Story:
        """It was refused, in these words."""
        assert self.became is None, self.became
        assert self.no is not None
        assert (self.no.code, self.no.detail) == (code, detail)
        return self
