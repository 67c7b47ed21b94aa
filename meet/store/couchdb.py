"""The store over CouchDB: `meet.interfaces.IStore` by HTTP, without a thread and without a driver.

``couchdb://user:password@host:5984/name`` is a database of its own, ``couchdbs://…`` the same by TLS.

What stands in the documents is said in ``documents``, how entries get in, and out for good, in
``keeping``, and how CouchDB is asked in ``http``.

The law: pages are read by ids, whose order is that of numbers, so that one takes no longer in a
larger archive.  Only where talk is looked for by its time there is a view, which CouchDB brings up to
date when it is asked.

Plain CouchDB has no index of words: a search reads the talk, newest first, as far as one page of it
goes (`meet.search.REACH`), five hundred pieces at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, fail, gatherResults
from zope.interface import implementer

from meet.errors import Unavailable
from meet.events import Event, Position
from meet.interfaces import Found, IStore, Kept, Record
from meet.limits import Limits
from meet.look import Look, Numbered
from meet.search import REACH, search
from meet.store import documents, summary
from meet.store.documents import ABOUT, DESIGN, LOG, MARKER, REST, TIMES, Document, Log, name, name_of, span
from meet.store.http import AT_ONCE, PATIENCE, PATIENCE_TO_WRITE, Address, Couch, Denied, address_of
from meet.store.keeping import Keeping
from meet.wire import decode_event

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_ALL = sys.maxsize
_BETWEEN = 20  # entries that are read beyond those that are missing
_WAITING_MOST = 1000  # questions; a database this far behind is as good as away
_OPENED = "opened"

_T = TypeVar("_T")


def make_store(url: str, *, data: Path, clock: IReactorTime, limits: Limits) -> IStore:
    """Make the store in the database that ``url`` names; raises `ValueError` with one sentence if it names none."""
    address = address_of(url)
    return CouchStore(address, clock)


@implementer(IStore)
class CouchStore:
    """Rooms and their transcripts in the database at ``address``."""

    def __init__(self, address: Address, clock: IReactorTime) -> None:
        self._database = address.database
        self._clock = clock
        self._couch = Couch(address, clock, PATIENCE)
        self._writing = Couch(address, clock, PATIENCE_TO_WRITE)
        self._keeping = Keeping(self._writing, clock)
        self._changing = DeferredLock()
        self._open = False
        self._under_way: set[Deferred[None]] = set()

    def start(self) -> Deferred[None]:
        """Make the database if there is none, and see whose it is; fires when it can be used.

        Fails with `ValueError` where an operator must mend something, with `Unavailable` where the
        server is away.
        """
        self._open = True
        self._couch.open()
        self._writing.open()
        return self._run(self._prepare()).addErrback(self._not_started)

    def stop(self) -> Deferred[None]:
        """Finish what is under way, then close.  From here on the store is `Unavailable`."""
        self._open = False
        ended = DeferredList(list(self._under_way))
        return ended.addCallback(lambda _: self._close()).addCallback(lambda _: None)

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        """Keep ``records``, each once however often it comes; fires when CouchDB has all of them."""
        now = self._clock.seconds()
        return self._run(self._alone(lambda: self._keeping.keep(records, now)))

    def delete(self, room: str, epoch: str) -> Deferred[None]:
        """Delete the log, and keep nothing more of it."""
        now = self._clock.seconds()
        return self._run(self._alone(lambda: self._keeping.forget((room, epoch), now)))

    def living(self) -> Deferred[Sequence[Log]]:
        """Fires with room and epoch of every log whose opening is recorded, in order."""
        return self._run(self._living())

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        """Fires with the log as it is recorded, for `IBroker.restore`."""
        return self._run(self._memory((room, epoch), count))

    def history(self, room: str, before: Position, count: int) -> Deferred[Numbered]:
        """Fires with the newest ``count`` pieces of talk before ``before`` in its epoch, oldest first."""
        return self._run(self._before((room, before.epoch), before.seq, count))

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Fires with the oldest ``count`` pieces of talk numbered above ``after``, oldest first."""
        return self._run(self._after((room, epoch), after, count, talk=True))

    def entries(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Fires with the oldest ``count`` entries of any kind numbered above ``after``."""
        return self._run(self._after((room, epoch), after, count, talk=False))

    def rooms(self, after: Log, count: int) -> Deferred[Sequence[Kept]]:
        """Fires with the first ``count`` logs behind ``after``."""
        return self._run(self._rooms(after, count))

    def since(self, room: str, epoch: str, at: str, count: int) -> Deferred[Numbered]:
        """Fires with a page of talk from the moment ``at`` on."""
        return self._run(self._since((room, epoch), at, count))

    def search(self, room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        """Fires with the newest ``count`` pieces of talk before ``before`` that have each of ``words``."""
        return self._run(self._search((room, before.epoch), before.seq, words, count))

    def _run(self, work: Coroutine[Deferred[Any], Any, _T]) -> Deferred[_T]:
        if not self._open or len(self._under_way) >= _WAITING_MOST:
            work.close()
            return fail(Unavailable("The archive is too busy." if self._open else "The archive is not open."))
        # Not what is returned: `stop` waits for the work, not for what its asker makes of it.
        over: Deferred[None] = Deferred()
        self._under_way.add(over)

        def ended(result: Any) -> Any:
            self._under_way.discard(over)
            over.callback(None)
            return result

        return Deferred.fromCoroutine(work).addBoth(ended)

    async def _alone(self, work: Callable[[], Coroutine[Deferred[Any], Any, _T]]) -> _T:
        """Do ``work`` after the changes of this process that were asked for before."""
        await self._changing.acquire()
        try:
            return await work()
        finally:
            self._changing.release()

    # Opening and closing.

    async def _prepare(self) -> None:
        try:
            await self._prepare_database()
        except Denied as no:
            if no.status in (401, 403):
                raise ValueError(f"The archive cannot be prepared: {no}") from None
            raise

    async def _prepare_database(self) -> None:
        try:
            await self._couch.information()
        except Denied as no:
            if no.status != 404:
                raise
            await self._writing.create()
        there = await self._couch.look([MARKER, DESIGN])
        if MARKER not in there:
            if [each for each in await self._couch.ids("", "\uffff", 3) if each.id not in (MARKER, DESIGN)]:
                there = await self._couch.look([MARKER])
                if MARKER not in there:
                    raise ValueError(
                        f"The database {self._database} has documents that are not Meet's: name one of Meet's own."
                    )
            else:
                await self._make(documents.marker())
                there = await self._couch.look([MARKER, DESIGN])
        version = there[MARKER].version
        if version != documents.VERSION:
            is_newer = not isinstance(version, int) or version > documents.VERSION
            age = (
                "a newer version of Meet"
                if is_newer
                else "an older version of Meet, which this one cannot bring up to date"
            )
            raise ValueError(f"The archive was written by {age}.")
        if DESIGN not in there:
            await self._make(documents.design())

    async def _make(self, document: Document) -> None:
        for row in await self._writing.write([document]):
            if row.error and row.error != "conflict":
                raise ValueError(f"The archive cannot be prepared: {row.reason or row.error}.")

    def _not_started(self, failure: Any) -> Any:
        return self.stop().addCallback(lambda _: failure)

    def _close(self) -> Deferred[Any]:
        self._keeping.stop()
        return gatherResults([Deferred.fromCoroutine(each.close()) for each in (self._couch, self._writing)])

    # Reading.

    async def _after(self, log: Log, after: int, count: int, *, talk: bool) -> list[tuple[Position, bytes]]:
        """The oldest ``count`` entries above ``after``, or only those that are talk."""
        return await self._walk(*span(log, after), count, talk=talk)

    async def _before(self, log: Log, before: int, count: int, *, talk: bool = True) -> list[tuple[Position, bytes]]:
        """The newest ``count`` of them below ``before``, oldest first."""
        return (await self._walk(*span(log, before=before), count, talk=talk, newest=True))[::-1]

    async def _walk(
        self, low: str, high: str, count: int, *, talk: bool, newest: bool = False
    ) -> list[tuple[Position, bytes]]:
        found: list[tuple[Position, bytes]] = []
        while len(found) < count:
            # A few more than are missing: something that is no talk stands between.
            asked = min(AT_ONCE, count - len(found) + _BETWEEN)
            page = await self._couch.read(low, high, asked, newest=newest)
            found += [documents.numbered(each) for each in page if not each.gone and (each.talk or not talk)]
            if len(page) < asked:
                break
            if newest:
                high = documents.before(page[-1].id)
            else:
                low = documents.after(page[-1].id)
        return found[:count]

    async def _living(self) -> list[Log]:
        found: list[Log] = []
        low, high = documents.whole(ABOUT)
        while page := await self._couch.read(low, high, AT_ONCE):
            found += [documents.log_of(each.id) for each in page if each.kind == _OPENED]
            low = documents.after(page[-1].id)
        return found

    async def _rooms(self, after: Log, count: int) -> list[Kept]:
        low, high = documents.whole(LOG)
        if after != ("", ""):
            low = documents.after(name(LOG, after))
        logs = [documents.log_of(each.id) for each in await self._couch.ids(low, high, count)]
        if not logs:
            return []
        about: dict[Log, list[Event]] = {log: [] for log in logs}
        low, high = span(logs[0], what=ABOUT)[0], span(logs[-1], what=ABOUT)[1]
        for each in await self._couch.read(low, high, _ALL):
            # Another process may have begun a log among them meanwhile.
            if (log := documents.log_of(each.id)) in about:
                about[log].append(decode_event(documents.body_of(each)))
        return [summary.kept(*log, events) for log, events in about.items()]

    async def _memory(self, log: Log, count: int) -> Look:
        newest = await self._before(log, documents.NUMBER_MOST + 1, 1, talk=False)
        if not newest:
            return Look(None, None, [], [], 0)
        last = newest[0][0]
        tail = await self._before(log, last.seq + 1, count + 1)
        rest = []
        for what in (ABOUT, REST):
            held = await self._couch.read(*span(log, before=last.seq + 1, what=what), _ALL)
            rest += [documents.numbered(each) for each in held]
        return summary.memory(last, sorted(rest), tail, count)

    async def _since(self, log: Log, at: str, count: int) -> list[tuple[Position, bytes]]:
        first = await self._couch.first_in_view(TIMES, [name_of(log), at], [name_of(log), {}])
        return [] if first is None else await self._after(log, documents.number_of(first) - 1, count, talk=True)

    async def _search(self, log: Log, before: int, words: str, count: int) -> Found:
        found: list[tuple[Position, bytes]] = []
        looked_at = 0
        while looked_at < REACH and words.strip():
            page = await self._before(log, before, min(AT_ONCE, REACH - looked_at))
            if not page:
                return Found(found, 0)
            some, down_to = search(reversed(page), words, count - len(found))
            found = [*some, *found]
            if down_to:
                return Found(found, down_to)
            looked_at += len(page)
            before = page[0][0].seq
        return Found(found, before if looked_at else 0)
