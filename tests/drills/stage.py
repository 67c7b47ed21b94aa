"""What is up during a drill: Meets, what stands behind and before them, and people in the room.

One of two casts:

* `Alone`: one process does everything, with the local broker;
* `Many`: three processes serve, two record and reap, all against one Redis (in the tests' short form
  two and one, where that will do).

nginx is before all that serve the web; people at the doors of lines go to the processes themselves.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.drills.people import Browser, Caller, Chatter, Front, Person, Script
from tests.drills.verdict import Ear, Line, Posts, Verdict, judge
from tests.live.conftest import UNBOUNDED
from tests.live.server import Meet
from tests.servers.database import Database
from tests.servers.nginx import Nginx
from tests.servers.program import free_port, until

ROOM = "drill"

LIMITS = {
    **dict.fromkeys(UNBOUNDED, 0),
    # Doors of lines cannot say how far they had heard: they are shown this much when they come back.
    "entries-on-joining": 1500,
    "entries-in-tail": 20_000,
    "bytes-unsent": 4_000_000,
}
"""They talk faster than people, and a drill's pause is as long as an hour of talk."""

PACE = 0.08
"""Seconds between two lines of one speaker, on average."""

RECOVERY = 75.0
"""Seconds within which everybody comes to word again: what backs off does so for 30 s at most."""


