from zope.interface.verify import verifyObject

from meet.interfaces import IGateway
from tests.web.case import ClockCase


class Gateways(ClockCase):
    def test_it_is_a_gateway(self):
        self.assertTrue(verifyObject(IGateway, self.gateway))

    def test_it_stops_accepting_at_once(self):
        self.successResultOf(self.gateway.stop_accepting())
