"""Work that one at a time does goes from one to the next, in order, and never within a call."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.turns import Turns


class Order(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.log: list[str] = []
        self.give_up = {who: self.wait(who) for who in ("ann", "bob", "cy")}

    def wait(self, who: str, name: str = "reaper"):
        return self.turns.wait(name, who, lambda: self.log.append(f"{who}+"), lambda: self.log.append(f"{who}-"))

    def told(self) -> str:
        self.clock.advance(0)
        log, self.log = self.log, []
        return " ".join(log)

    def test_the_first_has_it_in_a_later_turn_of_the_reactor(self) -> None:
        assert self.log == []
        assert self.told() == "ann+"
        assert self.told() == ""

    def test_it_goes_on_in_the_order_of_asking(self) -> None:
        self.told()
        self.give_up["ann"]()
        assert self.log == []
        assert self.told() == "bob+"
        self.give_up["ann"]()
        assert self.told() == ""

    def test_who_gives_up_waiting_is_passed_over(self) -> None:
        self.give_up["bob"]()
        self.told()
        self.give_up["ann"]()
        assert self.told() == "cy+"

    def test_who_gives_up_before_it_begins_never_has_it(self) -> None:
        self.give_up["ann"]()
        assert self.told() == "bob+"

    def test_who_is_gone_loses_every_turn(self) -> None:
        self.wait("ann", "restorer")
        assert self.told() == "ann+ ann+"
        self.turns.gone("ann", told=True)
        assert self.told() == "ann- ann- bob+"

    def test_who_died_is_not_told(self) -> None:
        self.told()
        self.turns.gone("ann", told=False)
        assert self.told() == "bob+"

    def test_nothing_is_left_when_all_are_gone(self) -> None:
        for who in ("cy", "ann", "bob"):
            self.turns.gone(who, told=True)
        assert self.told() == ""
        assert self.clock.getDelayedCalls() == []
