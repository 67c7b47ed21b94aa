from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Block, Choose, Close, Extend, Follow, Remove, Retitle, Unblock
from meet.errors import Refused
from meet.moments import DAY
from meet.web.hosting import DONE, command
from tests.web.case import WebCase


class Forms(SynchronousTestCase):
    def test_what_each_form_asks_for(self):
        for form, asked in (
            ({"ask": "retitle", "title": "Algebra"}, Retitle(title="Algebra")),
            ({"ask": "extend", "life": "1 day"}, Extend(ends=1000 + DAY)),
            ({"ask": "follow", "words": "#pycon, @speaker  #b"}, Follow(words=("#pycon", "@speaker", "#b"))),
            ({"ask": "follow", "words": " "}, Follow(words=())),
            ({"ask": "choose", "quotes": "on"}, Choose(reposts=False, quotes=True, sensitive=False)),
            ({"ask": "pause"}, Choose(paused=True)),
            ({"ask": "resume"}, Choose(paused=False)),
            ({"ask": "remove", "position": "k3q.12"}, Remove(number=12)),
            ({"ask": "block", "author": "bluesky:did:x", "name": "Dora"}, Block(author="bluesky:did:x", name="Dora")),
            ({"ask": "unblock", "author": "bluesky:did:x"}, Unblock(author="bluesky:did:x")),
            ({"ask": "close"}, Close()),
        ):
            self.assertEqual(command(form, 1000), asked)
            self.assertTrue(form["ask"] in DONE or form["ask"] == "close")

    def test_what_no_form_of_the_page_asks_for_is_refused(self):
        for form, code in (
            ({}, "unknown-ask"),
            ({"ask": "enter"}, "unknown-ask"),
            ({"ask": "say", "text": "x"}, "unknown-ask"),
            ({"ask": "extend"}, "bad-life"),
            ({"ask": "extend", "life": "for ever"}, "bad-life"),
            ({"ask": "remove"}, "bad-input"),
            ({"ask": "remove", "position": "12"}, "bad-input"),
        ):
            refused = self.assertRaises(Refused, command, form, 1000)
            self.assertEqual(refused.code, code)


