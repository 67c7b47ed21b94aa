"""The file of the local broker: what outlives a process that ends between two steps."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis.strategies import integers, randoms
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.ledger import Ledger, Published
from meet.broker.log import Log, Written
from meet.events import Position
from meet.limits import Limits

LIMITS = Limits()


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.limits = LIMITS
        self.log = self.opened()

    def opened(self) -> Log:
        log = Log(self.folder / "broker.sqlite3", "NORMAL", self.limits)
        log.open(os.urandom, 1000.0)
        self.addCleanup(log.close)
        return log

    def say(
        self, seq: int, body: bytes, at: float = 0.0, once: str | None = None, held: bool = True, passed: int = 0
    ) -> None:
        published = Published(Position("k3q", seq), held=held, passed=(passed,) if passed else ())
        self.log.begin()
        self.log.publish(Written("algebra", body, None if held else "seat", once, None, at, published, 0, passed))
        self.log.commit()

    def ledger(self) -> Ledger:
        self.log.begin()
        ledger = self.log.load("algebra", "new")
        self.log.commit()
        return ledger

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.iterdir())

    def test_a_drop_that_was_not_wiped_is_wiped_at_the_next_start(self) -> None:
        self.say(1, b"what was said" * 50)
        self.log.begin()
        self.log.drop("algebra", Position("k3q", 2), b"forgotten")
        self.log.commit()
        self.assertIn(b"what was said", self.bytes())
        self.log.close()
        self.opened()
        self.assertNotIn(b"what was said", self.bytes())

    def test_what_was_rolled_back_never_was(self) -> None:
        self.say(1, b"one")
        self.log.begin()
        self.log.publish(Written("algebra", b"two", None, "p1:2", None, 0, Published(Position("k3q", 2)), 0, 0))
        self.log.rollback()
        self.log.begin()
        ledger = self.log.load("algebra", "new")
        self.assertEqual((ledger.epoch, ledger.last), ("k3q", 1))
        self.assertEqual(len(ledger.look().tail), 1)
        self.log.commit()

    def test_marks_leave_the_file_in_their_time(self) -> None:
        self.say(1, b"one", once="a-mark-of-ann")
        self.say(2, b"two", at=LIMITS.once_kept + 1)
        self.log.wipe()
        self.assertNotIn(b"a-mark-of-ann", self.bytes())

    def ends_and_is_opened_again(self) -> None:
        self.log.close()
        self.log = self.opened()

    def test_who_was_there_when_a_process_was_killed_was_there_until_it_was_last_at_work(self) -> None:
        self.log.begin()
        self.log.register("recorder")
        self.log.live(900.0)
        self.log.commit()
        self.say(1, b"one", at=905.0)
        self.ends_and_is_opened_again()
        self.assertEqual(self.log.ended, 905.0)
        (recorder,) = self.log.observers(1000.0)
        self.assertEqual(recorder.away, 95.0)

    def test_what_looks_in_meanwhile_changes_nothing_of_that(self) -> None:
        self.say(1, b"one", at=905.0)
        self.ends_and_is_opened_again()
        self.ends_and_is_opened_again()
        self.assertEqual(self.log.ended, 905.0)

    def test_what_was_said_just_before_a_process_was_killed_is_known_to_the_next(self) -> None:
        self.limits = LIMITS.but({"entries-in-tail": 2})
        self.ends_and_is_opened_again()
        self.say(1, b"one" * 50, at=1000.0)
        # Of what follows within a second only the entries tell.
        self.say(2, b"two", at=1000.1, once="ann:2")
        self.say(3, b"three", at=1000.2, once="ann:3", passed=1)
        self.say(4, b"four", at=1000.3, passed=2)
        before = self.ledger()
        self.ends_and_is_opened_again()
        after = self.ledger()
        self.assertEqual(after.look(), before.look())
        self.assertEqual([body for _, body in after.look().tail], [b"three", b"four"])
        self.assertEqual((after.last, after.floor), (4, 2))
        self.assertEqual(after.marks, before.marks)
        self.assertEqual([mark.name for mark in after.marks], ["ann:2", "ann:3"])
        self.say(5, b"five", at=1002.0)
        self.log.wipe()
        self.assertNotIn(b"oneone", self.bytes())

    def test_a_room_that_was_opened_just_before_a_process_was_killed_is_there_and_its_law_too(self) -> None:
        self.say(1, b"opened", at=1000.0)
        self.log.begin()
        self.log.publish(Written("botany", b"opened", None, None, None, 1000.1, Published(Position("k4q", 1)), 1, 0))
        self.log.publish(Written("botany", b"retitled", None, None, None, 1000.1, Published(Position("k4q", 2)), 2, 0))
        self.log.publish(Written("botany", b"said", None, None, None, 1000.1, Published(Position("k4q", 3)), 2, 0))
        self.log.commit()
        self.ends_and_is_opened_again()
        self.log.begin()
        self.assertEqual(self.log.rooms(), ["algebra", "botany"])
        ledger = self.log.load("botany", "new")
        self.assertEqual((ledger.epoch, ledger.last, ledger.ruled), ("k4q", 3, Position("k4q", 2)))
        self.log.commit()

    def test_what_was_said_before_a_failed_commit_is_known_after_it(self) -> None:
        self.say(1, b"one", at=1000.0)
        self.say(2, b"two", at=1000.1, once="ann:2")
        self.log.begin()
        self.log.publish(Written("algebra", b"x", None, "ann:3", None, 1002, Published(Position("k3q", 3)), 0, 0))
        self.log.register("recorder")
        self.log.rollback()
        self.assertEqual([mark.name for mark in self.ledger().marks], ["ann:2"])
        self.say(3, b"three", at=1005.0)
        self.ends_and_is_opened_again()
        ledger = self.ledger()
        self.assertEqual(([mark.name for mark in ledger.marks], ledger.last), (["ann:2"], 3))

    def test_a_line_that_the_file_has_not_let_go_yet_is_not_told_to_a_new_observer(self) -> None:
        self.say(1, b"one", at=1000.0)
        self.log.begin()
        passed = Published(Position("k3q", 2), passed=(1,))
        self.log.publish(Written("algebra", b"two", None, None, None, 1000.1, passed, 0, 1))
        self.log.register("recorder")
        self.assertEqual([record.body for _, record in self.log.after(0, 10).records], [b"two"])
        self.log.commit()

    def test_what_a_failed_commit_would_have_let_go_is_still_remembered(self) -> None:
        self.say(1, b"one", at=1000.0)
        self.log.begin()
        passed = Published(Position("k3q", 2), passed=(1,))
        self.log.publish(Written("algebra", b"two", None, None, None, 1000.1, passed, 0, 1))
        self.log.rollback()
        self.say(2, b"two", at=1005.0)
        self.log.begin()
        self.assertEqual([body for _, body in self.log.load("algebra", "new").look().tail], [b"one", b"two"])
        self.log.commit()

    def test_rooms_are_weighed(self) -> None:
        self.say(1, b"x" * 500)
        self.say(2, b"passed" * 500, held=False)
        self.assertEqual(self.log.sizes(["algebra", "botany"]), {"algebra": 500, "botany": 0})

    def test_numbers_are_not_given_twice_when_all_was_taken(self) -> None:
        self.log.begin()
        self.log.register("recorder")
        self.log.commit()
        self.say(1, b"one", held=False)
        self.log.begin()
        newest = self.log.after(0, 10).records[-1][0]
        self.log.acknowledge("recorder", newest)
        self.log.commit()
        self.log.close()
        self.log = self.opened()
        self.say(2, b"two")
        self.log.begin()
        self.assertEqual([record.body for _, record in self.log.after(newest, 10).records], [b"two"])
        self.log.commit()


class Anywhere(TestCase):
    """Wherever a process is killed, and whichever commits fail, the next one knows each room as it was committed."""

    limits = LIMITS.but({"entries-in-tail": 3})

    def opened(self, path: Path) -> Log:
        log = Log(path, "NORMAL", self.limits)
        log.open(os.urandom, 1000.0)
        return log

    @given(random=randoms(use_true_random=False), commits=integers(1, 25))
    def test_killed_anywhere(self, random: Random, commits: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "broker.sqlite3"
            log, now, said = self.opened(path), 1000.0, 0
            rooms = ["algebra", "botany"]
            ledgers = {room: Ledger(f"log-{room}", self.limits) for room in rooms}
            log.begin()
            log.register("recorder")
            log.commit()
            for _ in range(commits):
                log.begin()
                for _ in range(random.randrange(4)):
                    room, now, said = random.choice(rooms), now + random.choice((0.01, 0.3, 2.0)), said + 1
                    asked = self.asked(random, ledgers[room], said)
                    published = ledgers[room].publish(b"%d" % said, now, under=ledgers[room].ruled, **asked)
                    key, once, erase = (asked.get(name) for name in ("key", "once", "erase"))
                    law, floor = ledgers[room].law, ledgers[room].floor
                    log.publish(Written(room, b"%d" % said, key, once, erase, now, published, law, floor))
                if random.random() < 0.2:
                    log.acknowledge("recorder", random.randrange(said + 1))
                if random.random() < 0.2:
                    log.rollback()
                    ledgers = self.read(log, rooms)
                else:
                    log.commit()
                if random.random() < 0.2:
                    # A kill leaves the file as the last commit has; so does an end without anything more.
                    log.close()
                    log = self.opened(path)
                found = self.read(log, rooms)
                for room in rooms:
                    assert found[room].look() == ledgers[room].look()
                    assert found[room].marks == ledgers[room].marks
                    assert found[room].last == ledgers[room].last
            log.close()

    def read(self, log: Log, rooms: list[str]) -> dict[str, Ledger]:
        log.begin()
        ledgers = {room: log.load(room, f"log-{room}") for room in rooms}
        log.commit()
        return ledgers

    def asked(self, random: Random, ledger: Ledger, said: int) -> dict[str, Any]:
        """Anything that may be asked of a room."""
        match random.randrange(6):
            case 0:
                return {"key": random.choice(("title", "who:ann")), "forget": random.random() < 0.3}
            case 1:
                return {"key": "life", "ruling": True}
            case 2 if ledger.last > 1:
                return {"erase": Position(ledger.epoch, random.randrange(1, ledger.last))}
            case 3 | 4:
                return {"once": f"ann:{said}"}
        return {}
