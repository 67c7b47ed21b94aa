"""The rooms that the local broker has in memory: read from the file when asked for, let go when quiet.

The law: what is asked of one room is done in the order of asking, also while the room is read;
and nothing is done on a ledger that another one has overtaken.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from meet.broker.ledger import Ledger
from meet.broker.scribe import Job, Scribe
from meet.errors import Unavailable

UNATTENDED = 1.0
"""Seconds for which a room that nobody attends stays in memory after it was asked for: what
looks at every room in turn, as the reaper does, must not gather all of them."""


class _Shelf:
    """One room in memory; ``ledger`` is None while it is being read, and ``waiting`` holds
    in order what was asked meanwhile, each with the Deferred to fail if it cannot be.
    """

    __slots__ = ("ledger", "linger", "waiting")

    def __init__(self) -> None:
        self.ledger: Ledger | None = None
        self.waiting: list[tuple[Callable[[Ledger], None], Deferred[Any]]] = []
        self.linger: IDelayedCall | None = None


class Shelves:
    """Ledgers by room; those of ``attended`` rooms stay.  ``epoch()`` names a log that begins."""

    def __init__(self, scribe: Scribe, clock: IReactorTime, attended: Container[str], epoch: Callable[[], str]) -> None:
        self._scribe = scribe
        self._clock = clock
        self._attended = attended
        self._epoch = epoch
        self._shelves: dict[str, _Shelf] = {}

    def ask(self, room: str, ask: Callable[[Ledger], None], done: Deferred[Any]) -> Deferred[Any]:
        """Do ``ask`` with the room's ledger, after all that was asked of it before.

        ``done``, which is returned, fails if the room cannot be read.
        """
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

    def put(self, room: str, ledger: Ledger) -> None:
        """``ledger`` is the room's from now on; call from within `ask`."""
        self._shelves[room].ledger = ledger

    def neglected(self, room: str) -> None:
        """Nobody attends ``room`` any more."""
        if room in self._shelves:
            self._used(room, self._shelves[room])

    def clear(self) -> None:
        """Let all of them go: what they say is not so, or nobody asks any more."""
        for room, shelf in list(self._shelves.items()):
            self._drop(room, shelf)

    def _load(self, room: str, shelf: _Shelf) -> None:
        epoch = self._epoch()

        def loaded(ledger: Ledger) -> None:
            shelf.ledger = ledger
            waiting, shelf.waiting = shelf.waiting, []
            for ask, _ in waiting:
                # A drop or a restoring among them puts another ledger in its place.
                ask(shelf.ledger)

        def failed(unavailable: Unavailable) -> None:
            if self._shelves.get(room) is shelf:
                self._drop(room, shelf)
            waiting, shelf.waiting = shelf.waiting, []
            for _, done in waiting:
                done.errback(unavailable)

        self._scribe.put(Job(lambda log: log.load(room, epoch), loaded, failed))

    def _used(self, room: str, shelf: _Shelf) -> None:
        if room in self._attended:
            if shelf.linger is not None:
                shelf.linger.cancel()
                shelf.linger = None
        elif shelf.linger is None:
            shelf.linger = self._clock.callLater(UNATTENDED, self._let_go, room, shelf)
        else:
            shelf.linger.reset(UNATTENDED)

    def _let_go(self, room: str, shelf: _Shelf) -> None:
        shelf.linger = None
        if shelf.ledger is None:
            # What waits for it would be numbered by a ledger that another one has overtaken.
            self._used(room, shelf)
        else:
            self._drop(room, shelf)

    def _drop(self, room: str, shelf: _Shelf) -> None:
        if shelf.linger is not None:
            shelf.linger.cancel()
            shelf.linger = None
        del self._shelves[room]
