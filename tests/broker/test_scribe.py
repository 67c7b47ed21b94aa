"""The scribe tells in order what is committed, and fails together what is not."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from meet.broker.log import Log
from meet.broker.scribe import Job, Scribe
from meet.errors import Unavailable
from meet.limits import Limits


class Commits(TestCase):
    def setUp(self) -> None:
        log = Log(Path(self.mktemp()), "NORMAL", Limits())
        log.open(os.urandom, 1000.0)
        self.told: list[object] = []
        self.scribe = Scribe(log, reactor, lambda: self.told.append("broken"))
        self.scribe.start()

    def tearDown(self) -> Deferred[None]:
        return self.scribe.stop()

    def put(self, name: str, work: Callable[[Log], Any]) -> Deferred[None]:
        done: Deferred[None] = Deferred()

        def told(result: object) -> None:
            self.told.append((name, result))
            done.callback(None)

        def failed(unavailable: Unavailable) -> None:
            self.told.append((name, "unavailable"))
            done.callback(None)

        self.scribe.put(Job(work, told, failed))
        return done

    def full(self, log: Log) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def test_results_come_in_order(self) -> None:
        await gatherResults([self.put(str(each), lambda log, each=each: each) for each in range(100)])
        self.assertEqual(self.told, [(str(each), each) for each in range(100)])

    async def test_a_failed_commit_fails_all_of_it_and_nothing_after(self) -> None:
        queued = threading.Event()
        asked = [
            self.put("before", lambda log: queued.wait(10)),
            self.put("same", lambda log: 1),
            self.put("full", self.full),
            self.put("behind", lambda log: 2),
        ]
        queued.set()
        await gatherResults(asked)
        await self.put("later", lambda log: 3)
        self.assertEqual(self.told[-1], ("later", 3))
        broken = self.told.index("broken")
        self.assertEqual(self.told.count("broken"), 1)
        self.assertEqual(self.told[broken + 1 : -1][-2:], [("full", "unavailable"), ("behind", "unavailable")])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_a_disk_that_stays_full_is_noted_once_and_so_is_its_end(self) -> None:
        with capturedLogs() as noted:
            for _ in range(3):
                await self.put("full", self.full)
            await self.put("a look", lambda log: log.rooms())
            await self.put("written", lambda log: log.register("archive"))
            await self.put("written", lambda log: log.register("another"))
        words = [formatEvent(event) for event in noted]
        self.assertEqual(
            words,
            [
                "Meet cannot write to its disk: database or disk is full. Nothing is accepted until it can.",
                "Meet can write to its disk again.",
            ],
        )
