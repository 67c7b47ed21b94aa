"""What processes of the broker in memory share outlives each of them."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.memory import MemoryBroker
from meet.broker.shared import NOTICED
from meet.limits import Limits
from tests.contracts.hearing import Heard, Watching


class Processes(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.first = MemoryBroker(self.clock, bytes, Limits())
        self.second = self.first.process()
        for broker in (self.first, self.second):
            self.result(broker.start())

    def result(self, deferred):
        for _ in range(5):
            self.clock.advance(0)
        return self.successResultOf(deferred)

    def came(self, broker: MemoryBroker) -> None:
        self.result(broker.publish("algebra", b"ann", under=None, key="who:ann", claim=("who:ann", "p1")))

    def test_one_hears_what_another_publishes(self) -> None:
        heard = Heard()
        self.result(self.second.attend("algebra", heard.hear))
        self.came(self.first)
        assert heard.bodies == [b"ann"]

    def test_one_that_died_hears_and_answers_nothing(self) -> None:
        heard = Heard()
        self.result(self.second.attend("algebra", heard.hear))
        asked = self.second.read("algebra")
        self.second.die()
        self.came(self.first)
        self.assertNoResult(asked)
        assert heard.bodies == []

    def test_people_whom_nobody_could_be_told_of_wait_for_the_next_process(self) -> None:
        self.came(self.second)
        self.second.die()
        self.clock.advance(NOTICED)
        watching = Watching()
        self.result(self.first.watch(watching))
        assert watching.orphans.items == [("algebra", ["who:ann"], 0.0)]

    def test_what_came_since_a_saving_can_be_lost(self) -> None:
        watching = Watching()
        self.came(self.first)
        self.result(self.first.watch(watching))
        saved = self.first.save()
        self.result(self.first.publish("algebra", b"lost", under=None))
        for each in (saved, None):
            self.first.fall_back(each)
            look = self.result(self.second.read("algebra"))
            assert [body for _, body in look.kept] == ([b"ann"] if each else [])
            assert not look.tail
        assert len(watching.backs.items) == 2
