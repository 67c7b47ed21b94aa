"""Whoever a process that died left behind gets the grace time, and is then gone, once."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Say
from meet.errors import Unavailable
from meet.presence import adopt_the_lost
from tests.flow import Ear, Flow


class AdoptionTests(SynchronousTestCase):
    """A process with ann and bob in algebra has died; ``flow`` starts on what it left."""

    def setUp(self) -> None:
        self.died = Flow()
        self.host_key = self.died.open()
        self.ann = self.died.join("ann")
        self.bob = self.died.join("bob", via="api")
        self.died.wire.cut = True
        self.flow = Flow(self.died)

    def adopt(self) -> int:
        number: int = self.flow.result(adopt_the_lost(self.flow.wire, self.flow.hub, self.flow.sessions))  # type: ignore[arg-type]
        return number

    def test_who_comes_back_in_time_never_left(self) -> None:
        assert self.adopt() == 2
        ear = Ear()
        self.flow.result(self.flow.hub.listen("algebra", ear))
        self.flow.pass_time(15)
        back = self.flow.result(self.flow.sessions.resume("algebra", self.ann.token))
        back.attach(Ear())
        assert (back.id, back.nick, back.token) == (self.ann.id, "ann", self.ann.token)
        self.flow.pass_time(100)
        assert ear.text == ""
        assert self.flow.nicks() == ["ann", "bob"]
        self.flow.result(back.ask(Say(text="still here")))
        assert self.flow.log() == [("ann", "still here")]

    def test_who_does_not_is_gone_once(self) -> None:
        self.adopt()
        ear = Ear()
        self.flow.result(self.flow.hub.listen("algebra", ear))
        self.flow.pass_time(21)
        assert self.flow.nicks() == ["bob"]
        self.flow.pass_time(300)
        assert self.flow.nicks() == []
        assert ear.text.count("-ann(lost);") == ear.text.count("-bob(lost);") == 1

    def test_a_nick_is_free_once_its_holder_is_gone(self) -> None:
        self.adopt()
        asked = self.flow.sessions.join("algebra", via="web", address="192.0.2.9", nick="ann")
        assert self.flow.refusal(asked).code == "nick-taken"
        self.flow.pass_time(21)
        assert self.flow.join("ann").id != self.ann.id

    def test_a_host_is_host_again(self) -> None:
        self.died.wire.cut = False
        self.died.join("", token=self.ann.token, host_key=self.host_key)
        self.died.wire.cut = True
        self.adopt()
        back = self.flow.result(self.flow.sessions.resume("algebra", self.ann.token))
        self.flow.result(back.ask(Close()))

    def test_nobody_is_taken_on_twice_or_from_a_closed_room(self) -> None:
        assert self.adopt() == 2
        assert self.adopt() == 0
        self.flow.open("biology")
        host = self.flow.join("cy", "biology", host_key="")
        assert self.adopt() == 0
        assert self.flow.sessions.find("biology", host.token) is host

    def test_a_broker_that_is_away(self) -> None:
        self.flow.wire.cut = True
        with pytest.raises(Unavailable):
            self.adopt()
