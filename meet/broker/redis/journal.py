"""A durable observer in this process: its shards of the journal, told, acknowledged, and given back.

Each shard has a journal, and each observer is a consumer group of it.  One process at a time
reads a shard for one observer, so every room is told in order.

The law: nothing is acknowledged that was not dealt with, and a shard is given to another
process only between two batches.  What a process left untold another takes over first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from txredisapi import ResponseError

from meet.broker.observation import GATHER, Batch, Observation
from meet.broker.redis.scripts import ACKNOWLEDGE, INHERIT, NEXT, READ, REGISTER
from meet.broker.redis.servers import Servers, first_of
from meet.broker.redis.standing import Standing
from meet.bus import look_of, position_of
from meet.errors import Unavailable
from meet.events import Position
from meet.interfaces import Observe, Record
from meet.keys import SHARDS, Names
from meet.look import lineage

_SHARDS_AT_ONCE = 16
"""Shards read for one batch: one that is busy does not keep the others waiting for long."""


class _Shard:
    """One shard that is ours.

    ``backfill`` says of rooms that are older than the observer up to where it must be told what they
    remember, and ``room`` is the one that is being told; ``pending`` is whether something was told
    and not acknowledged; ``batch`` has the numbers that are being told; ``asked`` is whether Redis is
    being asked for more; ``emptied`` is whether it had less than it was asked for, since news last gathered.
    """

    __slots__ = ("asked", "backfill", "batch", "emptied", "number", "pending", "room")

    def __init__(self, number: int, backfill: dict[str, Position]) -> None:
        self.number = number
        self.backfill = backfill
        self.room = ""
        self.pending = True
        self.batch: list[bytes] = []
        self.asked = self.emptied = False

    @property
    def telling(self) -> bool:
        """Whether something of it is being told."""
        return bool(self.batch or self.room)

    @property
    def idle(self) -> bool:
        """Whether nothing of it is being told, or will be in a moment."""
        return not self.telling and not self.asked


class Journal:
    """The observer called ``observer``, as far as this process tells it."""

    log = Logger()

    def __init__(
        self,
        observer: str,
        observe: Observe,
        process: str,
        servers: Servers,
        names: Names,
        standing: Standing,
        clock: IReactorTime,
    ) -> None:
        self._observer = observer
        self._process = process
        self._servers = servers
        self._names = names
        self._standing = standing
        self._shards: dict[int, _Shard] = {}
        self._share_now: frozenset[int] = frozenset()
        self._beginning: set[int] = set()
        self._ready: dict[int, None] = {}
        self._told = 0
        self._stopped = False
        self._observation = Observation(observe, self._fetch, self._acknowledge, clock, 0, GATHER)

    def start(self) -> Deferred[None]:
        """Take our share, and tell what is in it.

        Fires when every shard's journal knows the observer, so that what is numbered from then on is kept for it.
        """
        known = gatherResults([self._register(shard) for shard in range(SHARDS)], consumeErrors=True)
        known.addErrback(first_of)
        return known.addCallback(lambda _: self._standing.share(self._observer, self._share))

    def stop(self) -> Deferred[None]:
        """Tell nothing more; fires when the batch under way has ended and others may have our share."""
        self._stopped = True
        return self._observation.stop().addCallback(lambda _: self._standing.unshare(self._observer))

    def woken(self, shard: int) -> None:
        """There is something new in ``shard``."""
        if shard in self._shards:
            self._ready[shard] = None
            self._observation.wake()

    def renew(self) -> None:
        """Redis was away, and may know nothing of us."""
        self._shards.clear()
        self._ready.clear()
        for shard in range(SHARDS):
            self._register(shard).addErrback(self._not_begun)
        self._standing.hasten()

    # Our share.

    def _share(self, shards: Sequence[int], surplus: int) -> None:
        if self._stopped:
            return
        self._share_now = frozenset(shards)
        for shard in set(self._shards) - set(shards):
            self._lose(shard)
        for shard in set(shards) - set(self._shards) - self._beginning:
            self._beginning.add(shard)
            Deferred.fromCoroutine(self._begin(shard)).addErrback(self._not_begun).addCallback(self._begun, shard)
        idle = [shard.number for shard in self._shards.values() if shard.idle][:surplus]
        for shard in idle:
            self._lose(shard)
        if idle:
            self._standing.part("shards", self._observer, *idle)

    def _lose(self, shard: int) -> None:
        del self._shards[shard]
        self._ready.pop(shard, None)

    def _backfill_key(self, shard: int) -> str:
        return self._names.of(shard, f"backfill:{self._observer}")

    def _register(self, shard: int) -> Deferred[Any]:
        keys = [self._names.of(shard, what) for what in ("journal", "rooms")]
        keys += [self._backfill_key(shard), self._names.of(shard, "head:")]
        return REGISTER.run(self._servers, shard, keys, [self._observer])

    async def _begin(self, shard: int) -> None:
        await self._register(shard)
        journal = [self._names.of(shard, "journal")]
        await INHERIT.run(self._servers, shard, journal, [self._observer, self._process])
        found = await self._servers.ask(shard, "HGETALL", self._backfill_key(shard))
        upto = {room.decode(): position_of(at) for room, at in zip(found[::2], found[1::2], strict=True)}
        # Meanwhile it may have gone to another process.
        if not self._stopped and shard in self._share_now:
            self._shards[shard] = _Shard(shard, upto)

    def _begun(self, _: object, shard: int) -> None:
        self._beginning.discard(shard)
        self.woken(shard)

    def _not_begun(self, failure: Failure) -> None:
        if failure.check(Unavailable) is None:
            self.log.failure("A shard of the journal could not be begun", failure)

    # Telling.

    def _fetch(self, _after: int, count: int) -> Deferred[Batch]:
        return Deferred.fromCoroutine(self._gather(count))

    async def _gather(self, count: int) -> Batch:
        for number, shard in self._shards.items():
            if shard.telling:
                # It was told before and not taken: whatever is still there of it comes again, and first.
                shard.batch, shard.room = [], ""
                shard.pending = True
                self._ready = {number: None, **self._ready}
        while self._ready:
            shards = [self._shards[number] for number in list(self._ready)[:_SHARDS_AT_ONCE]]
            each = max(10, count // len(shards))
            asked = [Deferred.fromCoroutine(self._next(shard, each)) for shard in shards]
            records: list[Record] = []
            failed: Failure | None = None
            for shard, answer in zip(shards, asked, strict=True):
                try:
                    found = await answer
                except (Unavailable, ResponseError):
                    failed = Failure()
                    continue
                # Of one that was lost meanwhile another process tells them.
                if self._shards.get(shard.number) is shard:
                    records.extend(found)
            if failed is not None:
                self._away(failed)
            if records:
                self._told += len(records)
                more = any(not self._shards[number].emptied for number in self._ready)
                if not more:
                    self._gather_anew()
                return Batch([(self._told, record) for record in records], more)
            # Of those that had only what need not be told: it is dealt with.
            self._acknowledge(self._told)
        return Batch([], False)

    def _gather_anew(self) -> None:
        """All was read but what has come while this was read: news gathers from here."""
        for shard in self._shards.values():
            shard.emptied = False

    def _away(self, failure: Failure) -> None:
        if str(failure.value).startswith("NOGROUP"):
            self.renew()
            raise Unavailable("Redis has forgotten the journal's observers.")
        failure.raiseException()

    async def _next(self, shard: _Shard, count: int) -> Sequence[Record]:
        # Before it is asked: the waking comes on another connection, and may overtake the answer
        # that there is nothing.
        self._ready.pop(shard.number, None)
        shard.asked = True
        try:
            return await (self._remembered(shard) if shard.backfill else self._journaled(shard, count))
        except (Unavailable, ResponseError):
            self._not_read(shard)
            raise
        finally:
            shard.asked = False

    def _not_read(self, shard: _Shard) -> None:
        """There may be more in ``shard``, if it is still ours; others have their turn first."""
        if self._shards.get(shard.number) is shard:
            self._ready[shard.number] = None

    async def _journaled(self, shard: _Shard, count: int) -> Sequence[Record]:
        keys = [self._names.of(shard.number, "journal"), self._names.of(shard.number, "asleep")]
        since = "0" if shard.pending else ">"
        found = await NEXT.run(self._servers, shard.number, keys, [self._observer, self._process, count, since])
        if self._shards.get(shard.number) is not shard:
            return []
        if found == b"lost":
            # Another process has taken it over, and the next pulse will tell us so.
            self._lose(shard.number)
            return []
        if found or shard.pending:
            self._not_read(shard)
        shard.emptied = not shard.pending and len(found) < count
        if not found:
            shard.pending = False
        shard.batch = [entry[0] for entry in found]
        # What was erased since it was told first has no fields any more.
        return [record for entry in found if entry[1] and (record := self._read(entry[1])) is not None]

    def _read(self, fields: Sequence[Any]) -> Record | None:
        named = dict(zip(fields[::2], fields[1::2], strict=False))
        try:
            return Record(named[b"r"].decode(), position_of(named[b"p"]), named[b"b"])
        except (KeyError, ValueError):
            # Whoever wrote it did not ask Meet; what comes behind it is told all the same.
            self.log.error("In the journal there is something that is no record.")
            return None

    async def _remembered(self, shard: _Shard) -> Sequence[Record]:
        """What one room of the shard remembered when the observer was new; its journal goes on behind that."""
        room, upto = next(iter(shard.backfill.items()))
        keys = [self._names.room(shard.number, what, room) for what in ("head", "tail", "kept")]
        look = look_of(await READ.run(self._servers, shard.number, keys, []))
        shard.room = room
        self._not_read(shard)
        log = look.last.epoch if look.last is not None else ""
        if upto.epoch not in (log, *lineage(look)):
            return []
        # A log that goes on from that one has what it held under the same numbers.
        entries = [each for each in (*look.kept, *look.tail) if each[0].seq <= upto.seq]
        return [Record(room, position, body) for position, body in sorted(entries, key=lambda each: each[0].seq)]

    def _acknowledge(self, _number: int) -> None:
        for shard in self._shards.values():
            numbers, shard.batch = shard.batch, []
            room, shard.room = shard.room, ""
            if room:
                shard.backfill.pop(room, None)
                told = self._servers.ask(shard.number, "HDEL", self._backfill_key(shard.number), room)
                told.addErrback(self._not_acknowledged, shard)
            if numbers:
                keys = [self._names.of(shard.number, "journal")]
                acknowledged = ACKNOWLEDGE.run(self._servers, shard.number, keys, [self._observer, *numbers])
                acknowledged.addErrback(self._not_acknowledged, shard)

    def _not_acknowledged(self, failure: Failure, shard: _Shard) -> None:
        # It comes again, and then the next acknowledgement stands for it.
        shard.pending = True
        self.woken(shard.number)
        if failure.check(Unavailable) is None and not str(failure.value).startswith("NOGROUP"):
            self.log.failure("Records could not be acknowledged", failure)
