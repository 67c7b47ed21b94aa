"""``meet export``, ``meet import`` and ``meet compare``: what an operator does with an archive.

::

    meet export > archive.jsonl           all of it, or the rooms that are named
    meet import archive.jsonl             into the archive that --store names
    meet compare postgresql://…           whether both hold the same

The law: a page at a time, so that no archive is too large, and Meet may run meanwhile.  How far
it has come is told on standard error, where that is a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar

from twisted.internet.task import deferLater
from twisted.python.usage import UsageError

from meet import carrying
from meet.configuration import Configuration
from meet.export import LINE_MOST
from meet.interfaces import IStore
from meet.options import Configured, parameters
from meet.store import store_for

_STEP = 10_000
_SETTLING = 3.0
"""Seconds within which what is recorded in one of two archives while people talk is in the other too."""
_SHOWN = 20
"""Logs that differ and are told one by one."""


class Archiving(Configured):
    """What all three take: where the archive is."""

    synopsis = "[options]"
    optParameters: ClassVar = parameters(["data", "store"])

    async def told(self, reactor: Any) -> str:
        """Do it with the archive that ``--store`` names; the sentence about it."""
        async with Opened(store_at(self.configuration, self.configuration.store, reactor)) as store:
            return await self.answer(store, reactor)

    async def answer(self, store: IStore, reactor: Any) -> str:
        """What there is to say; raises `ValueError`, `Unavailable` or `SystemExit` with a sentence."""
        raise NotImplementedError


class ExportOptions(Archiving):
    """``meet export``."""

    synopsis = "[options] [room ...]"
    longdesc = "Writes the archive, or the rooms that are named, as JSON lines with a checksum: docs/operations.md."
    optParameters: ClassVar = [["to", None, "-", "the file; - for standard output"]]
    rooms: Sequence[str] = ()

    def parseArgs(self, *words: str) -> None:
        """The rooms."""
        self.rooms = words

    async def answer(self, store: IStore, reactor: Any) -> str:
        """Write it."""
        with _writing(self["to"]) as file, _progress("exported") as progress:
            count = await carrying.give(store, file.write, progress, self.rooms)
        _tell(f"{count} entries were exported.")
        return ""


class ImportOptions(Archiving):
    """``meet import``."""

    synopsis = "[options] file"
    longdesc = "Records an export in the archive; what is there already stays as it is. - is standard input."
    file = ""

    def parseArgs(self, *words: str) -> None:
        """The file."""
        if len(words) != 1:
            raise UsageError("say which file: meet import archive.jsonl")
        self.file = words[0]

    async def answer(self, store: IStore, reactor: Any) -> str:
        """Record it; a file is read to its end before anything is recorded."""
        if self.file != "-":
            with _reading(self.file) as file, _progress("checked") as progress:
                carrying.check(_lines(file, progress))
        with _reading(self.file) as file, _progress("imported") as progress:
            count = await carrying.take(store, _lines(file), progress)
        return f"{count} entries were imported."


class CompareOptions(Archiving):
    """``meet compare``."""

    synopsis = "[options] store"
    longdesc = "Says whether another store holds the same as the archive; the exit code is 1 if it does not."
    other = ""

    def parseArgs(self, *words: str) -> None:
        """The other store."""
        if len(words) != 1:
            raise UsageError("say with which store: meet compare postgresql://user@host/name")
        self.other = words[0]

    async def answer(self, store: IStore, reactor: Any) -> str:
        """Hold them beside each other; raises `SystemExit` with what differs."""
        async with Opened(store_at(self.configuration, self.other, reactor)) as other:
            with _progress("compared") as progress:
                same, differences = await carrying.compare(
                    store, other, progress, lambda: deferLater(reactor, _SETTLING, lambda: None)
                )
        if not differences:
            return f"Both hold the same: {same} entries."
        lines = [
            f"{each.room} {each.epoch}: {each.missing} only here, {each.more} only there, {each.other} not the same"
            for each in differences[:_SHOWN]
        ]
        if len(differences) > _SHOWN:
            lines.append(f"and {len(differences) - _SHOWN} more")
        told = "\n".join(lines)
        raise SystemExit(f"{told}\nmeet: {len(differences)} logs differ; {same} entries are the same.")


def store_at(configuration: Configuration, url: str, reactor: Any) -> IStore:
    """The store that ``url`` names; raises `ValueError` with a sentence."""
    data = configuration.data.absolute()
    store = store_for(url, data=data, clock=reactor, limits=configuration.limits)
    if url.endswith(":") and not data.exists():
        # The store would make what somebody has only misspelt.
        raise ValueError(f"There is no Meet in the folder {data}.")
    return store


class Opened:
    """A store that is open for as long as it is needed."""

    def __init__(self, store: IStore) -> None:
        self._store = store

    async def __aenter__(self) -> IStore:
        await self._store.start()
        return self._store

    async def __aexit__(self, *_raised: object) -> None:
        await self._store.stop()


def _lines(file: IO[bytes], progress: carrying.Progress | None = None) -> Iterator[bytes]:
    count = 0
    while line := file.readline(LINE_MOST):
        count += 1
        if progress is not None:
            progress(count)
        yield line


@contextmanager
def _writing(path: str) -> Iterator[IO[bytes]]:
    """The file at ``path``, which is there only once it is whole; or standard output."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{path}.part")
    try:
        with part.open("wb") as file:
            part.chmod(0o600)
            yield file
        part.replace(path)
    except OSError as error:
        raise ValueError(f"The export cannot be written to {path}: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _reading(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise ValueError(f"The export {path} cannot be read: {error.strerror}.") from None


@contextmanager
def _progress(done: str) -> Iterator[carrying.Progress]:
    """Tells on a terminal how many entries were ``done``, in steps; the line is gone in the end."""
    shown = False
    last = 0

    def progress(count: int) -> None:
        nonlocal shown, last
        if count - last >= _STEP and sys.stderr.isatty():
            shown, last = True, count
            _tell(f"\r{count:,} entries {done}", end="")

    try:
        yield progress
    finally:
        if shown:
            _tell("\r\x1b[K", end="")


def _tell(text: str, end: str = "\n") -> None:
    sys.stderr.write(f"{text}{end}")
    sys.stderr.flush()


WORDS: list[list[str | Callable[..., Any] | None]] = [
    ["export", None, ExportOptions, "the archive as JSON lines"],
    ["import", None, ImportOptions, "an export into the archive"],
    ["compare", None, CompareOptions, "whether another store holds the same as the archive"],
]
"""The words of the command, as Twisted wants them."""
