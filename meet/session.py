"""A participant of this process: one session each, whatever the medium and however often it breaks.

A participant's id is the digest of a token that only they (and the door they came by) hold.
So the token brings them back as the same person, to any process, after any break; their nick
is kept for them for a grace time, and until it ends nobody is told that they left.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from meet.commands import Command, GiveUp, Leave, Rename, Return, Say
from meet.errors import GOODBYES, Goodbye, Refused
from meet.events import Position, who_key
from meet.feed import Feed, Since
from meet.interfaces import IListener
from meet.limits import Bucket
from meet.roster import Participant
from meet.turns import Turns

if TYPE_CHECKING:
    from meet.sessions import Sessions

_ASKS_UNDER_WAY = 512
"""Asks of one participant that may wait for their turn; more is a program gone wrong."""

_SAYS_SPAN = 10.0
_AGAIN = 5.0
"""Seconds until what the broker could not take, a leaving or a return, is tried again."""


class Session:
    """One participant in one room.  Made by `meet.sessions.Sessions`.

    ``token`` is theirs alone (empty if this process does not know it: they were found in the
    room of a process that ended).  Any number of listeners may be attached: tabs of one browser.
    ``reached`` is how far a connection that was lost had surely heard, for doors whose clients
    cannot say it themselves.  ``away`` is since when they have not been there, in seconds since 1970,
    if a process that ended has left them behind and they have not come back.

    Other processes may have sessions of the same participant.  Who leaves leaves everywhere;
    who is lost here has left only if no other process stands for them.
    """

    # The door of IRC remembers who was cut off, and does not hold them.
    __slots__ = (
        "__weakref__",
        "_expiry",
        "_known",
        "_listeners",
        "_owner",
        "_reached",
        "_release",
        "_says",
        "_since",
        "_turns",
        "away",
        "feed",
        "id",
        "over",
        "token",
        "via",
    )

    def __init__(
        self, owner: Sessions, feed: Feed, release: Callable[[], None], identity: str, via: str, token: str
    ) -> None:
        self.feed = feed
        self.id = identity
        self.via = via
        self.token = token
        self.over = False
        self.away: float | None = None
        self._reached: Position | None = None
        self._since = owner.clock.seconds()
        self._owner = owner
        self._release = release
        self._listeners: dict[IListener, None] = {}
        self._turns = Turns()
        # Made for the first line: most people read.
        self._says: Bucket | None = None
        self._expiry: IDelayedCall | None = None
        self._known = self.person

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
    def reached(self) -> Position | None:
        """How far a connection that was lost had surely heard: what came after their coming, if none was."""
        return self._reached or self.feed.reached(self._since)

    @reached.setter
    def reached(self, position: Position | None) -> None:
        """Note it of a connection that was lost."""
        self._reached = position

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
        if len(self._turns) >= _ASKS_UNDER_WAY:
            return _refused("too-fast", "Too many of your requests wait already.")
        if isinstance(command, Say):
            standing = self.feed.said(self.id, command.ref)
            if standing is not None:
                return succeed(standing)
            most = self._owner.limits.says_per_participant
            if self._says is None:
                self._says = Bucket(most, _SAYS_SPAN)
            if not self._says.take(self._owner.clock.seconds()):
                return _refused("too-fast", f"That was too fast: {most} lines in {_SAYS_SPAN:.0f} seconds are enough.")
            return self._turns.together(lambda: self._say(command))
        return self._turns.alone(lambda: self._ask(command))

    def leave(self, because: str = "left") -> Deferred[Position]:
        """Leave the room, after the asks under way; attached listeners are ended with ``left``.

        Fires with the position of the leaving, which is told once however often this is called.
        """
        return self._turns.alone(lambda: self._leave(because))

    def attach(self, listener: IListener, after: Position | None = None) -> Since:
        """Let ``listener`` hear the room, and hold the participant's place while it is attached.

        Returns what was missed since ``after``.  Raises `Refused` if the session is over.
        """
        if self.over:
            raise Refused("no-session", "You have left this room. Join it again.")
        self._cancel_expiry()
        self._listeners[listener] = None
        return self._owner.hub.add(self.feed, listener, after)

    def catch_up(self, listener: IListener) -> None:
        """Tell ``listener`` what waits for the end of this reactor turn now."""
        self._owner.hub.outbox.catch_up(self.room, listener)

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
        for listener in listeners:
            # What was said before the end is told before it.
            self.catch_up(listener)
            self._owner.hub.ignore(self.room, listener)
            listener.ended(goodbye)

    def note(self) -> None:
        """Something was told of this participant: remember who they are, should the room forget it."""
        self._known = self.person or self._known

    def stand(self) -> Deferred[None]:
        """See to it that this process stands for them, and that they are in the room: it may have
        lost that they are.  If their nick went to somebody else, the session ends.
        """
        return self._turns.alone(self._stand_or_end)

    @inlineCallbacks
    def _stand_or_end(self) -> Generator[Deferred[Any], Any, None]:
        try:
            yield self._stand()
        except Refused as refused:
            if refused.code == "unavailable":
                self._owner.clock.callLater(_AGAIN, self._stand_again)
            else:
                self.end(GOODBYES["room-closed" if refused.code in ("no-room", "room-closed") else "renewed"])

    @inlineCallbacks
    def _stand(self) -> Generator[Deferred[Any], Any, None]:
        hub = self._owner.hub
        person = self.person
        if self.over or (person is not None and (yield hub.stand(self.room, self.id, person.nick, self.away))):
            return
        known = person or self._known
        if known is not None:
            yield hub.ask(self.room, self.id, Return(nick=known.nick, via=known.via, host=known.host))

    def _stand_again(self) -> None:
        self.stand().addErrback(self._owner.broken)

    def _say(self, command: Say) -> Deferred[Position]:
        """As `_ask`, without a step between where all is well: every line comes this way."""
        if self.over:
            return self._ask(command)
        return self._owner.hub.ask(self.room, self.id, command).addErrback(self._not_said, command)

    def _not_said(self, failure: Failure, command: Say) -> Deferred[Position]:
        if isinstance(failure.value, Refused) and failure.value.code == "not-here":
            return self._ask(command)
        return fail(failure)

    @inlineCallbacks
    def _ask(self, command: Command) -> Generator[Deferred[Any], Any, Position]:
        if self.over:
            raise Refused("not-here", f"You are not in {self.room}. Join it first.")
        was = self.nick
        try:
            position: Position = yield self._owner.hub.ask(self.room, self.id, command)
        except Refused as refused:
            if self.over or refused.code != "not-here":
                raise
            # They have not left, or the session would be over: the room has lost that they are here.
            yield self._stand()
            position = yield self._owner.hub.ask(self.room, self.id, command)
        if isinstance(command, Rename) and was and who_key(was) != who_key(self.nick or was):
            yield self._owner.hub.ask(self.room, self.id, GiveUp(nick=was))
        return position

    @inlineCallbacks
    def _leave(self, because: str) -> Generator[Deferred[Any], Any, Position]:
        if self.over:
            raise Refused("not-here", f"You are not in {self.room}.")
        hub = self._owner.hub
        for former in self.feed.room.people.nicks(self.id)[:-1]:
            yield hub.ask(self.room, self.id, GiveUp(nick=former.nick))
        position: Position = yield hub.ask(self.room, self.id, Leave(because=because))
        self.end(GOODBYES["left"])
        return position

    def _lost(self) -> None:
        self._expiry = None
        self._turns.alone(self._vanish).addErrback(self._not_left)

    @inlineCallbacks
    def _vanish(self) -> Generator[Deferred[Any], Any, None]:
        hub, person = self._owner.hub, self.person
        if self.over or self._listeners:
            return
        nobody = person is None or (yield hub.let_go(self.room, self.id, person.nick))
        if self._listeners:
            # They came back in the last moment.
            yield self._stand()
        elif nobody:
            yield self._leave("lost")
        else:
            self.end(GOODBYES["left"])

    def _not_left(self, failure: Any) -> None:
        refused = isinstance(failure.value, Refused)
        if self.over:
            return
        if refused and failure.value.code == "unavailable":
            self.touch(_AGAIN)
            return
        if not refused:
            self._owner.broken(failure)
        self.end(GOODBYES["left"])

    def _cancel_expiry(self) -> None:
        expiry, self._expiry = self._expiry, None
        if expiry is not None and expiry.active():
            expiry.cancel()


_ABSENT = object()


def _refused(code: str, detail: str) -> Deferred[Any]:
    refused: Deferred[Any] = Deferred()
    refused.errback(Refused(code, detail))
    return refused
