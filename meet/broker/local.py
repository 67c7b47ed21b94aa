"""The broker of one process, durable: the default.

Guards are checked and numbers given in the reactor's thread, by one `Ledger` a room; what
changed is queued for the `Scribe`, which commits all that waits at once.  Ledgers are read
from the file when their room is first asked for, and let go when it is quiet.

The law: nobody hears an entry, and no publish fires, before the commit that holds it.  By
default a commit survives ``kill -9`` and every other end of the process; a machine that
loses its power may lose the last of them.  With ``local:?synchronous=full`` each commit
waits for the disk, and survives that too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from meet.broker.folder import FILE, lock
from meet.broker.ledger import Ledger, Published
from meet.broker.log import Left, Log, Written
from meet.broker.observation import GATHER, Batch, Observation, there
from meet.broker.scribe import Job, Reactor, Scribe
from meet.broker.shelves import Shelves
from meet.broker.turns import Turns
from meet.errors import Stale, Taken, Unavailable
from meet.events import Position, new_epoch
from meet.interfaces import Hear, IBroker, IMeasured, IWatch, Observe, Observer, Stop
from meet.limits import Limits
from meet.look import Look, Numbered

_WEIGHED = 20
"""Rooms that are weighed in one go: nobody's line waits for more."""

_SYNCHRONOUS = {"": "NORMAL", "?synchronous=normal": "NORMAL", "?synchronous=full": "FULL"}


def make_broker(
    url: str, *, data: Path, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits
) -> LocalBroker:
    """The broker for ``local:`` or ``local:?synchronous=full``; `ValueError` for anything else.

    ``clock`` is the reactor, or a clock for time alone; threads report to the reactor then.
    """
    synchronous = _SYNCHRONOUS.get(url.partition(":")[2])
    if synchronous is None:
        raise ValueError(f"The broker local: takes ?synchronous=normal or ?synchronous=full, not {url!r}.")
    if IReactorFromThreads.providedBy(clock):
        threads = cast("Reactor", clock)
    else:
        # Importing it installs it, which is the assembly's to do: only when it is needed.
        from twisted.internet import reactor

        threads = cast("Reactor", reactor)
    return LocalBroker(data, synchronous, clock, threads, random, limits)


