"""The store for whoever wants no database: JSON lines, a file or more for each room.

``lines:`` is the folder ``archive`` among Meet's own, ``lines:/srv/archive`` another.  The files
(`meet.store.shelf`) can be read, searched and copied by any program while Meet runs; written they
are by one process alone, which a lock sees to.

The law: `LinesStore.record` fires when all of it is on the disk.  What is forgotten loses its
files; ``forgotten.json`` has only its name, so that nothing comes back late.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.errors import Unavailable
from meet.events import Forgotten, Position, Presence, Renewed
from meet.interfaces import Found, IOnDisk, IStore, Kept, Record
from meet.limits import Limits
from meet.look import Look, Numbered
from meet.moments import DAY
from meet.search import search
from meet.store import shelf, summary
from meet.store.shelf import Shelf
from meet.store.thread import Threads
from meet.wire import decode_event, encode

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_FOLDER = "archive"
_GRAVES = "forgotten.json"
_GRAVE_KEPT = 7 * DAY  # far longer than any record is on its way
_OPEN_MOST = 100  # logs whose numbers are known by heart

_T = TypeVar("_T")
_Log = tuple[str, str]
_graves = msgspec.json.Decoder(list[tuple[str, str, float]])


def make_store(url: str, *, data: Path, clock: IReactorTime, limits: Limits) -> IStore:
    """Make the store in the folder that ``url`` names, or in ``archive`` of the folder ``data``."""
    named = url.partition(":")[2]
    return LinesStore((Path(named) if named else data / _FOLDER).absolute(), clock)


@implementer(IStore, IOnDisk)
class LinesStore:
    """Rooms and their transcripts in ``folder``."""

    def __init__(self, folder: Path, clock: IReactorTime) -> None:
        self._folder = folder
        self._clock = clock
        # One, so that everything is done in the order in which it was asked.
        self._threads = Threads(1)
        self._shelves: OrderedDict[_Log, Shelf] = OrderedDict()
        self._graves: dict[_Log, float] = {}
        self._lock: IO[bytes] | None = None

    def start(self) -> Deferred[None]:
        """Take the folder; fails with `ValueError` where an operator must mend something."""
        self._threads.start()
        return self._run(self._open).addErrback(self._not_started)

    def stop(self) -> Deferred[None]:
        """Finish what is under way, then let the folder go."""
        return self._threads.stop().addCallback(lambda _: self._close())

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        """Keep ``records``, each once however often it comes; fires when they are on the disk."""
        now = self._clock.seconds()
        return self._run(lambda: self._record(records, now))

    def delete(self, room: str, epoch: str) -> Deferred[None]:
        """Delete the log, and keep nothing more of it."""
        now = self._clock.seconds()
        return self._run(lambda: self._bury((room, epoch), now))

    def living(self) -> Deferred[Sequence[_Log]]:
        """Fires with room and epoch of every log whose opening is recorded, in order."""
        return self._run(lambda: [log for log in shelf.logs(self._folder) if self._kept(*log).opened])

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        """Fires with the log as it is recorded, for `IBroker.restore`."""
        return self._run(lambda: self._memory(self._shelf((room, epoch)), count))

    def history(self, room: str, before: Position, count: int) -> Deferred[Numbered]:
        """Fires with the newest ``count`` pieces of talk before ``before`` in its epoch, oldest first."""
        return self._run(lambda: _before(self._shelf((room, before.epoch)), before.seq, count))

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Fires with the oldest ``count`` pieces of talk numbered above ``after``, oldest first."""
        return self._page(room, epoch, after, count, talk=True)

    def entries(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Fires with the oldest ``count`` entries of any kind numbered above ``after``."""
        return self._page(room, epoch, after, count, talk=None)

    def rooms(self, after: _Log, count: int) -> Deferred[Sequence[Kept]]:
        """Fires with the first ``count`` logs behind ``after``."""

        def look() -> list[Kept]:
            behind = (log for log in shelf.logs(self._folder) if log > after)
            return [self._kept(*log) for log in itertools.islice(behind, count)]

        return self._run(look)

    def since(self, room: str, epoch: str, at: str, count: int) -> Deferred[Numbered]:
        """Fires with a page of talk from the moment ``at`` on."""

        def look() -> Numbered:
            on = self._shelf((room, epoch))
            moments = ((decode_event(body).at, position.seq) for position, body in on.read(on.numbers(talk=True)))
            first = min((each for each in moments if each[0] >= at), default=None)
            return [] if first is None else _after(on, first[1] - 1, count, talk=True)

        return self._run(look)

    def search(self, room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        """Fires with the newest ``count`` pieces of talk before ``before`` that have each of ``words``."""

        def look() -> Found:
            on = self._shelf((room, before.epoch))
            return Found(*search(on.read(on.talk_before(before.seq)), words, count))

        return self._run(look)

    def files(self) -> Deferred[Sequence[Path]]:
        """Fires with all files in the folder."""
        return succeed(sorted(path for path in self._folder.glob("*") if path.is_file()))

    def wipe(self) -> Deferred[None]:
        """Files of what is deleted are taken away, those of what is removed written anew, at once."""
        return succeed(None)

    def _page(self, room: str, epoch: str, after: int, count: int, talk: bool | None) -> Deferred[Numbered]:
        return self._run(lambda: _after(self._shelf((room, epoch)), after, count, talk))

    def _run(self, work: Callable[[], _T]) -> Deferred[_T]:
        return self._threads.run(lambda: _honestly(work))

    # On the thread.

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self._folder / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"The archive {self._folder} is in use by another program.") from None
        graves = self._folder / _GRAVES
        if graves.exists():
            try:
                self._graves = {(room, epoch): at for room, epoch, at in _graves.decode(graves.read_bytes())}
            except msgspec.DecodeError:
                raise ValueError(f"The file {graves} is not what Meet wrote.") from None
        for log in shelf.logs(self._folder):
            if log in self._graves:
                # A kill came between the two steps of `_bury`.
                shelf.remove(self._folder, *log)

    def _not_started(self, failure: Failure) -> Failure:
        self.stop()
        if isinstance(failure.value, Unavailable):
            raise ValueError(f"The archive {self._folder} cannot be opened: {failure.value}") from failure.value
        return failure

    def _close(self) -> None:
        self._shelves.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _record(self, records: Sequence[Record], now: float) -> None:
        waiting: dict[_Log, list[Record]] = {}
        old = [log for log, at in self._graves.items() if at < now - _GRAVE_KEPT]
        if old:
            self._write_graves({log: at for log, at in self._graves.items() if log not in old})
        for record in records:
            log = record.room, record.position.epoch
            event = decode_event(record.body)
            if log in self._graves or isinstance(event, Presence):
                continue
            if isinstance(event, Forgotten):
                waiting.pop(log, None)
                self._bury(log, now)
                continue
            waiting.setdefault(log, []).append(record)
            if isinstance(event, Renewed):
                for former in {event.was, *event.before} - {log[1]}:
                    self._move((log[0], former), log, waiting, now)
        for log, theirs in waiting.items():
            self._shelf(log).add(theirs)

    def _move(self, former: _Log, log: _Log, waiting: dict[_Log, list[Record]], now: float) -> None:
        """What is kept of ``former`` is kept of ``log``, unless that has its own of the same number."""
        there, here = self._shelf(former), self._shelf(log)
        there.add(waiting.pop(former, []))
        here.add(waiting.pop(log, []))
        mine = set(here.numbers())
        moved = there.read(number for number in there.numbers() if number not in mine)
        while page := list(itertools.islice(moved, 1000)):
            here.add([Record(log[0], Position(log[1], position.seq), body) for position, body in page])
        self._bury(former, now)

    def _bury(self, log: _Log, now: float) -> None:
        self._write_graves({**self._graves, log: now})
        self._shelves.pop(log, None)
        shelf.remove(self._folder, *log)

    def _write_graves(self, graves: dict[_Log, float]) -> None:
        new = self._folder / f"{_GRAVES}.new"
        with new.open("wb") as file:
            file.write(encode([(*log, at) for log, at in graves.items()]))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / _GRAVES)
        shelf.sync(self._folder)
        self._graves = graves

    def _shelf(self, log: _Log) -> Shelf:
        found = self._shelves.pop(log, None) or Shelf(self._folder, *log)
        self._shelves[log] = found
        while len(self._shelves) > _OPEN_MOST:
            self._shelves.popitem(last=False)
        return found

    def _kept(self, room: str, epoch: str) -> Kept:
        on = self._shelf((room, epoch))
        return summary.kept(room, epoch, (decode_event(body) for _, body in on.read(on.numbers(talk=False))))

    def _memory(self, on: Shelf, count: int) -> Look:
        last = max(on.numbers(), default=None)
        if last is None:
            return Look(None, None, [], [], 0)
        rest = on.read(on.numbers(talk=False))
        return summary.memory(Position(on.epoch, last), rest, _before(on, last + 1, count + 1), count)


def _after(on: Shelf, after: int, count: int, talk: bool | None) -> Numbered:
    return list(on.read(itertools.islice(on.numbers(after, talk=talk), count)))


def _before(on: Shelf, before: int, count: int) -> list[tuple[Position, bytes]]:
    numbers: Iterator[int] = iter(sorted(itertools.islice(on.talk_before(before), count)))
    return list(on.read(numbers))


def _honestly(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except OSError as error:
        raise Unavailable(f"{error.strerror or error}.") from None
