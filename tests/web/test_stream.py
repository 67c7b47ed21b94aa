import re

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

import meet.outbox
from meet.events import Said
from meet.interfaces import Record
from meet.moments import moment
from meet.wire import encode, position
from tests.flow import Ear, Plain
from tests.web.case import WebCase

_GET = b"GET /api/v1/rooms/algebra/%s HTTP/1.1\r\nHost: meet.example\r\n%s\r\n"


class Streams(WebCase):
    async def setUp(self):
        await super().setUp()
        self.host_key = await self.open()
        self.ann = (await self.join("ann", host_key=self.host_key))["token"]

    async def test_a_stream_welcomes_then_tells_each_entry_with_its_id(self):
        stream = await self.raw(_GET % (b"events", b""))
        heard = await stream.until(b"event: welcome\n")
        self.assertIn(b"Content-Type: text/event-stream", heard)
        self.assertIn(b"X-Accel-Buffering: no", heard)
        self.assertRegex(heard, rb"retry: [1-5][0-9]{3}\n\n")
        self.assertNotIn(b'"token"', heard)
        at = await self.say(self.ann, "hello")
        heard = await stream.until(b"hello")
        self.assertIn(b'id: %s\ndata: ["%s",{"kind":"said"' % (at.encode(), at.encode()), heard)

    async def test_the_last_event_id_resumes(self):
        first = await self.say(self.ann, "missed not")
        await self.say(self.ann, "two")
        stream = await self.raw(_GET % (b"events?after=zzz.1", b"Last-Event-ID: %s\r\n" % first.encode()))
        heard = await stream.until(b"two")
        self.assertNotIn(b"missed not", heard)
        self.assertIn(b'"resumed":true', heard)

    async def test_a_stream_with_a_token_holds_the_place(self):
        stream = await self.raw(_GET % (b"events?token=" + self.ann.encode(), b""))
        await stream.until(b"welcome")
        session = self.sessions.find("algebra", self.ann)
        self.assertEqual(len(session.listeners), 1)
        stream.transport.loseConnection()
        await stream.closed
        await self.ask("GET", "/health/live")
        self.assertEqual(session.listeners, [])
        self.assertFalse(session.over)

    async def test_a_stream_is_told_who_came_and_goodbye(self):
        stream = await self.raw(_GET % (b"events", b""))
        await stream.until(b"welcome")
        await self.join("bob")
        await stream.until(b'event: here\ndata: {"kind":"here","count":2')
        await self.ask("POST", "/api/v1/rooms/algebra/asks", {"ask": "close"}, self.ann)
        heard = await stream.until(b"event: goodbye\n")
        self.assertIn(b'"name":"room-closed","again":false', heard)

    async def test_refusals_come_before_the_stream(self):
        for path, headers, status, code in (
            ("nowhere/events", {}, 404, "no-room"),
            ("algebra/events?token=long-enough-but-unknown", {}, 401, "no-session"),
            ("algebra/events?after=x", {}, 400, "bad-input"),
            ("algebra/events", {"Last-Event-ID": "\u00e9"}, 400, "bad-input"),
        ):
            answer = await self.ask("GET", f"/api/v1/rooms/{path}", **headers)
            self.assertEqual((answer.status, answer.json["code"]), (status, code))

    async def test_a_stream_is_well_formed_to_its_end(self):
        stream = await self.raw(_GET % (b"events", b""))
        await stream.until(b"welcome")
        for text in ("one", "two", "three"):
            await self.say(self.ann, text)
        await stream.until(b"three")
        await self.ask("POST", "/api/v1/rooms/algebra/asks", {"ask": "close"}, self.ann)
        heard = await stream.until(b"\r\n0\r\n\r\n")
        head, _, rest = heard.partition(b"\r\n\r\n")
        self.assertIn(b"Transfer-Encoding: chunked", head)
        body = b""
        while rest:
            length, _, rest = rest.partition(b"\r\n")
            body += rest[: int(length, 16)]
            self.assertEqual(rest[int(length, 16) :][:2], b"\r\n")
            rest = rest[int(length, 16) + 2 :]
        blocks = body.decode().rstrip("\n").split("\n\n")
        # A digest of presence may come at any time.
        kinds = [block.partition(":")[0] for block in blocks if not block.startswith("event: here")]
        self.assertEqual(kinds, ["retry", "event", "id", "id", "id", "id", "event"])
        self.assertEqual(re.findall(r'"text":"(\w+)"', body.decode()), ["one", "two", "three"])

    async def test_a_client_of_1996_gets_the_same_without_chunks(self):
        stream = await self.raw(b"GET /api/v1/rooms/algebra/events HTTP/1.0\r\n\r\n")
        await stream.until(b"welcome")
        await self.say(self.ann, "one")
        await self.say(self.ann, "two")
        heard = await stream.until(b"two")
        self.assertNotIn(b"chunked", heard)
        body = heard.partition(b"\r\n\r\n")[2].decode()
        self.assertNotIn("\r", body)
        self.assertEqual(re.findall(r'^id: .*\ndata: .*"text":"(\w+)"', body, re.MULTILINE), ["one", "two"])

    async def test_who_comes_while_a_large_room_is_being_told_hears_what_is_said_after(self):
        outbox = self.house.hub.outbox
        others = [Ear(Plain()) for _ in range(300)]
        for other in others:
            outbox.add("algebra", other)
        # One in each turn of the reactor: it is far from told when the stream is open.
        self.patch(meet.outbox, "AT_ONCE", 1)
        await self.say(self.ann, "one")
        stream = await self.raw(_GET % (b"events", b""))
        await stream.until(b"welcome")
        self.assertEqual(others[-1].text, "")
        self.patch(meet.outbox, "AT_ONCE", 500)
        for text in (b"two", b"three"):
            await self.say(self.ann, text.decode())
            await stream.until(text)
        for other in others:
            outbox.remove("algebra", other)

    async def test_head_does_not_stream(self):
        answer = await self.ask("HEAD", "/api/v1/rooms/algebra/events")
        self.assertEqual((answer.status, answer.body), (200, b""))


