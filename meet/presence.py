"""What a process does when it is told of its broker, and of other processes that ended.

The law: somebody is told to have left once, and only when no process stands for them any more.

* A process that ended leaves its people to another.  Each gets a session without a connection
  there and the rest of the grace time; their token takes it over, wherever they come back, or
  it runs out.
* A participant may have sessions in several processes.  Each process that has one stands for
  them, also under a nick that they took by another.
* A broker that was away may have lost who is here.  Whoever stands for somebody tells them
  back in; for whom nobody does, they have the grace time from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore, inlineCallbacks
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.errors import GOODBYES, Refused, Unavailable
from meet.events import Entry, Opened, Renamed, Renewed
from meet.feed import Feed
from meet.hub import Hub
from meet.interfaces import IBroker, IWatch
from meet.session import Session
from meet.sessions import Sessions

_AT_ONCE = 32
"""People who are stood for anew side by side, when a broker is back or a room was renewed."""


@implementer(IWatch)
class Watch:
    """Watches ``broker`` for one process.

    ``back_again`` are called when the broker is back and all rooms here were read anew.
    """

    log = Logger()

    def __init__(self, broker: IBroker, hub: Hub, sessions: Sessions, clock: IReactorTime) -> None:
        self.back_again: list[Callable[[], None]] = []
        self._broker = broker
        self._hub = hub
        self._sessions = sessions
        self._clock = clock
        self._turns = DeferredSemaphore(_AT_ONCE)
        # Since when others could show that they live: who did not before may only have been cut off as well.
        self._seeing = clock.seconds()
        # Told while the broker could not be read: done when it is back.
        self._owed: list[tuple[str, Sequence[str], float]] = []
        hub.follow(self._told)

    def start(self) -> Deferred[None]:
        """Watch from now on; the broker must have been started."""
        self._seeing = self._clock.seconds()
        return self._broker.watch(self)

    # What the broker tells.

    def away(self, reason: str) -> None:
        """As `IWatch` says."""
        self.log.warn("The broker is away: {reason}", reason=reason)
        self._hub.suspend()

    def back(self) -> None:
        """As `IWatch` says."""
        self.log.info("The broker is here.")
        self._seeing = self._clock.seconds()
        Deferred.fromCoroutine(self._back()).addErrback(self._broken)

    @inlineCallbacks
    def orphaned(self, room: str, keys: Sequence[str], seen: float) -> Generator[Deferred[Any], Any, None]:
        """As `IWatch` says; fires when each of those people has a session."""
        try:
            # Looked at and let go: only rooms with people in them stay in memory.
            glance = Feed(room, self._sessions.limits)
            glance.restore((yield self._broker.read(room)))
            if not any(glance.room.people.holder(key) for key in keys):
                return
            feed: Feed = yield self._hub.feed(room)
        except Unavailable:
            self._owed.append((room, keys, seen))
            return
        gone = self._clock.seconds() - max(seen, self._seeing)
        for key in keys:
            person = feed.room.people.holder(key)
            if person is not None:
                self._sessions.adopt(feed, person, gone, seen)

    async def _back(self) -> None:
        await self._hub.resume()
        owed, self._owed = self._owed, []
        for each in owed:
            await self.orphaned(*each)
        for again in self.back_again:
            again()
        # What this process stands for may be lost without a trace in any room.
        await self._stand(self._sessions.all())

    # What becomes true in rooms.

    def _told(self, room: str, entries: Sequence[Entry]) -> None:
        opened = renewed = False
        for item in entries:
            event = item.event
            opened = opened or isinstance(event, Opened)
            renewed = renewed or isinstance(event, Renewed)
            if isinstance(event, Renamed) and (session := self._sessions.one(room, event.by)) is not None:
                # Perhaps by another process: then this one does not stand for that nick yet.
                session.stand().addErrback(self._broken)
        if renewed:
            Deferred.fromCoroutine(self._renewed(room)).addErrback(self._broken)
        elif opened:
            # Another room has the name now.
            for session in self._sessions.of(room):
                session.end(GOODBYES["room-closed"])

    async def _renewed(self, room: str) -> None:
        await self._stand(self._sessions.of(room))
        feed = await self._hub.feed(room)
        for person in list(feed.room.people):
            if self._sessions.one(room, person.id) is None:
                # Their leaving may be what was lost.
                await self._adopt_if_nobodys(feed, person.id)

    async def _adopt_if_nobodys(self, feed: Feed, identity: str) -> None:
        person = feed.room.people.person(identity)
        if person is None or not await self._hub.let_go(feed.name, identity, person.nick):
            return
        if await self._hub.stand(feed.name, identity, person.nick):
            self._sessions.adopt(feed, person, 0.0, None)

    def _stand(self, sessions: Iterable[Session]) -> Deferred[Any]:
        return DeferredList([self._turns.run(each.stand).addErrback(self._broken) for each in sessions])

    def _broken(self, failure: Failure) -> None:
        if not isinstance(failure.value, Refused | Unavailable):
            self.log.failure("Watching the broker failed", failure)
