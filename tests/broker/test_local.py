"""The local broker keeps the contract on real files, and what it promises of ends and disks."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

import meet
from meet.broker import broker_for, local
from meet.broker.file import VERSION
from meet.broker.folder import FILE
from meet.errors import Unavailable
from meet.limits import Limits
from tests.contracts.broker import LIMITS, BrokerContract, Heard, chance

TALKER = Path(__file__).with_name("talker.py")


def broker_on(folder: Path, clock: Any, limits: Limits = LIMITS) -> Any:
    return broker_for("local:", data=folder, clock=clock, random=chance, limits=limits)


class Talker(ProcessProtocol):
    """Runs `TALKER` on a folder; ``lines`` is what it said, ``ended`` fires when it is gone."""

    def __init__(self, folder: Path, bound: int = 0) -> None:
        self.lines: list[str] = []
        self.ended: Deferred[None] = Deferred()
        self._rest = ""
        self._waiting: list[tuple[int, str, Deferred[None]]] = []
        arguments = [sys.executable, str(TALKER), str(folder), str(bound)]
        environment = {**os.environ, "PYTHONPATH": str(Path(meet.__file__).parent.parent)}
        reactor.spawnProcess(self, sys.executable, arguments, environment)

    def says(self, count: int = 0, what: str = "") -> Deferred[None]:
        """Fires when it said so many lines, and ``what`` in one of them."""
        done: Deferred[None] = Deferred()
        self._waiting.append((count, what, done))
        self._look()
        return done

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data.decode()).split("\n")
        self.lines.extend(lines)
        self._look()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    def kill(self) -> None:
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for count, what, done in waiting:
            if len(self.lines) >= count and any(what in line for line in self.lines):
                done.callback(None)
            else:
                self._waiting.append((count, what, done))


class LocalContract(BrokerContract, TestCase):
    folder: Path | None = None

    def make(self, clock: Clock, limits: Limits) -> Any:
        if self.folder is None:
            self.folder = Path(self.mktemp())
        return broker_on(self.folder, clock, limits)

    async def begin(self) -> None:
        # What gathers waits for the clock, which stands still while the contract waits.
        self.patch(local, "GATHER", 0)
        await super().begin()

    def done(self, deferred: Deferred[Any]) -> Any:
        # Turns begin by the clock, everything else by the scribe's thread.
        self.clock.advance(0)
        return deferred

    def files(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()))

    async def test_what_was_accepted_is_kept_before_it_stops(self) -> None:
        asked = [self.broker.publish("algebra", b"%d" % each, under=None) for each in range(5)]
        await self.restart()
        self.assertEqual([self.successResultOf(each).seq for each in asked], [1, 2, 3, 4, 5])
        self.assertEqual((await self.look()).last.seq, 5)

    async def test_stopping_it_is_unavailable(self) -> None:
        stopped = self.broker.stop()
        for asked in (
            self.broker.publish("algebra", b"hi", under=None),
            self.broker.read("algebra"),
            self.broker.rooms(),
            self.broker.drop("algebra", b""),
            self.broker.attend("algebra", print),
            self.broker.journal("recorder", print),
            self.broker.secret(),
            self.broker.watch(print),
        ):
            self.failureResultOf(asked, Unavailable)
        await stopped

    async def test_a_quiet_room_is_let_go_and_read_again(self) -> None:
        law = await self.say(b"law", key="settings", ruling=True, once="p1:1")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(LIMITS.feed_linger)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(await self.say(b"law", once="p1:1"), law)
        self.assertEqual((await self.say(b"hi", under=law)).seq, 2)

    async def test_an_attended_room_stays_and_goes_with_its_last_listener(self) -> None:
        heard = Heard()
        await self.say(b"one")
        await self.done(self.broker.attend("algebra", heard.hear))
        await self.say(b"two")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.broker.neglect("algebra")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    async def test_what_is_asked_while_a_room_is_read_keeps_its_order(self) -> None:
        await self.say(b"0")
        await self.restart()
        asked = [self.broker.publish("algebra", b"%d" % each, under=None) for each in range(1, 6)]
        reading = self.broker.read("algebra")
        asked.append(self.broker.publish("algebra", b"6", under=None))
        self.assertEqual([position.seq for position in await gatherResults(asked)], [2, 3, 4, 5, 6, 7])
        self.assertEqual((await reading).last.seq, 6)

    async def test_a_room_that_expires_while_it_is_read_is_not_numbered_twice(self) -> None:
        await self.say(b"0")
        await self.restart()
        first = self.broker.publish("algebra", b"1", under=None)
        self.clock.advance(LIMITS.feed_linger + 1)
        second = self.broker.publish("algebra", b"2", under=None)
        self.assertEqual([position.seq for position in await gatherResults([first, second])], [2, 3])

    async def test_no_byte_of_a_dropped_room_stays_however_the_pages_were_used(self) -> None:
        for each in range(400):
            room = f"room-{each % 8}"
            self.broker.publish(room, b"<%s said %d>" % (room.encode(), each) + b"x" * (each * 37 % 400), under=None)
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(observer.upto(80))
        await self.look()
        for each in range(8):
            self.assertIn(b"<room-%d said" % each, self.files())
            await self.done(self.broker.drop(f"room-{each}", b"forgotten"))
            self.assertNotIn(b"<room-%d said" % each, self.files())

    async def test_a_long_journal_is_let_go_when_all_have_taken_it(self) -> None:
        observer = Heard()
        stop = await self.done(self.broker.journal("recorder", observer.observe))
        await stop()
        asked = [self.broker.publish("algebra", b"%d" % each, under=None) for each in range(1500)]
        await gatherResults(asked)
        self.assertEqual(self.rows(), 1500)
        await self.done(self.broker.journal("recorder", observer.observe))
        await observer.upto(1500)
        await self.look()
        await self.restart()
        self.assertEqual(self.rows(), LIMITS.entries_in_tail)

    def rows(self) -> int:
        connection = sqlite3.connect(self.folder / FILE)
        try:
            count: int = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
        finally:
            connection.close()
        return count


class Starting(SynchronousTestCase):
    """What an operator must mend is told in one sentence, at once."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def refused(self, sentence: str) -> None:
        for _ in range(2):
            with self.assertRaisesRegex(ValueError, sentence):
                broker_on(self.folder, Clock()).start()

    def test_a_foreign_file(self) -> None:
        (self.folder / FILE).write_bytes(b"Dear diary, " * 100)
        self.refused(r"is broken, or is not a log of Meet\.$")

    def test_a_database_of_somebody_else(self) -> None:
        connection = sqlite3.connect(self.folder / FILE)
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.close()
        self.refused(r"is not a log of Meet\.$")

    def test_a_file_of_a_newer_meet(self) -> None:
        connection = sqlite3.connect(self.folder / FILE)
        connection.executescript(f"PRAGMA user_version = {VERSION + 1};")
        connection.close()
        self.refused(r"was written by a newer Meet\.$")

    def test_a_folder_that_is_a_file(self) -> None:
        self.folder = self.folder / "file"
        self.folder.write_text("")
        self.refused(r"^The folder .* cannot be written: .*\.$")

    def test_a_file_that_is_a_folder(self) -> None:
        (self.folder / FILE).mkdir()
        self.refused(r"^The file .* could not be opened: .*\.$")


