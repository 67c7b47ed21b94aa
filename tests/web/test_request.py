import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.threads import deferToThread
from websockets.sync.client import connect

from tests.web.case import ClockCase, Socket, WebCase
from tests.web.test_site import Wire


class Forms(ClockCase):
    @settings(max_examples=100)
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


class Trusting(WebCase):
    """The test's own connections come from a proxy that is believed."""

    trust = ("127.0.0.1/32",)
    changes = (("rooms-per-address", 1),)

    async def open_from(self, name, address):
        return await self.ask("POST", "/api/v1/rooms", {"name": name}, X_Forwarded_For=f"9.9.9.9, {address}")

    async def test_people_count_by_the_addresses_that_the_proxy_tells(self):
        self.assertEqual((await self.open_from("one", "198.51.100.1")).status, 201)
        self.assertEqual((await self.open_from("two", "198.51.100.2")).status, 201)
        self.assertEqual((await self.open_from("three", "198.51.100.1")).status, 429)

    async def test_the_address_shown_is_the_one_that_was_asked_for(self):
        answer = await self.ask(
            "POST",
            "/api/v1/rooms",
            {"name": "algebra"},
            X_Forwarded_Host="meet.example",
            X_Forwarded_Proto="https",
        )
        self.assertEqual(answer.json["url"], "https://meet.example/algebra")
        page = await self.ask("POST", "/algebra/join", "nick=ann", X_Forwarded_Proto="https")
        self.assertIn("Secure", page.header("Set-Cookie"))

    async def test_a_form_of_that_host_is_no_other_sites(self):
        headers = {"X_Forwarded_Host": "meet.example", "Origin": "https://meet.example"}
        self.assertEqual((await self.ask("POST", "/", "name=algebra", **headers)).status, 303)
        headers = {"X_Forwarded_Host": "meet.example", "Origin": "https://other.example"}
        self.assertEqual((await self.ask("POST", "/", "name=physics", **headers)).status, 403)


class TrustingConnections(WebCase):
    trust = ("127.0.0.1/32",)
    changes = (("connections-per-address", 1),)

    async def test_connections_count_by_the_addresses_that_the_proxy_tells(self):
        get = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.%d\r\n\r\n"
        first = await self.raw(get % 1)
        await first.until(b"live\n")
        refused = await self.raw(get % 1)
        await refused.until(b"429 ")
        other = await self.raw(get % 2)
        await other.until(b"live\n")
        # The proxy sends somebody else's request by the same connection.
        first.transport.write(get % 3)
        await first.until(b"live\nHTTP/1.1 200")
        again = await self.raw(get % 1)
        await again.until(b"live\n")


class Believing(WebCase):
    changes = (("rooms-per-address", 1),)

    async def test_nobody_is_believed_who_is_not_trusted(self):
        for number, status in ((1, 201), (2, 429)):
            answer = await self.ask(
                "POST",
                "/api/v1/rooms",
                {"name": f"room-{number}"},
                X_Forwarded_For=f"198.51.100.{number}",
                X_Forwarded_Host="evil.example",
                X_Forwarded_Proto="https",
            )
            self.assertEqual(answer.status, status)
            self.assertNotIn("evil", answer.text)
            self.assertNotIn("https:", answer.text)


class UnderAPath(WebCase):
    at = "/a/meet"

    async def test_every_address_that_it_gives_is_under_it_and_leads_somewhere(self):
        opened = await self.ask("POST", "/a/meet/", "name=algebra")
        self.assertEqual((opened.status, opened.header("Location")), (303, "/a/meet/algebra"))
        self.assertIn("Path=/a/meet/algebra;", opened.header("Set-Cookie") + ";")
        joined = await self.ask("POST", "/a/meet/algebra/join", "nick=ann")
        self.assertEqual((joined.status, joined.header("Location")), (303, "/a/meet/algebra"))
        seen = {"/a/meet/"}
        waiting = ["/a/meet/", "/a/meet/algebra", "/a/meet/nowhere", "/a/meet/algebra/lines", "/a/meet/help/problems"]
        pages = 0
        while waiting:
            address = waiting.pop()
            answer = await self.ask("GET", address)
            self.assertIn(answer.status, (200, 404) if address == "/a/meet/nowhere" else (200,), address)
            if "html" not in answer.header("Content-Type"):
                continue
            pages += 1
            for found in re.findall(r'(?:href|src|action)="([^"]*)"', answer.text):
                self.assertRegex(found, r"\A(/a/meet/|#|data:)", address)
                found = found.partition("#")[0]
                if found and not found.endswith(("/join", "/say", "/leave")) and found not in seen:
                    seen.add(found)
                    waiting.append(found)
        self.assertGreater(pages, 5)
        room = await self.ask("GET", "/a/meet/algebra")
        self.assertIn(f'value="{self.url}/a/meet/algebra"', room.text)

    async def test_the_api_is_under_it_too(self):
        answer = await self.ask("POST", "/a/meet/api/v1/rooms", {"name": "algebra"})
        self.assertEqual((answer.status, answer.header("Location")), (201, "/a/meet/algebra"))
        self.assertEqual(answer.json["url"], f"{self.url}/a/meet/algebra")
        refused = await self.ask("POST", "/a/meet/api/v1/rooms/algebra/says", {"text": "hi"})
        self.assertEqual(refused.json["type"], "/a/meet/help/problems#no-session")
        address = f"ws{self.url[4:]}/a/meet/api/v1/rooms/algebra/socket?nick=ann"
        socket = Socket(await deferToThread(lambda: connect(address).__enter__()))
        self.addCleanup(socket.close)
        self.assertEqual((await socket.hear())["kind"], "welcome")

    async def test_outside_of_it_there_is_nothing(self):
        await self.ask("POST", "/a/meet/api/v1/rooms", {"name": "algebra"})
        for path in ("/", "/algebra", "/a", "/a/meetings", "/health/live", "/a/meet-algebra", "//a/meet/"):
            self.assertEqual((await self.ask("GET", path)).status, 404, path)
        self.assertEqual((await self.ask("GET", "/a/meet")).status, 200)
        self.assertEqual((await self.ask("GET", "/a/meet/health/live")).status, 200)
