"""The archive moves from store to store while fifty people talk, as the page about operations says.

One process alone knows where the archive is: the one that records.  Those that serve read through it, so
it is the only one that is restarted; its newcomer, which takes over nothing but a name, comes and goes.
All the while somebody reads a whole room from its end to its beginning, again and again.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.drills.people import Browser, Caller, Chatter, Script
from tests.drills.stage import RECOVERY, ROOM, Many
from tests.drills.verdict import Line, Verdict
from tests.live.people import Socket
from tests.live.server import Meet
from tests.servers.couchdb import Couchdb
from tests.servers.database import Database
from tests.servers.mariadb import Mariadb
from tests.servers.postgresql import Postgresql
from tests.servers.program import until
from tests.servers.redis import Redis

CHAIN = ("sqlite", "postgresql", "mysql", "couchdb", "lines", "sqlite")
"""The stores that the archive goes through."""

SERVERS: dict[str, type[Database]] = {"postgresql": Postgresql, "mysql": Mariadb, "couchdb": Couchdb}
"""The server of each store that needs one."""

PEOPLE = ((Browser, 19), (Script, 10), (Chatter, 12), (Caller, 8))
"""With somebody who only listens they are fifty; in the tests a quarter of those talk, twice as often."""

PACE = 2.0
"""Seconds between two lines of one of them, on average."""

OLD_ROOM = "before"
OLD_LINES = 700
"""What was said in another room before: more than its tail has, so that reading it needs the archive."""

TAIL = 500
"""Lines in memory: 20 seconds of their talk, which is more than a restart takes."""


@dataclass(frozen=True)
class Place:
    """Where an archive is; ``remove`` deletes all of it."""

    kind: str
    url: str
    remove: Callable[[], None]


class Moving(Many):
    """Three processes that serve and one that knows the archive, over one Redis."""

    def __init__(self, chance: random.Random, **how: Any) -> None:
        super().__init__(chance, **how)
        self.names = 0
        self.servers: dict[str, Database] = {}
        self.place: Place
        self.reads: list[float] = []
        self.in_vain: list[str] = []
        self.misread: list[str] = []
        self._read_enough = threading.Event()

    @property
    def door(self) -> str:
        """Where the process that knows the archive lets others read it."""
        return f"unix:{self.folder}/archive.sock"

    @property
    def name(self) -> str:
        """Under which the broker keeps the journal for the archive of now."""
        return f"archive{self.names}"

    def store(self, roles: Sequence[str]) -> str:
        """Those that serve ask the one that records."""
        return self.place.url if "--record" in roles else f"process:{self.door}"

    def build_all(self, broker: str) -> None:
        """Start them with an archive of the first kind."""
        self.place = self.new_place(CHAIN[0])
        serving = 2 if self.short else 3
        super().build(broker, serving, recording=1, entries_in_tail=TAIL, entries_on_joining=50)
        self.until_it_records()

    def process(self, name: str, *roles: str) -> Meet:
        if "--record" in roles:
            roles = (*roles, "--recorder", self.name, "--archive", f"{self.door}:mode=600")
        return super().process(name, *roles)

    def new_place(self, kind: str) -> Place:
        """An empty store."""
        if kind in SERVERS:
            if kind not in self.servers:
                self.servers[kind] = (
                    SERVERS[kind].shared() if self.short else self.closing.enter_context(SERVERS[kind]())
                )
            server = self.servers[kind]
            database = server.new()
            return Place(kind, server.url(database), lambda: server.drop(database))
        folder = self.folder / f"{kind}{self.names}"
        folder.mkdir(0o700)
        url = f"sqlite:///{folder}/archive.sqlite3" if kind == "sqlite" else f"{kind}:{folder}"
        return Place(kind, url, lambda: shutil.rmtree(folder))

    def _people(self) -> None:
        self.invite(Browser, "")
        for kind, count in PEOPLE:
            for number in range(count // 4 if self.short else count):
                self.invite(kind, f"{kind.door}{number}", pace=PACE / 2 if self.short else PACE)

    # Reading.

    def fill_the_old_room(self) -> None:
        """Say what was said before."""
        meet = self.serving[0]
        meet.open(OLD_ROOM, limit=500)
        olga = Socket(meet, OLD_ROOM, "olga")
        until(lambda: olga.welcomes, "olga to be welcomed")
        for number in range(OLD_LINES):
            olga.say(f"olga {number}", f"olga-{number}")
            if (number + 1) % 20 == 0:
                until(
                    lambda most=number + 1: len(olga.accepted) == most,
                    lambda: f"olga's lines: {olga.refused}",
                    RECOVERY,
                )
        olga.close()
        # The archive is a moment behind, and memory has passed what that lacks.
        until(lambda: len(self._exported(OLD_ROOM)) > OLD_LINES, "the archive to have the old room", RECOVERY)

    def read_on(self) -> None:
        """Read the old room again and again, from each that serves in turn, until the end."""
        whole = [("olga", f"olga {number}") for number in range(OLD_LINES)]

        def read() -> None:
            while not self._read_enough.wait(0.3):
                began = time.monotonic()
                try:
                    told = self.serving[len(self.reads) % len(self.serving)].transcript(OLD_ROOM)
                except (AssertionError, OSError) as refused:
                    # A machine may be so busy that a restart takes longer than a reader waits.
                    self.in_vain.append(str(refused))
                else:
                    if told != whole:
                        self.misread.append(f"{len(told)} lines of {OLD_LINES} were shown")
                self.reads.append(time.monotonic() - began)

        threading.Thread(target=read, daemon=True, name="somebody reads").start()

    # What an operator does.

    def meet(self, *words: str, given: Any = None) -> subprocess.Popen[str]:
        """``meet`` with these words, begun."""
        return subprocess.Popen(
            [sys.executable, "-m", "meet", *words],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self, process: subprocess.Popen[str]) -> str:
        """What a command says; it must end well."""
        out, error = process.communicate(timeout=RECOVERY)
        assert process.returncode == 0, f"{process.args}\n{out}{error}"
        return out.strip()

    def until_it_records(self) -> None:
        """Wait until the broker keeps the journal under the name of now: before, it kept what rooms remember."""
        until(
            lambda: self.name in self.told(self.meet("observers", "--broker", self.broker)),
            lambda: f"{self.name} to be known",
            RECOVERY,
        )

    def move(self, kind: str) -> None:
        """Move the archive to a new store, and delete the old one."""
        began = time.monotonic()
        old, self.names = self.place, self.names + 1
        new = self.new_place(kind)
        reads = len(self.reads)
        newcomer_door = f"unix:{self.folder}/new{self.names}.sock"
        options = ["--broker", self.broker, "--store", new.url, "--record", "--recorder", self.name]
        newcomer = Meet(
            self.folder / f"new{self.names}",
            *options,
            *("--archive", f"{newcomer_door}:mode=600"),
            web=False,
            irc=False,
            line=False,
        )
        self.keep(newcomer).start()
        self.until_it_records()
        exported = self.meet("export", "--store", f"process:{self.door}")
        importing = self.meet("import", "--store", f"process:{newcomer_door}", "-", given=exported.stdout)
        # What it writes is the other's to read; where it was cut off, it says why.
        exported.stdout = None
        _, error = exported.communicate(timeout=RECOVERY)
        assert exported.returncode == 0, error
        imported = self.told(importing)
        compared = self.told(self.meet("compare", "--store", f"process:{self.door}", f"process:{newcomer_door}"))
        assert newcomer.terminate() == 0
        archive = self.recording[0]
        assert archive.terminate() == 0
        stood = time.monotonic()
        options = list(archive.options)
        options[options.index("--store") + 1] = new.url
        options[options.index("--recorder") + 1] = self.name
        archive.options = tuple(options)
        archive.start()
        self.place = new
        accepted = set().union(*(person.accepted for person in self.people))
        lost: set[Line] = set()

        def all_there() -> bool:
            nonlocal lost
            lost = accepted - set(self.stored())
            return not lost

        with suppress(AssertionError):
            until(all_there, "the new archive to have all that was accepted", RECOVERY)
        back = time.monotonic() - stood
        self.told(self.meet("observers", "--broker", self.broker, "--dismiss", f"archive{self.names - 1}"))
        old.remove()
        enough = len(self.reads) + 2
        until(lambda: len(self.reads) >= enough, "somebody to read on", RECOVERY)
        stored = self.stored()
        returns = sum(person.returns for person in self.people)
        self.note(
            f"{old.kind} → {kind}: {imported} {compared} The new one had all within {back:.1f} s of the old one's end. "
            f"{len(lost)} lost, {len(stored) - len(set(stored))} twice, {returns} disconnected; "
            f"{len(self.reads) - reads} readings, {len(self.misread)} in part, {len(self.in_vain)} in vain, "
            f"the longest {max(self.reads[reads:]):.1f} s; {time.monotonic() - began:.0f} s in all."
        )

    # The end.

    def finish(self) -> Verdict:
        """As `Stage` says; and nobody may have been disconnected, and nothing read in part."""
        self._read_enough.set()
        returns = {person.nick or "the lurker": person.returns for person in self.people if person.returns}
        assert not returns, f"Some were disconnected: {returns}"
        assert not self.misread, self.misread
        return super().finish()

    def stored(self) -> list[Line]:
        """What stands in the archive of now, in order."""
        return [(event["nick"], event["text"]) for _, event in self._exported() if event.get("kind") == "said"]

    def epochs(self) -> list[str]:
        """The room's logs."""
        return list(dict.fromkeys(position.partition(".")[0] for position, _ in self._exported()))

    def _exported(self, room: str = ROOM) -> list[tuple[str, dict[str, Any]]]:
        exported = self.told(self.meet("export", "--store", f"process:{self.door}", room))
        lines = [json.loads(line) for line in exported.splitlines()]
        return [(line[1], line[2]) for line in lines if isinstance(line, list)]


def move_the_archive(stage: Moving) -> None:
    """The archive moves from each kind of store to the next, while fifty people talk at every door."""
    redis = stage.closing.enter_context(Redis(aof=True))
    stage.build_all(redis.url)
    stage.fill_the_old_room()
    stage.begin()
    stage.read_on()
    others = [(meet.options, meet.process) for meet in stage.serving]
    stage.some_talk()
    for kind in CHAIN[1:2] if stage.short else CHAIN[1:]:
        stage.move(kind)
        stage.some_talk()
    assert others == [(meet.options, meet.process) for meet in stage.serving]
