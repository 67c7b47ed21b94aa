from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from websockets.exceptions import InvalidStatus

from meet.commands import Say
from meet.errors import GOODBYES
from tests.web.case import WebCase


class Sockets(WebCase):
    changes = (
        ("bad-input-per-connection", 3),
        ("bytes-in-frame", 5000),
    )

    async def setUp(self):
        await super().setUp()
        self.host_key = await self.open()

    async def test_two_talk(self):
        ann = await self.socket("nick=ann", subprotocols=["other", "meet.v1"])
        welcome = await ann.hear()
        self.assertEqual(welcome["kind"], "welcome")
        self.assertEqual(ann.connection.subprotocol, "meet.v1")
        self.assertEqual(welcome["you"]["nick"], "ann")
        self.assertFalse(welcome["resumed"])
        bob = await self.socket("nick=bob")
        await bob.hear_kind("welcome")
        await ann.send({"ask": "say", "text": "hello \u2028 <b>", "ref": "7"})
        position, event = await bob.hear_kind("said")
        self.assertEqual((event["nick"], event["via"], event["text"], event["ref"]), ("ann", "web", "hello   <b>", "7"))
        self.assertEqual(await ann.hear_kind("said"), [position, event])

    async def test_long_lines_go_in_long_frames(self):
        await self.open("hall", limit=500)
        ann = await self.socket("nick=ann", room="hall")
        await ann.send({"ask": "say", "text": "é" * 500})
        _, event = await ann.hear_kind("said")
        self.assertEqual(event["text"], "é" * 500)

    async def test_what_is_sent_before_the_welcome_is_said_in_order(self):
        ann = await self.socket("nick=ann")
        for number in range(20):
            await ann.send({"ask": "say", "text": str(number)})
        heard = [(await ann.hear_kind("said"))[1]["text"] for _ in range(20)]
        self.assertEqual(heard, [str(number) for number in range(20)])

    async def test_a_lurker_hears_and_is_nobody(self):
        lurker = await self.socket("")
        welcome = await lurker.hear()
        self.assertNotIn("you", welcome)
        self.assertNotIn("token", welcome)
        self.assertEqual(welcome["here"]["count"], 0)
        await lurker.send({"ask": "say", "text": "x", "ref": "1"})
        refused = await lurker.hear()
        self.assertEqual((refused["kind"], refused["code"], refused["ref"]), ("refused", "not-here", "1"))
        ann = await self.join("ann")
        here = await lurker.hear_kind("here")
        self.assertEqual((here["count"], here["came"], here["went"]), (1, ["ann"], []))
        await self.say(ann["token"], "hi")
        await lurker.hear_kind("said")

    async def test_coming_back_resumes_after_the_last_position(self):
        ann = await self.socket("nick=ann")
        token = (await ann.hear_kind("welcome"))["token"]
        await ann.send({"ask": "say", "text": "one"})
        last, _ = await ann.hear_kind("said")
        await ann.close()
        await self.say((await self.join("bob"))["token"], "two")
        again = await self.socket(f"token={token}&after={last}")
        welcome = await again.hear()
        self.assertTrue(welcome["resumed"])
        self.assertEqual(welcome["you"]["nick"], "ann")
        self.assertEqual([event["text"] for _, event in welcome["entries"]], ["two"])
        other_epoch = await self.socket(f"token={token}&after=zzz.9")
        welcome = await other_epoch.hear()
        self.assertFalse(welcome["resumed"])
        self.assertEqual(len(welcome["entries"]), 2)

    async def test_who_and_beat(self):
        ann = await self.socket("nick=ann")
        await ann.hear_kind("welcome")
        await ann.send({"ask": "who"})
        self.assertEqual((await ann.hear_kind("who"))["names"], ["ann"])
        await ann.send({"ask": "beat"})
        await ann.hear_kind("beat")

    async def test_refused_before_the_welcome_ends_with_4100(self):
        await self.join("ann")
        for query, room, code in (
            ("nick=ANN", "algebra", "nick-taken"),
            ("nick=a%20b", "algebra", "bad-nick"),
            ("nick=ann", "nowhere", "no-room"),
            ("", "nowhere", "no-room"),
            ("token=long-enough-but-unknown", "algebra", "no-session"),
            ("nick=x&host_key=wrong", "algebra", "wrong-key"),
        ):
            socket = await self.socket(query, room=room)
            refused = await socket.hear()
            self.assertEqual((refused["kind"], refused["code"]), ("refused", code))
            self.assertEqual(await socket.end(), 4100)

    async def test_a_handshake_that_is_wrong_is_a_problem_document(self):
        for query, room, headers, status, code in (
            ("nick=ann", "api", {}, 422, b"bad-name"),
            ("nick=%ff", "algebra", {}, 400, b"bad-input"),
            ("after=x", "algebra", {}, 400, b"bad-input"),
            ("nick=ann", "algebra", {"Origin": "https://evil.example"}, 403, b"other-site"),
            ("nick=ann", "algebra", {"Origin": "null"}, 403, b"other-site"),
            ("nick=ann", "algebra", {"Origin": "http://[", "Sec-Fetch-Site": "cross-site"}, 403, b"other-site"),
        ):
            with self.assertRaises(InvalidStatus) as refused:
                await self.socket(query, room=room, additional_headers=headers)
            response = refused.exception.response
            self.assertEqual(response.status_code, status)
            self.assertIn(b'"code":"%s"' % code, response.body)
        raw = await self.raw(b"GET /api/v1/rooms/algebra/socket HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = await raw.until(b"This address speaks WebSocket.")
        self.assertTrue(heard.startswith(b"HTTP/1.1 426 "))
        self.assertIn(b"Upgrade: websocket\r\n", heard)

    async def test_what_is_spoken_is_told_to_who_speaks_something_else(self):
        wish = (
            b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        for version, more in (
            (b"1.1", b""),
            (b"1.1", b"Sec-WebSocket-Version: 8\r\n"),
            (b"1.0", b"Sec-WebSocket-Version: 13\r\n"),
        ):
            wished = b"GET /api/v1/rooms/algebra/socket?nick=ann HTTP/%s\r\n%s%s\r\n" % (version, wish, more)
            heard = await (await self.raw(wished)).closed
            self.assertTrue(heard.startswith(b"HTTP/%s 426 " % version), heard)
            for header in (b"Upgrade: websocket", b"Connection: Upgrade", b"Connection: close"):
                self.assertIn(header + b"\r\n", heard)
            self.assertIn(b"sec-websocket-version: 13\r\n", heard.lower())
            self.assertIn(b'"code":"bad-input"', heard)

    async def test_the_own_origin_is_let_in(self):
        socket = await self.socket("", additional_headers={"Origin": self.url})
        await socket.hear_kind("welcome")

    async def test_wrong_messages_are_refused_and_too_many_end_it(self):
        ann = await self.socket("nick=ann")
        await ann.hear_kind("welcome")
        for message, code in (("{", "bad-input"), ('{"ask":"dance","ref":"9"}', "unknown-ask"), (b"\x00", "bad-input")):
            await ann.send(message)
            refused = await ann.hear_kind("refused")
            self.assertEqual(refused["code"], code)
            self.assertEqual(refused["ref"], "9" if "dance" in str(message) else "")
        await ann.send("[]")
        goodbye = await ann.hear_kind("goodbye")
        self.assertEqual((goodbye["name"], goodbye["again"]), ("bad-input", False))
        self.assertEqual(await ann.end(), 4006)

    async def test_a_refused_line_says_which(self):
        ann = await self.socket("nick=ann")
        await ann.send({"ask": "say", "text": "x" * 141, "ref": "8"})
        refused = await ann.hear_kind("refused")
        self.assertEqual(
            refused,
            {"kind": "refused", "ref": "8", "code": "too-long", "detail": "141 characters, this room takes 140."},
        )

    async def test_a_frame_that_is_too_large_ends_with_1009(self):
        ann = await self.socket("nick=ann")
        await ann.hear_kind("welcome")
        await ann.send("x" * 5001)
        self.assertEqual(await ann.end(), 1009)

    async def test_leaving_closes_cleanly(self):
        ann = await self.socket("nick=ann")
        await ann.hear_kind("welcome")
        await ann.send({"ask": "leave"})
        self.assertEqual((await ann.hear_kind("goodbye"))["name"], "left")
        self.assertEqual(await ann.end(), 1000)

    async def test_a_closed_room_says_so_to_all(self):
        ann = await self.socket(f"nick=ann&host_key={self.host_key}")
        lurker = await self.socket("")
        await lurker.hear_kind("welcome")
        await ann.send({"ask": "close"})
        for socket in (ann, lurker):
            await socket.hear_kind("closed")
            self.assertEqual((await socket.hear_kind("goodbye"))["name"], "room-closed")
            self.assertEqual(await socket.end(), 4003)

    async def test_shutting_down_is_said_with_1012(self):
        ann = await self.socket("nick=ann")
        await ann.hear_kind("welcome")
        gone = self.gateway.say_goodbye(GOODBYES["shutting-down"])
        goodbye = await ann.hear_kind("goodbye")
        self.assertEqual((goodbye["name"], goodbye["again"], goodbye["within"]), ("shutting-down", True, 5))
        self.assertEqual(await ann.end(), 1012)
        await gone


class Floods(WebCase):
    changes = (("commands-per-connection", 10),)

    async def test_too_many_messages_end_it(self):
        await self.open()
        ann = await self.socket("nick=ann")
        for _ in range(11):
            await ann.send({"ask": "beat"})
        self.assertEqual((await ann.hear_kind("goodbye"))["name"], "too-fast")
        self.assertEqual(await ann.end(), 4005)


class SlowReaders(WebCase):
    changes = (
        ("bytes-unsent", 60_000),
        ("commands-per-connection", 0),
    )

    async def test_who_does_not_read_is_ended_and_the_others_do_not_notice(self):
        self.port.socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
        await self.open(limit=500)
        stalled = await self.raw()
        stalled.transport.getHandle().setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
        stalled.transport.write(
            b"GET /api/v1/rooms/algebra/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await stalled.until(b"welcome")
        stalled.transport.pauseProducing()
        other = await self.socket("")
        ann = self.sessions.find("algebra", (await self.join("ann"))["token"])
        for _ in range(20):
            await gatherResults([ann.ask(Say(text="x" * 500)) for _ in range(20)])
            for _ in range(20):
                await other.hear_kind("said")
        # The other side never answers the close, so the connection is cut.
        while len(self.gateway.factory.connections) > 1:
            await deferLater(reactor, 0.05)
        stalled.transport.resumeProducing()
        heard = await stalled.closed
        self.assertLess(heard.count(b'"kind":"said"'), 400)
