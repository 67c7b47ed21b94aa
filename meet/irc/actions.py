"""What the words of a conversation come down to: the few things that take time.

A command's conversation is a generator.  It sends replies through its `Client`, and yields
one of these when something must happen elsewhere; it is sent the answer, or thrown the
`Refused`.  So all of IRC's wording runs, and is tested, without a network.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from meet.commands import Command
from meet.events import Entry
from meet.feed import Feed
from meet.room import Room


class Place(Protocol):
    """A room that the client is in."""

    @property
    def id(self) -> str:
        """The client's participant in this room."""

    @property
    def room(self) -> Room:
        """The room as it is now; for reading."""

    @property
    def feed(self) -> Feed:
        """The room with its newest lines; for reading."""

    def told_already(self, line: bytes) -> None:
        """Leave out this line, given without tags, when the room tells it: the client has it."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Answers `Enter`: the place, what was said ``earlier``, and the host key if this opened the room."""

    place: Place
    earlier: Sequence[Entry]
    host_key: str = ""


@dataclass(frozen=True, slots=True)
class Enter:
    """Go into ``room``, which is opened if it does not exist.  Answered by `Entered`."""

    room: str
    key: str


@dataclass(frozen=True, slots=True)
class Host:
    """Become the host of a room one is in by its host ``key``."""

    place: Place
    key: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask ``place`` for ``command``.  Answered by the position of what became true."""

    place: Place
    command: Command


@dataclass(frozen=True, slots=True)
class Depart:
    """Leave ``place``.  It is over for the client whatever comes of it; never refused."""

    place: Place


@dataclass(frozen=True, slots=True)
class Look:
    """Look at a room that one need not be in.  Answered by its `Room`."""

    room: str


@dataclass(frozen=True, slots=True)
class Retune:
    """The capabilities have changed: what rooms tell is written differently from now on."""


Action = Enter | Host | Ask | Depart | Look | Retune
Conversation = Generator[Action, Any, None]


def nothing() -> Conversation:
    """A conversation that is over at once."""
    yield from ()
