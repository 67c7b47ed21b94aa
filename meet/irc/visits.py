"""A client's stays in rooms: where the conversation's actions meet sessions and the hub.

The law of one place: a participant has at most one connection here.  Who comes again with
what identifies them gets their place back; a connection that still holds it must go first,
at once if a password proves whose it is, and otherwise only if it shows no sign of life.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks
from zope.interface import implementer

from meet import names
from meet.commands import Rename
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import Entry, Position
from meet.feed import Feed
from meet.house import House
from meet.interfaces import IFormat, IListener
from meet.irc.actions import Action, Ask, Depart, Enter, Entered, Host, Look, Retune
from meet.irc.client import VIA, Client
from meet.irc.identity import fingerprint, own_token
from meet.moments import DEFAULT_LIFE, LIVES
from meet.names import skeleton
from meet.room import Room
from meet.session import Session


class Line(Protocol):
    """A connection, as far as visits need it."""

    client: Client
    address: str

    @property
    def gone(self) -> bool:
        """Whether it has ended."""

    def write(self, data: bytes) -> None:
        """Send whole lines."""

    def end(self, goodbye: Goodbye) -> None:
        """Say goodbye and end it; its visits are over when this returns."""

    def challenge(self) -> Deferred[bool]:
        """Fires with whether it gave no sign of life when it was asked for one."""


@implementer(IListener)
class Ear:
    """What a visit hears with: a listener for one set of capabilities."""

    def __init__(self, visit: Visit, form: IFormat, skips: str) -> None:
        self.format = form
        self.skips = skips
        self._visit = visit
        self._told: set[bytes] = set()
        # As `IListener` says; who hears nothing of what they do themselves has nothing left out,
        # and so no step between.
        self.heard = visit.line.write if skips else self._pass_on

    @property
    def line(self) -> Line:
        """The connection that it belongs to."""
        return self._visit.line

    def _pass_on(self, data: bytes) -> None:
        """Pass lines on, but for those that the client has already."""
        if self._told:
            data = b"".join(line for line in data.splitlines(keepends=True) if not self._was_told(line))
        if data:
            self._visit.line.write(data)

    def ended(self, goodbye: Goodbye) -> None:
        """The room tells nothing more."""
        self._visit.ended(self, goodbye)

    def told_already(self, line: bytes) -> None:
        """Leave out ``line`` once, whatever its tags."""
        if not self.skips:
            self._told.add(line)

    def _was_told(self, line: bytes) -> bool:
        if line.startswith(b"@"):
            line = line.partition(b" ")[2]
        if line not in self._told:
            return False
        self._told.remove(line)
        return True


class Visit:
    """One client in one room; the `meet.irc.actions.Place` of the conversation."""

    def __init__(self, line: Line, session: Session) -> None:
        self.line = line
        self.session = session
        self._ear = self._new_ear()

    @property
    def id(self) -> str:
        """The client's participant in this room."""
        return self.session.id

    @property
    def feed(self) -> Feed:
        """The room with its newest lines."""
        return self.session.feed

    @property
    def room(self) -> Room:
        """The room as it is now."""
        return self.session.feed.room

    def told_already(self, line: bytes) -> None:
        """As `meet.irc.actions.Place` says."""
        self._ear.told_already(line)

    def begin(self, after: Position | None) -> Sequence[Entry]:
        """Hear the room from now on; returns what was said since ``after``.  May raise `Refused`."""
        since = self.session.attach(self._ear, after)
        return [entry for entry in since.entries if entry.event.key is None]

    def retune(self) -> None:
        """Hear in another way; what this reactor turn has told is heard in the old one."""
        before, self._ear = self._ear, self._new_ear()
        self.session.catch_up(before)
        try:
            self.session.attach(self._ear)
        finally:
            self.session.detach(before)

    def stop(self) -> None:
        """Hear no more; the place is kept for the grace time."""
        self.session.detach(self._ear)

    def ended(self, ear: Ear, goodbye: Goodbye) -> None:
        """The session or the room has ended this."""
        if ear is not self._ear or self.line.gone:
            return
        if goodbye.name in ("room-closed", "kicked", "left"):
            self.line.client.expelled(self.session.room, goodbye)
        else:
            self.line.end(goodbye)

    def _new_ear(self) -> Ear:
        client = self.line.client
        return Ear(self, client.lines, "" if client.echoes else self.session.id)


