"""``meet``: what an operator asks a Meet that runs, or its files.

::

    meet rooms                            the rooms that the broker holds, the largest first
    meet observers                        those for whom the journal is kept
    meet observers --dismiss NAME         keep nothing for that name any more
    meet receipt ROOM                     whether anything is left of it
    meet shadow --from URL --to URL       do what happens there again elsewhere, and tell how it went
    meet demo                             a Meet of its own to look at, in which a hashtag flows

and of an archive, by `meet.archiving`.

The law: it changes nothing but what it is told to.  The options that name the
broker are those of ``twistd meet``, also in the environment and the configuration file.  What is
wrong is told in one sentence on standard error, and the exit code is 1.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import react
from twisted.python.usage import Options, UsageError

from meet.address import Address, read_address
from meet.archiving import WORDS, Archiving
from meet.broker import broker_for
from meet.broker.folder import FILE, InUse
from meet.configuration import Configuration
from meet.errors import Taken, Unavailable
from meet.feed import Feed
from meet.interfaces import IBroker, IMeasured
from meet.limits import Limits
from meet.moments import about, moment
from meet.options import Configured, parameters, sentences, tell_version
from meet.proving import ReceiptOptions

_SPEED_MOST = 1000
_AT_ONCE = 32
"""Rooms that are read side by side."""

Told = Sequence[dict[str, Any]]
"""What is told: a line each, by what it says."""


class _Asking(Configured):
    """What all words take: where the broker is, and in which form the answer comes."""

    synopsis = "[options]"
    optParameters: ClassVar = parameters(["data", "broker", "store"])
    optFlags: ClassVar = [["json", None, "tell it as JSON"]]

    async def told(self, reactor: Any) -> str:
        """Ask the broker that the options name."""
        broker = _broker(self.configuration, reactor)
        await maybeDeferred(broker.start)
        try:
            return await self.answer(broker)
        finally:
            await broker.stop()

    async def answer(self, broker: IBroker) -> str:
        """What ``broker`` says; raises `SystemExit` with a sentence for what it cannot do."""
        raise NotImplementedError


class RoomsOptions(_Asking):
    """``meet rooms``."""

    longdesc = "Tells every room that the broker holds: its people, its bytes and when it ends; the largest first."

    async def answer(self, broker: IBroker) -> str:
        """A line each room."""
        told = await _rooms(broker, self.configuration.limits)
        if self["json"]:
            return _json(told)
        if not told:
            return "There is no room."
        rows = [
            [
                each["room"],
                str(each["people"]),
                "?" if each["bytes"] is None else str(each["bytes"]),
                "closed" if each["closed"] else f"{each['ends'][:10]} {each['ends'][11:16]} UTC",
            ]
            for each in told
        ]
        return table(["ROOM", "PEOPLE", "BYTES", "ENDS"], rows, right=(1, 2))


class ObserversOptions(_Asking):
    """``meet observers``."""

    longdesc = (
        "Tells for whom the broker keeps the journal, how many records each has yet to take, and how long no process "
        "has told it anything."
    )
    optParameters: ClassVar = [["dismiss", None, None, "keep nothing for the observer of this name any more"]]

    async def answer(self, broker: IBroker) -> str:
        """A line each observer, or that one was dismissed."""
        name = self["dismiss"]
        if name is not None:
            if not await broker.dismiss(name):
                raise SystemExit(f"meet: There is no observer called {name}.")
            return _json({"dismissed": name}) if self["json"] else f"Nothing is kept for {name} any more."
        told = [each._asdict() for each in await broker.observers()]
        if self["json"]:
            return _json(told)
        if not told:
            return "There is no observer."
        rows = [
            [each["name"], str(each["behind"]), about(each["away"]) if each["away"] else "is there"] for each in told
        ]
        return table(["OBSERVER", "BEHIND", "AWAY"], rows, right=(1,))


class ShadowOptions(Options):
    """``meet shadow``."""

    content = True
    address: Address
    speed: float
    seconds: float
    synopsis = "--from redis://production --to http://candidate [options]"
    longdesc = (
        "Hears what happens in production's rooms, asking it for nothing, and does it again at another Meet, names and "
        "words masked. Tells in the end how late that one was, what it refused, and what it told otherwise."
    )
    optParameters: ClassVar = [
        ["from", None, None, "production's broker, as --broker names it"],
        ["to", None, None, "where the pages of the Meet under trial stand"],
        ["speed", None, "1", "how many times each room is done again; 0.1 is every tenth room"],
        ["seconds", None, "0", "for how long; 0 until it is interrupted"],
    ]
    optFlags: ClassVar = [
        ["plain", None, "pass nicks and words on as they are"],
        ["json", None, "tell it as JSON"],
    ]

    def postOptions(self) -> None:
        """Read them; raises `UsageError` with one sentence."""
        if not self["from"] or not self["to"]:
            raise UsageError("say --from which Redis and --to which Meet")
        if urlsplit(self["to"]).scheme not in ("http", "https"):
            raise UsageError("--to is an address like http://localhost:8080")
        try:
            self.address = read_address(self["from"])
            self.speed, self.seconds = float(self["speed"]), float(self["seconds"])
        except ValueError as wrong:
            raise UsageError(str(wrong)) from None
        if not 0 < self.speed <= _SPEED_MOST or not 0 <= self.seconds < math.inf:
            raise UsageError(f"--speed is above 0 and at most {_SPEED_MOST}, --seconds at least 0")

    async def told(self, reactor: Any) -> str:
        """Shadow, and tell the report; ends with 1 if the candidate did not do all that production did."""
        from meet.shadow.running import shadow

        def begun() -> None:
            sys.stderr.write("meet: Listening.\n")

        report = await shadow(
            self.address,
            self["to"],
            reactor,
            speed=self.speed,
            seconds=self.seconds,
            plain=bool(self["plain"]),
            begun=begun,
        )
        told = report.told()
        self.content = report.content
        return _json(told) if self["json"] else table(["WHAT", "COUNT"], _rows(told), right=(1,))


class DemoOptions(Options):
    """``meet demo``."""

    synopsis = "[options]"
    longdesc = "Runs a Meet of its own, with a room in which invented posts with a hashtag flow, until it is ended."
    optParameters: ClassVar = [
        ["http", None, "8080", "where its pages are: a port"],
        ["seconds", None, "4", "seconds between two posts"],
    ]


class CommandOptions(Options):
    """The words of the command; ``subOptions`` are those of the word that was given."""

    synopsis = "Usage: meet"
    longdesc = "Tells what a broker of Meet holds, and carries archives. The manual is docs/manual.md."
    subCommands: ClassVar = [
        ["rooms", None, RoomsOptions, "the rooms that the broker holds, the largest first"],
        ["observers", None, ObserversOptions, "for whom the broker keeps the journal, and letting one go"],
        *WORDS,
        [
            "receipt",
            None,
            ReceiptOptions,
            "whether anything is left of a room or of what one said there, or deleting it",
        ],
        ["shadow", None, ShadowOptions, "what happens in production, done again at another Meet"],
        ["demo", None, DemoOptions, "a Meet of its own to look at, with a room in which a hashtag flows"],
    ]

    def opt_version(self) -> None:
        """Say which Meet this is, and exit."""
        tell_version()

    def parseOptions(self, options: Any = None) -> None:
        """Read the command line.  What is wrong ends the process with a sentence."""
        with sentences():
            super().parseOptions(options)  # type: ignore[no-untyped-call]

    def postOptions(self) -> None:
        """A word is needed."""
        if self.subCommand is None:
            raise UsageError("say what to do: meet rooms, observers, export, import, compare, receipt, shadow or demo")


def main(words: Sequence[str] | None = None) -> None:
    """Do what ``words``, or the command line, say, and end the process."""
    options: Any = CommandOptions()  # type: ignore[no-untyped-call]
    options.parseOptions(words)
    if options.subCommand == "demo":
        _demo(options.subOptions)
    asking: _Asking | Archiving | ReceiptOptions | ShadowOptions = options.subOptions
    react(lambda reactor: Deferred.fromCoroutine(_tell(asking, reactor)))


def _demo(chosen: Options) -> NoReturn:
    from meet.demonstration import demonstrate
    from meet.ports import CannotStart

    async def run(reactor: Any) -> None:
        try:
            await demonstrate(reactor, chosen["http"], chosen["seconds"])
        except (ValueError, CannotStart) as wrong:
            raise SystemExit(f"meet: {wrong}") from None

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


async def _tell(asking: _Asking | Archiving | ReceiptOptions | ShadowOptions, reactor: Any) -> None:
    try:
        answer = await asking.told(reactor)
    except InUse as wrong:
        raise SystemExit(
            f"meet: {wrong} While that runs, its metrics tell its rooms and observers; to dismiss one, end it first."
        ) from None
    except (ValueError, Unavailable, Taken) as wrong:
        raise SystemExit(f"meet: {wrong}") from None
    try:
        # What an export says stands on standard error: the rest of it is on standard output.
        sys.stdout.write(f"{answer}\n" if answer else "")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has read enough; Python would tell at its end that this could not be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(asking, ReceiptOptions | ShadowOptions) and not asking.content:
        raise SystemExit(1)


def _broker(configuration: Configuration, reactor: Any) -> IBroker:
    data = configuration.data.absolute()
    if configuration.broker.partition(":")[0] == "local" and not (data / FILE).exists():
        # The broker would make what somebody has only misspelt.
        raise ValueError(f"There is no Meet in the folder {data}.")
    return broker_for(configuration.broker, data=data, clock=reactor, random=os.urandom, limits=configuration.limits)


async def _rooms(broker: IBroker, limits: Limits) -> Told:
    sizes = await broker.sizes() if IMeasured.providedBy(broker) else {}
    names = await broker.rooms()
    told = []
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        for name, look in zip(some, await gatherResults([broker.read(name) for name in some]), strict=True):
            feed = Feed(name, limits)
            feed.restore(look)
            if feed.room.exists:
                room = feed.room
                told.append(
                    {
                        "room": name,
                        "people": len(list(room.people)),
                        "bytes": sizes.get(name),
                        "ends": moment(room.ends),
                        "closed": bool(room.closed),
                    }
                )
    return sorted(told, key=lambda each: (-(each["bytes"] or 0), each["room"]))


def _rows(told: dict[str, Any]) -> list[list[str]]:
    """A report as rows, what is in it again below it."""
    rows = []
    for name, value in told.items():
        if isinstance(value, dict):
            unit = " ms" if name == "lag" else ""
            rows += [[f"{name}, {each}{unit}", str(count)] for each, count in value.items()]
        else:
            rows.append([name, str(value)])
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """``head`` and ``rows`` as lines, in columns two spaces apart; those in ``right`` end below each other."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def cell(index: int, text: str) -> str:
        return text.rjust(widths[index]) if index in right else text.ljust(widths[index])

    return "\n".join("  ".join(cell(*each) for each in enumerate(line)).rstrip() for line in lines)


def _json(told: Any) -> str:
    return json.dumps(told, indent=2, ensure_ascii=False)
