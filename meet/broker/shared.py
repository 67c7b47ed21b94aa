"""What all processes of the broker in memory share: ledgers, journal, who stands for whom, turns."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Hashable
from typing import NamedTuple, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from meet.broker.ledger import Ledger
from meet.broker.records import Records
from meet.broker.standing import Standing
from meet.broker.turns import Turns
from meet.events import Position, new_epoch
from meet.limits import Limits

NOTICED = 10.0
"""Seconds until the others notice that a process has died."""


class Orphans(NamedTuple):
    """Keys of a room for which nobody stands; those whose they are were last there at ``seen``."""

    room: str
    keys: list[str]
    seen: float


class Saved(NamedTuple):
    """What a broker held at some moment."""

    ledgers: dict[str, Ledger]
    records: Records
    standing: Standing


class Process(Hashable, Protocol):
    """One process, as the others know it."""

    @property
    def lives(self) -> bool:
        """Whether it has started and has not ended."""

    @property
    def watches(self) -> bool:
        """Whether it is told of others that ended."""

    def adopt(self, orphans: Orphans) -> None:
        """These are its to hold now."""

    def found(self) -> None:
        """The broker is here, whatever it holds."""

    def hear(self, room: str, position: Position, body: bytes) -> None:
        """Something became of ``room``."""


class Shared:
    """What all processes of one broker share, and what there is to tell them."""

    def __init__(self, clock: IReactorTime, random: Callable[[int], bytes], limits: Limits) -> None:
        self.clock = clock
        self.random = random
        self.limits = limits
        self.secret = random(32)
        self.ledgers: dict[str, Ledger] = {}
        self.records = Records()
        self.standing = Standing()
        self.turns = Turns(clock)
        self.processes: list[Process] = []
        self.orphans: list[Orphans] = []
        self._untold: deque[Callable[[], None]] = deque()
        self._telling: IDelayedCall | None = None

    def epoch(self) -> str:
        """A name for a log that begins now."""
        return new_epoch(self.clock.seconds(), self.random(3))

    def ledger(self, room: str) -> Ledger:
        """The ledger of ``room``; of one that is not known a new one, which is not kept."""
        return self.ledgers.get(room) or Ledger(self.epoch(), self.limits)

    def later(self, tell: Callable[[], None]) -> None:
        """Tell it in a later turn, behind all that waits to be told."""
        self._untold.append(tell)
        if self._telling is None:
            self._telling = self.clock.callLater(0, self._tell_all)

    def saved(self) -> Saved:
        """All that is held now."""
        return Saved(copy.deepcopy(self.ledgers), self.records.copy(), self.standing.copy())

    def fall_back(self, saved: Saved) -> None:
        """Hold what was ``saved`` and nothing that came after it."""
        self.ledgers = copy.deepcopy(saved.ledgers)
        self.records.fall_back(saved.records)
        self.standing = saved.standing.copy()
        for process in self.standing.everybody() - {each for each in self.processes if each.lives}:
            # It has ended since, and is noticed to have ended anew.
            self.clock.callLater(NOTICED, self.gone, process, self.clock.seconds())

    def gone(self, process: Hashable, seen: float) -> None:
        """Find others for what ``process`` has left."""
        self.turns.gone(process, told=False)
        for (room, last), keys in self.standing.gone(process, seen).items():
            ledger = self.ledger(room)
            owned = [key for key in keys if ledger.owner(key) is not None]
            if owned:
                self.orphans.append(Orphans(room, owned, last))
        self.tell_orphans()

    def tell_orphans(self) -> None:
        """Give what nobody stands for to one who is there, if there is one."""
        heir = next((process for process in self.processes if process.watches), None)
        if heir is not None:
            orphans, self.orphans = self.orphans, []
            for each in orphans:
                for key in each.keys:
                    self.standing.stand(each.room, key, heir, each.seen)
                heir.adopt(each)

    def _tell_all(self) -> None:
        untold, self._untold = self._untold, deque()
        self._telling = None
        for tell in untold:
            tell()
