"""One client, as the conversation knows it: who they are, where they are, how replies reach them.

Pure but for the function that it writes through.  The law: every reply to this client goes
through `Client.send`, so each has a source, the time where that was asked for, and fits a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from meet.errors import Goodbye, Refused
from meet.events import who_key
from meet.irc.actions import Place
from meet.irc.capabilities import CAPABILITIES
from meet.irc.formats import Lines, mask
from meet.irc.message import BYTES_IN_LINE, write
from meet.limits import Limits
from meet.moments import moment
from meet.roster import Participant

VIA = "irc"
"""The name of this door, as it stands in events."""

ROOMS_MOST = 50
"""Rooms that one connection may be in: more than a person can follow."""


class Counts(NamedTuple):
    """How busy the server is: ``people`` in rooms, ``rooms`` that are attended, ``clients`` of this door."""

    people: int
    rooms: int
    clients: int


@dataclass(frozen=True, slots=True)
class Server:
    """What a conversation knows of the server; ``started`` and ``now()`` are seconds since 1970."""

    name: str
    limits: Limits
    started: float
    now: Callable[[], float]
    counts: Callable[[], Counts]


@dataclass(slots=True)
class Client:
    """One client.  ``nick`` is empty until they have told one; ``write`` takes whole lines."""

    server: Server
    write: Callable[[bytes], None]
    nick: str = ""
    user: str = ""
    realname: str = ""
    password: str = ""
    capabilities: frozenset[str] = frozenset()
    listing: int = 301
    registered: bool = False
    finished: bool = False
    invisible: bool = False
    told_privacy: bool = False
    places: dict[str, Place] = field(default_factory=dict)

    @property
    def lines(self) -> Lines:
        """How rooms are told to this client."""
        return Lines(
            self.server.name,
            tags="message-tags" in self.capabilities,
            times="server-time" in self.capabilities,
            extended_join="extended-join" in self.capabilities,
            redaction="draft/message-redaction" in self.capabilities,
        )

    @property
    def echoes(self) -> bool:
        """Whether the client wants to hear from the room what it says itself."""
        return "echo-message" in self.capabilities

    @property
    def mask(self) -> str:
        """The client's own mask, as it is the source of lines."""
        return mask(self.nick or "*", VIA)

    def send(self, command: str, *middle: str, text: str | None = None, source: str = "") -> None:
        """Send one line, from the server unless ``source`` says otherwise."""
        tags = {"time": moment(self.server.now())} if "server-time" in self.capabilities else None
        self.write(write(command, *middle, text=text, source=source or self.server.name, tags=tags))

    def numeric(self, number: str, *middle: str, text: str | None = None) -> None:
        """Send one numeric; the client's nick is put before ``middle``."""
        self.send(number, self.nick or "*", *middle, text=text)

    def several(self, number: str, *middle: str, words: Iterable[str]) -> None:
        """Send ``words`` in as many numerics as they need, and none for no words."""
        size = BYTES_IN_LINE - len(f":{self.server.name} {number} {self.nick} {' '.join(middle)} :\r\n".encode())
        row: list[str] = []
        length = 0
        for word in words:
            more = len(word.encode()) + 1
            if row and length + more > size:
                self.numeric(number, *middle, text=" ".join(row))
                row, length = [], 0
            row.append(word)
            length += more
        if row:
            self.numeric(number, *middle, text=" ".join(row))

    def notice(self, text: str, target: str = "") -> None:
        """Send a sentence from the server, to the client or into a room's window."""
        self.send("NOTICE", target or self.nick or "*", text=text)

    def fail(self, command: str, code: str, *context: str, text: str) -> None:
        """Send a refusal that has no numeric (IRCv3 standard replies)."""
        if "standard-replies" in self.capabilities:
            self.send("FAIL", command or "*", code.upper().replace("-", "_"), *context, text=text)
        else:
            self.notice(" ".join((*context, text)) if context else text)

    def refuse(self, command: str, refused: Refused, *context: str) -> None:
        """Tell a refusal by the numeric that its code has in `meet.errors.REFUSALS`."""
        numeric = refused.refusal.numeric
        if numeric == "FAIL":
            self.fail(command, refused.code, *context, text=refused.detail)
        else:
            self.numeric(numeric, *(context or (command,)), text=refused.detail)

    def expelled(self, room: str, goodbye: Goodbye) -> None:
        """Tell that the room has ended the client's stay in it."""
        if self.places.pop(room, None) is None:
            return
        channel = f"#{room}"
        if goodbye.name == "left":
            self.send("PART", channel, text=goodbye.text, source=self.mask)
        else:
            self.notice(goodbye.text, channel)
            self.send("KICK", channel, self.nick, text=goodbye.text)

    def known(self, nick: str) -> Iterator[tuple[Place, Participant]]:
        """Where ``nick`` is, as far as the client can see: in the rooms that both are in."""
        key = who_key(nick)
        for place in self.places.values():
            person = place.room.people.holder(key)
            if person is not None:
                yield place, person


def offered(version: int) -> str:
    """The answer to ``CAP LS``; no capability has a value, so all versions are told the same."""
    return " ".join(name for name in CAPABILITIES if version >= 302 or name != "cap-notify")
