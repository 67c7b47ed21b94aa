from socket import SO_SNDBUF, SOL_SOCKET

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, succeed
from twisted.internet.task import deferLater

from meet.commands import Say
from meet.events import Said
from meet.interfaces import Record
from meet.moments import moment
from meet.wire import encode, position
from tests.web.case import WebCase


class Transcripts(WebCase):
    changes = (("entries-in-tail", 5),)

    async def setUp(self):
        await super().setUp()
        await self.open(title="Groups")
        self.ann = (await self.join("ann"))["token"]

    async def talk(self, count, recorded):
        for number in range(count):
            at = await self.say(self.ann, f"line {number}")
            if number < recorded:
                event = Said(at=moment(0), by="x", nick="ann", via="web", text=f"line {number}")
                self.store.kept.append(Record("algebra", position(at), encode(event)))

    def lines(self, text):
        return [line.partition("<ann> ")[2] for line in text.splitlines() if "<ann>" in line]

    async def test_the_text_has_every_line_once(self):
        # The archive is three lines behind; memory reaches five back.
        await self.talk(12, recorded=9)
        answer = await self.ask("GET", "/algebra/transcript.txt")
        self.assertEqual(answer.header("Content-Type"), "text/plain; charset=utf-8")
        self.assertTrue(answer.text.startswith("Groups (algebra)\nLines are kept until"))
        self.assertEqual(self.lines(answer.text), [f"line {number}" for number in range(12)])

    async def test_what_memory_has_whole_needs_no_archive(self):
        await self.talk(5, recorded=0)
        self.store.away = True
        answer = await self.ask("GET", "/algebra/transcript.txt")
        self.assertEqual(len(self.lines(answer.text)), 5)
        page = await self.ask("GET", "/algebra/transcript")
        self.assertEqual(page.text.count("data-position"), 5)

    async def test_without_the_archive_the_text_is_refused_and_the_page_shows_what_there_is(self):
        await self.talk(8, recorded=8)
        self.store.away = True
        answer = await self.ask("GET", "/algebra/transcript.txt")
        self.assertEqual(answer.status, 503)
        page = await self.ask("GET", "/algebra/transcript")
        self.assertEqual((page.status, page.text.count("data-position")), (200, 5))

    async def test_head_and_an_empty_room(self):
        answer = await self.ask("HEAD", "/algebra/transcript.txt")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertIn("Nobody has said anything yet.", (await self.ask("GET", "/algebra/transcript")).text)


class LongOnes(WebCase):
    changes = (("entries-in-tail", 5),)

    async def test_a_long_transcript_goes_out_whole(self):
        await self.open()
        ann = self.sessions.find("algebra", (await self.join("ann"))["token"])

        def record(room, entries):
            self.store.record([Record(room, each.position, each.body) for each in entries])

        self.hub.follow(record)
        for _ in range(11):
            await gatherResults([ann.ask(Say(text="x" * 140)) for _ in range(60)])
            await gatherResults([ann.ask(Say(text="x" * 140)) for _ in range(60)])
        answer = await self.ask("GET", "/algebra/transcript.txt")
        self.assertEqual(answer.text.count("<ann>"), 1320)
        page = await self.ask("GET", "/algebra/transcript")
        self.assertIn("There are earlier lines than these.", page.text)
        self.assertEqual(page.text.count("data-position"), 1000)

    async def test_a_reader_who_goes_away_is_no_error(self):
        await self.open()
        ann = self.sessions.find("algebra", (await self.join("ann"))["token"])
        epoch = str(await ann.ask(Say(text="x"))).partition(".")[0]
        await gatherResults([ann.ask(Say(text="x" * 140)) for _ in range(6)])
        self.patch(self.store, "transcript", lambda *_: succeed([(position(f"{epoch}.1"), self.line)] * 200))
        self.port.socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
        raw = await self.raw(b"GET /algebra/transcript.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        await raw.until(b"<ann>")
        raw.transport.pauseProducing()
        await deferLater(reactor, 0.1)
        raw.transport.abortConnection()
        await raw.closed
        while len(self.gateway.factory.connections):
            await deferLater(reactor, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    line = encode(Said(at=moment(0), by="x", nick="ann", via="web", text="x" * 140))