class Visits:
    """Carries out the actions of every conversation of this door."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._coming: dict[tuple[str, str], DeferredLock] = {}
        self._residents: WeakValueDictionary[tuple[str, str, str], Session] = WeakValueDictionary()

    @inlineCallbacks
    def perform(self, line: Line, action: Action) -> Generator[Deferred[Any], Any, Any]:
        """Fires with the answer to ``action``; fails with `Refused`."""
        try:
            match action:
                case Enter():
                    return (yield self._enter(line, action))
                case Host():
                    return (yield self._host(line, action))
                case Ask():
                    return (yield _session(action.place).ask(action.command))
                case Depart():
                    yield self._depart(action)
                case Look():
                    feed: Feed = yield self._house.hub.feed(action.room)
                    return feed.room
                case Retune():
                    for visit in list(line.client.places.values()):
                        _visit(visit).retune()
        except Unavailable as away:
            raise Refused("unavailable", str(away) or "A part of Meet is away. Try again in a moment.") from None
        return None

    def stop(self, line: Line) -> None:
        """The connection has ended: every place is kept for the grace time."""
        places = list(line.client.places.values())
        line.client.places.clear()
        for place in places:
            _visit(place).stop()

    @inlineCallbacks
    def _enter(self, line: Line, action: Enter) -> Generator[Deferred[Any], Any, Entered]:
        house, client, room = self._house, line.client, action.room
        nick = client.nick
        mark = fingerprint(
            house.secret,
            password=client.password,
            address=line.address,
            user=client.user,
            realname=client.realname,
        )
        feed: Feed = yield house.hub.feed(room)
        own_key = ""
        if not feed.room.exists:
            own_key = yield self._open(line, room)
        # One after the other, so that no two who are alike get the same number.
        alike = self._coming.setdefault((room, mark), DeferredLock())
        yield alike.acquire()
        try:
            known = self._earlier(room, nick, mark)
            token = known or own_token(house.secret, feed.room, nick, mark)
            kept = house.sessions.find(room, token)
            session: Session = yield house.sessions.join(
                room, via=VIA, address=line.address, nick=nick, token=token, host_key=own_key or action.key
            )
        finally:
            alike.release()
            if not alike.waiting and not alike.locked:
                self._coming.pop((room, mark), None)
        if not known and skeleton(session.nick) != skeleton(nick):
            # Another process gave somebody alike that number.
            raise Refused("unavailable", "Somebody came in at the same moment. Try again.")
        yield self._make_way(line, session)
        if session.nick != nick:
            yield session.ask(Rename(nick=nick))
        if line.gone:
            raise Refused("no-session", "The connection has ended.")
        self._residents[room, skeleton(nick), mark] = session
        visit = Visit(line, session)
        # A window that was cut off stands where it was: it gets what it missed, and no more.
        after = session.reached if session is kept else None
        return Entered(visit, visit.begin(after), own_key)

    @inlineCallbacks
    def _open(self, line: Line, room: str) -> Generator[Deferred[Any], Any, str]:
        ends = self._house.clock.seconds() + LIVES[DEFAULT_LIFE]
        try:
            _, host_key = yield self._house.sessions.open(room, address=line.address, ends=ends)
        except Refused as refused:
            if refused.code != "room-exists":
                raise
            # Somebody else was faster, or it has closed; joining says which.
            return ""
        return str(host_key)

    def _earlier(self, room: str, nick: str, mark: str) -> str:
        """The token of one like this client who came in as ``nick`` and was cut off, if their place
        is kept under another nick that they took since; or nothing.
        """
        session = self._residents.get((room, skeleton(nick), mark))
        return "" if session is None or session.over or session.listeners else session.token

    @inlineCallbacks
    def _make_way(self, line: Line, session: Session) -> Generator[Deferred[Any], Any, None]:
        """Let the connection go that holds the place, or fail as ``nick-taken``."""
        while other := _occupant(session):
            if not line.client.password:
                silent: bool = yield other.challenge()
                if not silent:
                    taken = session.feed.room.people.skeletons()
                    free = names.another_nick(line.client.nick, taken)
                    raise Refused("nick-taken", f"That nick is taken here. Try {free}?")
            other.end(GOODBYES["replaced"])

    @inlineCallbacks
    def _host(self, line: Line, action: Host) -> Generator[Deferred[Any], Any, None]:
        session = _session(action.place)
        yield self._house.sessions.join(
            session.room, via=VIA, address=line.address, token=session.token, host_key=action.key
        )

    @inlineCallbacks
    def _depart(self, action: Depart) -> Generator[Deferred[Any], Any, None]:
        visit = _visit(action.place)
        try:
            yield visit.session.leave()
        except (Refused, Unavailable):
            # Left already, or the broker is away: then the grace time ends it.
            visit.stop()


def _visit(place: Any) -> Visit:
    visit: Visit = place
    return visit


def _session(place: Any) -> Session:
    return _visit(place).session


def _occupant(session: Session) -> Line | None:
    for listener in session.listeners:
        if isinstance(listener, Ear):
            return listener.line
    return None
