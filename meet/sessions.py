"""All sessions of one process, and the ways into its rooms."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet import names
from meet.admission import Admission
from meet.commands import Join, Open, Say
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import Closed, Entry, Joined, Left, Renamed
from meet.feed import Feed
from meet.hub import Hub
from meet.limits import Limits
from meet.roster import Participant
from meet.session import Session

_T = TypeVar("_T")

_TOKEN_SHORTEST = 8
_TOKEN_LONGEST = 128

_REST_LEAST = 1.0
"""Seconds that somebody has to come back at least, whenever their process ended."""


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
        if not token:
            # Nobody else comes with what is made here.
            token = self._secret()
            alone: Session = yield self._join((room, names.digest(token)), via, address, nick, token, host_key)
            return alone
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

    def adopt(self, feed: Feed, person: Participant, gone: float, seen: float | None) -> None:
        """Give ``person``, who was last there at ``seen`` (seconds since 1970; None: nobody knows), a place
        and the rest of the grace to come back to it, of which ``gone`` seconds are over; unless they
        are back already.
        """
        if (feed.name, person.id) not in self._sessions:
            session = self._session(feed, person.id, person.via, "")
            session.away, session.reached = seen, feed.reached(seen)
            session.touch(max(_REST_LEAST, self.grace(person.via) - gone))

    def of(self, room: str) -> list[Session]:
        """Every session in ``room``."""
        return [session for session in self._sessions.values() if session.room == room]

    def all(self) -> list[Session]:
        """Every session."""
        return list(self._sessions.values())

    def one(self, room: str, identity: str) -> Session | None:
        """The session of the participant ``identity`` in ``room``, if it is in this process."""
        return self._sessions.get((room, identity))

    def broken(self, failure: Any) -> None:
        """Something failed that nobody waits for."""
        self.log.failure("A session broke", failure)

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
            session = self._sessions.get(key)
            if person is not None and (session is None or session.away is not None):
                theirs: bool = yield self.hub.stand(room, identity, person.nick)
                if not theirs:
                    # They have left meanwhile, which is not heard here yet.
                    yield self.hub.refresh(room)
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
            session.token, session.away = token, None
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
            if isinstance(event, Joined | Renamed) and (mine := self._sessions.get((room, event.by))) is not None:
                mine.note()
            if isinstance(event, Closed):
                for session in self.of(room):
                    session.end(GOODBYES["room-closed"])
            elif isinstance(event, Left) and event.because != "renamed":
                left = self._sessions.get((room, event.by))
                if left is None or left.person is not None:
                    continue
                if event.because == "lost" and left.listeners:
                    # Another process took this one for dead, and them for lost; they are here.
                    left.stand().addErrback(self.broken)
                else:
                    left.end(GOODBYES["kicked" if event.because == "kicked" else "left"])
