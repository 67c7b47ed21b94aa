"""A store in one file: a notebook that is read at the start and known by heart from then on.

It is written to be read: docs/stores.md goes through it.  It suits a Meet of a few hundred rooms::

    PYTHONPATH=examples twistd meet --store store.notebook:/srv/notebook.jsonl
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import implementer

from meet.errors import Unavailable
from meet.events import Closed, Expired, Extended, Forgotten, Opened, Position, Presence, Removed, Renewed, Retitled
from meet.export import read_row, row
from meet.interfaces import Found, IStore, Kept, Record
from meet.look import Look, Numbered
from meet.moments import DAY, moment, seconds
from meet.search import search
from meet.store.kinds import TALK, kind_of
from meet.store.thread import Threads
from meet.wire import bare, decode_event, encode, entry

T = TypeVar("T")
Log = tuple[str, str]


def make_store(url: str, *, data: Path, clock: Any, limits: Any) -> Notebook:
    """What ``--store`` asks for; nothing is opened yet."""
    path = url.partition(":")[2]
    return Notebook(Path(path) if path else data / "notebook.jsonl", clock)


@implementer(IStore)
class Notebook:
    """Every entry of every room, in one file and in memory."""

    def __init__(self, path: Path, clock: Any) -> None:
        self._path = path.absolute()
        self._clock = clock
        # Files block: one thread does everything, in the order of asking.
        self._threads = Threads(1)
        self._logs: dict[Log, dict[int, bytes]] = defaultdict(dict)
        self._graves: dict[Log, float] = {}

    def start(self) -> Deferred[None]:
        """Read the notebook."""
        self._threads.start()
        return self._run(self._read)

    def stop(self) -> Deferred[None]:
        """Finish what is under way."""
        return self._threads.stop()

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        """Write ``records`` down; fires when the disk has them."""
        now = self._clock.seconds()
        return self._run(lambda: self._record(records, now))

    def delete(self, room: str, epoch: str) -> Deferred[None]:
        """As if it had been forgotten."""
        grave = Record(room, Position(epoch, 0), encode(Forgotten(at=moment(self._clock.seconds()))))
        return self.record([grave])

    def living(self) -> Deferred[Sequence[Log]]:
        """Logs that opened."""
        return self._run(lambda: sorted(log for log in self._logs if self._kept(log).opened))

    def rooms(self, after: Log, count: int) -> Deferred[Sequence[Kept]]:
        """Logs in order."""
        return self._run(lambda: [self._kept(log) for log in sorted(self._logs) if log > after][:count])

    def entries(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Everything above ``after``."""
        return self._run(lambda: list(islice(self._above((room, epoch), after), count)))

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Talk above ``after``."""
        return self._run(lambda: list(islice(_talk(self._above((room, epoch), after)), count)))

    def history(self, room: str, before: Position, count: int) -> Deferred[Numbered]:
        """Talk below ``before``."""
        return self._run(lambda: list(islice(_talk(self._below(room, before)), count))[::-1])

    def since(self, room: str, epoch: str, at: str, count: int) -> Deferred[Numbered]:
        """Talk from a moment on."""

        def look() -> Numbered:
            talk = list(_talk(self._above((room, epoch), 0)))
            later = [(decode_event(body).at, position.seq) for position, body in talk if decode_event(body).at >= at]
            return [each for each in talk if later and each[0].seq >= min(later)[1]][:count]

        return self._run(look)

    def search(self, room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        """Talk that has each of ``words``: what that means is Meet's to say, and alike in every store."""
        return self._run(lambda: Found(*search(_talk(self._below(room, before)), words, count)))

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        """The log, for a broker that has lost it."""

        def look() -> Look:
            every = list(self._above((room, epoch), 0))
            if not every:
                return Look(None, None, [], [], 0)
            items = [entry(*each) for each in every if kind_of(each[1]) not in TALK]
            laws = [item.position for item in items if item.event.ruling]
            newest = {item.event.key: item for item in items if item.event.key is not None}
            kept = sorted((item.position, item.body) for item in newest.values())
            talk = list(_talk(every))
            floor = talk[-count - 1][0].seq if len(talk) > count else 0
            return Look(every[-1][0], laws[-1] if laws else None, kept, talk[-count:], floor)

        return self._run(look)

    # On the thread.

    def _run(self, work: Callable[[], T]) -> Deferred[T]:
        def honestly() -> T:
            try:
                return work()
            except OSError as error:
                # The one failure that Meet expects: it comes again later.
                raise Unavailable(f"{error.strerror}.") from None

        return self._threads.run(honestly)

    def _read(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            file.seek(0)
            whole = 0
            for line in file:
                if not line.endswith(b"\n"):
                    # A kill came in the middle; Meet was not told that it is kept, so it comes again.
                    file.truncate(whole)
                    break
                whole += len(line)
                record = read_row(line)
                event = decode_event(record.body)
                if isinstance(event, Forgotten):
                    self._graves[record.room, record.position.epoch] = seconds(event.at)
                else:
                    self._logs[record.room, record.position.epoch][record.position.seq] = record.body

    def _record(self, records: Sequence[Record], now: float) -> None:
        logs = {log: dict(theirs) for log, theirs in self._logs.items()}
        graves = {log: at for log, at in self._graves.items() if at > now - 7 * DAY}
        rewrite = len(graves) < len(self._graves)
        for record in records:
            room, epoch = log = record.room, record.position.epoch
            event = decode_event(record.body)
            if log in graves or isinstance(event, Presence):
                continue
            if isinstance(event, Forgotten):
                logs.pop(log, None)
                graves[log] = now
                continue
            logs.setdefault(log, {})[record.position.seq] = record.body
            if isinstance(event, Renewed):
                for former in {event.was, *event.before} - {epoch}:
                    logs[log] = logs.pop((room, former), {}) | logs[log]
                    graves[room, former] = now
        for theirs in logs.values():
            removals = ((seq, decode_event(body)) for seq, body in theirs.items() if kind_of(body) == "removed")
            removed = {it.number for seq, it in removals if isinstance(it, Removed) and it.number < seq}
            for number in [number for number in removed & theirs.keys() if kind_of(theirs[number]) in TALK]:
                del theirs[number]
                rewrite = True
            until = max((_until(body) for body in theirs.values() if kind_of(body) == "expired"), default="")
            for seq, body in theirs.items() if until else ():
                # Of a post whose words may be kept no longer, its id and link stay.
                if (rest := bare(body, until)) != body:
                    theirs[seq] = rest
                    rewrite = True
        if rewrite or graves.keys() != self._graves.keys():
            # A word that is forgotten may stand in no file: the notebook is written anew.
            self._write_anew(logs, graves)
        else:
            self._append(_rows({log: dict(theirs.items() - self._logs[log].items()) for log, theirs in logs.items()}))
        self._logs, self._graves = defaultdict(dict, logs), graves

    def _append(self, lines: Iterable[bytes]) -> None:
        with self._path.open("ab") as file:
            size = file.tell()
            try:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._path, size)
                raise

    def _write_anew(self, logs: dict[Log, dict[int, bytes]], graves: dict[Log, float]) -> None:
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with new.open("wb") as file:
            for (room, epoch), at in graves.items():
                file.write(row(Record(room, Position(epoch, 0), encode(Forgotten(at=moment(at))))))
            file.writelines(_rows(logs))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    def _above(self, log: Log, after: int) -> Iterable[tuple[Position, bytes]]:
        bodies = self._logs.get(log, {})
        return ((Position(log[1], seq), bodies[seq]) for seq in sorted(bodies) if seq > after)

    def _below(self, room: str, before: Position) -> Iterable[tuple[Position, bytes]]:
        return (each for each in reversed(list(self._above((room, before.epoch), 0))) if each[0].seq < before.seq)

    def _kept(self, log: Log) -> Kept:
        kept = Kept(*log, "", "", "", "")
        for _, body in self._above(log, 0):
            match decode_event(body):
                case Opened() as event:
                    kept = kept._replace(title=event.title, opened=event.at, ends=event.ends)
        for _, body in self._above(log, 0):
            match decode_event(body):
                case Retitled() as event if kept.opened:
                    kept = kept._replace(title=event.title)
                case Extended() as event if kept.opened:
                    kept = kept._replace(ends=event.ends)
                case Closed() as event if kept.opened:
                    kept = kept._replace(closed=event.at)
        return kept


def _until(body: bytes) -> str:
    event = decode_event(body)
    return event.until if isinstance(event, Expired) else ""


def _talk(entries: Iterable[tuple[Position, bytes]]) -> Iterable[tuple[Position, bytes]]:
    return (each for each in entries if kind_of(each[1]) in TALK)


def _rows(logs: dict[Log, dict[int, bytes]]) -> Iterable[bytes]:
    for (room, epoch), bodies in logs.items():
        for seq, body in sorted(bodies.items()):
            yield row(Record(room, Position(epoch, seq), body))