class Stage:
    """The cast, and its people.  ``chance`` decides every moment; ``short`` is for the tests."""

    def __init__(self, chance: random.Random, *, short: bool, tell: Callable[[str], None]) -> None:
        self.chance, self.short, self.tell = chance, short, tell
        self.pace = PACE
        self.folder = Path(tempfile.mkdtemp(prefix="meet-drill-"))
        self.closing = contextlib.ExitStack()
        self.closing.callback(self._tidy)
        self._verdict: Verdict | None = None
        self._meets: list[Meet] = []
        self.serving: list[Meet] = []
        self.recording: list[Meet] = []
        self.people: list[Person] = []
        self.notes: list[str] = []
        self.archive = self.folder / "archive.sqlite3"
        self.server: tuple[Database, str] | None = None
        self.nginx: Nginx

    # Building.

    def options(self, **limits: int) -> list[str]:
        """What every Meet is given."""
        limits_given = {**LIMITS, **{name.replace("_", "-"): value for name, value in limits.items()}}
        return [f"--limit={name}={value}" for name, value in limits_given.items()]

    def put_nginx_before(self) -> None:
        """Start nginx, which gives each request of the web to the next process."""
        port = free_port()
        servers = "\n".join(f"server 127.0.0.1:{meet.web_port} fail_timeout=1s;" for meet in self.serving)
        self.nginx = Nginx(_FRONT.format(servers=servers, port=port), ports=[port], main="worker_shutdown_timeout 1s;")
        self.closing.enter_context(self.nginx)
        self.front = Front(port, self.serving)

    def keep(self, meet: Meet) -> Meet:
        """Let it be stopped in the end; a traceback in its log fails the drill."""
        self._meets.append(meet)
        return meet

    def _stop(self) -> None:
        with ThreadPoolExecutor() as stopping:
            list(stopping.map(Meet.stop, self._meets))

    # Talk.

    def begin(self) -> None:
        """Open the room and let everybody in and talk."""
        self.host_key = self.serving[0].open(ROOM, limit=500)
        self._people()
        for person in self.people:
            person.come()
        for person in self.people:
            if person.nick:
                person.talk()

    def _people(self) -> None:
        self.invite(Browser, "")
        for kind, nicks in (
            (Browser, ("wanda", "walt")),
            (Script, ("sue",)),
            (Chatter, ("igor",)),
            (Caller, ("lena",)),
        ):
            for nick in nicks:
                self.invite(kind, nick)

    def invite(
        self, kind: type[Person], nick: str, front: Front | None = None, pace: float | None = None, words: str = ""
    ) -> Person:
        """Somebody more; of those invited before `begin` everybody comes in then."""
        person = kind(front or self.front, ROOM, nick, random.Random(self.chance.random()), pace or self.pace, words)
        self.people.append(person)
        return person

    @property
    def accepted(self) -> int:
        """How many lines were accepted until now."""
        return sum(len(person.accepted) for person in self.people)

    def some_talk(self, least: int = 10, most: int = 60) -> None:
        """Wait until some more lines were accepted, by chance how many: a moment in the middle of talk."""
        enough = self.accepted + self.chance.randint(least, most)
        until(lambda: self.accepted >= enough, "talk to go on", RECOVERY)

    def everybody_speaks(self) -> None:
        """Wait until everybody's next lines are accepted: all is well again.  Notes how long that took."""
        began = time.monotonic()
        enough = {person: len(person.accepted) + 2 for person in self.people if person.nick}

        def waiting() -> list[Person]:
            return [person for person, most in enough.items() if len(person.accepted) < most]

        def why() -> str:
            return "everybody to come to word again:\n" + "\n".join(person.last_words() for person in waiting())

        until(lambda: not waiting(), why, RECOVERY)
        self.note(f"everybody came to word again within {time.monotonic() - began:.1f} s")

    def pause(self, seconds: float) -> None:
        """Let something last: it is the time itself that is tried."""
        threading.Event().wait(seconds)

    def lasting(self, short: float, long: float) -> float:
        """How long something lasts, in the tests and else."""
        return short if self.short else long

    def note(self, what: str) -> None:
        """Something to be told beside the table."""
        self.notes.append(what)
        self.tell(what)

    # The end.

    def finish(self) -> Verdict:
        """Let everybody fall silent and hear the rest, and compare."""
        for person in self.people:
            person.hush()
        for person in self.people:
            person.settle(RECOVERY)
            if person.stuck:
                self.note(person.stuck)
        accepted = set().union(*(person.accepted for person in self.people))
        self._wait(lambda: accepted <= set(self.stored()), "the store to have all that was accepted")
        stored = self.stored()
        told = set(stored)
        self._wait(
            lambda: all(told <= set(map(self.line, person.memory.heard)) for person in self.people),
            "everybody to have heard",
        )
        # One that is still without its broker is readable, and shows what it knew before.
        self._wait(lambda: all(meet.is_ready() for meet in self.serving), "every process to have its broker again")
        newcomers = self._newcomers()
        for person in self.people:
            person.leave()
        # Late echoes, too, are receipts.
        accepted = set().union(*(person.accepted for person in self.people))
        said = {line for person in self.people for line in person.asked}
        ears = [*(person.ear() for person in self.people), *newcomers]
        ears = [replace(ear, heard=[self.line(line) for line in ear.heard]) for ear in ears]
        self._verdict = judge(said, accepted, self.stored(), ears, *self.outside())
        return self._verdict

    def line(self, line: Line) -> Line:
        """A line as the verdict has it, of whatever door it was heard."""
        return line

    def outside(self) -> tuple[Set[Line], Sequence[Posts]]:
        """What was written elsewhere, and what has come of it."""
        return frozenset(), ()

    def _tidy(self) -> None:
        """Remove the folder, unless somebody will want to know why."""
        if self._verdict is not None and self._verdict.sound:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.note(f"the logs and the archive are kept in {self.folder}")

    def _wait(self, true: Callable[[], bool], what: str) -> None:
        try:
            until(true, what, self.lasting(45, 90))
        except AssertionError as vain:
            self.note(str(vain))

    def _newcomers(self) -> list[Ear]:
        """What each process shows to somebody who reads the whole room from its end to its beginning."""
        if len(self.epochs()) > 1:
            return []
        return [Ear(f"reader {n}", "web", meet.transcript(ROOM)) for n, meet in enumerate(self.serving, 1)]

    # The store.

    def stored(self) -> list[Line]:
        """What stands in the store, in order; logs that began anew one after the other."""
        rows = self.rows("SELECT epoch, seq, kind, nick, text, at FROM entries WHERE room = ?")
        # By one look: meanwhile a log may begin, or go on as another.
        began: dict[str, str] = {}
        for epoch, _, _, _, _, at in rows:
            began[epoch] = min(began.get(epoch, at), at)
        said = sorted(
            (began[epoch], epoch, seq, nick, text) for epoch, seq, kind, nick, text, _ in rows if kind == "said"
        )
        return [self.line((nick, text)) for _, _, _, nick, text in said]

    def epochs(self) -> list[str]:
        """The room's logs."""
        return [epoch for (epoch,) in self.rows("SELECT DISTINCT epoch FROM entries WHERE room = ?")]

    def rows(self, query: str) -> list[Any]:
        """What the store has, by a query for the room's name."""
        if self.server is not None:
            server, database = self.server
            return server.statement(query.replace("?", f"'{ROOM}'"), database)
        with contextlib.closing(sqlite3.connect(f"file:{self.archive}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query, (ROOM,)).fetchall()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_raised: object) -> None:
        for person in self.people:
            person.hush()
            with contextlib.suppress(Exception):
                person.leave()
        with self.closing:
            self._stop()


_FRONT = """
    upstream meet {{
        {servers}
    }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://meet;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 75s;
            proxy_connect_timeout 2s;
            # A line said with a ref is said once, however often it is asked for.
            proxy_next_upstream error timeout http_502 http_503 non_idempotent;
        }}
    }}
"""


class Alone(Stage):
    """One process with the local broker."""

    def build(self, *options: str, environment: dict[str, str] | None = None, **limits: int) -> None:
        """Start it."""
        self.meet = Meet(self.folder / "meet", *options, *self.options(**limits))
        self.meet.environment.update(environment or {})
        self.archive = self.meet.data / "archive.sqlite3"
        self.serving.append(self.keep(self.meet.start()))
        self.put_nginx_before()


class Many(Stage):
    """Processes that serve, others that record and reap, and one Redis."""

    def build(self, broker: str, serving: int = 0, recording: int = 0, **limits: int) -> None:
        """Start them all on the broker at the URL ``broker``; as many as the form of the drill wants, if 0."""
        self.broker = broker
        self.limits = limits
        self.recording.extend(
            self.process(f"record{n}", "--record", "--reap") for n in range(recording or (1 if self.short else 2))
        )
        self.serving.extend(
            self.process(f"serve{n}", "--serve", "web,irc,line") for n in range(serving or (2 if self.short else 3))
        )
        with ThreadPoolExecutor() as starting:
            list(starting.map(Meet.start, (*self.recording, *self.serving)))
        self.put_nginx_before()

    def process(self, name: str, *roles: str) -> Meet:
        """One more of them, not started yet."""
        doors = "--serve" in roles
        options = ["--broker", self.broker, "--store", self.store(roles), *roles, *self.options(**self.limits)]
        return self.keep(Meet(self.folder / name, *options, web=doors, irc=doors, line=doors))

    def store(self, roles: Sequence[str]) -> str:
        """The store of a process that does this."""
        return f"sqlite:///{self.archive}"
