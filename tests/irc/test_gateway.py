from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from meet.errors import GOODBYES
from meet.interfaces import IGateway
from meet.irc import make_gateway
from tests.flow import Flow
from tests.irc.people import Person


class GatewayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flow = Flow()
        self.gateway = make_gateway(self.flow.house)

    def test_is_a_gateway(self) -> None:
        verifyObject(IGateway, self.gateway)

    def test_a_closed_door_makes_no_connections(self) -> None:
        mia = Person(self.flow, self.gateway)
        self.successResultOf(self.gateway.stop_accepting())
        assert self.gateway.factory.buildProtocol(None) is None
        assert not mia.ended

    def test_goodbye_is_told_to_all_and_ends_with_the_last(self) -> None:
        people = [Person(self.flow, self.gateway, f"192.0.2.{number}") for number in range(3)]
        for number, person in enumerate(people):
            person.enter(f"nick-{number}")
            person.heard()
        for person in people:
            person.heard()
        done = self.gateway.say_goodbye(GOODBYES["shutting-down"])
        for person in people:
            assert person.heard() == ["ERROR :Meet is restarting. Come back, nothing is lost."]
            assert person.ended
        for person in people[:-1]:
            person.drop()
        self.assertNoResult(done)
        people[-1].drop()
        self.successResultOf(done)
        assert self.flow.nicks() == ["nick-0", "nick-1", "nick-2"]

    def test_goodbye_to_nobody(self) -> None:
        self.successResultOf(self.gateway.say_goodbye(GOODBYES["shutting-down"]))
