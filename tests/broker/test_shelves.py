"""The rooms that the local broker has in memory come and go with those who attend them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.ledger import Ledger
from meet.broker.shelves import UNATTENDED, Shelves
from meet.errors import Unavailable
from meet.limits import Limits


class Queue:
    """A scribe's queue, whose jobs are told when a test says so."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []

    def put(self, job: Any) -> None:
        self.jobs.append(job)


class Reading(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue, self.clock = Queue(), Clock()
        self.attended: set[str] = set()
        self.shelves = Shelves(self.queue, self.clock, self.attended, lambda: "k3q")  # type: ignore[arg-type]
        self.done: list[str] = []

    def ask(self, what: str) -> Deferred[None]:
        return self.shelves.ask("algebra", lambda ledger: self.done.append(f"{what} {ledger.epoch}"), Deferred())

    def read(self, epoch: str = "k3q") -> None:
        self.queue.jobs.pop(0).told(Ledger(epoch, Limits()))

    def test_what_is_asked_while_it_is_read_waits_in_order(self) -> None:
        self.ask("1")
        self.ask("2")
        assert self.done == []
        self.read()
        self.ask("3")
        assert self.done == ["1 k3q", "2 k3q", "3 k3q"]
        assert self.queue.jobs == []

    def test_a_room_that_cannot_be_read_fails_all_who_asked(self) -> None:
        asked = [self.ask("1"), self.ask("2")]
        self.queue.jobs.pop(0).failed(Unavailable("away"))
        for each in asked:
            self.failureResultOf(each, Unavailable)
        self.ask("3")
        self.read()
        assert self.done == ["3 k3q"]

    def test_another_ledger_in_its_place_is_what_later_asks_get(self) -> None:
        self.ask("1")
        self.read()
        self.shelves.put("algebra", Ledger("new", Limits()))
        self.ask("2")
        assert self.done == ["1 k3q", "2 new"]

    def test_a_room_nobody_attends_is_read_again_after_a_while(self) -> None:
        self.ask("1")
        self.read()
        self.clock.advance(UNATTENDED)
        self.ask("2")
        assert self.done == ["1 k3q"]
        self.read("other")
        assert self.done == ["1 k3q", "2 other"]

    def test_an_attended_room_stays(self) -> None:
        self.attended.add("algebra")
        self.ask("1")
        self.read()
        self.clock.advance(UNATTENDED)
        self.ask("2")
        assert self.done == ["1 k3q", "2 k3q"]
        self.attended.clear()
        self.shelves.neglected("algebra")
        self.clock.advance(UNATTENDED)
        assert self.clock.getDelayedCalls() == []
        self.ask("3")
        assert len(self.queue.jobs) == 1
        self.shelves.clear()
        assert self.clock.getDelayedCalls() == []
