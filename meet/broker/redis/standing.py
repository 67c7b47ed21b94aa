"""One process among the others: its pulse, the work that is its turn, and those it adopts.

The law: one script, at one moment of Redis's own clock, decides who lives, who has which
lease and which shards; so two processes never believe different things for longer than one
of them is silent.  A process that could not tell of itself for `meet.bus.PATIENCE` gives up its work
by itself, before Redis gives it to another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.broker.redis.scripts import ABSENCE, PART, PULSE
from meet.broker.redis.servers import Servers
from meet.bus import PULSE_EVERY
from meet.errors import Unavailable
from meet.keys import HOUSE, SHARDS, Names

Adopt = Callable[[str, float], None]
Share = Callable[[Sequence[int], int], None]


class _Lease:
    __slots__ = ("gained", "has", "lost")

    def __init__(self, gained: Callable[[], None], lost: Callable[[], None]) -> None:
        self.gained = gained
        self.lost = lost
        self.has = False


class Standing:
    """The pulse of ``process``.

    ``adopt(dead, seen)`` is called for each process that is this one's to adopt, at every pulse
    until it is `buried`, once `adopts` is set; ``lapsed()`` when this one had been taken for dead
    and lives again.
    """

    log = Logger()

    def __init__(
        self,
        process: str,
        servers: Servers,
        names: Names,
        reactor: IReactorTime,
        adopt: Adopt,
        lapsed: Callable[[], None],
        every: float = PULSE_EVERY,
    ) -> None:
        self.adopts = False
        self._process = process
        self._servers = servers
        self._keys = [names.house(what) for what in ("alive", "gone", "adopted", "leases", "workers", "shares", "seen")]
        self._patience = round(3000 * every)
        self._reactor = reactor
        self._adopt = adopt
        self._lapsed = lapsed
        self._every = every
        self._leases: dict[str, _Lease] = {}
        self._shares: dict[str, Share] = {}
        self._next: IDelayedCall | None = None
        self._alone: IDelayedCall | None = None
        self._beating = False
        self._again = False
        self._begun = False
        self._stopped = True

    def start(self) -> Deferred[None]:
        """Begin; fires after the first pulse, which fails with `Unavailable` if Redis is away."""
        self._begun, self._stopped = True, False
        return self._beat()

    def stop(self) -> Deferred[None]:
        """Give up all that is ours; fires when the others can have it."""
        begun, self._begun = self._begun, False
        self._stopped = True
        for call in (self._next, self._alone):
            if call is not None and call.active():
                call.cancel()
        self._next = self._alone = None
        for lease in self._leases.values():
            self._lose(lease)
        return self.part("all") if begun else succeed(None)

    def lease(self, name: str, gained: Callable[[], None], lost: Callable[[], None]) -> Callable[[], Deferred[None]]:
        """Take part in the work called ``name``, as `meet.interfaces.IBroker.lease` says."""
        lease = self._leases[name] = _Lease(gained, lost)
        self.hasten()

        def give_up() -> Deferred[None]:
            if self._leases.get(name) is not lease:
                return succeed(None)
            del self._leases[name]
            self._lose(lease)
            return self.part("lease", name)

        return give_up

    def share(self, observer: str, share: Share) -> None:
        """Take part in the journal of ``observer``: ``share(shards, surplus)`` says at each pulse which are ours."""
        self._shares[observer] = share
        self.hasten()

    def unshare(self, observer: str) -> Deferred[None]:
        """Take no part any more; fires when the others can have its shards."""
        self._shares.pop(observer, None)
        return self.part("observer", observer)

    def part(self, what: str, *words: str | int) -> Deferred[None]:
        """Give up some of what is ours; what Redis cannot be told now, its patience tells it."""
        parted = PART.run(self._servers, HOUSE, self._keys[:6], [self._process, what, *words])
        parted.addErrback(self._not_told)
        return parted.addCallback(lambda _: None)

    def absences(self, what: str, observers: Sequence[str]) -> Deferred[Sequence[float]]:
        """Fires with how many seconds ago each of ``observers`` was last there, 0 if a process tells it.

        ``what`` is ``look``, or ``forget`` for those that are not there.
        """
        alive, _, _, _, workers, shares, seen = self._keys
        asked = ABSENCE.run(self._servers, HOUSE, [alive, workers, shares, seen], [what, self._patience, *observers])
        return asked.addCallback(lambda found: [each / 1000 for each in found])

    def buried(self, dead: str) -> Deferred[None]:
        """All that ``dead`` held is held by somebody else."""
        return self.part("buried", dead)

    def hasten(self) -> None:
        """Do not wait for the next pulse."""
        if self._stopped:
            return
        if self._beating:
            self._again = True
        elif self._next is not None and self._next.active():
            self._next.reset(0)

    def _beat(self) -> Deferred[None]:
        self._next = None
        self._beating = True
        sent = self._reactor.seconds()
        words: list[str | int] = [self._process, self._patience, SHARDS, int(self.adopts), len(self._leases)]
        pulse = PULSE.run(self._servers, HOUSE, self._keys, [*words, *self._leases, *self._shares])
        pulse.addCallback(self._felt, sent)
        return pulse.addBoth(self._beaten)

    def _beaten(self, result: Any) -> Any:
        self._beating = False
        if not self._stopped:
            again, self._again = self._again, False
            self._next = self._reactor.callLater(0 if again else self._every, self._beat_on)
        return result

    def _beat_on(self) -> None:
        self._beat().addErrback(self._not_felt)

    def _felt(self, answer: Sequence[Any], sent: float) -> None:
        if self._stopped:
            return
        lapsed, dead, mine, shared = answer
        if self._alone is not None and self._alone.active():
            self._alone.cancel()
        left = 3 * self._every - (self._reactor.seconds() - sent)
        self._alone = self._reactor.callLater(max(0, left), self._left_alone)
        if lapsed:
            self._lapsed()
        leased = {name.decode() for name in mine}
        for name, lease in list(self._leases.items()):
            if name in leased and not lease.has:
                lease.has = True
                self._call(lease.gained)
            elif name not in leased:
                self._lose(lease)
        for observer, surplus, shards in shared:
            share = self._shares.get(observer.decode())
            if share is not None:
                share([int(shard) for shard in shards], surplus)
        for each in range(0, len(dead), 2):
            self._adopt(dead[each].decode(), float(dead[each + 1]))

    def _left_alone(self) -> None:
        """Redis may give our work to others by now."""
        self._alone = None
        for lease in list(self._leases.values()):
            self._lose(lease)
        for share in list(self._shares.values()):
            share([], 0)

    def _lose(self, lease: _Lease) -> None:
        if lease.has:
            lease.has = False
            self._call(lease.lost)

    def _call(self, told: Callable[[], None]) -> None:
        try:
            told()
        except Exception:
            self.log.failure("Something that has a lease broke")

    def _not_felt(self, failure: Failure) -> None:
        if failure.check(Unavailable) is None:
            self.log.failure("A pulse was refused", failure)

    def _not_told(self, failure: Failure) -> None:
        # Who ends in the middle of it is found to be gone by others.
        if failure.check(Unavailable, CancelledError) is None:
            self.log.failure("Redis could not be told what is given up", failure)
