from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.case import ClockCase
from tests.web.test_site import Wire


class Forms(ClockCase):
    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from((b"/", b"/a/join", b"/a/say", b"/a/leave")), st.binary(max_size=200))
    def test_no_form_breaks_it(self, path, body):
        wire = Wire()
        wire.protocol = self.gateway.factory.buildProtocol(None)
        wire.protocol.makeConnection(wire)
        wire.protocol.dataReceived(
            b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (path, len(body), body)
        )
        self.clock.pump([0, 0, 0])
        self.assertRegex(wire.value(), rb"\AHTTP/1.1 (4\d\d|303) ")
        wire.protocol.connectionLost(None)
        self.assertEqual(self.flushLoggedErrors(), [])
