"""A room's law: what may be asked, and what became of it.

`Room.decide` is the only place in Meet that says no for the room's own sake; it is pure.
`Room.apply` takes every entry of the log in order; it is total, deterministic, and never
refuses, because nothing untrue is ever numbered.  A room's state is the work of its state
entries alone, so the newest entry for each key, and the law's position, give the same room
as the whole log does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from meet import names
from meet.commands import (
    Block,
    Choose,
    Close,
    Command,
    Erase,
    Expire,
    Extend,
    Follow,
    GiveUp,
    Join,
    Leave,
    Note,
    Open,
    Relay,
    Remove,
    Rename,
    Retitle,
    Return,
    Say,
    Spend,
    Unblock,
    Withdraw,
)
from meet.errors import Refused
from meet.events import (
    Closed,
    Entry,
    Event,
    Extended,
    Joined,
    Left,
    Opened,
    Position,
    Presence,
    Removed,
    Renamed,
    Renewed,
    Retitled,
    Said,
    who_key,
)
from meet.limits import Limits
from meet.moments import day_time, moment, seconds, span
from meet.roster import Participant, Roster
from meet.voices import Voices


class Guards(NamedTuple):
    """What a broker checks in the step that numbers (`meet.interfaces.IBroker.publish`)."""

    under: Position | None
    key: str | None
    forget: bool
    ruling: bool
    claim: tuple[str, str] | None
    once: str | None
    erase: Position | None = None


class Room:
    """One room as the entries so far have made it.  It exists once its `Opened` was applied."""

    __slots__ = (
        "closed",
        "ended",
        "ends",
        "limit",
        "limits",
        "lock",
        "name",
        "opened",
        "people",
        "ruled",
        "title",
        "voices",
    )

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.title = name
        self.opened = 0.0
        self.ends = 0.0
        self.limit = limits.characters_in_line
        self.lock = ""
        self.closed = ""
        self.ended = 0.0
        self.people = Roster()
        self.voices = Voices(limits)
        self.ruled: Position | None = None

    @property
    def state(self) -> tuple[object, ...]:
        """All that can differ between two rooms of one name; for comparing."""
        return (
            self.name,
            self.title,
            self.opened,
            self.ends,
            self.limit,
            self.lock,
            self.closed,
            sorted(self.people.held()),
            self.voices.state,
            self.ruled,
        )

    @property
    def exists(self) -> bool:
        """Whether it was ever opened."""
        return self.ruled is not None

    def over(self, now: float) -> bool:
        """Whether it has closed, or its time has come."""
        return bool(self.closed) or now >= self.ends

    # What may be asked.

    def decide(self, command: Command, who: str, now: float) -> Event:
        """What would be true if ``who``'s ``command`` were granted at ``now``.

        ``who`` is a participant's id, ``now`` seconds since 1970.  Raises `Refused` with the
        reason for a no; changes nothing.
        """
        if not isinstance(command, Open):
            self._must_be_there()
        # A room that has closed is readable still, and what must be gone goes.
        if not isinstance(command, Open | Erase | Expire):
            self._must_be_open(now, unless=isinstance(command, Close))
        return _RULES[type(command)](self, command, who, now)

    def guards(self, event: Event) -> Guards:
        """Under which conditions ``event``, just decided, may be numbered."""
        by = getattr(event, "by", "")
        claim: tuple[str, str] | None = None
        if isinstance(event, Presence):
            claim = (event.key, by)
        elif (person := self.people.person(by)) is not None:
            claim = (who_key(person.nick), by)
        erase = None
        if isinstance(event, Removed) and self.ruled is not None:
            erase = Position(self.ruled.epoch, event.number)
        return Guards(self.ruled, event.key, event.forgets, event.ruling, claim, event.once, erase)

    def _must_be_there(self) -> None:
        if not self.exists:
            raise Refused("no-room", f"There is no room {self.name}. Open it first.")

    def _must_be_open(self, now: float, unless: bool = False) -> None:
        if self.closed or (now >= self.ends and not unless):
            raise Refused("room-closed", f"The room {self.name} has closed.")

    def _participant(self, who: str) -> Participant:
        person = self.people.person(who)
        if person is None:
            raise Refused("not-here", f"You are not in {self.name}. Join it first.")
        return person

    def _host(self, who: str) -> Participant:
        person = self._participant(who)
        if not person.host:
            raise Refused("not-host", "Only the host of this room can do that.")
        return person

    def _end(self, ends: float, now: float) -> str:
        # The other way round, an end that is no number would pass.
        if not ends >= now + self.limits.shortest_life:
            raise Refused("bad-life", f"A room is open for at least {span(self.limits.shortest_life)}.")
        if ends > now + self.limits.longest_life:
            raise Refused("bad-life", f"A room is open for at most {span(self.limits.longest_life)}.")
        return moment(ends)

    def _open(self, command: Open, who: str, now: float) -> Event:
        if self.closed or (self.exists and now >= self.ends):
            free = day_time(self.gone, now)
            raise Refused("room-exists", f"The room {self.name} has closed. Its name is free again at {free} UTC.")
        if self.exists:
            raise Refused("room-exists", f"A room called {self.name} is open. Go in, or take another name.")
        if not 1 <= command.limit <= self.limits.characters_in_line_most:
            most = self.limits.characters_in_line_most
            raise Refused("bad-input", f"A line can have 1 to {most} characters, not {command.limit}.")
        title = names.title(command.title) or self.name
        ends = self._end(command.ends, now)
        return Opened(at=moment(now), name=self.name, title=title, ends=ends, limit=command.limit, lock=command.lock)

    def _join(self, command: Join, who: str, now: float) -> Event:
        nick = names.nick(command.nick)
        person = self.people.person(who)
        holder = self.people.holder(who_key(nick))
        if holder is not None and holder.id != who:
            raise self._taken(nick)
        if person is not None and who_key(person.nick) != who_key(nick):
            raise Refused("nick-taken", f"You are here already, as {person.nick}.")
        if person is None and len(self.people) >= self.limits.people_in_room > 0:
            raise Refused("room-full", f"{len(self.people)} people are here, more than that do not fit.")
        host = person is not None and person.host
        if command.host_key:
            if names.digest(command.host_key) != self.lock:
                raise Refused("wrong-key", "That is not the host key of this room.")
            host = True
        if person is not None:
            # Here already: coming in again changes at most the spelling and the rights.
            return Renamed(at=moment(now), by=who, nick=nick, was=person.nick, via=person.via, host=host)
        return Joined(at=moment(now), by=who, nick=nick, via=command.via, host=host)

    def _return(self, command: Return, who: str, now: float) -> Event:
        holder = self.people.holder(who_key(command.nick))
        if holder is not None and holder.id != who:
            raise self._taken(command.nick)
        person = self.people.person(who)
        if person is None:
            return Joined(at=moment(now), by=who, nick=command.nick, via=command.via, host=command.host)
        if who_key(person.nick) != who_key(command.nick):
            raise Refused("nick-taken", f"You are here already, as {person.nick}.")
        return Renamed(at=moment(now), by=who, nick=command.nick, was=person.nick, via=command.via, host=command.host)

    def _rename(self, command: Rename, who: str, now: float) -> Event:
        person = self._participant(who)
        nick = names.nick(command.nick)
        holder = self.people.holder(who_key(nick))
        if holder is not None and holder.id != who:
            raise self._taken(nick)
        return Renamed(at=moment(now), by=who, nick=nick, was=person.nick, via=person.via, host=person.host)

    def _say(self, command: Say, who: str, now: float) -> Event:
        person = self._participant(who)
        text = names.line(command.text, self.limit)
        if len(command.ref) > self.limits.characters_in_ref:
            raise Refused("bad-input", f"A ref has at most {self.limits.characters_in_ref} characters.")
        return Said(at=moment(now), by=who, nick=person.nick, via=person.via, text=text, ref=command.ref)

    def _leave(self, command: Leave, who: str, now: float) -> Event:
        person = self._participant(who)
        return Left(at=moment(now), by=who, nick=person.nick, because=command.because, host=person.host, via=person.via)

    def _give_up(self, command: GiveUp, who: str, now: float) -> Event:
        person = self._participant(who)
        key = who_key(command.nick)
        holder = self.people.holder(key)
        if holder is None or holder.id != who or key == who_key(person.nick):
            raise Refused("bad-nick", f"{command.nick} is not a nick that you could give up.")
        return Left(at=moment(now), by=who, nick=holder.nick, because="renamed", host=holder.host, via=holder.via)

    def _retitle(self, command: Retitle, who: str, now: float) -> Event:
        person = self._host(who)
        title = names.title(command.title) or self.name
        return Retitled(at=moment(now), by=who, nick=person.nick, title=title, via=person.via)

    def _extend(self, command: Extend, who: str, now: float) -> Event:
        person = self._host(who)
        return Extended(at=moment(now), by=who, nick=person.nick, ends=self._end(command.ends, now))

    def _close(self, command: Close, who: str, now: float) -> Event:
        if now >= self.ends:
            return Closed(at=moment(now), because="time")
        person = self._host(who)
        return Closed(at=moment(now), because="host", by=who, nick=person.nick)

    def _remove(self, command: Remove, who: str, now: float) -> Event:
        person = self._host(who)
        if command.number < 1:
            raise Refused("bad-input", "Lines are numbered from 1 on.")
        return Removed(at=moment(now), number=command.number, because="host", by=who, nick=person.nick)

    def _withdraw(self, command: Withdraw, who: str, now: float) -> Event:
        return Removed(at=moment(now), number=command.number, because="source")

    def _erase(self, command: Erase, who: str, now: float) -> Event:
        return Removed(at=moment(now), number=command.number, because="operator")

    def _taken(self, nick: str) -> Refused:
        other = names.another_nick(nick, self.people.skeletons())
        return Refused("nick-taken", f"That nick is taken here. Try {other}?")

    # What became true.

    def apply(self, entry: Entry) -> None:
        """Let ``entry`` have happened.

        Kinds that this version does not know, and moments that cannot be read, change nothing.
        """
        event = entry.event
        match event:
            case Opened() if (times := _read(event.at, event.ends)) is not None:
                self.title, self.lock, self.limit = event.title, event.lock, event.limit
                self.opened, self.ends = times
            case Joined() | Renamed():
                self.people.came(event, entry.position)
            case Left():
                self.people.went(event)
            case Retitled():
                self.title = event.title
            case Extended() if (times := _read(event.ends)) is not None:
                (self.ends,) = times
            case Closed():
                self.closed = event.because
                self.ended = (_read(event.at) or (self.ends,))[0]
                self.people.clear()
            case Renewed():
                pass
            case _ if not self.voices.apply(event):
                return
        if event.ruling:
            self.ruled = entry.position

    # What it says of itself.

    @property
    def gone(self) -> float:
        """When all that it holds is deleted, in seconds since 1970, as things stand."""
        return (self.ended if self.closed else self.ends) + self.limits.grace

    def promise(self, now: float) -> str:
        """One sentence for those who come in: what is kept, who can read it, until when."""
        gone = day_time(self.gone, now)
        return f"Lines are kept until {gone} UTC, then deleted; anybody who knows the room's name can read them."


_C = TypeVar("_C", bound=Command)
_Rule = Callable[[Room, _C, str, float], Event]
_RULES: dict[type[Command], _Rule] = {  # type: ignore[type-arg]  # each takes the command that is its key
    Open: Room._open,
    Join: Room._join,
    Return: Room._return,
    Rename: Room._rename,
    Say: Room._say,
    Leave: Room._leave,
    GiveUp: Room._give_up,
    Retitle: Room._retitle,
    Extend: Room._extend,
    Close: Room._close,
    Remove: Room._remove,
    Erase: Room._erase,
    Withdraw: Room._withdraw,
    Follow: lambda room, command, who, now: room.voices.follow(command, room._host(who), now),
    Choose: lambda room, command, who, now: room.voices.choose(command, room._host(who), now),
    Block: lambda room, command, who, now: room.voices.block(command, room._host(who), now),
    Unblock: lambda room, command, who, now: room.voices.unblock(command, room._host(who), now),
    Relay: lambda room, command, who, now: room.voices.relay(command, now),
    Note: lambda room, command, who, now: room.voices.note(command, now),
    Expire: lambda room, command, who, now: room.voices.expire(command, now),
    Spend: lambda room, command, who, now: room.voices.spend(command, now),
}


def _read(*texts: str) -> list[float] | None:
    try:
        return [seconds(text) for text in texts]
    except (ValueError, OverflowError):
        return None
