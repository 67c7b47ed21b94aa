"""``meet receipt``: whether anything is left of a room, or of what one has said there; and deleting it.

::

    meet receipt algebra                              of the room, in the broker and the archive
    meet receipt algebra postgresql://… lines:/srv/a  and in these stores
    meet receipt --nick ann algebra                   of the lines of ann
    meet receipt --delete --nick ann algebra          delete them first, because ann asked for it

The law: without ``--delete`` nothing changes.  What cannot be looked at is said, and never taken for empty.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import maybeDeferred
from twisted.python.usage import UsageError

from meet import erasing, receipt
from meet.archiving import store_at
from meet.broker import broker_for
from meet.broker.folder import FILE, InUse
from meet.configuration import Configuration
from meet.errors import Refused, Unavailable
from meet.interfaces import IBroker, IOnDisk, IStore, Record
from meet.moments import moment
from meet.names import room_name
from meet.options import Configured, parameters
from meet.receipt import Place, Receipt

_ELSEWHERE = "its server's files are not on this machine, or not to be read"


class ReceiptOptions(Configured):
    """``meet receipt``."""

    synopsis = "[options] room [store ...]"
    longdesc = (
        "Looks for a room, or what one has said there, in the broker, the archive, the stores that are named and the "
        "bytes of their files, and prints a receipt; the exit code is 1 unless nothing is left."
    )
    optParameters: ClassVar = [
        *parameters(["data", "broker", "store"]),
        ["nick", None, "", "only the lines of whoever goes by this nick there"],
        ["words", None, "", "words to look for in the files besides"],
    ]
    optFlags: ClassVar = [["delete", None, "delete it first, everywhere"]]
    content = True
    room = ""
    stores: Sequence[str] = ()

    def parseArgs(self, *words: str) -> None:
        """The room, and stores beside the archive."""
        if not words:
            raise UsageError("say which room: meet receipt algebra")
        if any(word.startswith("-") for word in words):
            raise UsageError("options stand before the room: meet receipt --nick ann algebra")
        try:
            self.room = room_name(words[0])
        except Refused as refused:
            raise UsageError(refused.detail) from None
        self.stores = words[1:]

    async def told(self, reactor: Any) -> str:
        """Delete if that was asked for, look, and tell the receipt."""
        at_work = _Places(self, self.configuration, reactor)
        try:
            found = await at_work.prove()
        finally:
            await at_work.close()
        self.content = found.clean
        return found.text()


class _Places:
    """All that is looked at, opened for as long as it is needed."""

    def __init__(self, asked: ReceiptOptions, configuration: Configuration, reactor: Any) -> None:
        self._room, self._nick = asked.room, asked["nick"]
        self._delete = bool(asked["delete"])
        self._words = [asked["words"]] if asked["words"] else []
        self._configuration = configuration
        self._reactor = reactor
        self._broker: IBroker | None = None
        self._urls = list(dict.fromkeys([configuration.store, *asked.stores]))
        self._stores: dict[str, IStore] = {}
        self._open: list[IStore] = []
        self._away: dict[str, str] = {}

    async def prove(self) -> Receipt:
        """The receipt; raises `ValueError` or `Unavailable` where nothing can be deleted."""
        await self._begin()
        if self._delete:
            if self._broker is None or self._away:
                raise ValueError(f"Nothing was deleted. {next(iter(self._away.values()))}")
            await self._erase(self._broker)
        places = [await self._in_broker()]
        others = {name for store in self._open for name in await receipt.room_names(store)}
        entries = receipt.pattern(self._room, self._nick, others)
        places += receipt.in_files(self._broker_files(), entries, self._words)
        for url in self._urls:
            places += await self._in_store(url, entries)
        what = f"the room {self._room}" if not self._nick else f"the lines of {self._nick} in the room {self._room}"
        if self._words:
            what = f"{what}, and in files {len(self._words)} of its texts"
        return Receipt(what, moment(self._reactor.seconds()), places)

    async def close(self) -> None:
        """Let all of it go."""
        for store in self._open:
            await store.stop()
        if self._broker is not None:
            await self._broker.stop()

    async def _begin(self) -> None:
        configuration = self._configuration
        data = configuration.data.absolute()
        for url in self._urls:
            self._stores[url] = store_at(configuration, url, self._reactor)
        if self._is_local and not (data / FILE).exists():
            raise ValueError(f"There is no Meet in the folder {data}.")
        broker = broker_for(
            configuration.broker, data=data, clock=self._reactor, random=os.urandom, limits=configuration.limits
        )
        try:
            await maybeDeferred(broker.start)
            self._broker = broker
        except (InUse, Unavailable) as wrong:
            self._away["broker"] = str(wrong)
        for url, store in self._stores.items():
            try:
                await store.start()
                self._open.append(store)
            except (ValueError, Unavailable) as wrong:
                self._away[url] = str(wrong)

    async def _erase(self, broker: IBroker) -> None:
        lines: list[Record] = await receipt.broker_lines(broker, self._room, self._nick)
        for store in self._open:
            lines += [line async for line in receipt.store_lines(store, self._room, self._nick)]
        self._words += receipt.samples(lines)
        if self._nick:
            await erasing.erase_lines(broker, self._open, lines, self._configuration.limits, self._reactor.seconds())
            for store in self._open:
                async for other in receipt.store_lines(store, self._room, ""):
                    # What somebody else has said as well is in the files for good reason.
                    self._words = [words for words in self._words if words.encode() not in other.body]
        else:
            await erasing.erase_room(broker, self._open, self._room, self._reactor.seconds())
        for store in self._open:
            if IOnDisk.providedBy(store):
                await store.wipe()

    async def _in_broker(self) -> Place:
        name = f"broker {receipt.shown(self._configuration.broker)}"
        if self._broker is None:
            return Place(name, None, self._away["broker"])
        found = len(await receipt.broker_lines(self._broker, self._room, self._nick))
        behind = [each.name for each in await self._broker.observers() if each.behind]
        return Place(name, found, f"{', '.join(behind)} has yet to hear of it" if behind else "")

    async def _in_store(self, url: str, entries: Any) -> list[Place]:
        store, name = self._stores[url], f"store {receipt.shown(url)}"
        if url in self._away:
            places = [Place(name, None, self._away[url])]
        else:
            found = 0
            async for _ in receipt.store_lines(store, self._room, self._nick):
                found += 1
            places = [Place(name, found)]
        paths: Sequence[Path] = []
        if IOnDisk.providedBy(store):
            try:
                paths = await store.files()
            except Unavailable:
                paths = []
        if not paths:
            return [*places, Place("  its files", None, _ELSEWHERE)]
        return [*places, *receipt.in_files(paths, entries, self._words)]

    @property
    def _is_local(self) -> bool:
        return self._configuration.broker.partition(":")[0] == "local"

    def _broker_files(self) -> list[Path]:
        if not self._is_local:
            return []
        path = self._configuration.data.absolute() / FILE
        return [each for end in ("", "-wal", "-journal") if (each := path.with_name(f"{FILE}{end}")).exists()]