class Broken(TestCase):
    async def test_a_damaged_file_is_told_at_the_start(self) -> None:
        folder = Path(self.mktemp())
        broker = broker_on(folder, Clock(), Limits())
        await broker.start()
        await gatherResults([broker.publish("algebra", b"x" * 500, under=None) for _ in range(500)])
        await broker.stop()
        with (folder / FILE).open("r+b") as file:
            file.seek(4096 * 20)
            file.write(os.urandom(4096 * 10))
        with self.assertRaisesRegex(ValueError, "is broken"):
            await broker_on(folder, Clock()).start()


class Ends(TestCase):
    """Kills, full disks, and a second Meet, each in a process of its own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())

    def talker(self, bound: int = 0) -> Talker:
        talker = Talker(self.folder, bound)
        self.addCleanup(talker.kill)
        return talker

    async def test_kill_9_loses_nothing_that_was_told(self) -> None:
        told = 0
        for count in (50, 333, 1200):
            talker = self.talker()
            await talker.says(count)
            talker.kill()
            await talker.ended
            told = max(told, *(int(line.partition(".")[2]) for line in talker.lines))
            broker = broker_on(self.folder, Clock(), Limits())
            await broker.start()
            look = await broker.read("algebra")
            self.assertGreaterEqual(look.last.seq, told)
            self.assertEqual(look.tail[-1][0], look.last)
            again = await broker.publish("algebra", b"", under=None, once="p1:1")
            self.assertLessEqual(again.seq, look.last.seq)
            await broker.stop()

    async def test_a_second_meet_is_locked_out(self) -> None:
        first = self.talker()
        await first.says(1)
        with self.assertRaisesRegex(ValueError, r"^The folder .* is in use by another Meet\.$"):
            broker_on(self.folder, Clock()).start()
        second = self.talker()
        await second.ended
        self.assertRegex(second.lines[0], r"^The folder .* is in use by another Meet\.$")
        first.kill()
        await first.ended
        broker = broker_on(self.folder, Clock())
        await broker.start()
        await broker.stop()

    async def test_a_full_disk_refuses_and_forgets_nothing(self) -> None:
        talker = self.talker(bound=300_000)
        await talker.says(what="heard")
        accepted = [line for line in talker.lines if line[:1].isalnum() and line.partition(".")[2].isdigit()]
        last = int(accepted[-1].partition(".")[2])
        self.assertIn("Meet cannot write to its disk at the moment; come again.", talker.lines)
        self.assertIn(f"heard {last} last {last}", talker.lines)
        talker.transport.write(b"\n")
        await talker.ended
        self.assertEqual(
            talker.lines[-3:], [f"{accepted[-1].partition('.')[0]}.{last + 1}", f"heard {last + 1}", "stopped"]
        )
