"""How entries get into the CouchDB store's documents, and out of them for good.

CouchDB has no transactions, so the order of steps is the law:

* Keeping is idempotent, and a batch of which a kill left a part comes again whole.
* Everything is written as if nothing were there, which is so nearly always.  What CouchDB calls a
  conflict is looked at, and settled (`meet.store.documents.settled`).
* The second document of an entry is written after the first, and deleted before another takes the
  place of the first.
* A grave is written before its log is deleted, and looked for again after something was written.  So
  of two processes at work the one that comes last sees to it that no word stays.
* Words that expire go after what says so was written, and are looked at again after they were: of two
  processes here, too, the one that comes last sees to it.
* What moves into another log is there before it leaves the former.

CouchDB's files only grow until it writes them anew: after something was forgotten or removed it is
asked to (`compact`).  It tells nobody when it has done so, and what is deleted while it is at it may
be in the new file already; then it is asked once more, later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from meet.errors import Unavailable
from meet.events import Expired, Forgotten, Presence, Removed, Renewed
from meet.interfaces import Record
from meet.moments import DAY, HOUR
from meet.store import documents
from meet.store.documents import (
    ABOUT,
    ENTRY,
    GRAVE,
    LOG,
    REST,
    Document,
    Log,
    document,
    log_of,
    name,
    number_of,
    once_more,
    removed,
    same,
    settled,
    span,
)
from meet.store.http import AT_ONCE, PURGED_AT_ONCE, Couch, Denied
from meet.wire import bare, decode_event, expires

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

GRAVE_KEPT = 7 * DAY
"""Seconds that a forgotten log is known: far longer than any record is on its way."""

COMPACT_AGAIN = 60.0
"""Seconds after which CouchDB is asked again to write its files anew, if it was at it."""

_CHARACTERS_AT_ONCE = 4_000_000  # CouchDB takes far more, what is in front of it may not
_TRIES = 20  # to write what another process writes at the same time
_EXPIRED = Expired.__name__.lower()
_NO_PURGE = (400, 401, 403, 404, 405, 415, 501)


class Keeping:
    """Changes what ``couch`` holds; one change of a process at a time."""

    log = Logger()

    def __init__(self, couch: Couch, clock: IReactorTime) -> None:
        self._couch = couch
        self._clock = clock
        self._swept = -float("inf")
        self._untidy = False
        self._purges = True
        self._again: IDelayedCall | None = None

    def stop(self) -> None:
        """Ask CouchDB for nothing more."""
        if self._again is not None:
            self._again.cancel()
            self._again = None

    async def keep(self, records: Sequence[Record], now: float) -> None:
        """Keep ``records``, and forget what they say is to be forgotten; ``now`` is in seconds since 1970."""
        graves = await self._graves({_log(record) for record in records}, now)
        waiting: list[Record] = []
        expiring: dict[Log, int] = {}
        for record in records:
            log, event = _log(record), decode_event(record.body)
            if isinstance(event, Forgotten):
                waiting = [each for each in waiting if _log(each) != log]
                await self._bury(log, now)
                graves.add(log)
            elif log in graves or isinstance(event, Presence):
                continue
            else:
                waiting.append(record)
            seq = record.position.seq
            if isinstance(event, Removed) and event.number < seq:
                self._untidy = True
            if isinstance(event, Expired | Renewed):
                expiring[log] = 0
            elif expires(record.body):
                expiring[log] = min(expiring.get(log, seq), seq)
            if isinstance(event, Renewed):
                await self._put(waiting)
                waiting = []
                for former in sorted({event.was, *event.before} - {log[1]}):
                    await self._move((log[0], former), log, now)
                    graves.add((log[0], former))
        await self._put(waiting)
        for log, since in expiring.items():
            if log not in graves:
                await self._expire(log, since)
        await self._sweep(now)
        await self._tidy()

    async def forget(self, log: Log, now: float) -> None:
        """Delete all that is kept of ``log``, and keep nothing more of it."""
        await self._bury(log, now)
        await self._tidy()

    # What comes.

    async def _put(self, records: Sequence[Record]) -> None:
        """Write the entries ``records``, in place of others of their numbers, and take out what they remove."""
        fresh = {each.id: each for each in map(document, records)}
        for record in records:
            event = decode_event(record.body)
            if isinstance(event, Removed) and event.number < record.position.seq:
                mark = removed(_log(record), event.number)
                fresh[mark.id] = settled(mark, fresh.get(mark.id), replace=True) or fresh[mark.id]
        await self._write(list(fresh.values()), replace=True)

    async def _write(self, fresh: Sequence[Document], *, replace: bool) -> None:
        logs = {log_of(each.id) for each in fresh}
        for some in _pieces([*(Document(id=name(LOG, log)) for log in sorted(logs)), *fresh]):
            stands = await self._write_some(some, replace)
            await self._write_some([each for each in map(once_more, stands) if each is not None], replace=True)
        for log in await self._graves(logs, self._clock.seconds()):
            # Another process has forgotten it while it was written here.
            await self._wipe(log)

    async def _write_some(self, fresh: Sequence[Document], replace: bool) -> list[Document]:
        """Write ``fresh``; returns those of them that are there now."""
        waiting = list(fresh)
        beaten: set[str] = set()
        for _ in range(_TRIES):
            clashed = await self._written(waiting) if waiting else set()
            if not clashed:
                return [each for each in fresh if each.id not in beaten]
            there = await self._couch.look(clashed)
            mine = [each for each in waiting if each.id in clashed]
            waiting = []
            for each in mine:
                held = there.get(each.id)
                settled_as = settled(each, held, replace=replace)
                if settled_as is not None:
                    waiting.append(settled_as)
                elif held is not None and not same(each, held):
                    beaten.add(each.id)
            await self._take_back([there[each.id] for each in waiting if each.id in there])
        raise Unavailable("Another program changes the same entries of the archive again and again.")

    async def _take_back(self, held: Iterable[Document]) -> None:
        """Delete the second documents of entries in whose place others come."""
        seconds = [each.id for each in map(once_more, held) if each is not None]
        if there := await self._couch.look(seconds):
            await self._erase(list(there.values()))

    async def _written(self, fresh: Sequence[Document]) -> set[str]:
        """Write ``fresh``; returns the ids of those in whose place another document is already."""
        clashed = set()
        for row in await self._couch.write(fresh):
            if row.error == "conflict":
                clashed.add(row.id)
            elif row.error:
                why = " ".join((row.reason or row.error).split())
                raise Unavailable(f"CouchDB does not write into the archive: {why.rstrip('.')}.")
        return clashed

    # What goes.

    async def _move(self, former: Log, log: Log, now: float) -> None:
        """What is kept of ``former`` is kept of ``log``, unless that has its own of the same number."""
        low, high = span(former)
        while page := await self._couch.read(low, high, AT_ONCE):
            moved = [structs.replace(each, id=name(ENTRY, log, number_of(each.id)), rev="") for each in page]
            await self._write(moved, replace=False)
            low = documents.after(page[-1].id)
        await self._bury(former, now)

    async def _expire(self, log: Log, since: int) -> None:
        """Let words numbered ``since`` or above go that have expired; they may have come after that was said."""
        until = await self._expired(log)
        if not until:
            return
        low, high = span(log, since - 1)
        while page := await self._couch.read(low, high, AT_ONCE):
            there = [documents.numbered(each) for each in page if each.talk]
            left = [(place, rest) for place, body in there if (rest := bare(body, until)) != body]
            if left:
                self._untidy = True
                await self._write([document(Record(log[0], *each)) for each in left], replace=True)
            low = documents.after(page[-1].id)

    async def _expired(self, log: Log) -> str:
        """The moment until which words have expired in ``log``; empty if none have.  The newest says so for all."""
        low, high = span(log, what=REST)
        while page := await self._couch.read(low, high, AT_ONCE, newest=True):
            for each in page:
                if each.kind == _EXPIRED and isinstance(event := decode_event(documents.body_of(each)), Expired):
                    return event.until
            high = documents.before(page[-1].id)
        return ""

    async def _bury(self, log: Log, now: float) -> None:
        key = name(GRAVE, log)
        for _ in range(_TRIES):
            grave = (await self._couch.look([key])).get(key)
            if grave is not None and _holds(grave, now):
                break
            rev = "" if grave is None else grave.rev
            if not await self._written([Document(id=key, rev=rev, buried=int(now))]):
                break
        await self._wipe(log)

    async def _wipe(self, log: Log) -> None:
        """Delete all that is kept of ``log``."""
        self._untidy = True
        spans = [span(log, what=what) for what in (ENTRY, ABOUT, REST)]
        for low, high in (*spans, (name(LOG, log), name(LOG, log))):
            while some := await self._couch.ids(low, high, AT_ONCE):
                await self._erase(some)

    async def _erase(self, held: Sequence[Document]) -> None:
        """Delete documents: by a purge where CouchDB has one and we may, else leaving their ids and nothing else."""
        left = list(held)
        if self._purges:
            out: set[str] = set()
            try:
                for start in range(0, len(held), PURGED_AT_ONCE):
                    out |= await self._couch.purge(held[start : start + PURGED_AT_ONCE])
            except Denied as no:
                if no.status not in _NO_PURGE:
                    raise
                self._purges = False
            left = [each for each in held if each.id not in out]
        if left:
            await self._written([Document(id=each.id, rev=each.rev, deleted=True) for each in left])

    async def _graves(self, logs: Iterable[Log], now: float) -> set[Log]:
        there = await self._couch.look([name(GRAVE, log) for log in logs])
        return {log_of(each.id) for each in there.values() if _holds(each, now)}

    async def _sweep(self, now: float) -> None:
        """Once an hour: delete the graves that have been there long enough."""
        if now - self._swept < HOUR:
            return
        self._swept = now
        low, high = documents.whole(GRAVE)
        while page := await self._couch.read(low, high, AT_ONCE):
            old = [each for each in page if not _holds(each, now)]
            if old:
                await self._erase(old)
            low = documents.after(page[-1].id)

    async def _tidy(self) -> None:
        """Have the files written anew, if something was deleted of which words may be left."""
        if self._untidy:
            await self._compact()
            self._untidy = False

    async def _compact(self) -> None:
        try:
            if (await self._couch.information()).compact_running:
                if self._again is None:
                    self._again = self._clock.callLater(COMPACT_AGAIN, self._compact_again)
                return
            await self._couch.compact()
        except Denied as no:
            if no.status not in (401, 403):
                raise
            self.log.warn("What was deleted stays in CouchDB's files until it compacts them by itself: {why}", why=no)

    def _compact_again(self) -> None:
        self._again = None
        Deferred.fromCoroutine(self._compact()).addErrback(self._not_compacted)

    def _not_compacted(self, failure: Failure) -> None:
        if not isinstance(failure.value, Unavailable):
            self.log.failure("CouchDB could not be asked to compact the archive", failure=failure)
            return
        self.log.warn("What was deleted stays in CouchDB's files for now: {why}", why=failure.value)
        if self._again is None:
            self._again = self._clock.callLater(COMPACT_AGAIN, self._compact_again)


def _log(record: Record) -> Log:
    return record.room, record.position.epoch


def _holds(grave: Document, now: float) -> bool:
    return grave.buried >= int(now) - GRAVE_KEPT


def _pieces(fresh: Iterable[Document]) -> Iterator[list[Document]]:
    piece: list[Document] = []
    size = 0
    for each in fresh:
        length = len(each.body) + len(each.base64)
        if piece and (len(piece) >= AT_ONCE or size + length > _CHARACTERS_AT_ONCE):
            yield piece
            piece, size = [], 0
        piece.append(each)
        size += length
    if piece:
        yield piece
