import re
from socket import SO_SNDBUF, SOL_SOCKET

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, succeed
from twisted.internet.task import deferLater

from meet.commands import Say
from meet.events import Said
from meet.interfaces import Record
from meet.moments import moment
from meet.web import transcript
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
        # That there is more is not kept back.
        older = re.search(r'transcript(\?before=[^"#]+)', page.text)
        assert older is not None
        self.assertEqual((await self.ask("GET", f"/algebra/transcript{older[1]}")).status, 503)

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


class Searches(WebCase):
    changes = (("entries-in-tail", 5),)

    async def setUp(self):
        await super().setUp()
        await self.open(title="Owls")
        self.ann = (await self.join("ann"))["token"]

    async def talk(self, *texts, recorded=None):
        said = []
        for number, text in enumerate(texts):
            at = await self.say(self.ann, text)
            said.append(at)
            if recorded is None or number < recorded:
                event = Said(at=moment(0), by="x", nick="ann", via="web", text=text)
                self.store.kept.append(Record("algebra", position(at), encode(event)))
        return said

    async def found(self, query):
        told = (await self.ask("GET", f"/api/v1/rooms/algebra/search?{query}")).json
        return [event["text"] for _, event in told["entries"]], told["before"]

    async def test_lines_are_found_in_memory_and_in_the_archive_once_each(self):
        texts = [f"owl {number}" if number % 2 else "nothing" for number in range(12)]
        await self.talk(*texts, recorded=9)
        assert await self.found("q=OWL") == ([text for text in texts if "owl" in text], None)
        assert await self.found("q=ann+owl+11") == (["owl 11"], None)
        assert await self.found("q=uhu") == ([], None)

    async def test_pages_go_back_by_positions(self):
        await self.talk(*(f"owl {number}" for number in range(9)))
        pages, query = [], "q=owl&count=4"
        while True:
            texts, before = await self.found(query)
            pages.append(texts)
            if before is None:
                break
            query = f"q=owl&count=4&before={before}"
        assert [text for page in reversed(pages) for text in page] == [f"owl {number}" for number in range(9)]
        assert [len(page) for page in pages][:2] == [4, 4]

    async def test_what_cannot_be_looked_for_is_refused(self):
        for query, words in (
            ("", "Say what to search for"),
            ("?q=+", "Say what to search for"),
            (f"?q={'a' * 201}", "at most 16 words and 200 characters"),
            (f"?q={'+'.join('abcdefghijklmnopq')}", "at most 16 words and 200 characters"),
            ("?q=a&before=x", "A position looks like"),
            ("?q=a&count=-1", "count"),
            ("?q=%ff", "UTF-8"),
        ):
            answer = await self.ask("GET", f"/api/v1/rooms/algebra/search{query}")
            assert (answer.status, answer.json["code"]) == (400, "bad-input")
            assert words in answer.json["detail"]
        page = await self.ask("GET", f"/algebra/transcript?q={'a' * 201}")
        assert page.status == 400
        assert 'role="alert">A search has at most' in page.text
        assert (await self.ask("GET", "/api/v1/rooms/geometry/search?q=a")).status == 404

    async def test_while_the_archive_is_away_memory_is_searched_and_that_is_said(self):
        await self.talk(*(f"owl {number}" for number in range(9)))
        self.store.away = True
        told = (await self.ask("GET", "/api/v1/rooms/algebra/search?q=owl")).json
        assert (len(told["entries"]), told["away"]) == (5, True)
        page = (await self.ask("GET", "/algebra/transcript?q=owl")).text
        assert "The archive is away, so earlier lines cannot be looked through now." in page
        before = told["before"]
        assert (await self.ask("GET", f"/api/v1/rooms/algebra/search?q=owl&before={before}")).status == 503

    async def test_the_page_marks_what_it_found_and_nothing_in_it_is_markup(self):
        await self.talk("<b>Owl</b> & co", "see https://owl.example/owls", "STRASSE", "nothing")
        page = (await self.ask("GET", "/algebra/transcript?q=owl")).text
        assert "&lt;b&gt;<mark>Owl</mark>&lt;/b&gt; &amp; co" in page
        assert 'href="https://owl.example/owls"' in page
        assert ">https://<mark>owl</mark>.example/<mark>owl</mark>s</a>" in page
        assert "2 lines have “owl”." in page
        assert "<mark>STRASSE</mark>" in (await self.ask("GET", "/algebra/transcript?q=stra%C3%9Fe")).text
        evil = (await self.ask("GET", "/algebra/transcript?q=%22%3E%3Cscript%3E")).text
        assert "<script>" not in evil
        assert "No line has “&#34;&gt;&lt;script&gt;”." in evil

    async def test_a_hit_leads_to_its_place_and_the_page_back_to_the_newest(self):
        said = await self.talk(*(f"line {number}" for number in range(60)))
        page = (await self.ask("GET", "/algebra/transcript?q=line+7")).text
        assert f'href="/algebra/transcript?near={said[7]}#{said[7]}"' in page
        place = (await self.ask("GET", f"/algebra/transcript?near={said[7]}")).text
        assert f'id="{said[7]}"' in place
        assert f'id="{said[20]}"' in place
        assert f'id="{said[59]}"' not in place
        assert '<a class="button quiet" href="/algebra/transcript">Newest lines</a>' in place

    async def test_pages_of_the_transcript_go_back_by_positions(self):
        self.patch(transcript, "_SHOWN", 8)
        said = await self.talk(*(f"line {number}" for number in range(20)))
        seen, address = [], "/algebra/transcript"
        while address:
            page = (await self.ask("GET", address)).text
            seen = re.findall(r'id="([^"]+)" data-position', page) + seen
            earlier = re.search(r'href="([^"]+)">Earlier lines<', page)
            address = earlier[1] if earlier else ""
        assert seen == said
