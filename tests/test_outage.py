"""While the broker is away rooms stay readable, asks are refused, and people are told once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Say
from meet.outage import AWAY, UNNOTICED
from tests.flow import Ear, Flow


class Outages(SynchronousTestCase):
    def setUp(self) -> None:
        self.flow = Flow().watching()
        self.flow.open()
        self.ann = self.flow.join("ann")
        self.ear = Ear()
        self.ann.attach(self.ear)
        self.flow.result(self.ann.ask(Say(text="before")))
        self.flow.pass_time(1)
        self.ear.pieces.clear()

    def goes(self) -> None:
        self.flow.wire.cut = True
        self.flow.watch.away("Nobody answers.")

    def comes_back(self) -> None:
        self.flow.wire.cut = False
        self.flow.watch.back()
        self.flow.turn()

    def test_asks_are_refused_in_one_sentence_and_nothing_is_sent(self) -> None:
        self.flow.watch.away("Nobody answers.")
        refused = self.flow.refusal(self.ann.ask(Say(text="hi")))
        assert (refused.code, refused.detail) == ("unavailable", AWAY.text)
        assert self.flow.log() == [("ann", "before")]

    def test_what_is_here_can_be_read(self) -> None:
        self.goes()
        self.flow.pass_time(100)
        since = self.flow.result(self.flow.hub.listen("algebra", Ear()))
        assert [item.event.text for item in since.entries if hasattr(item.event, "text")] == ["before"]
        back = self.flow.result(self.flow.sessions.resume("algebra", self.ann.token))
        assert back is self.ann

    def test_people_are_told_once_and_when_it_is_over(self) -> None:
        self.goes()
        self.flow.watch.away("Still nobody.")
        self.flow.pass_time(UNNOTICED)
        self.flow.pass_time(100)
        assert self.ear.text == "away;"
        self.comes_back()
        assert self.ear.text == "away;back;"
        self.flow.result(self.ann.ask(Say(text="after")))
        assert self.ear.text == "away;back;ann:after;"
        assert self.ear.ends == []

    def test_a_moment_is_not_worth_a_word(self) -> None:
        self.goes()
        self.flow.pass_time(UNNOTICED / 2)
        self.comes_back()
        self.flow.pass_time(100)
        assert self.ear.text == ""

    def test_who_comes_meanwhile_is_told_after_what_they_are_told_first(self) -> None:
        self.goes()
        self.flow.pass_time(UNNOTICED)
        late = Ear()
        self.flow.hub.add(self.ann.feed, late)
        assert late.text == ""
        self.flow.turn()
        assert late.text == "away;"

    def test_what_was_said_elsewhere_meanwhile_is_told_once_it_is_over(self) -> None:
        other = Flow(self.flow)
        bob = other.join("bob")
        self.flow.turn()
        self.ear.pieces.clear()
        self.goes()
        other.result(bob.ask(Say(text="meanwhile")))
        assert self.ear.text == ""
        self.comes_back()
        assert self.ear.text == "bob:meanwhile;"

    def test_nothing_is_tried_while_it_lasts(self) -> None:
        self.goes()
        reads = self.flow.wire.reads
        self.flow.pass_time(5)
        self.flow.pass_time(5)
        assert self.flow.wire.reads == reads

    def test_who_is_lost_meanwhile_has_left_once_it_is_over(self) -> None:
        lurker = Ear()
        self.flow.result(self.flow.hub.listen("algebra", lurker))
        self.goes()
        self.ann.detach(self.ear)
        self.flow.pass_time(100)
        self.comes_back()
        self.flow.pass_time(5)
        assert self.flow.nicks() == []
        assert lurker.text.count("-ann(lost);") == 1

    def test_what_is_gone_by_law_is_not_given_back(self) -> None:
        self.goes()
        self.flow.pass_time(self.flow.limits.grace)
        self.flow.broker.fall_back()
        self.comes_back()
        assert self.flow.result(self.flow.broker.rooms()) == []
        assert self.ear.ends[0] == "internal"
        assert self.ann.over

    def test_a_part_that_ends_tells_nobody(self) -> None:
        self.goes()
        self.flow.drains()
        self.flow.pass_time(100)
        assert "away" not in self.ear.text
