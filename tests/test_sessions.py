"""All sessions of a process: who is found, who is taken on, and for how long."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Leave, Say
from meet.roster import Participant
from tests.flow import Ear, Flow


class Adopting(SynchronousTestCase):
    """People whom nobody stands for; ``flow`` takes them on."""

    def setUp(self) -> None:
        self.died = Flow()
        self.died.open()
        self.ann = self.died.join("ann")
        self.bob = self.died.join("bob", via="api")
        self.died.dies()
        self.flow = Flow(self.died)
        self.feed = self.flow.result(self.flow.hub.feed("algebra"))

    def person(self, identity: str) -> Participant:
        person = self.feed.room.people.person(identity)
        assert person is not None
        return person

    def adopt(self, identity: str, gone: float) -> None:
        self.flow.sessions.adopt(self.feed, self.person(identity), gone, self.flow.now)

    def test_they_have_what_is_left_of_the_grace(self) -> None:
        self.adopt(self.ann.id, 15.0)
        self.flow.broker._shared.standing.gone(self.died.broker, 0.0)
        self.flow.pass_time(4)
        assert "ann" in self.flow.nicks()
        self.flow.pass_time(2)
        assert "ann" not in self.flow.nicks()

    def test_a_second_at_least_whenever_their_process_ended(self) -> None:
        self.flow.broker._shared.standing.gone(self.died.broker, 0.0)
        self.adopt(self.ann.id, 1000.0)
        self.flow.pass_time(0.9)
        assert "ann" in self.flow.nicks()
        self.flow.pass_time(0.2)
        assert "ann" not in self.flow.nicks()

    def test_who_comes_by_single_requests_has_longer(self) -> None:
        self.flow.broker._shared.standing.gone(self.died.broker, 0.0)
        self.adopt(self.bob.id, 15.0)
        self.flow.pass_time(280)
        assert "bob" in self.flow.nicks()
        self.flow.pass_time(10)
        assert "bob" not in self.flow.nicks()

    def test_who_is_back_already_is_left_alone(self) -> None:
        back = self.flow.result(self.flow.sessions.resume("algebra", self.ann.token))
        back.attach(Ear())
        self.adopt(self.ann.id, 1000.0)
        assert self.flow.sessions.one("algebra", self.ann.id) is back
        self.flow.pass_time(100)
        assert not back.over

    def test_those_of_a_room_are_found(self) -> None:
        self.adopt(self.ann.id, 0.0)
        self.flow.open("botany")
        cy = self.flow.join("cy", "botany")
        assert self.flow.sessions.of("botany") == [cy]
        assert [session.id for session in self.flow.sessions.all()] == [self.ann.id, cy.id]
        assert self.flow.sessions.one("botany", self.ann.id) is None


class TakenForLost(SynchronousTestCase):
    """Somebody is here by one process, and another one tells the room that they were lost."""

    def setUp(self) -> None:
        self.here = Flow()
        self.there = Flow(self.here)
        self.here.open()
        self.ann = self.here.join("ann")
        self.ear = Ear()
        self.ann.attach(self.ear)
        self.here.pass_time(1)

    def lose(self) -> None:
        self.there.broker._shared.standing.gone(self.here.broker, 0.0)
        self.there.result(self.there.hub.ask("algebra", self.ann.id, Leave(because="lost")))

    def nicks(self) -> list[str]:
        self.here.pass_time(1)
        assert self.here.nicks() == self.there.nicks()
        return self.here.nicks()

    def test_who_has_a_connection_comes_back_by_it(self) -> None:
        self.lose()
        assert self.nicks() == ["ann"]
        assert not self.ann.over
        self.here.result(self.ann.ask(Say(text="still here")))
        assert self.ear.text.endswith("ann:still here;")

    def test_whose_nick_went_to_somebody_else_is_told_goodbye(self) -> None:
        self.here.wire.losing = True
        self.lose()
        self.there.join("ann")
        self.here.wire.losing = False
        self.here.result(self.here.hub.refresh("algebra"))
        self.here.pass_time(1)
        assert self.ann.over
        assert self.ear.ends == ["renewed"]

    def test_who_has_none_has_left(self) -> None:
        self.ann.detach(self.ear)
        self.lose()
        assert self.nicks() == []
        assert self.ann.over
