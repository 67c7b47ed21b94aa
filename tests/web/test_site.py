"""Bounds on requests and connections, at the level of bytes."""

from urllib.parse import quote_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from meet.errors import GOODBYES
from tests.web.case import ClockCase, WebCase


class Wire(StringTransport):
    """A transport that remembers how it was ended."""

    aborted = False

    def abortConnection(self):
        self.aborted = True
        self.protocol.connectionLost(None)

    def loseConnection(self):
        self.disconnecting = True


class Bounds(ClockCase):
    changes = (("connections-per-address", 2),)

    def connect(self, data=b""):
        wire = Wire()
        wire.protocol = self.gateway.factory.buildProtocol(None)
        wire.protocol.makeConnection(wire)
        self.feed(wire, data)
        return wire

    def feed(self, wire, data):
        if data:
            wire.protocol.dataReceived(data)
        self.clock.pump([0, 0, 0])

    def assert_refused(self, wire, status, code):
        answer = wire.value()
        self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer)
        self.assertEqual(answer.count(b"HTTP/1.1"), 1)
        self.assertIn(b"Content-Type: application/problem+json\r\n", answer)
        self.assertIn(b'"code":"%s"' % code, answer)
        self.clock.advance(3)
        self.assertTrue(wire.aborted)

    def test_a_request_must_come_in_time(self):
        wire = self.connect(b"GET / HTTP/1.1\r\n")
        for number in range(10):
            self.clock.advance(1.9)
            self.feed(wire, b"X-%d: slow\r\n" % number)
        self.assertEqual(wire.value(), b"")
        self.clock.advance(1)
        self.assert_refused(wire, 408, b"bad-input")

    def test_so_must_a_body(self):
        wire = self.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        for _ in range(10):
            self.clock.advance(1.9)
            self.feed(wire, b"x")
        self.clock.advance(1)
        self.assert_refused(wire, 408, b"bad-input")

    def test_who_connects_and_says_nothing_is_let_go(self):
        wire = self.connect()
        self.clock.advance(20)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(wire.value(), b"")

    def test_an_idle_connection_may_wait_for_the_next_request_a_while(self):
        wire = self.connect(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", wire.value())
        self.clock.advance(self.limits.seconds_idle - 1)
        self.assertFalse(wire.disconnecting)
        self.clock.advance(2)
        self.assertTrue(wire.disconnecting)

    def test_a_body_that_says_it_is_too_large_is_refused_at_once(self):
        wire = self.connect(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1000000000000\r\n\r\n")
        self.feed(wire, b"x" * 100_000)
        self.assert_refused(wire, 413, b"too-large")

    def test_a_chunked_body_is_counted(self):
        wire = self.connect(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            self.feed(wire, b"400\r\n" + b"x" * 0x400 + b"\r\n")
        self.assert_refused(wire, 413, b"too-large")

    def test_ten_thousand_headers_are_refused_once(self):
        wire = self.connect(b"GET / HTTP/1.1\r\n" + b"".join(b"X: %d\r\n" % number for number in range(10_000)))
        self.assert_refused(wire, 431, b"too-large")

    def test_a_head_or_an_address_without_an_end_is_refused(self):
        self.assert_refused(self.connect(b"GET /" + b"a" * 20_000), 414, b"too-large")
        self.assert_refused(self.connect(b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000), 431, b"too-large")
        wire = self.connect(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /" + b"a" * 20_000)
        self.assertIn(b"HTTP/1.1 414", wire.value())

    def test_a_later_http_1_is_http_1_1_and_another_http_is_refused(self):
        wire = self.connect(b"GET /health/live HTTP/1.7\r\nHost: x\r\n\r\n")
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 200 "))
        for version in (b"0.9", b"2.0", b"3.0"):
            self.assert_refused(self.connect(b"GET / HTTP/%s\r\nHost: x\r\n" % version), 505, b"bad-input")

    def test_whoever_says_close_among_other_words_is_let_go(self):
        for words, closes in ((b"close, TE", True), (b"TE,CLOSE", True), (b"TE", False)):
            wire = self.connect(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n" % words)
            self.assertEqual(wire.disconnecting, closes, words)
            wire.protocol.connectionLost(None)

    def test_the_server_itself_can_be_asked_what_it_takes(self):
        wire = self.connect(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 204 "))
        self.assertIn(b"Allow: GET, HEAD, OPTIONS, POST\r\n", wire.value())

    def test_every_refusal_says_how_it_may_be_shown_and_when_to_come_again(self):
        kept = [self.connect(), self.connect()]
        answer = self.connect().value()
        self.assertTrue(answer.startswith(b"HTTP/1.1 429 "))
        self.assertIn(b"\r\nRetry-After: 10\r\n", answer)
        self.assertIn(b"\r\nContent-Security-Policy: default-src 'none'; ", answer)
        self.assertIn(b"\r\nX-Frame-Options: DENY\r\n", answer)
        self.assertFalse(any(wire.disconnecting for wire in kept))

    def test_what_is_no_request_is_refused(self):
        for data, status in (
            (b"\x16\x03\x01\x02\x00\x01\x00\r\n", 400),
            (b"hello\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nno colon\r\nX: y\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET \xff HTTP/1.1\r\n\r\n", 400),
            (b"\xff\xfe / HTTP/1.1\r\n\r\n", 400),
            (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ):
            wire = self.connect(data)
            self.assertTrue(wire.value().startswith(b"HTTP/1.1 %d" % status), (data, wire.value()))
            self.assert_refused(wire, status, b"bad-input")

    def test_strange_hosts_break_nothing(self):
        for host, status in (
            (b"", 200),
            (b"[::1]:8080", 200),
            (b"xn--", 200),
            (b"\xff", 400),
            (b"a" * 300, 400),
            (b"evil.example; script-src *", 400),
            (b"x:y", 400),
            (b"one\r\nHost: two", 400),
        ):
            wire = self.connect(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
            self.assertTrue(wire.value().startswith(b"HTTP/1.1 %d" % status), (host, wire.value()))
            self.assertNotIn(b"script-src *", wire.value().partition(b"\r\n\r\n")[0])
            wire.protocol.connectionLost(None)

    def test_the_whole_address_may_be_asked_for(self):
        for target, path in ((b"http://meet.example:81/no-room?x=1", b"no-room"), (b"HTTPS://meet.example", b"Open")):
            wire = self.connect(b"GET %s HTTP/1.1\r\nHost: other\r\n\r\n" % target)
            self.assertIn(b"meet.example", wire.value().partition(b"\r\n\r\n")[0])
            self.assertIn(path, wire.value())
            self.assertNotIn(b"other", wire.value().partition(b"\r\n\r\n")[0])
            wire.protocol.connectionLost(None)
        wire = self.connect(b"GET http://evil.example;x/ HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertNotIn(b"evil", wire.value().partition(b"\r\n\r\n")[0])

    def test_every_status_has_its_usual_words(self):
        wire = self.connect(b'POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{"name":"!!"}')
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 422 Unprocessable"), wire.value())

    def test_one_address_has_so_many_connections(self):
        class Here:
            host = "192.0.2.1"

        wires = []
        for _ in range(3):
            wire = Wire(peerAddress=Here())
            wire.protocol = self.gateway.factory.buildProtocol(None)
            wire.protocol.makeConnection(wire)
            wires.append(wire)
        self.assert_refused(wires[2], 429, b"too-many")
        wires[0].protocol.connectionLost(None)
        wire = Wire(peerAddress=Here())
        wire.protocol = self.gateway.factory.buildProtocol(None)
        wire.protocol.makeConnection(wire)
        self.assertEqual(wire.value(), b"")

    def test_pipelined_requests_are_answered_in_order(self):
        wire = self.connect(
            b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = wire.value()
        self.assertLess(answer.index(b"live\n"), answer.index(b"ready\n"))

    def test_goodbye_ends_idle_connections_and_fires(self):
        wire = self.connect(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        gone = self.gateway.say_goodbye(GOODBYES["shutting-down"])
        self.assertTrue(wire.disconnecting)
        self.assertNoResult(gone)
        self.clock.advance(3)
        self.assertTrue(wire.aborted)
        self.successResultOf(gone)

    def test_goodbye_with_nobody_there_fires_at_once(self):
        self.successResultOf(self.gateway.say_goodbye(GOODBYES["shutting-down"]))

    @settings(max_examples=150)
    @given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from((b"", b"GET ", b"POST / HTTP/1.1\r\n")))
    def test_no_bytes_break_it(self, pieces, begin):
        wire = self.connect(begin)
        for piece in pieces:
            self.feed(wire, piece)
        if not wire.aborted:
            wire.protocol.connectionLost(None)
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(max_examples=150)
    @given(
        st.sampled_from((b"rooms", b"rooms/a/sessions", b"rooms/a/says", b"rooms/a/asks", b"rooms/a/entries")),
        st.binary(max_size=200),
        st.binary(max_size=40),
    )
    def test_no_body_or_query_breaks_it(self, path, body, query):
        wire = self.connect(
            b"POST /api/v1/%s?after=%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
            % (path, quote_from_bytes(query).encode(), len(body), body)
        )
        self.assertRegex(wire.value(), rb"\AHTTP/1.1 (4\d\d|201) ")
        wire.protocol.connectionLost(None)
        self.assertEqual(self.flushLoggedErrors(), [])


class OverTcp(WebCase):
    async def test_a_refused_sender_gets_the_answer_although_it_goes_on(self):
        raw = await self.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 1_000_000)
        heard = await raw.until(b"too-large")
        self.assertTrue(heard.startswith(b"HTTP/1.1 413 "))
        await raw.closed

    async def test_goodbye_ends_what_is_under_way(self):
        await self.open()
        stream = await self.raw(b"GET /api/v1/rooms/algebra/events HTTP/1.1\r\nHost: x\r\n\r\n")
        poll = await self.raw(b"GET /api/v1/rooms/algebra/entries?wait=50 HTTP/1.1\r\nHost: x\r\n\r\n")
        await stream.until(b"welcome")
        while len(list(self.hub.outbox.listeners("algebra"))) < 2:
            await self.ask("GET", "/health/live")
        await self.gateway.say_goodbye(GOODBYES["shutting-down"])
        self.assertIn(b'"name":"shutting-down","again":true', await stream.closed)
        self.assertTrue((await poll.closed).endswith(b"[]\n"))


class Ending(ClockCase):
    """What a connection may still do once Meet takes no more."""

    def connect(self, data=b""):
        wire = Wire()
        wire.protocol = self.gateway.factory.buildProtocol(None)
        wire.protocol.makeConnection(wire)
        self.feed(wire, data)
        return wire

    def feed(self, wire, data):
        wire.protocol.dataReceived(data)
        self.clock.pump([0, 0, 0])

    def test_a_request_that_is_on_its_way_is_answered_and_the_connection_is_closed(self):
        fresh, begun = self.connect(), self.connect(b"GET /health/live HTTP/1.1\r\nHo")
        ended = self.gateway.say_goodbye(GOODBYES["shutting-down"])
        self.feed(fresh, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        self.feed(begun, b"st: x\r\n\r\n")
        for wire in (fresh, begun):
            self.assertTrue(wire.value().startswith(b"HTTP/1.1 200 "))
            self.assertEqual(wire.value().lower().count(b"connection: close\r\n"), 1)
            self.assertTrue(wire.disconnecting)
            wire.protocol.connectionLost(None)
        self.successResultOf(ended)

    def test_who_sends_nothing_is_not_waited_for(self):
        fresh, idle = self.connect(), self.connect(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        self.gateway.say_goodbye(GOODBYES["shutting-down"])
        self.assertTrue(idle.disconnecting)
        self.assertFalse(fresh.disconnecting)
        self.clock.advance(1)
        self.assertTrue(fresh.disconnecting)
