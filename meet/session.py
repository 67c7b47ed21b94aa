"""Participants of this process: one session each, whatever the medium and however often it breaks.

A participant's id is the digest of a token that only they (and the door they came by) hold.
So the token brings them back as the same person, to any process, after any break; their nick
is kept for them for a grace time, and until it ends nobody is told that they left.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet import names
from meet.admission import Admission
from meet.commands import Command, GiveUp, Join, Leave, Open, Rename, Say
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import Closed, Entry, Left, Position, who_key
from meet.feed import Feed, Since
from meet.hub import Hub
from meet.interfaces import IListener
from meet.limits import Bucket, Limits
from meet.roster import Participant

_T = TypeVar("_T")

_TOKEN_SHORTEST = 8
_TOKEN_LONGEST = 128
_ASKS_UNDER_WAY = 512
"""Asks of one participant that may wait for their turn; more is a program gone wrong."""

_SAYS_SPAN = 10.0
_AGAIN = 5.0
"""Seconds until a leaving that the broker could not take is tried again."""


class Session:
    """One participant in one room.  Made by `Sessions`.

    ``token`` is theirs alone (empty if this process does not know it: they were found in the
    room when it started).  Any number of listeners may be attached: tabs of one browser.
    ``reached`` is how far a connection that was lost had surely heard, for doors whose clients
    cannot say it themselves.
    """

    def __init__(
        self, owner: Sessions, feed: Feed, release: Callable[[], None], identity: str, via: str, token: str
    ) -> None:
        self.feed = feed
        self.id = identity
        self.via = via
        self.token = token
        self.over = False
        self.reached = feed.reached()
        self._owner = owner
        self._release = release
        self._listeners: dict[IListener, None] = {}
        self._lock = DeferredLock()
        self._says = Bucket(owner.limits.says_per_participant, _SAYS_SPAN)
        self._expiry: IDelayedCall | None = None

    @property
    def room(self) -> str:
        """The name of the room."""
        return self.feed.name

    @property
    def person(self) -> Participant | None:
        """Who they are in the room now; None once they have left it."""
        return self.feed.room.people.person(self.id)

    @property
    def nick(self) -> str:
        """The nick they go by now; empty once they have left."""
        person = self.person
        return person.nick if person else ""

    @property
    def listeners(self) -> Sequence[IListener]:
        """What is attached."""
        return list(self._listeners)

    def ask(self, command: Command) -> Deferred[Position]:
        """Ask the room for ``command``; asks of one session are decided in the order they were made.

        Fires with the position of what became true.  Fails with `Refused`.
        """
        return self._owner.counted(self._ask_in_turn(command))

    def _ask_in_turn(self, command: Command) -> Deferred[Position]:
        if isinstance(command, Leave):
            return self.leave(command.because)
        if len(self._lock.waiting) >= _ASKS_UNDER_WAY:
            return _refused("too-fast", "Too many of your requests wait already.")
        if isinstance(command, Say):
            standing = self.feed.said(self.id, command.ref)
            if standing is not None:
                return succeed(standing)
            now = self._owner.clock.seconds()
            if not self._says.take(now):
                most = self._owner.limits.says_per_participant
                return _refused("too-fast", f"That was too fast: {most} lines in {_SAYS_SPAN:.0f} seconds are enough.")
        return self._lock.run(self._ask, command)

    @inlineCallbacks
    def leave(self, because: str = "left") -> Generator[Deferred[Any], Any, Position]:
        """Leave the room, after the asks under way; attached listeners are ended with ``left``.

        Fires with the position of the leaving, which is told once however often this is called.
        """
        yield self._lock.acquire()
        try:
            position: Position = yield self._leave(because)
            return position
        finally:
            self._lock.release()

    def attach(self, listener: IListener, after: Position | None = None) -> Since:
        """Let ``listener`` hear the room, and hold the participant's place while it is attached.

        Returns what was missed since ``after``.  Raises `Refused` if the session is over.
        """
        if self.over:
            raise Refused("no-session", "You have left this room. Join it again.")
        self._cancel_expiry()
        self._listeners[listener] = None
        return self._owner.hub.add(self.feed, listener, after)

    def detach(self, listener: IListener) -> None:
        """The connection behind ``listener`` is gone; the place is kept for ``session-grace`` seconds."""
        self._owner.hub.ignore(self.room, listener)
        if self._listeners.pop(listener, _ABSENT) is _ABSENT or self.over:
            return
        if not self._listeners:
            self.reached = self.feed.reached(self._owner.clock.seconds())
            self.touch(self._owner.grace(self.via))

    def touch(self, seconds: float) -> None:
        """Keep the place for at least ``seconds`` more without a listener."""
        if self.over or self._listeners:
            return
        until = self._owner.clock.seconds() + seconds
        if self._expiry is not None and self._expiry.active():
            if self._expiry.getTime() >= until:
                return
            self._expiry.cancel()
        self._expiry = self._owner.clock.callLater(seconds, self._lost)

    def end(self, goodbye: Goodbye) -> None:
        """Forget the session and end what is attached; the room is told nothing."""
        if self.over:
            return
        self.over = True
        self._cancel_expiry()
        self._owner.forget(self)
        self._release()
        listeners, self._listeners = self._listeners, {}
        if listeners:
            # What was said before the end is told before it.
            self._owner.hub.outbox.flush(self.room)
        for listener in listeners:
            self._owner.hub.ignore(self.room, listener)
            listener.ended(goodbye)

    @inlineCallbacks
    def _ask(self, command: Command) -> Generator[Deferred[Any], Any, Position]:
        if self.over:
            raise Refused("not-here", f"You are not in {self.room}. Join it first.")
        was = self.nick
        position: Position = yield self._owner.hub.ask(self.room, self.id, command)
        if isinstance(command, Rename) and was and who_key(was) != who_key(self.nick or was):
            yield self._owner.hub.ask(self.room, self.id, GiveUp(nick=was))
        return position

    @inlineCallbacks
    def _leave(self, because: str) -> Generator[Deferred[Any], Any, Position]:
        if self.over:
            raise Refused("not-here", f"You are not in {self.room}.")
        hub = self._owner.hub
        current = who_key(self.nick) if self.nick else ""
        for key, person in list(self.feed.room.people.held()):
            if person.id == self.id and key != current:
                yield hub.ask(self.room, self.id, GiveUp(nick=person.nick))
        position: Position = yield hub.ask(self.room, self.id, Leave(because=because))
        self.end(GOODBYES["left"])
        return position

    def _lost(self) -> None:
        self._expiry = None
        self.leave("lost").addErrback(self._not_left)

    def _not_left(self, failure: Any) -> None:
        refused = isinstance(failure.value, Refused)
        if self.over:
            return
        if refused and failure.value.code == "unavailable":
            self.touch(_AGAIN)
            return
        if not refused:
            self._owner.log.failure("A participant could not be let go", failure)
        self.end(GOODBYES["left"])

    def _cancel_expiry(self) -> None:
        expiry, self._expiry = self._expiry, None
        if expiry is not None and expiry.active():
            expiry.cancel()


class Sessions:
    """All sessions of this process, and the ways in.

    ``asks`` counts what was asked, joins and openings too, ``refusals`` what was refused, by its code.
    """

    log = Logger()

    def __init__(
        self,
        hub: Hub,
        admission: Admission,
        clock: IReactorTime,
        limits: Limits,
        random: Callable[[int], bytes],
    ) -> None:
        self.hub = hub
        self.clock = clock
        self.limits = limits
        self.asks = 0
        self.refusals: Counter[str] = Counter()
        self._admission = admission
        self._random = random
        self._sessions: dict[tuple[str, str], Session] = {}
        self._coming: dict[tuple[str, str], DeferredLock] = {}
        hub.follow(self._told)

    def __len__(self) -> int:
        return len(self._sessions)

    def grace(self, via: str) -> float:
        """Seconds for which a place is kept once nothing is attached to it."""
        return self.limits.request_session_idle if via == "api" else self.limits.session_grace

    def find(self, room: str, token: str) -> Session | None:
        """The session in ``room`` that ``token`` belongs to, if it is in this process."""
        return self._sessions.get((room, names.digest(token)))

    def open(
        self, name: str, *, address: str, ends: float, title: str = "", limit: int | None = None
    ) -> Deferred[tuple[str, str]]:
        """Open the room ``name`` until ``ends`` (seconds since 1970).

        Fires with the room's folded name and its host key.  Fails with `Refused`.
        """
        return self.counted(self._open(name, address, ends, title, limit))

    def counted(self, asked: Deferred[_T]) -> Deferred[_T]:
        """``asked``, counted, and once more by its code if it is refused."""
        self.asks += 1
        return asked.addErrback(self._count_refusal)

    @inlineCallbacks
    def _open(
        self, name: str, address: str, ends: float, title: str, limit: int | None
    ) -> Generator[Deferred[Any], Any, tuple[str, str]]:
        room = names.room_name(name)
        self._admission.open(address, self.clock.seconds())
        host_key = self._secret()
        command = Open(
            title=title,
            ends=ends,
            limit=self.limits.characters_in_line if limit is None else limit,
            lock=names.digest(host_key),
        )
        yield self.hub.ask(room, "", command)
        return room, host_key

    def join(
        self,
        name: str,
        *,
        via: str,
        address: str,
        nick: str = "",
        token: str = "",
        host_key: str = "",
    ) -> Deferred[Session]:
        """Bring somebody into the room ``name``, or back into it.

        With the ``token`` of one whose place is still kept they are that same participant,
        under the nick they had; otherwise they join as ``nick``.  Without a token they get
        one.  A ``host_key`` that fits makes them a host.  Fires with their session, the
        caller attaches to it or touches it.  Fails with `Refused`: ``no-session`` if there is
        neither a place nor a nick, and what the room's law says.
        """
        return self.counted(self._come(name, via, address, nick, token, host_key))

    @inlineCallbacks
    def _come(
        self, name: str, via: str, address: str, nick: str, token: str, host_key: str
    ) -> Generator[Deferred[Any], Any, Session]:
        room = names.room_name(name)
        if token and not _TOKEN_SHORTEST <= len(token) <= _TOKEN_LONGEST:
            raise Refused("bad-input", f"A token has {_TOKEN_SHORTEST} to {_TOKEN_LONGEST} characters.")
        token = token or self._secret()
        key = (room, names.digest(token))
        lock = self._coming.setdefault(key, DeferredLock())
        yield lock.acquire()
        try:
            session: Session = yield self._join(key, via, address, nick, token, host_key)
            return session
        finally:
            lock.release()
            if not lock.waiting and not lock.locked:
                self._coming.pop(key, None)

    def resume(self, name: str, token: str) -> Deferred[Session]:
        """Fires with the session of ``token`` in the room ``name``; fails with `Refused`
        ``no-session`` if that participant is no longer in the room.
        """
        return self.join(name, via="", address="", token=token)

    def adopt(self, feed: Feed) -> None:
        """Give everybody in the room whom no session stands for a place and the grace to come back to it.

        For the people of a process that died.
        """
        for person in list(feed.room.people):
            if (feed.name, person.id) not in self._sessions:
                session = self._session(feed, person.id, person.via, "")
                session.touch(self.grace(person.via))

    def forget(self, session: Session) -> None:
        """``session`` is over."""
        if self._sessions.get((session.room, session.id)) is session:
            del self._sessions[session.room, session.id]

    def stop(self, goodbye: Goodbye) -> None:
        """End every session with ``goodbye``; the rooms are told nothing, so all may come back."""
        for session in list(self._sessions.values()):
            session.end(goodbye)

    @inlineCallbacks
    def _join(
        self, key: tuple[str, str], via: str, address: str, nick: str, token: str, host_key: str
    ) -> Generator[Deferred[Any], Any, Session]:
        room, identity = key
        try:
            feed: Feed = yield self.hub.feed(room)
        except Unavailable as away:
            raise Refused("unavailable", str(away)) from None
        release = self.hub.hold(room)
        try:
            person = feed.room.people.person(identity)
            if person is None or host_key:
                if not nick and person is None:
                    if not feed.room.exists or feed.room.over(self.clock.seconds()):
                        # Let the law say which.
                        feed.room.decide(Say(text="-"), identity, self.clock.seconds())
                    raise Refused("no-session", "Your place in this room is gone. Join again with a nick.")
                if address:
                    self._admission.join(address, self.clock.seconds())
                if person is not None:
                    nick = person.nick
                yield self.hub.ask(room, identity, Join(nick=nick, via=via, host_key=host_key))
            session = self._sessions.get(key)
            if session is None or session.over:
                person = feed.room.people.person(identity)
                session = self._session(feed, identity, person.via if person else via, token)
            session.token = token
            session.touch(self.grace(session.via))
            return session
        finally:
            release()

    def _session(self, feed: Feed, identity: str, via: str, token: str) -> Session:
        session = Session(self, feed, self.hub.hold(feed.name), identity, via, token)
        self._sessions[feed.name, identity] = session
        return session

    def _count_refusal(self, failure: Failure) -> Failure:
        if isinstance(failure.value, Refused):
            self.refusals[failure.value.code] += 1
        return failure

    def _secret(self) -> str:
        return urlsafe_b64encode(self._random(18)).decode()

    def _told(self, room: str, entries: Sequence[Entry]) -> None:
        """End the sessions of those who are no longer in the room, however that came about."""
        for item in entries:
            event = item.event
            if isinstance(event, Closed):
                for session in [each for each in self._sessions.values() if each.room == room]:
                    session.end(GOODBYES["room-closed"])
            elif isinstance(event, Left) and event.because != "renamed":
                session_left = self._sessions.get((room, event.by))
                if session_left is not None and session_left.person is None:
                    session_left.end(GOODBYES["kicked" if event.because == "kicked" else "left"])


_ABSENT = object()


def _refused(code: str, detail: str) -> Deferred[Any]:
    refused: Deferred[Any] = Deferred()
    refused.errback(Refused(code, detail))
    return refused
