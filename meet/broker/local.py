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

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from meet.broker.ledger import Ledger, Published, new_epoch
from meet.broker.log import Log, Written
from meet.broker.observation import Batch, Observation
from meet.broker.scribe import Job, Scribe
from meet.errors import Stale, Taken, Unavailable
from meet.events import Position
from meet.feed import Look
from meet.interfaces import Hear, IBroker, Observe
from meet.limits import Limits

FILE = "broker.sqlite3"
LOCK = "lock"
"""Names in the data folder."""

_UNATTENDED = 1.0
"""Seconds for which a room that nobody attends stays in memory after it was asked for: what
looks at every room in turn, as the reaper does, must not gather all of them."""

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
        threads = cast("IReactorFromThreads", clock)
    else:
        # Importing it installs it, which is the assembly's to do: only when it is needed.
        from twisted.internet import reactor

        threads = cast("IReactorFromThreads", reactor)
    return LocalBroker(data, synchronous, clock, threads, random, limits)


class _Shelf:
    """One room in memory; ``ledger`` is None while it is being read, and ``waiting`` holds
    in order what was asked meanwhile, each with the Deferred to fail if it cannot be.
    """

    __slots__ = ("ledger", "linger", "waiting")

    def __init__(self) -> None:
        self.ledger: Ledger | None = None
        self.waiting: list[tuple[Callable[[Ledger], None], Deferred[Any]]] = []
        self.linger: IDelayedCall | None = None


@implementer(IBroker)
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
        threads: IReactorFromThreads,
        random: Callable[[int], bytes],
        limits: Limits,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._random = random
        self._limits = limits
        self._file = Log(folder / FILE, synchronous, limits)
        self._scribe = Scribe(self._file, threads, self._forget)
        self._open = False
        self._lock = -1
        self._secret = b""
        self._shelves: dict[str, _Shelf] = {}
        self._hearing: dict[str, Hear] = {}
        self._observations: list[Observation] = []

    def start(self) -> Deferred[None]:
        """Make the folder if need be, lock it, open the file; fires at once.

        Raises `ValueError` with one sentence if the folder is in use or cannot be written,
        or the file is broken, foreign or of a newer Meet.
        """
        self._lock = _locked(self._folder)
        try:
            self._secret = self._file.open(self._random)
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
        for observation in self._observations:
            observation.stop()
        self._observations.clear()
        # What waits for a ledger is queued when that has been read, behind this fence.
        fence: Deferred[None] = Deferred()
        self._scribe.put(Job(_nothing, fence.callback, lambda _: fence.callback(None)))
        fence.addCallback(lambda _: self._scribe.stop())
        return fence.addCallback(self._close)

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
            if erase is not None:
                self._scribe.put(Job(_nothing, _ignore, _ignore, wipes=True))

        return self._with(room, number, done)

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
        shelf = self._shelves.get(room)
        if shelf is not None:
            self._used(room, shelf)

    def journal(self, observer: str, observe: Observe) -> Deferred[Callable[[], Deferred[None]]]:
        """As `IBroker` says."""
        done: Deferred[Callable[[], Deferred[None]]] = Deferred()
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
            observation = Observation(observe, fetch, acknowledge, self._clock, after)

            def stop() -> Deferred[None]:
                if observation in self._observations:
                    self._observations.remove(observation)
                return observation.stop()

            if self._open:
                self._observations.append(observation)
                observation.wake()
            done.callback(stop)

        self._put(lambda log: log.register(observer), begin, done)
        return done

    def rooms(self) -> Deferred[Sequence[str]]:
        """As `IBroker` says, in the order of the names."""
        done: Deferred[Sequence[str]] = Deferred()
        if not self._open:
            return fail(_away())
        self._put(lambda log: log.rooms(), done.callback, done)
        return done

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
                self._shelves[room].ledger = Ledger(self._epoch(), self._limits)
                self._scribe.put(
                    Job(lambda log: log.drop(room, position, body), lambda _: self._tell(room, position, body), _ignore)
                )
            self._put(_nothing, done.callback, done, wipes=True)

        return self._with(room, delete, done)

    # The rooms in memory.

    def _with(self, room: str, ask: Callable[[Ledger], None], done: Deferred[Any]) -> Deferred[Any]:
        """Do ``ask`` with the room's ledger, after all that was asked of it before."""
        if not self._open:
            done.errback(_away())
            return done
        shelf = self._shelves.get(room)
        if shelf is None:
            shelf = self._shelves[room] = _Shelf()
            self._load(room, shelf)
        if shelf.ledger is None:
            shelf.waiting.append((ask, done))
        else:
            ask(shelf.ledger)
        self._used(room, shelf)
        return done

    def _load(self, room: str, shelf: _Shelf) -> None:
        epoch = self._epoch()

        def loaded(ledger: Ledger) -> None:
            shelf.ledger = ledger
            waiting, shelf.waiting = shelf.waiting, []
            for ask, _ in waiting:
                # A drop among them puts another ledger in its place.
                ask(shelf.ledger)

        def failed(unavailable: Unavailable) -> None:
            if self._shelves.get(room) is shelf:
                self._drop_shelf(room, shelf)
            waiting, shelf.waiting = shelf.waiting, []
            for _, done in waiting:
                done.errback(unavailable)

        self._scribe.put(Job(lambda log: log.load(room, epoch), loaded, failed))

    def _used(self, room: str, shelf: _Shelf) -> None:
        if room in self._hearing:
            if shelf.linger is not None:
                shelf.linger.cancel()
                shelf.linger = None
        elif shelf.linger is None:
            shelf.linger = self._clock.callLater(_UNATTENDED, self._let_go, room, shelf)
        else:
            shelf.linger.reset(_UNATTENDED)

    def _let_go(self, room: str, shelf: _Shelf) -> None:
        shelf.linger = None
        if shelf.ledger is None:
            # What waits for it would be numbered by a ledger that another one has overtaken.
            self._used(room, shelf)
        else:
            self._drop_shelf(room, shelf)

    def _drop_shelf(self, room: str, shelf: _Shelf) -> None:
        if shelf.linger is not None:
            shelf.linger.cancel()
            shelf.linger = None
        del self._shelves[room]

    def _forget(self) -> None:
        """A commit failed: what the ledgers say is not so; they are read anew."""
        for room, shelf in list(self._shelves.items()):
            self._drop_shelf(room, shelf)

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
        self._forget()
        os.close(self._lock)


def _locked(folder: Path) -> int:
    """A descriptor that holds the folder for this process until it is closed or the process ends."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ValueError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ValueError(f"The folder {folder} is in use by another Meet.") from None
    return lock


def _away() -> Unavailable:
    return Unavailable("The broker is not running; come again.")


def _nothing(log: Log) -> None:
    """Only the order of the queue is wanted."""


def _ignore(result: object) -> None:
    """Nobody asked to be told."""
