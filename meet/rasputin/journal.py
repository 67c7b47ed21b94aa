"""One worker of a durable observer: its shards of the journal, read and acknowledged.

What ``meet.broker.redis.journal`` is for Twisted this is without it, by the same scripts: any number of
workers share the shards by their pulses, and a dead one's go to the others.

The law: nothing is acknowledged that was not dealt with, and a shard is given up only between two batches.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from redis.exceptions import RedisError, ResponseError

from meet.bus import PATIENCE, PULSE_EVERY, Asked, Word, look_of, position_of, to_read
from meet.errors import Refused, Unavailable
from meet.keys import SHARDS, Names
from meet.look import lineage
from meet.rasputin.connection import away, run
from meet.rasputin.observing import Heard
from meet.rasputin.telling import readable

RECORDS_IN_BATCH = 100
"""Records told in one transaction."""

_HOUSE = ("alive", "gone", "adopted", "leases", "workers", "shares", "seen")


class Batch(NamedTuple):
    """What one shard has: each record with its number in the journal, None for what is no record.

    ``backfill`` is the room whose memory this is, told before the journal begins, or an empty text.
    """

    shard: int
    records: list[tuple[bytes, Heard | None]]
    backfill: str = ""


class _Shard:
    """One that is ours: rooms to catch up with, whether something was told and not acknowledged, how long it rests."""

    def __init__(self, backfill: dict[str, Any]) -> None:
        self.backfill = backfill
        self.pending = True
        self.rests = 0.0


class Journal:
    """The journal as the worker of ``observer`` has it; ``now`` is a clock in seconds that only grows.

    Every method raises `Unavailable` if Redis is away; then `begin` anew.
    """

    def __init__(self, client: Any, names: Names, observer: str, now: Callable[[], float]) -> None:
        self.refused = 0
        self._client = client
        self._names = names
        self._observer = observer
        self._now = now
        self._process = f"{observer}-{secrets.token_hex(6)}"
        self._house: list[Word] = [names.house(what) for what in _HOUSE]
        self._shards: dict[int, _Shard] = {}
        self._ready: dict[int, None] = {}
        self._pulse_at = 0.0
        self._telling: int | None = None
        self._ear: Any = None

    def begin(self) -> None:
        """Be known to every shard, hear when something comes, and take our share."""
        self._shards.clear()
        self._ready.clear()
        try:
            self._close_ear()
            self._ear = self._client.pubsub(ignore_subscribe_messages=True)
            self._ear.subscribe(self._names.wake)
            # Redis has confirmed it: what comes from now on is heard.
            self._ear.get_message(ignore_subscribe_messages=False, timeout=PATIENCE)
        except RedisError as error:
            raise away(error) from error
        for shard in range(SHARDS):
            self._register(shard)
        self.pulse()

    def end(self) -> None:
        """Give up our share, so that others need not wait for it."""
        try:
            self._run("part", self._house[:6], ["all"])
        finally:
            self._close_ear()

    def beat(self) -> None:
        """Give a pulse if it is time for one."""
        if self._now() >= self._pulse_at:
            self.pulse()

    def pulse(self) -> None:
        """Tell that this process lives, and learn which shards are its."""
        self._pulse_at = self._now() + PULSE_EVERY
        words: list[Word] = [round(1000 * PATIENCE), SHARDS, 0, 0, self._observer]
        _, _, _, shared = self._run("pulse", self._house, words)
        _, surplus, shards = shared[0]
        for shard in set(self._shards) - {int(each) for each in shards}:
            self._lose(shard)
        for shard in shards:
            if int(shard) not in self._shards:
                self._take_on(int(shard))
        for shard in [each for each in self._shards if each != self._telling][: int(surplus)]:
            self._lose(shard)
            self._run("part", self._house[:6], ["shards", self._observer, shard])

    def take(self) -> Batch | None:
        """What one shard has for us, or None if none has anything now."""
        for shard in list(self._ready):
            mine = self._shards.get(shard)
            if mine is None or mine.rests > self._now():
                continue
            # It goes behind the others.
            del self._ready[shard]
            batch = self._remembered(shard, mine) if mine.backfill else self._journaled(shard, mine)
            if batch is not None:
                self._ready[shard] = None
                self._telling = shard
                return batch
        self._telling = None
        return None

    def acknowledge(self, batch: Batch, numbers: Iterable[bytes]) -> None:
        """These of ``batch`` are dealt with, for good."""
        if batch.backfill:
            if batch.shard in self._shards:
                self._shards[batch.shard].backfill.pop(batch.backfill, None)
            self._ask("hdel", self._backfill(batch.shard), batch.backfill)
            return
        told = list(numbers)
        if told:
            self._on(batch.shard, "acknowledge", ["journal"], [self._observer, *told])

    def again(self, batch: Batch, pause: float) -> None:
        """Not all of ``batch`` could be dealt with: what is left comes again, first, in ``pause`` seconds."""
        shard = self._shards.get(batch.shard)
        if shard is not None:
            shard.pending = True
            shard.rests = self._now() + pause

    def wait(self) -> None:
        """Wait until something comes, a pulse is due, or a shard has rested enough."""
        rests = [shard.rests for number, shard in self._shards.items() if number in self._ready]
        until = min([self._pulse_at, *rests])
        try:
            message = self._ear.get_message(timeout=max(0.0, until - self._now()))
            while message is not None:
                self._woken(message)
                message = self._ear.get_message(timeout=0)
        except RedisError as error:
            raise away(error) from error

    def _woken(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        if message.get("type") == "message" and isinstance(data, bytes) and data.isdigit():
            shard = int(data)
            if shard in self._shards:
                self._ready[shard] = None

    def _journaled(self, shard: int, mine: _Shard) -> Batch | None:
        since = "0" if mine.pending else ">"
        words: list[Word] = [self._observer, self._process, RECORDS_IN_BATCH, since]
        found = self._on(shard, "next", ["journal", "asleep"], words)
        if found == b"lost":
            self._lose(shard)
            return None
        if not found and mine.pending:
            mine.pending = False
            return self._journaled(shard, mine)
        return Batch(shard, [(number, self._read(fields)) for number, fields in found]) if found else None

    def _remembered(self, shard: int, mine: _Shard) -> Batch:
        """What one room remembered when this observer was new; the journal goes on behind that."""
        room, upto = next(iter(mine.backfill.items()))
        look = look_of(run(self._client, "read", to_read(self._names, room)))
        log = look.last.epoch if look.last is not None else ""
        entries = []
        if upto.epoch in (log, *lineage(look)):
            entries = [each for each in (*look.kept, *look.tail) if each[0].seq <= upto.seq]
        ordered = sorted(entries, key=lambda each: each[0].seq)
        return Batch(shard, [(b"", self._checked(room, position, body)) for position, body in ordered], room)

    def _read(self, fields: list[bytes] | None) -> Heard | None:
        # What was erased since it was told first has no fields any more.
        named = dict(zip(fields[::2], fields[1::2], strict=False)) if fields else {}
        if not named:
            return None
        try:
            return self._checked(named[b"r"].decode(), position_of(named[b"p"]), named[b"b"])
        except (KeyError, ValueError):
            self.refused += 1
            return None

    def _checked(self, room: str, position: Any, body: bytes) -> Heard | None:
        try:
            return readable(room, position, body)
        except Refused:
            self.refused += 1
            return None

    def _take_on(self, shard: int) -> None:
        self._register(shard)
        self._on(shard, "inherit", ["journal"], [self._observer, self._process])
        found = self._ask("hgetall", self._backfill(shard))
        self._shards[shard] = _Shard({room.decode(): position_of(at) for room, at in found.items()})
        self._ready[shard] = None

    def _lose(self, shard: int) -> None:
        self._shards.pop(shard, None)
        self._ready.pop(shard, None)

    def _register(self, shard: int) -> None:
        keys: list[Word] = [self._names.of(shard, what) for what in ("journal", "rooms")]
        keys += [self._backfill(shard), self._names.of(shard, "head:")]
        run(self._client, "register", Asked(keys, [self._observer]))

    def _backfill(self, shard: int) -> str:
        return self._names.of(shard, f"backfill:{self._observer}")

    def _on(self, shard: int, script: str, keys: list[str], words: list[Word]) -> Any:
        return run(self._client, script, Asked([self._names.of(shard, what) for what in keys], words))

    def _run(self, script: str, keys: list[Word], words: list[Word]) -> Any:
        return run(self._client, script, Asked(keys, [self._process, *words]))

    def _ask(self, command: str, *words: Word) -> Any:
        try:
            return getattr(self._client, command)(*words)
        except ResponseError as error:
            raise Unavailable(f"Redis refuses: {error}") from error
        except RedisError as error:
            raise away(error) from error

    def _close_ear(self) -> None:
        if self._ear is not None:
            ear, self._ear = self._ear, None
            ear.close()
