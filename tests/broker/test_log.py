"""The file of the local broker: what outlives a process that ends between two steps."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meet.broker.ledger import Published
from meet.broker.log import Log, Written
from meet.events import Position
from meet.limits import Limits

LIMITS = Limits()


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.log = self.opened()

    def opened(self) -> Log:
        log = Log(self.folder / "broker.sqlite3", "NORMAL", LIMITS)
        log.open(os.urandom, 1000.0)
        self.addCleanup(log.close)
        return log

    def say(self, seq: int, body: bytes, at: float = 0.0, once: str | None = None, held: bool = True) -> None:
        published = Published(Position("k3q", seq), held=held)
        self.log.begin()
        self.log.publish(Written("algebra", body, None if held else "seat", once, None, at, published, 0, 0))
        self.log.commit()

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

    def test_talk_that_passed_just_before_a_process_was_killed_is_not_remembered_by_the_next(self) -> None:
        self.say(1, b"one" * 50, at=1000.0)
        passed = Published(Position("k3q", 2), passed=(1,))
        self.log.begin()
        self.log.publish(Written("algebra", b"two", None, None, None, 1000.1, passed, 0, 1))
        self.log.commit()
        self.ends_and_is_opened_again()
        self.log.begin()
        self.assertEqual([body for _, body in self.log.load("algebra", "new").look().tail], [b"two"])
        self.log.commit()
        self.say(3, b"three", at=1002.0)
        self.log.wipe()
        self.assertNotIn(b"oneone", self.bytes())

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