@implementer(IBroker, IMeasured)
class LocalBroker:
    """`IBroker` on the files of ``folder``, which one broker at a time can have open.

    Entries are heard just before their own publish fires.  What is asked of one room is
    answered in the order of asking, refusals included.
    """

    _log = Logger()

    def __init__(
        self,
        folder: Path,
        synchronous: str,
        clock: IReactorTime,
        threads: Reactor,
        random: Callable[[int], bytes],
        limits: Limits,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._random = random
        self._limits = limits
        self._file = Log(folder / FILE, synchronous, limits)
        self._scribe = Scribe(self._file, threads, self._not_written)
        self._open = False
        self._lock = -1
        self._secret = b""
        self._hearing: dict[str, Hear] = {}
        self._shelves = Shelves(self._scribe, clock, self._hearing, self._epoch)
        self._observations: dict[Observation, str] = {}
        self._left_behind: set[tuple[str, str]] = set()
        self._works = False
        self._turns = Turns(clock)

    def start(self) -> Deferred[None]:
        """Make the folder if need be, lock it, open the file; fires at once.

        Raises `ValueError` with one sentence if the folder is in use or cannot be written,
        or the file is broken, foreign or of a newer Meet.
        """
        self._lock = lock(self._folder)
        try:
            self._secret = self._file.open(self._random, self._clock.seconds())
        except ValueError:
            os.close(self._lock)
            raise
        self._scribe.start()
        self._open = True
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Accept nothing more; fires when all that was accepted is kept, and the folder is free."""
        if not self._open:
            return succeed(None)
        self._open = False
        self._turns.gone(self, told=True)
        for observation in self._observations:
            observation.stop()
        self._observations.clear()
        if self._works:
            now = self._clock.seconds()
            self._scribe.put(Job(lambda log: log.live(now), _ignore, _ignore))
        # What waits for a ledger is queued when that has been read, behind this fence.
        fence: Deferred[None] = Deferred()
        self._scribe.put(Job(_nothing, fence.callback, lambda _: fence.callback(None)))
        fence.addCallback(lambda _: self._scribe.stop())
        return fence.addCallback(self._close)

    def watch(self, watcher: IWatch) -> Deferred[None]:
        """As `IBroker` says; it is never away.  What an earlier process left is told room by room."""
        done: Deferred[None] = Deferred()
        self._works = True

        def tell(left: Sequence[Left]) -> None:
            self._left_behind = {(each.room, key) for each in left for key in each.keys}
            done.callback(None)
            telling = Deferred.fromCoroutine(_tell_orphans(watcher, left))
            telling.addErrback(lambda failure: self._log.failure("Taking over from an earlier process failed", failure))

        def look(rooms: Sequence[str]) -> None:
            if not rooms:
                watcher.back()
            self._put(lambda log: log.leave_behind(), tell, done)

        if not self._open:
            return fail(_away())
        self._put(lambda log: log.rooms(), look, done)
        return done

    def probe(self) -> Deferred[None]:
        """As `IBroker` says: something small is written to the disk, that this process lives."""
        done: Deferred[None] = Deferred()
        if not self._open:
            return fail(_away())
        now = self._clock.seconds()
        self._put(lambda log: log.live(now), done.callback, done)
        return done

    def secret(self) -> Deferred[bytes]:
        """Fires at once, with what this file was given when it was made."""
        return succeed(self._secret) if self._open else fail(_away())

    def publish(
        self,
        room: str,
        body: bytes,
        *,
        under: Position | None,
        key: str | None = None,
        forget: bool = False,
        ruling: bool = False,
        claim: tuple[str, str] | None = None,
        once: str | None = None,
        erase: Position | None = None,
        instead: Numbered = (),
    ) -> Deferred[Position]:
        """As `IBroker` says."""
        done: Deferred[Position] = Deferred()

        def number(ledger: Ledger) -> None:
            now = self._clock.seconds()
            try:
                published = ledger.publish(
                    body,
                    now,
                    under=under,
                    key=key,
                    forget=forget,
                    ruling=ruling,
                    claim=claim,
                    once=once,
                    erase=erase,
                    instead=instead,
                )
            except (Stale, Taken) as error:
                refused = error
                # Behind what it was refused for: who decides anew has heard that by then.
                self._put(_nothing, lambda _: done.errback(refused), done)
                return
            if published.repeated:
                self._put(_nothing, lambda _: done.callback(published.position), done)
                return
            written = Written(room, body, key, once, erase, now, published, ledger.law, ledger.floor)
            self._put(lambda log: log.publish(written), lambda _: self._told(room, body, published, done), done)
            if key is not None:
                self._come_back(room, key)
            if erase is not None or published.changed:
                self._scribe.put(Job(_nothing, _ignore, _ignore, wipes=True))

        return self._with(room, number, done)

    def hold(self, room: str, key: str, owner: str, away: float | None = None) -> Deferred[bool]:
        """As `IBroker` says; the only process stands for everybody."""
        done: Deferred[bool] = Deferred()

        def look(ledger: Ledger) -> None:
            theirs = ledger.owner(key) == owner
            if theirs and away is None:
                self._come_back(room, key)
            self._put(_nothing, lambda _: done.callback(theirs), done)

        return self._with(room, look, done)

    def let_go(self, room: str, key: str, owner: str) -> Deferred[bool]:
        """As `IBroker` says: there is no other process."""
        done: Deferred[bool] = Deferred()
        if not self._open:
            return fail(_away())
        self._put(_nothing, lambda _: done.callback(True), done)
        return done

    def lease(self, name: str, gained: Callable[[], None], lost: Callable[[], None]) -> Stop:
        """As `IBroker` says: among those who ask in this process."""
        give_up = self._turns.wait(name, self, gained, lost)

        def stop() -> Deferred[None]:
            give_up()
            return succeed(None)

        return stop

    def read(self, room: str) -> Deferred[Look]:
        """As `IBroker` says."""
        done: Deferred[Look] = Deferred()

        def look(ledger: Ledger) -> None:
            looked = ledger.look()
            # It may show what is not committed yet, and must not be seen before that is.
            self._put(_nothing, lambda _: done.callback(looked), done)

        return self._with(room, look, done)

    def attend(self, room: str, hear: Hear) -> Deferred[None]:
        """As `IBroker` says; what is under way when it is asked is heard too."""
        done: Deferred[None] = Deferred()
        if not self._open:
            return fail(_away())
        self._hearing[room] = hear
        self._put(_nothing, done.callback, done)
        return done

    def neglect(self, room: str) -> None:
        """As `IBroker` says; of a room that is not attended nothing happens."""
        self._hearing.pop(room, None)
        self._shelves.neglected(room)

    def journal(self, observer: str, observe: Observe) -> Deferred[Stop]:
        """As `IBroker` says."""
        done: Deferred[Stop] = Deferred()
        if not self._open:
            return fail(_away())

        def fetch(after: int, count: int) -> Deferred[Batch]:
            fetched: Deferred[Batch] = Deferred()
            self._put(lambda log: log.after(after, count), fetched.callback, fetched)
            return fetched

        def acknowledge(number: int) -> None:
            # Should it fail, the next one stands for it too.
            self._scribe.put(Job(lambda log: log.acknowledge(observer, number), _ignore, _ignore))

        def begin(after: int) -> None:
            observation = Observation(observe, fetch, acknowledge, self._clock, after, GATHER)

            def stop() -> Deferred[None]:
                if self._observations.pop(observation, None) and observer not in self._observations.values():
                    now = self._clock.seconds()
                    self._scribe.put(Job(lambda log: log.leave(observer, now), _ignore, _ignore))
                return observation.stop()

            if self._open:
                self._observations[observation] = observer
                observation.wake()
            done.callback(stop)

        self._works = True
        self._put(lambda log: log.register(observer), begin, done)
        return done

    def observers(self) -> Deferred[Sequence[Observer]]:
        """As `IBroker` says."""
        done: Deferred[Sequence[Observer]] = Deferred()
        if not self._open:
            return fail(_away())
        now = self._clock.seconds()
        self._put(lambda log: log.observers(now), done.callback, done)
        return done

    def dismiss(self, observer: str) -> Deferred[bool]:
        """As `IBroker` says."""
        done: Deferred[bool] = Deferred()
        if not self._open:
            return fail(_away())
        if observer in self._observations.values():
            return fail(there(observer))
        self._put(lambda log: log.dismiss(observer), done.callback, done)
        return done

    def sizes(self) -> Deferred[Mapping[str, int]]:
        """As `meet.interfaces.IMeasured` says: the words and the names of keys, some rooms at a time."""
        return Deferred.fromCoroutine(self._weigh()) if self._open else fail(_away())

    async def _weigh(self) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        rooms = await self.rooms()
        for first in range(0, len(rooms), _WEIGHED):
            done: Deferred[Mapping[str, int]] = Deferred()
            self._put(partial(Log.sizes, rooms=rooms[first : first + _WEIGHED]), done.callback, done)
            sizes |= await done
        return sizes

    def rooms(self) -> Deferred[Sequence[str]]:
        """As `IBroker` says, in the order of the names."""
        done: Deferred[Sequence[str]] = Deferred()
        if not self._open:
            return fail(_away())
        self._put(lambda log: log.rooms(), done.callback, done)
        return done

    def restore(self, room: str, known: Look, renewed: bytes) -> Deferred[bool]:
        """As `IBroker` says."""
        done: Deferred[bool] = Deferred()

        def renew(ledger: Ledger) -> None:
            restored = ledger.restored(known, renewed, self._epoch(), self._clock.seconds())
            if restored is None:
                self._put(_nothing, lambda _: done.callback(False), done)
                return

            def told(_: object) -> None:
                self._tell(room, *restored.renewed)
                done.callback(True)

            self._shelves.put(room, restored.ledger)
            self._put(lambda log: log.restore(room, restored), told, done)

        return self._with(room, renew, done)

    def drop(self, room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """As `IBroker` says.

        If the commit stands but the files could not be wiped, it fails as `Unavailable`;
        ask again, of what is then an unknown room, and it is tried anew.
        """
        done: Deferred[None] = Deferred()

        def delete(ledger: Ledger) -> None:
            if ledger.known:
                if under not in (None, ledger.ruled):
                    self._put(_nothing, lambda _: done.errback(Stale("The room has changed since.")), done)
                    return
                position = ledger.next()
                self._shelves.put(room, Ledger(self._epoch(), self._limits))
                self._scribe.put(
                    Job(lambda log: log.drop(room, position, body), lambda _: self._tell(room, position, body), _ignore)
                )
            self._put(_nothing, done.callback, done, wipes=True)

        return self._with(room, delete, done)

    def _come_back(self, room: str, key: str) -> None:
        """Whose ``key`` it is is there again, or it is another's now."""
        if (room, key) in self._left_behind:
            self._left_behind.discard((room, key))
            self._scribe.put(Job(lambda log: log.come_back(room, key), _ignore, _ignore))

    def _with(self, room: str, ask: Callable[[Ledger], None], done: Deferred[Any]) -> Deferred[Any]:
        """Do ``ask`` with the room's ledger, after all that was asked of it before."""
        return self._shelves.ask(room, ask, done) if self._open else fail(_away())

    def _not_written(self) -> None:
        """A commit failed: what the ledgers say is not so; they are read anew."""
        self._shelves.clear()

    def _epoch(self) -> str:
        return new_epoch(self._clock.seconds(), self._random(3))

    # What was committed.

    def _put(
        self, work: Callable[[Log], Any], told: Callable[[Any], object], done: Deferred[Any], *, wipes: bool = False
    ) -> None:
        self._scribe.put(Job(work, told, done.errback, wipes))

    def _told(self, room: str, body: bytes, published: Published, done: Deferred[Position]) -> None:
        self._tell(room, published.position, body)
        done.callback(published.position)

    def _tell(self, room: str, position: Position, body: bytes) -> None:
        hear = self._hearing.get(room)
        if hear is not None:
            try:
                hear(position, body)
            except Exception:
                self._log.failure("Hearing an entry failed")
        for observation in self._observations:
            observation.wake()

    def _close(self, result: object) -> None:
        self._hearing.clear()
        self._shelves.clear()
        os.close(self._lock)


async def _tell_orphans(watcher: IWatch, left: Sequence[Left]) -> None:
    for each in left:
        await watcher.orphaned(each.room, each.keys, each.seen)


def _away() -> Unavailable:
    return Unavailable("The broker is not running; come again.")


def _nothing(log: Log) -> None:
    """Only the order of the queue is wanted."""


def _ignore(result: object) -> None:
    """Nobody asked to be told."""