class Polls(WebCase):
    async def setUp(self):
        await super().setUp()
        self.host_key = await self.open()
        self.ann = (await self.join("ann", host_key=self.host_key))["token"]

    async def entries(self, query=""):
        return await self.ask("GET", f"/api/v1/rooms/algebra/entries?{query}")

    async def test_what_is_there_is_answered_at_once(self):
        first = await self.say(self.ann, "one")
        second = await self.say(self.ann, "two")
        answer = await self.entries("wait=50")
        self.assertEqual([at for at, _ in answer.json], [first, second])
        self.assertEqual((answer.header("Meet-Here"), answer.header("Meet-Resumed")), ("1", "true"))
        answer = await self.entries(f"after={first}&wait=50")
        self.assertEqual([at for at, _ in answer.json], [second])
        answer = await self.entries("after=zzz.1")
        self.assertEqual((len(answer.json), answer.header("Meet-Resumed")), (2, "false"))

    async def test_the_wait_ends_as_soon_as_there_is_one(self):
        last = await self.say(self.ann, "one")

        waiting = [Deferred.fromCoroutine(self.entries(f"after={last}&wait=50")) for _ in range(3)]
        await self._until_listening(3)
        await self.join("bob")
        said = await self.say(self.ann, "two")
        for answer in await gatherResults(waiting):
            self.assertEqual([at for at, _ in answer.json], [said])
        self.assertEqual(list(self.hub.outbox.listeners("algebra")), [])

    async def test_the_wait_ends_with_nothing(self):
        last = await self.say(self.ann, "one")
        answer = await self.entries(f"after={last}&wait=0.1")
        self.assertEqual((answer.status, answer.json), (200, []))

    async def test_a_wait_with_a_token_holds_the_place(self):
        last = await self.say(self.ann, "one")
        raw = await self.raw(
            _GET % (b"entries?wait=50&after=" + last.encode(), b"Authorization: Bearer %s\r\n" % self.ann.encode())
        )
        await self._until_listening(1)
        session = self.sessions.find("algebra", self.ann)
        self.assertEqual(len(session.listeners), 1)
        raw.transport.loseConnection()
        await raw.closed
        await self.ask("GET", "/health/live")
        self.assertEqual(session.listeners, [])

    async def test_a_closed_room_is_answered_without_waiting(self):
        await self.ask("POST", "/api/v1/rooms/algebra/asks", {"ask": "close"}, self.ann)
        last = (await self.entries("after=zzz.1")).json
        self.assertEqual(last, [])
        answer = await self.entries("wait=50")
        self.assertEqual(answer.status, 200)

    async def test_wrong_numbers_are_refused(self):
        for query in ("wait=x", "wait=-1", "wait=nan", "before=x", "before=a.1&count=x", "after=%00"):
            answer = await self.entries(query)
            self.assertEqual((answer.status, answer.json["code"]), (400, "bad-input"), query)
        self.assertEqual((await self.entries("before=a.1&count=inf")).status, 200)

    async def _until_listening(self, count):
        while len(list(self.hub.outbox.listeners("algebra"))) < count:
            await deferLater(reactor, 0)


class Older(WebCase):
    changes = (("entries-in-tail", 5),)

    async def setUp(self):
        await super().setUp()
        await self.open()
        self.ann = (await self.join("ann"))["token"]
        self.at = []
        for number in range(12):
            self.at.append(await self.say(self.ann, str(number)))
            event = Said(at=moment(0), by="x", nick="ann", via="web", text=str(number))
            self.store.kept.append(Record("algebra", position(self.at[-1]), encode(event)))

    async def texts(self, query):
        answer = await self.ask("GET", f"/api/v1/rooms/algebra/entries?{query}")
        self.assertEqual(answer.status, 200, answer.text)
        return [event["text"] for _, event in answer.json]

    async def test_memory_and_archive_make_one_history(self):
        self.assertEqual(await self.texts(""), ["7", "8", "9", "10", "11"])
        self.assertEqual(await self.texts(f"before={self.at[11]}&count=2"), ["9", "10"])
        self.assertEqual(await self.texts(f"before={self.at[9]}&count=4"), ["5", "6", "7", "8"])
        self.assertEqual(await self.texts(f"before={self.at[4]}&count=200"), ["0", "1", "2", "3"])
        self.assertEqual(await self.texts(f"before={self.at[4]}&count=0"), [])
        self.assertEqual(await self.texts(f"before={self.at[0]}"), [])
        self.assertEqual(await self.texts("before=zzz.9"), [])

    async def test_without_the_archive_memory_answers_as_far_as_it_goes(self):
        self.store.away = True
        self.assertEqual(await self.texts(f"before={self.at[9]}&count=4"), ["7", "8"])
        answer = await self.ask("GET", f"/api/v1/rooms/algebra/entries?before={self.at[4]}")
        self.assertEqual((answer.status, answer.json["code"]), (503, "unavailable"))

    async def test_a_page_is_bounded(self):
        for number in range(300):
            event = Said(at=moment(0), by="x", nick="ann", via="web", text=f"old {number}")
            self.store.kept.insert(number, Record("algebra", position(f"old.{number + 1}"), encode(event)))
        self.assertEqual(len(await self.texts("before=old.300&count=1000000")), 200)
