"""The reaper: ends rooms when their time has come, deletes them after their grace, and lets the
words of posts go that may not be kept for as long as the room (`meet.expiry`).

The law: what the reaper remembers are only moments to look again.  Whatever it does, it
does on a fresh look at the broker, behind the room's own guards; so a moment that is wrong,
a clock that was set, another reaper beside it, or a journal told twice costs one look.

A look is taken of every room at the start, of a room whenever the journal tells that it
was opened, extended, closed, renewed or forgotten, or of a first post whose words must go, and
when its moment has come.

Of several reapers one does it at a time.  The others wait, and follow the journal only when
their turn comes: what they had heard before would be a moment that nobody keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.commands import Close, Expire
from meet.errors import Refused, Stale, Taken, Unavailable
from meet.events import Closed, Entry, Event, Extended, Forgotten, Opened, Renewed
from meet.expiry import STEP, Expiry, instead
from meet.feed import Feed
from meet.interfaces import IBroker, Record
from meet.limits import Limits
from meet.look import Look, Numbered
from meet.moments import HOUR, moment, seconds
from meet.recorder import FollowingInTurn, pause
from meet.room import Room
from meet.wire import decode_event, encode, expires

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

_LOOKS_AT_ONCE = 8  # a start with 10,000 rooms must leave the broker to the living
_STEP_MOST = float(HOUR)  # a longer timer would sleep through a clock that is set
_STEP_LEAST = 0.001  # a timer may fire the last bit of a float too early
_AGAIN = 60.0  # seconds until a room is looked at again whose words have gone


class Reaper(FollowingInTurn):
    """The durable observer ``reaper`` of every room's end.  Any number may run beside each other,
    and one of them works.
    """

    log = Logger()

    def __init__(self, broker: IBroker, clock: IReactorTime, limits: Limits) -> None:
        super().__init__(broker, clock, "reaper", self._hear, "reaper")
        self._limits = limits
        self._turns = DeferredSemaphore(_LOOKS_AT_ONCE)
        self._timers: dict[str, IDelayedCall] = {}
        self._survey_timer: IDelayedCall | None = None
        self._survey_failures = 0
        self._failures: dict[str, int] = {}
        # What is known of the posts of each room, whose words may have to go.
        self._expiries: dict[str, Expiry] = {}
        # A room that is looked at; True if it must be looked at once more.
        self._again: dict[str, bool] = {}
        self._looks: set[Deferred[None]] = set()
        self._away = False

    def _rest(self) -> Deferred[None]:
        """Do nothing more, for now; fires when the looks under way have ended."""
        self._at_work = False
        heard_last = self.end()
        if self._survey_timer is not None:
            self._survey_timer.cancel()
            self._survey_timer = None
        while self._timers:
            self._timers.popitem()[1].cancel()
        self._expiries.clear()
        looks = DeferredList(list(self._looks))
        return heard_last.addCallback(lambda _: looks).addCallback(lambda _: None)

    def _hear(self, records: Sequence[Record]) -> Deferred[None]:
        for room in dict.fromkeys(record.room for record in records if self._matters(record)):
            self._look(room)
        # A look that is lost with this process is made up for by the next one's start.
        return succeed(None)

    def _matters(self, record: Record) -> bool:
        if at := expires(record.body):
            return self._expiries.setdefault(record.room, Expiry()).heard(at)
        return isinstance(decode_event(record.body), Opened | Extended | Closed | Renewed | Forgotten)

    # Every room, once.

    def _survey(self) -> None:
        self._survey_timer = None
        self._broker.rooms().addCallbacks(self._surveyed, self._not_surveyed).addErrback(self._bug)

    def _surveyed(self, rooms: Sequence[str]) -> None:
        self._here()
        for room in rooms:
            self._look(room)

    def _not_surveyed(self, failure: Failure) -> None:
        self._survey_failures += 1
        self._gone(failure)
        if self._at_work:
            self._survey_timer = self._clock.callLater(pause(self._survey_failures), self._survey)

    # One room.

    def _look(self, name: str) -> None:
        if not self._at_work:
            return
        if name in self._again:
            self._again[name] = True
            return
        self._again[name] = False
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        over: Deferred[None] = Deferred()
        self._looks.add(over)

        def looked(_: object) -> None:
            self._looks.discard(over)
            if self._again.pop(name):
                self._look(name)
            over.callback(None)

        turn = self._turns.run(lambda: Deferred.fromCoroutine(self._settle(name)))
        turn.addCallbacks(self._settled, self._unsettled, callbackArgs=(name,), errbackArgs=(name,))
        turn.addErrback(self._bug).addCallback(looked)

    async def _settle(self, name: str) -> float | None:
        """Do what is due in the room; the moment for the next look, or None if there is none."""
        if not self._at_work:
            return None
        look = await self._broker.read(name)
        feed = Feed(name, self._limits)
        entries = feed.restore(look).entries
        now = self._clock.seconds()
        if not feed.room.exists:
            self._expiries.pop(name, None)
            return None
        if feed.room.closed:
            gone = _closed_at(entries) + self._limits.grace
            if now < gone:
                return min(gone, await self._let_words_go(feed.room, look, now))
            await self._broker.drop(name, encode(Forgotten(at=moment(now))), under=feed.room.ruled)
            self._expiries.pop(name, None)
            self.log.info("The room {room} was deleted.", room=name)
            return None
        if now < feed.room.ends:
            return min(feed.room.ends, await self._let_words_go(feed.room, look, now))
        event = feed.room.decide(Close(), "", now)
        await self._publish(feed.room, event)
        self.log.info("The time of the room {room} has come.", room=name)
        return min(seconds(event.at) + self._limits.grace, self._due(feed.room, look, now))

    async def _let_words_go(self, room: Room, look: Look, now: float) -> float:
        """Let the words go that must by ``now``; when they are to be looked at again."""
        due = self._due(room, look, now)
        if due > now:
            return due
        event = room.decide(Expire(before=now + STEP), "", now)
        await self._publish(room, event, instead(look, now + STEP))
        return now + _AGAIN

    def _due(self, room: Room, look: Look, now: float) -> float:
        return self._expiries.setdefault(room.name, Expiry()).due(room, look, now)

    async def _publish(self, room: Room, event: Event, bodies: Numbered = ()) -> None:
        guards = room.guards(event)
        await self._broker.publish(
            room.name,
            encode(event),
            under=guards.under,
            key=guards.key,
            forget=guards.forget,
            ruling=guards.ruling,
            claim=guards.claim,
            once=guards.once,
            instead=bodies,
        )

    def _settled(self, at: float | None, name: str) -> None:
        self._here()
        self._failures.pop(name, None)
        if at is not None:
            self._wake(name, at - self._clock.seconds())

    def _unsettled(self, failure: Failure, name: str) -> None:
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        # The room has changed since the look, which is no fault: look again.
        if not isinstance(failure.value, Stale | Taken | Refused):
            self._gone(failure)
        self._wake(name, pause(failures))

    def _wake(self, name: str, delay: float) -> None:
        if self._at_work:
            step = min(max(delay, _STEP_LEAST), _STEP_MOST)
            self._timers[name] = self._clock.callLater(step, self._woken, name)

    def _woken(self, name: str) -> None:
        del self._timers[name]
        self._look(name)

    # What an operator is told.

    def _here(self) -> None:
        self._away = False

    def _gone(self, failure: Failure) -> None:
        if not isinstance(failure.value, Unavailable):
            self.log.failure("A room could not be looked at", failure=failure)
        elif not self._away:
            self._away = True
            self.log.warn("The reaper waits for the broker: {reason}", reason=failure.value)

    def _bug(self, failure: Failure) -> None:
        self.log.failure("The reaper broke", failure=failure)


def _closed_at(entries: Sequence[Entry]) -> float:
    return max(seconds(entry.event.at) for entry in entries if isinstance(entry.event, Closed))
