"""One log in files of JSON lines: ``room.epoch.1.jsonl``, ``room.epoch.2.jsonl`` and so on.

A line is an entry, in the form of an export (`meet.export`).  Lines are only ever added; where two
are of one number, the later counts.  A file that has reached `FULL` is followed by the next.

What was removed from the room, and words that have expired, are taken out of their file, which is
written anew without them.

The law: what `Shelf.add` has come back from is on the disk (fsync of the file, and of the folder
when the file is new).  What a kill has left of a line is cut off when the log is opened.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from meet.events import Expired, Position, Removed
from meet.export import LINE_MOST, read_row, row
from meet.interfaces import Record
from meet.store.kinds import TALK, kind_of
from meet.wire import bare, decode_event, expires

FULL = 16 * 1024 * 1024
"""Bytes after which the next file begins."""

_ENDING = ".jsonl"


class _Place(NamedTuple):
    file: int
    offset: int
    length: int
    talk: bool


class Shelf:
    """The log ``epoch`` of ``room`` in ``folder``; reading and adding block."""

    def __init__(self, folder: Path, room: str, epoch: str) -> None:
        self.room, self.epoch = room, epoch
        self._folder = folder
        self._places: dict[int, _Place] = {}
        self._numbers: list[int] = []
        self._files = 0
        # The talk that was removed; it may come once more, and late.
        self._removed: set[int] = set()
        # Of the talk whose words will have to go: by when; and up to when they have gone.
        self._expiring: dict[int, str] = {}
        self._expired = ""
        for number, path in files(folder, room, epoch):
            self._files = number
            self._load(number, path)
        self._sweep()

    def numbers(self, above: int = 0, below: int | None = None, talk: bool | None = None) -> Iterator[int]:
        """The numbers between ``above`` and ``below``, upwards; only of talk, or of the rest, if asked."""
        for index in range(bisect.bisect_right(self._numbers, above), len(self._numbers)):
            number = self._numbers[index]
            if below is not None and number >= below:
                return
            if talk is None or self._places[number].talk is talk:
                yield number

    def talk_before(self, before: int) -> Iterator[int]:
        """The numbers of talk below ``before``, downwards."""
        for index in range(bisect.bisect_left(self._numbers, before) - 1, -1, -1):
            if self._places[self._numbers[index]].talk:
                yield self._numbers[index]

    def read(self, numbers: Iterator[int]) -> Iterator[tuple[Position, bytes]]:
        """The entries of ``numbers``."""
        opened = -1
        file = None
        try:
            for number in numbers:
                place = self._places[number]
                if place.file != opened:
                    if file is not None:
                        file.close()
                    opened, file = place.file, self._path(place.file).open("rb")
                assert file is not None
                file.seek(place.offset)
                yield Position(self.epoch, number), read_row(file.read(place.length)).body
        finally:
            if file is not None:
                file.close()

    def add(self, records: Sequence[Record]) -> None:
        """Add those of ``records`` that are not there yet, or not the same.  Raises `OSError`, and then added none."""
        for record in records:
            self._note(record)
        newest = {record.position.seq: self._without_words(record) for record in records}
        fresh = [record for record in newest.values() if not self._is_removed(record) and not self._has(record)]
        if not fresh:
            return
        size = self._path(self._files).stat().st_size if self._files else FULL
        is_new = size >= FULL
        number = self._files + is_new
        offset = 0 if is_new else size
        places: dict[int, _Place] = {}
        lines = []
        for record in fresh:
            line = row(record)
            places[record.position.seq] = _Place(number, offset, len(line), kind_of(record.body) in TALK)
            lines.append(line)
            offset += len(line)
        self._write(number, 0 if is_new else size, b"".join(lines))
        if is_new:
            sync(self._folder)
        self._files = number
        for record in fresh:
            self._keep(record, places[record.position.seq])
        self._sweep()

    def _note(self, record: Record) -> None:
        if kind_of(record.body) == "removed":
            event = decode_event(record.body)
            if isinstance(event, Removed) and event.number < record.position.seq:
                self._removed.add(event.number)
        elif kind_of(record.body) == "expired":
            event = decode_event(record.body)
            if isinstance(event, Expired):
                self._expired = max(self._expired, event.until)

    def _is_removed(self, record: Record) -> bool:
        return record.position.seq in self._removed and kind_of(record.body) in TALK

    def _without_words(self, record: Record) -> Record:
        return record._replace(body=bare(record.body, self._expired)) if self._expired else record

    def _sweep(self) -> None:
        """Write the files that hold something that was removed or has expired anew, without it."""
        gone = [number for number in self._removed if number in self._places and self._places[number].talk]
        gone += [number for number, at in self._expiring.items() if at <= self._expired and number in self._places]
        for file in {self._places[number].file for number in gone}:
            path = self._path(file)
            kept = []
            with path.open("rb") as lines:
                for line in lines:
                    record = read_row(line)
                    if not self._is_removed(record):
                        rest = self._without_words(record)
                        kept.append(line if rest == record else row(rest))
            fresh = path.with_suffix(".new")
            with open(fresh, "wb", opener=_private) as out:
                out.write(b"".join(kept))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(path)
            sync(self._folder)
            self._places = {number: place for number, place in self._places.items() if place.file != file}
            self._numbers = sorted(self._places)
            self._load(file, path)

    def _has(self, record: Record) -> bool:
        seq = record.position.seq
        return seq in self._places and next(self.read(iter((seq,))))[1] == record.body

    def _write(self, number: int, size: int, data: bytes) -> None:
        with open(self._path(number), "ab", buffering=0, opener=_private) as file:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise

    def _load(self, number: int, path: Path) -> None:
        offset = 0
        with path.open("rb") as file:
            while line := file.readline(LINE_MOST):
                if not line.endswith(b"\n"):
                    break
                try:
                    record = read_row(line)
                except ValueError:
                    raise ValueError(f"The file {path} has a line at byte {offset} that is no entry.") from None
                self._note(record)
                self._keep(record, _Place(number, offset, len(line), kind_of(record.body) in TALK))
                offset += len(line)
        if offset < path.stat().st_size:
            os.truncate(path, offset)

    def _keep(self, record: Record, place: _Place) -> None:
        seq = record.position.seq
        if at := expires(record.body):
            self._expiring[seq] = at
        else:
            self._expiring.pop(seq, None)
        if seq not in self._places:
            bisect.insort(self._numbers, seq)
        self._places[seq] = place

    def _path(self, number: int) -> Path:
        return self._folder / f"{quote(self.room, safe='')}.{self.epoch}.{number}{_ENDING}"


def logs(folder: Path) -> list[tuple[str, str]]:
    """Room and epoch of every log in ``folder``, in order."""
    found = set()
    for path in folder.glob(f"*{_ENDING}"):
        room, epoch, _ = path.name.removesuffix(_ENDING).rsplit(".", 2)
        found.add((unquote(room), epoch))
    return sorted(found)


def files(folder: Path, room: str, epoch: str) -> list[tuple[int, Path]]:
    """The files of one log with their numbers, in order."""
    found = folder.glob(f"{quote(room, safe='')}.{epoch}.*{_ENDING}")
    return sorted((int(path.name.rsplit(".", 2)[1]), path) for path in found)


def remove(folder: Path, room: str, epoch: str) -> None:
    """Take the files of one log away."""
    for _, path in files(folder, room, epoch):
        path.unlink(missing_ok=True)
    sync(folder)


def sync(folder: Path) -> None:
    """Wait until the disk knows which files are in ``folder``."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