class HostPage(WebCase):
    async def setUp(self):
        await super().setUp()
        self.key = await self.open(title="Algebra")

    async def come_in(self, nick="nora", key=""):
        answer = await self.ask("POST", "/algebra/host", urlencode({"ask": "enter", "nick": nick, "key": key}))
        self.assertEqual((answer.status, answer.header("Location")), (303, "/algebra/host?done=enter"))
        return self.cookie(answer)

    def cookie(self, answer):
        return "; ".join(f"{name}={value}" for name, value in answer.cookies().items())

    async def rule(self, cookie, **form):
        return await self.ask("POST", "/algebra/host", urlencode(form), Cookie=cookie)

    async def room(self):
        return (await self.ask("GET", "/api/v1/rooms/algebra")).json["room"]

    async def lines(self):
        entries = (await self.ask("GET", "/api/v1/rooms/algebra/entries")).json
        return [event["text"] for _, event in entries if event["kind"] == "said"]

    async def test_the_key_opens_the_page_in_any_browser(self):
        page = await self.ask("GET", "/algebra/host")
        self.assertEqual(page.status, 200)
        self.assertIn('name="key"', page.text)
        self.assertNotIn("Close the room", page.text)
        for key, sentence in (("wrong", "That is not the host key"), ("", "The host key is missing.")):
            page = await self.ask("POST", "/algebra/host", urlencode({"ask": "enter", "nick": "nora", "key": key}))
            self.assertEqual(page.status, 403)
            self.assertIn(sentence, page.text)
            self.assertIn('name="nick" value="nora"', page.text)
        cookie = await self.come_in(key=self.key)
        page = await self.ask("GET", "/algebra/host?done=enter", Cookie=cookie)
        self.assertIn('<p class="done" role="status">You are a host here.</p>', page.text)
        self.assertIn(f"<code>{self.key}</code>", page.text)

    async def test_who_is_no_host_can_do_nothing_there(self):
        answer = await self.ask("POST", "/algebra/join", "nick=ann")
        guest = self.cookie(answer)
        token = (await self.join("bob"))["token"]
        position = await self.say(token, "stays")
        for cookie in (guest, ""):
            page = await self.rule(cookie, ask="remove", position=position)
            self.assertEqual(page.status, 403)
            self.assertIn("Only a host can do that.", page.text)
        self.assertEqual(await self.lines(), ["stays"])

    async def test_lines_are_removed(self):
        cookie = await self.come_in(key=self.key)
        token = (await self.join("ann"))["token"]
        positions = [await self.say(token, text) for text in ("<i>good</i>", "bad")]
        page = await self.ask("GET", "/algebra/host", Cookie=cookie)
        self.assertIn("&lt;i&gt;good", page.text)
        self.assertLess(page.text.index(positions[1]), page.text.index(positions[0]), "the newest comes first")
        answer = await self.rule(cookie, ask="remove", position=positions[1])
        self.assertEqual((answer.status, answer.header("Location")), (303, "/algebra/host?done=remove"))
        self.assertEqual(await self.lines(), ["<i>good</i>"])
        page = await self.ask("GET", answer.header("Location"), Cookie=cookie)
        self.assertNotIn("bad", page.text.replace("reason", ""))

    async def test_older_lines_are_a_link_away_and_removed_there(self):
        cookie = await self.come_in(key=self.key)
        token = (await self.join("ann"))["token"]
        first = await self.say(token, "line 0")
        for number in range(1, 40):
            await self.say(token, f"line {number}")
        page = await self.ask("GET", "/algebra/host", Cookie=cookie)
        self.assertEqual(page.text.count('name="position"'), 30)
        self.assertLess(len(page.body), 30_000)
        older = page.text.split('href="/algebra/host?before=')[1].partition("#")[0]
        page = await self.ask("GET", f"/algebra/host?before={older}", Cookie=cookie)
        self.assertEqual(page.text.count('name="position"'), 10)
        self.assertNotIn("Older lines", page.text)
        answer = await self.rule(cookie, ask="remove", position=first, before=older)
        self.assertEqual(answer.header("Location"), f"/algebra/host?done=remove&before={older}")
        page = await self.ask("GET", answer.header("Location"), Cookie=cookie)
        self.assertEqual(page.text.count('name="position"'), 9)

    async def test_time_title_and_end(self):
        cookie = await self.come_in(key=self.key)
        before = (await self.room())["ends"]
        answer = await self.rule(cookie, ask="extend", life="1 week")
        self.assertEqual(answer.header("Location"), "/algebra/host?done=extend")
        self.assertGreater((await self.room())["ends"], before)
        await self.rule(cookie, ask="retitle", title="Groups & <rings>")
        page = await self.ask("GET", "/algebra/host?done=retitle", Cookie=cookie)
        self.assertIn("<h1>Groups &amp; &lt;rings&gt;</h1>", page.text)
        for form in ({"ask": "retitle", "title": "x" * 200}, {"ask": "extend", "life": "x"}):
            page = await self.rule(cookie, **form)
            self.assertEqual(page.status, 422)
            self.assertIn('role="alert"', page.text)
        answer = await self.rule(cookie, ask="close")
        self.assertEqual((answer.status, answer.header("Location")), (303, "/algebra"))
        self.assertIn("The host closed this room.", (await self.ask("GET", "/algebra", Cookie=cookie)).text)
        for answer in (await self.rule(cookie, ask="close"), await self.ask("GET", "/algebra/host", Cookie=cookie)):
            self.assertEqual((answer.status, answer.header("Location")), (303, "/algebra"))

    async def test_what_comes_from_outside(self):
        cookie = await self.come_in(key=self.key)
        await self.rule(cookie, ask="follow", words="#PyCon @speaker")
        await self.rule(cookie, ask="choose", reposts="on", sensitive="on")
        await self.rule(cookie, ask="pause")
        room = await self.room()
        self.assertEqual(room["follows"], ["#pycon", "@speaker"])
        choices = [room[name] for name in ("reposts", "quotes", "sensitive", "paused")]
        self.assertEqual(choices, [True, False, True, True])
        page = await self.ask("GET", "/algebra/host", Cookie=cookie)
        self.assertIn("This room follows #pycon @speaker. With reposts, sensitive. It is paused.", page.text)
        self.assertIn('value="resume"', page.text)
        await self.rule(cookie, ask="resume")
        self.assertFalse((await self.room())["paused"])
        page = await self.rule(cookie, ask="follow", words="pycon")
        self.assertEqual(page.status, 400)
        self.assertIn('value="pycon"', page.text)
        await self.rule(cookie, ask="follow", words="")
        self.assertEqual((await self.room())["follows"], [])

    async def test_authors_are_blocked_and_let_in_again(self):
        cookie = await self.come_in(key=self.key)
        answer = await self.rule(cookie, ask="block", author="bluesky:did:dora", name="Dora")
        self.assertEqual(answer.header("Location"), "/algebra/host?done=block")
        page = await self.ask("GET", "/algebra/host", Cookie=cookie)
        self.assertIn('aria-label="Let in again: Dora"', page.text)
        await self.rule(cookie, ask="unblock", author="bluesky:did:dora")
        page = await self.ask("GET", "/algebra/host", Cookie=cookie)
        self.assertNotIn("Let in again: Dora", page.text)

    async def test_a_host_who_read_for_long_rules_on(self):
        cookie = await self.come_in(key=self.key)
        token = cookie.partition("meet-token=")[2].partition(";")[0]
        await self.sessions.find("algebra", token).leave()
        page = await self.ask("GET", "/algebra/host", Cookie=cookie)
        self.assertIn("Close the room now", page.text)
        answer = await self.rule(cookie, ask="pause")
        self.assertEqual(answer.header("Location"), "/algebra/host?done=pause")
        await self.sessions.find("algebra", token).leave()
        await self.join("nora")
        page = await self.rule(cookie, ask="resume")
        self.assertEqual(page.status, 409)
        self.assertIn("Try nora_2?", page.text)
        self.assertIn('name="nick"', page.text)

    async def test_who_is_in_becomes_a_host_under_their_nick(self):
        guest = self.cookie(await self.ask("POST", "/algebra/join", "nick=ann"))
        self.assertNotIn('href="/algebra/host"', (await self.ask("GET", "/algebra", Cookie=guest)).text)
        page = await self.ask("GET", "/algebra/host", Cookie=guest)
        self.assertNotIn('name="nick"', page.text)
        form = urlencode({"ask": "enter", "key": self.key})
        answer = await self.ask("POST", "/algebra/host", form, Cookie=guest)
        self.assertEqual(answer.status, 303)
        page = await self.ask("GET", "/algebra", Cookie=self.cookie(answer))
        self.assertIn('data-nick="ann"', page.text)
        self.assertIn('data-host="1"', page.text)
        self.assertIn('href="/algebra/host"', page.text)

    async def test_the_key_is_kept_as_long_as_the_room(self):
        cookie = await self.come_in(key=self.key)
        await self.rule(cookie, ask="extend", life="1 year")
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        kept = [each for each in page.headers.getRawHeaders("Set-Cookie") if each.startswith("meet-host=")]
        self.assertEqual(len(kept), 1)
        self.assertGreater(int(kept[0].partition("Max-Age=")[2].partition(";")[0]), 360 * 24 * 3600)

    async def test_other_sites_forms_are_refused(self):
        cookie = await self.come_in(key=self.key)
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await self.ask("POST", "/algebra/host", "ask=close", Cookie=cookie, **headers)
            self.assertEqual(answer.status, 403)
        self.assertFalse((await self.room())["closed"])

    async def test_where_no_room_is(self):
        self.assertEqual((await self.ask("GET", "/geometry/host")).status, 404)
        self.assertEqual((await self.ask("POST", "/geometry/host", "ask=close")).status, 404)
        answer = await self.ask("GET", "/ALGEBRA/host")
        self.assertEqual((answer.status, answer.header("Location")), (308, "/algebra/host"))
