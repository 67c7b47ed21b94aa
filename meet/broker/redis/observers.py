"""Who the journal is kept for: how far behind each is, how long it has been away, and letting one go.

The law: a name is let go where it is told first, and then in every shard; so a name that is
left half forgotten is still known, and can be dismissed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from meet.broker.observation import there
from meet.broker.redis.scripts import ACKNOWLEDGE, DISMISS, OBSERVERS
from meet.broker.redis.servers import Servers, first_of
from meet.broker.redis.standing import Standing
from meet.interfaces import Observer
from meet.keys import SHARDS, Names


class Observers:
    """The observers of the journal in every shard."""

    def __init__(self, servers: Servers, names: Names, standing: Standing) -> None:
        self._servers = servers
        self._names = names
        self._standing = standing

    async def all(self) -> Sequence[Observer]:
        """As `meet.interfaces.IBroker.observers` says; what is taken and not acknowledged counts as behind."""
        behind: Counter[str] = Counter()
        for found in await self._everywhere(self._look):
            for name, records in zip(found[::2], found[1::2], strict=True):
                behind[name.decode()] += records
        names = sorted(behind)
        away = await self._standing.absences("look", names)
        return [Observer(name, behind[name], seconds) for name, seconds in zip(names, away, strict=True)]

    async def dismiss(self, observer: str) -> bool:
        """As `meet.interfaces.IBroker.dismiss` says."""
        (away,) = await self._standing.absences("forget", [observer])
        if not away:
            raise there(observer)
        return any(await self._everywhere(lambda shard: Deferred.fromCoroutine(self._let_go(shard, observer))))

    def _look(self, shard: int) -> Deferred[Any]:
        keys = [self._names.of(shard, what) for what in ("journal", "backfill:", "tail:", "kept:")]
        return OBSERVERS.run(self._servers, shard, keys, [])

    async def _let_go(self, shard: int, observer: str) -> bool:
        journal = self._names.of(shard, "journal")
        keys = [self._names.of(shard, what) for what in ("asleep", "wiping", f"backfill:{observer}")]
        known, others = await DISMISS.run(self._servers, shard, [journal, *keys], [observer])
        if others:
            # Also if it was let go before: that process may have ended before its trimming.
            await ACKNOWLEDGE.run(self._servers, shard, [journal], [observer])
        return bool(known)

    def _everywhere(self, ask: Any) -> Deferred[list[Any]]:
        return gatherResults([ask(shard) for shard in range(SHARDS)], consumeErrors=True).addErrback(first_of)
