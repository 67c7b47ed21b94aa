"""The rooms of one process: where commands go up and events come down.

The hub keeps one `Feed` for each room that somebody here cares for.  An ask is decided on
the feed's view, published behind the broker's guards, and decided again if the view was
old.  What the broker tells goes through the feed, in order, to the outbox.  A hole is read
anew, and the listeners never see it.

While the broker is away what is here stays readable, and asks are refused.  When it is back
every room is read anew; what it has lost of a room is given back out of the feed, and the
room's listeners come again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore, fail, inlineCallbacks, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.attended import Attended, Hold
from meet.awaiting import reached
from meet.commands import Command
from meet.digest import Digest
from meet.errors import GOODBYES, Goodbye, Refused, Stale, Taken, Unavailable
from meet.events import Closed, Entry, Forgotten, Position, Renewed, who_key
from meet.feed import Caught, Feed, Since
from meet.interfaces import Here, IBroker, IListener
from meet.limits import Limits
from meet.outage import AWAY, Outage
from meet.outbox import Outbox
from meet.reader import Reader
from meet.wire import encode

_TRIES = 6
"""How often an ask is decided anew before the asker is told to try later: each try means
that a ruling, or the loss of the nick, overtook the one before."""

_UNOPENED = 1.0
"""Seconds for which the feed of a name that is no room stays: anybody can ask for any name."""

_PATIENCE = 2.0
"""Seconds after which an accepted entry that was not heard is read from the broker."""

_READ_AT_ONCE = 8
"""Rooms that are read side by side when the broker is back: the asks of the living come between."""

Told = Callable[[str, Sequence[Entry]], None]


class Hub:
    """The rooms of one process, over one broker."""

    log = Logger()

    def __init__(self, broker: IBroker, clock: IReactorTime, limits: Limits) -> None:
        self.outbox = Outbox(clock)
        self._broker = broker
        self._clock = clock
        self._limits = limits
        self._rooms: dict[str, Attended] = {}
        self._told: list[Told] = []
        self._stopped = False
        self._outage = Outage(self.outbox, clock)
        self._reader = Reader(broker, clock, limits, self._outage)

    def __len__(self) -> int:
        """How many rooms are in memory."""
        return len(self._rooms)

    def follow(self, told: Told) -> None:
        """Call ``told(room, entries)`` for what becomes true in any room that is attended here.

        It waits in the outbox by then, and the room's listeners hear it at the turn's end.
        """
        self._told.append(told)

    # Rooms.

    def feed(self, room: str) -> Deferred[Feed]:
        """Fires with the feed of ``room``, up to date.  May fail with `Unavailable`.

        The feed is of a room that need not exist (`meet.room.Room.exists`).
        """
        attended = self._rooms.get(room)
        if attended is None:
            attended = self._rooms[room] = Attended(Feed(room, self._limits))
            waiting: Deferred[Feed] = Deferred()
            attended.loading = [waiting]
            self._load(room, attended).addErrback(self._not_loaded, room, attended)
            return waiting
        if attended.loading is not None:
            waiting = Deferred()
            attended.loading.append(waiting)
            return waiting
        self._linger(room, attended)
        return succeed(attended.feed)

    def hold(self, room: str) -> Callable[[], None]:
        """Keep the feed of ``room`` in memory until the function returned is called (once counts)."""
        attended = self._rooms[room]
        attended.holds += 1
        self._linger(room, attended)
        return Hold(attended, self._released)

    def _released(self, attended: Attended) -> None:
        if self._rooms.get(attended.feed.name) is attended:
            self._linger(attended.feed.name, attended)

    @inlineCallbacks
    def listen(
        self, room: str, listener: IListener, after: Position | None = None
    ) -> Generator[Deferred[Any], Any, Since]:
        """Tell ``listener`` what becomes true from now on.

        Fires with what it missed since ``after``; between the two nothing is lost and nothing
        comes twice.  Fails with `Refused` ``no-room`` or ``room-closed`` (only a room that is
        open has anything to tell), or `Unavailable`.
        """
        feed: Feed = yield self.feed(room)
        if not feed.room.exists:
            raise Refused("no-room", f"There is no room {room}. Open it first.")
        if feed.room.closed:
            raise Refused("room-closed", f"The room {room} has closed.")
        return self.add(feed, listener, after)

    def add(self, feed: Feed, listener: IListener, after: Position | None = None) -> Since:
        """As `listen`, of a feed at hand that is held (`hold`): at once."""
        self.outbox.add(feed.name, listener)
        self._outage.greet(feed.name, listener)
        return feed.since(after)

    def ignore(self, room: str, listener: IListener) -> None:
        """Tell ``listener`` nothing more of ``room``."""
        if self.outbox.remove(room, listener) and room in self._rooms:
            self._linger(room, self._rooms[room])

    # Up.

    def ask(self, room: str, who: str, command: Command) -> Deferred[Position]:
        """Ask ``room`` for ``command`` on behalf of the participant ``who``.

        Fires with the position of what became true, once this process has heard it.  Fails
        with `Refused`; an ask may be made again after ``unavailable``, which is also said of what
        the broker took and then lost before this process heard it.
        """
        attended = self._rooms.get(room)
        if attended is None or not attended.holds or not attended.sure or self._outage:
            return self._ask(room, who, command)
        # Every line comes this way: it waits for the broker and for nothing else.
        try:
            asked = self._publish(attended.feed, who, command)
        except Refused as refused:
            return fail(refused)
        return asked.addErrback(self._overtaken, room, who, command)

    def _overtaken(self, failure: Failure, room: str, who: str, command: Command) -> Deferred[Position]:
        if isinstance(failure.value, Stale | Taken):
            return self._ask(room, who, command, stale=True)
        if isinstance(failure.value, Unavailable):
            raise self._away(failure.value)
        return fail(failure)

    @inlineCallbacks
    def _ask(
        self, room: str, who: str, command: Command, *, stale: bool = False
    ) -> Generator[Deferred[Any], Any, Position]:
        for number in range(_TRIES):
            if self._outage:
                raise Refused("unavailable", AWAY.text)
            try:
                attended = self._rooms.get(room)
                if stale or number:
                    yield self.refresh(room)
                elif attended is not None:
                    # A line that took the number of one that was lost would stand before it.
                    yield attended.made_sure()
                feed: Feed = yield self.feed(room)
                position: Position = yield self._publish(feed, who, command)
                return position
            except (Stale, Taken):
                continue
            except Unavailable as away:
                raise self._away(away) from None
        raise Refused("unavailable", "Too much is changing in this room. Try again in a moment.")

    def _publish(self, feed: Feed, who: str, command: Command) -> Deferred[Position]:
        """Decide ``command`` and publish what comes of it; fires once it was heard.  Raises `Refused`."""
        event = feed.room.decide(command, who, self._clock.seconds())
        body = encode(event)
        under, key, forget, ruling, claim, once, erase = feed.room.guards(event)
        published = self._broker.publish(
            feed.name, body, under=under, key=key, forget=forget, ruling=ruling, claim=claim, once=once, erase=erase
        )
        return published.addCallback(self._until, feed.name, body, once)

    def refresh(self, room: str) -> Deferred[None]:
        """Read ``room`` from the broker; fires when its feed is at least that new."""
        attended = self._rooms.get(room)
        if attended is None or attended.loading is not None:
            return self.feed(room).addCallback(lambda _feed: None)
        return self._read(room, attended)

    @inlineCallbacks
    def stand(self, room: str, who: str, nick: str, away: float | None = None) -> Generator[Deferred[Any], Any, bool]:
        """Stand for ``who``, beside other processes; fires with whether ``nick`` is theirs.

        ``away`` is as `meet.interfaces.IBroker.hold` says.  Fails with `Refused` ``unavailable``.
        """
        try:
            theirs: bool = yield self._broker.hold(room, who_key(nick), who, away)
        except Unavailable as away:
            raise self._away(away) from None
        return theirs

    @inlineCallbacks
    def let_go(self, room: str, who: str, nick: str) -> Generator[Deferred[Any], Any, bool]:
        """Stand for ``who`` no longer; fires with whether no other process does.

        Fails with `Refused` ``unavailable``.
        """
        try:
            nobody: bool = yield self._broker.let_go(room, who_key(nick), who)
        except Unavailable as away:
            raise self._away(away) from None
        return nobody

    # When the broker is away.

    def suspend(self) -> None:
        """The broker is away: refuse every ask until `resume`, and say so if it lasts."""
        self._outage.begin()

    def resume(self) -> Deferred[None]:
        """The broker is back, and may have lost something; fires when every room was read anew.

        A room that cannot be read is tried again by itself.
        """
        self._outage.end()
        for attended in self._rooms.values():
            if attended.sure:
                attended.doubting = []
        turns = DeferredSemaphore(_READ_AT_ONCE)
        readings = [
            turns.run(self._read, room, attended).addErrback(_tried_again_later)
            for room, attended in self._rooms.items()
            if attended.loading is None
        ]
        return DeferredList(readings).addCallback(lambda _: None)

    def stop(self, goodbye: Goodbye) -> None:
        """Tell every listener ``goodbye`` and attend nothing more."""
        self._stopped = True
        self._outage.stop()
        for room in self.outbox.rooms():
            self.outbox.end(room, goodbye)
        for room in list(self._rooms):
            self._drop(room)

    def _away(self, away: Unavailable) -> Refused:
        return Refused("unavailable", str(away) or "A part of Meet is away. Try again in a moment.")

    # Down.

    @inlineCallbacks
    def _load(self, room: str, attended: Attended) -> Generator[Deferred[Any], Any, None]:
        if self._stopped:
            raise Unavailable("Meet is shutting down.")
        yield self._broker.attend(room, lambda position, body: self._heard(room, attended, position, body))
        yield self._reader.read(attended.feed)
        feed = attended.feed
        self._begin_digest(room, attended)
        waiting, attended.loading = attended.loading or [], None
        self._linger(room, attended)
        for each in waiting:
            each.callback(feed)

    def _not_loaded(self, failure: Failure, room: str, attended: Attended) -> None:
        waiting, attended.loading = attended.loading or [], None
        self._drop(room)
        problem: Failure | Unavailable = failure
        if not isinstance(failure.value, Unavailable):
            self.log.failure("A room could not be read", failure)
            problem = Unavailable("A part of Meet is away. Try again in a moment.")
        for each in waiting:
            each.errback(problem)

    @inlineCallbacks
    def _read(self, room: str, attended: Attended) -> Generator[Deferred[Any], Any, None]:
        """Read ``room`` anew, after a reading that is under way; fires when its listeners were told.

        Fails with `Unavailable`, and then it is tried again by itself.
        """
        yield attended.reading.acquire()
        try:
            expected = attended.awaiting.positions()
            caught: Caught = yield self._reader.read(attended.feed)
            if self._rooms.get(room) is attended:
                self._tell(room, attended, caught)
                attended.awaiting.settle(expected, attended.feed.last, caught.entries)
            attended.settle()
        except Exception as problem:
            if not isinstance(problem, Unavailable):
                self.log.failure("A room could not be read")
            # While the broker is known to be away, `resume` is the next try.
            if attended.retry is None and self._rooms.get(room) is attended and not self._outage:
                attended.retry = self._clock.callLater(_PATIENCE, self._read_again, room, attended)
            away = Unavailable("A part of Meet is away. Try again in a moment.")
            attended.turn_away(away)
            raise away from problem
        finally:
            attended.reading.release()

    def _read_again(self, room: str, attended: Attended) -> None:
        attended.retry = None
        if self._rooms.get(room) is attended:
            self._read(room, attended).addErrback(_tried_again_later)

    def _heard(self, room: str, attended: Attended, position: Position, body: bytes) -> None:
        """Take what the broker tells.  While the feed has a hole, it only holds it."""
        entries = attended.feed.hear(position, body)
        if attended.loading is not None or self._rooms.get(room) is not attended:
            return
        if entries:
            self._tell(room, attended, Caught(entries, anew=False))
        elif attended.feed.hole and not attended.reading.locked and attended.retry is None:
            self._read_again(room, attended)

    def _tell(self, room: str, attended: Attended, caught: Caught) -> None:
        entries = caught.entries
        if caught.anew:
            # Another log, or talk that is lost: listeners come again and are told what holds now.
            renewed = any(isinstance(item.event, Renewed) for item in entries)
            self.outbox.end(room, GOODBYES["renewed" if renewed else "internal"])
            self._begin_digest(room, attended)
        elif attended.digest is not None:
            for item in entries:
                attended.digest.take(item.event)
        self.outbox.put(room, entries)
        for told in self._told:
            try:
                told(room, entries)
            except Exception:
                self.log.failure("Something that follows the hub broke")
        attended.awaiting.hear(entries)
        kinds = {type(item.event) for item in entries}
        if Closed in kinds:
            self.outbox.end(room, GOODBYES["room-closed"])
        if Forgotten in kinds:
            self._drop(room)

    def _begin_digest(self, room: str, attended: Attended) -> None:
        if attended.digest is not None:
            attended.digest.stop()
        people = attended.feed.room.people
        attended.digest = Digest(people, self._clock, self._limits, lambda here: self._tell_here(room, here))

    def _tell_here(self, room: str, here: Here) -> None:
        self.outbox.put(room, [here])

    def _until(self, position: Position, room: str, body: bytes, once: str | None) -> Position | Deferred[Position]:
        """``position`` when this process has heard it, as nearly always it has; fails with `Unavailable`
        if that is not ``body``.
        """
        attended = self._rooms.get(room)
        if attended is None or reached(attended.feed.last, position):
            return position
        late = self._clock.callLater(_PATIENCE, self._read_again, room, attended)

        def ended(result: Any) -> Any:
            if late.active():
                late.cancel()
            return result

        return attended.awaiting.add(position, body, once).addBoth(ended).addCallback(lambda _: position)

    # Letting go.

    def _linger(self, room: str, attended: Attended) -> None:
        if attended.linger is not None and attended.linger.active():
            attended.linger.cancel()
        attended.linger = None
        if not attended.holds and attended.loading is None:
            linger = self._limits.feed_linger if attended.feed.room.exists else _UNOPENED
            attended.linger = self._clock.callLater(linger, self._let_go, room, attended)

    def _let_go(self, room: str, attended: Attended) -> None:
        attended.linger = None
        if self._rooms.get(room) is not attended:
            return
        if next(self.outbox.listeners(room), None) is None and not attended.awaiting:
            self._drop(room)
        else:
            self._linger(room, attended)

    def _drop(self, room: str) -> None:
        attended = self._rooms.pop(room, None)
        if attended is None:
            return
        self._broker.neglect(room)
        for call in (attended.linger, attended.retry):
            if call is not None and call.active():
                call.cancel()
        if attended.digest is not None:
            attended.digest.stop()
        attended.awaiting.stop()
        attended.settle()


def _tried_again_later(failure: Failure) -> None:
    """A reading that failed has arranged for the next try by itself."""
    if not isinstance(failure.value, Unavailable):
        failure.raiseException()
