import re
from html import unescape
from urllib.parse import quote, urlencode

from tests.web.case import WebCase


class Home(WebCase):
    async def test_the_form_opens_a_room_and_makes_its_visitor_the_host(self):
        answer = await self.ask("GET", "/")
        self.assertEqual(answer.status, 200)
        self.assertIn(f"127.0.0.1:{self.number}/", answer.text)
        self.assertIn("nc 127.0.0.1 2323", answer.text)
        answer = await self.ask("POST", "/", "name=Photo+Synthesis&life=1+hour")
        self.assertEqual((answer.status, answer.header("Location")), (303, "/photo-synthesis"))
        cookie = answer.header("Set-Cookie")
        self.assertRegex(cookie, r"^meet-host=[\w-]+; .*Path=/photo-synthesis.*; HttpOnly; SameSite=strict$")
        key = answer.cookies()["meet-host"]
        page = await self.ask("GET", "/photo-synthesis", Cookie=f"meet-host={key}")
        self.assertIn('<h1 id="title">Photo Synthesis</h1>', page.text)
        self.assertIn(f'data-host-key="{key}"', page.text)

    async def test_a_taken_name_offers_to_go_in_and_two_others(self):
        await self.open()
        answer = await self.ask("POST", "/", "name=Algebra&life=1+day")
        self.assertEqual(answer.status, 409)
        self.assertIn('href="/algebra"', answer.text)
        self.assertIn('href="/algebra-2"', answer.text)
        self.assertIn('href="/algebra-3"', answer.text)

    async def test_wrong_wishes_show_the_form_again_with_the_reason(self):
        answer = await self.ask("POST", "/", "name=%3Cscript%3E")
        self.assertEqual(answer.status, 422)
        self.assertNotIn("<script>", answer.text)
        self.assertIn('value="&lt;script&gt;"', answer.text)
        answer = await self.ask("POST", "/", "name=x&life=for+ever")
        self.assertEqual(answer.status, 422)
        for body in ("%ff=1&name=%ff", "&".join(f"a{number}=1" for number in range(60)), "é"):
            self.assertEqual((await self.ask("POST", "/", body)).status, 400, body)
        self.assertEqual((await self.ask("POST", "/", {"name": "x"})).status, 415)


class RoomPage(WebCase):
    async def setUp(self):
        await super().setUp()
        await self.open()

    async def come_in(self, nick="ann"):
        answer = await self.ask("POST", "/algebra/join", urlencode({"nick": nick}))
        self.assertEqual((answer.status, answer.header("Location")), (303, "/algebra"))
        for cookie in answer.headers.getRawHeaders("Set-Cookie"):
            for part in ("Path=/algebra", "HttpOnly", "SameSite=strict"):
                self.assertIn(part, cookie)
        return "; ".join(f"{name}={value}" for name, value in answer.cookies().items())

    def form(self, page):
        return unescape(re.search(r'name="ref" value="([^"]*)"', page.text)[1])

    async def lines(self):
        return [event["text"] for _, event in (await self.ask("GET", "/api/v1/rooms/algebra/entries")).json]

    async def test_without_scripts_one_comes_in_says_and_leaves(self):
        page = await self.ask("GET", "/algebra")
        self.assertIn('data-token=""', page.text)
        self.assertIn("Nobody has said anything yet", page.text)
        cookie = await self.come_in()
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        self.assertIn('data-nick="ann"', page.text)
        ref = self.form(page)
        for _ in range(2):
            form = urlencode({"text": "<b>hi</b> https://example.org/?a=1&b=2.", "ref": ref})
            answer = await self.ask("POST", "/algebra/say", form, Cookie=cookie)
            self.assertEqual((answer.status, answer.header("Location")), (303, "/algebra"))
        self.assertEqual(await self.lines(), ["<b>hi</b> https://example.org/?a=1&b=2."])
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        self.assertNotEqual(self.form(page), ref)
        self.assertIn('&lt;b&gt;hi&lt;/b&gt; <a href="https://example.org/?a=1&amp;b=2"', page.text)
        answer = await self.ask(
            "POST", "/algebra/leave", "", Cookie=cookie, Content_Type="application/x-www-form-urlencoded"
        )
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.cookies()["meet-token"], "")
        self.assertEqual((await self.ask("GET", "/api/v1/rooms/algebra")).json["here"]["count"], 0)

    async def test_the_newest_lines_stand_in_a_frame_that_comes_again(self):
        cookie = await self.come_in()
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        self.assertIn('<noscript><iframe class="frame" src="/algebra/lines"', page.text)
        self.assertEqual(page.header("Refresh"), "")
        await self.ask("POST", "/algebra/say", "text=%3Ci%3Ehello", Cookie=cookie)
        frame = await self.ask("GET", "/algebra/lines", Cookie=cookie)
        self.assertEqual(frame.header("X-Frame-Options"), "SAMEORIGIN")
        self.assertIn("frame-ancestors 'self'", frame.header("Content-Security-Policy"))
        self.assertEqual(frame.header("Refresh"), "10")
        still = await self.ask("GET", re.search(r'href="(/algebra/lines\?[^"]*)"', frame.text)[1], Cookie=cookie)
        self.assertEqual(still.header("Refresh"), "")
        self.assertIn('href="/algebra/lines"', still.text)
        self.assertIn("&lt;i&gt;hello", frame.text)
        self.assertIn("1 here now: <bdi>ann</bdi>", frame.text)
        for other in ("/algebra", "/"):
            alone = await self.ask("GET", other)
            self.assertEqual(alone.header("X-Frame-Options"), "DENY")
            self.assertIn("frame-ancestors 'none'", alone.header("Content-Security-Policy"))

    async def test_the_frame_of_a_room_that_has_ended_says_so_and_rests(self):
        key = await self.open("other")
        host = await self.join("h", room="other", host_key=key)
        await self.ask("POST", "/api/v1/rooms/other/asks", {"ask": "close"}, host["token"])
        frame = await self.ask("GET", "/other/lines")
        self.assertIn("The host closed this room.", frame.text)
        self.assertEqual(frame.header("Refresh"), "")
        frame = await self.ask("GET", "/geometry/lines")
        self.assertEqual((frame.status, frame.header("X-Frame-Options")), (404, "SAMEORIGIN"))
        self.assertIn("There is no room geometry.", frame.text)

    async def test_a_refused_line_stays_in_the_field_with_its_reason(self):
        cookie = await self.come_in()
        form = urlencode({"text": "x" * 141, "ref": "r1"})
        page = await self.ask("POST", "/algebra/say", form, Cookie=cookie)
        self.assertEqual(page.status, 422)
        self.assertIn("x" * 141 + "</textarea>", page.text)
        self.assertIn("141 characters, this room takes 140.", page.text)
        self.assertEqual(self.form(page), "r1")

    async def test_a_taken_nick_shows_the_page_again(self):
        await self.join("ann")
        page = await self.ask("POST", "/algebra/join", "nick=Ann")
        self.assertEqual(page.status, 409)
        self.assertIn("Try Ann_2?", page.text)
        self.assertIn('name="nick" value="Ann"', page.text)

    async def test_whose_place_is_gone_says_on_under_the_same_nick(self):
        cookie = await self.come_in("Zoë")
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        you = re.search(r'data-you="(\w+)"', page.text)[1]
        token = re.search(r'data-token="([^"]+)"', page.text)[1]
        await self.sessions.find("algebra", token).leave()
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        self.assertIn('name="nick" value="Zoë"', page.text)
        answer = await self.ask("POST", "/algebra/say", "text=back&ref=1", Cookie=cookie)
        self.assertEqual(answer.status, 303)
        page = await self.ask("GET", "/algebra", Cookie=cookie)
        self.assertIn(f'data-you="{you}"', page.text)
        self.assertEqual(await self.lines(), ["back"])

    async def test_other_sites_forms_are_refused(self):
        cookie = await self.come_in()
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": self.url},
        ):
            for path, form in (
                ("/algebra/say", "text=x"),
                ("/algebra/join", "nick=x"),
                ("/algebra/leave", "a=b"),
                ("/", "name=x"),
            ):
                answer = await self.ask("POST", path, form, Cookie=cookie, **headers)
                self.assertEqual(answer.status, 403, path)
        self.assertEqual(await self.lines(), [])
        for headers in ({"Origin": self.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
            answer = await self.ask("POST", "/algebra/say", "text=x", Cookie=cookie, **headers)
            self.assertEqual(answer.status, 303)

    async def test_other_spellings_lead_to_the_name(self):
        for path, to in (
            ("/Algebra", "/algebra"),
            ("/al%20gebra", "/al-gebra"),
            ("/ALGEBRA/projector", "/algebra/projector"),
            ("/ALGEBRA/transcript", "/algebra/transcript"),
            ("/ALGEBRA/transcript.txt", "/algebra/transcript.txt"),
        ):
            answer = await self.ask("GET", path)
            self.assertEqual((answer.status, answer.header("Location")), (308, to))

    async def test_the_projector_has_the_lines_and_the_way_in_while_the_room_is_open(self):
        host_key = await self.open("geometry")
        nora = (await self.join("nora", "geometry", host_key=host_key))["token"]
        await self.say(nora, "for all to see", "geometry")
        page = await self.ask("GET", "/geometry/projector")
        self.assertEqual(page.status, 200)
        self.assertIn("for all to see", page.text)
        self.assertIn(f">{self.url.partition('://')[2]}/<wbr>geometry</p>", page.text)
        self.assertNotIn("<form", page.text)
        await self.ask("POST", "/api/v1/rooms/geometry/asks", {"ask": "close"}, nora)
        answer = await self.ask("GET", "/geometry/projector")
        self.assertEqual((answer.status, answer.header("Location")), (303, "/geometry"))
        self.assertEqual((await self.ask("GET", "/nowhere/projector")).status, 404)

    async def test_a_room_that_is_not_there_can_be_opened(self):
        answer = await self.ask("GET", "/geometry")
        self.assertEqual(answer.status, 404)
        self.assertIn('value="geometry"', answer.text)
        self.assertIn("There is no room geometry.", answer.text)

    async def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(self):
        for path in (
            "/no.such",
            "/a/b/c",
            "/static/x/nothing.js",
            "/static/base.css",
            "/%3Cscript%3E",
            "/geometry/transcript",
        ):
            answer = await self.ask("GET", path)
            self.assertEqual((answer.status, answer.header("Content-Type")), (404, "text/html; charset=utf-8"), path)
            self.assertNotIn("<script>", answer.text)
        answer = await self.ask("GET", "/no.such", Accept="application/json")
        self.assertEqual((answer.status, answer.json["code"]), (404, "not-found"))
        answer = await self.ask("GET", "/geometry", Accept="application/json")
        self.assertEqual((answer.status, answer.json["code"]), (404, "no-room"))
        answer = await self.ask("DELETE", "/algebra")
        self.assertEqual(answer.status, 405)
        self.assertIn("GET", answer.header("Allow"))
        answer = await self.ask("OPTIONS", "/algebra/host")
        self.assertEqual((answer.status, answer.header("Allow")), (204, "GET, HEAD, OPTIONS, POST"))
        self.assertEqual((await self.ask("OPTIONS", "/a/b/c")).status, 404)

    async def test_a_closed_room_can_be_read_and_not_entered(self):
        cookie = await self.come_in()
        await self.ask("POST", "/algebra/say", "text=last+words", Cookie=cookie)
        key = await self.open("other")
        host = await self.join("h", room="other", host_key=key)
        await self.ask("POST", "/api/v1/rooms/other/asks", {"ask": "close"}, host["token"])
        page = await self.ask("GET", "/other")
        self.assertIn("The host closed this room.", page.text)
        self.assertIn('data-closed="host"', page.text)
        self.assertEqual(page.header("Refresh"), "")
        page = await self.ask("POST", "/other/join", "nick=x")
        self.assertEqual(page.status, 410)

    async def test_a_nick_and_a_title_cannot_bring_markup(self):
        await self.open("evil", title="<script>alert(1)</script>\"'")
        await self.join("\"onload=x'", room="evil")
        page = await self.ask("GET", "/evil")
        self.assertNotIn("<script>alert", page.text)
        self.assertNotIn('"onload', page.text)

    async def test_every_answer_carries_the_security_headers(self):
        for path in (
            "/",
            "/algebra",
            "/help",
            "/nothing.here",
            "/api/v1/rooms/algebra",
            "/static/x/base.css",
            "/health/live",
        ):
            answer = await self.ask("GET", path)
            policy = answer.header("Content-Security-Policy")
            self.assertIn("default-src 'none'; script-src 'self'; style-src 'self'", policy)
            self.assertIn(f"ws://127.0.0.1:{self.number}", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
            self.assertEqual(answer.header("Referrer-Policy"), "same-origin")
            self.assertEqual(answer.header("Cross-Origin-Opener-Policy"), "same-origin")
            self.assertTrue(answer.header("Permissions-Policy"))
            self.assertEqual(answer.header("Server"), "Meet")

    async def test_pages_have_nothing_inline(self):
        cookie = await self.come_in()
        for path in ("/", "/algebra", "/help", "/geometry", "/algebra/transcript"):
            page = (await self.ask("GET", path, Cookie=cookie)).text
            self.assertNotRegex(page, r"<style|\sstyle=|\son\w+=|javascript:")
            self.assertNotRegex(page, r"<script(?![^>]* src=)")

    async def test_help_lists_every_refusal(self):
        for path in ("/help", "/help/problems"):
            page = await self.ask("GET", path)
            self.assertIn('id="nick-taken"', page.text)


class Files(WebCase):
    async def test_files_by_their_hash_may_be_kept_and_others_are_asked_for_again(self):
        page = (await self.ask("GET", "/")).text
        address = re.search(r"/static/\w+/base\.css", page)[0]
        answer = await self.ask("GET", address)
        self.assertEqual(answer.header("Content-Type"), "text/css; charset=utf-8")
        self.assertIn("immutable", answer.header("Cache-Control"))
        plain = await self.ask("GET", "/static/0/base.css")
        self.assertEqual((plain.header("Cache-Control"), plain.body), ("no-cache", answer.body))
        again = await self.ask("GET", "/static/0/base.css", If_None_Match=plain.header("ETag"))
        self.assertEqual((again.status, again.body), (304, b""))
        for known, status in (
            ("*", 304),
            (f"W/{plain.header('ETag')}", 304),
            (f'"other", {plain.header("ETag")}', 304),
            (plain.header("ETag").strip('"'), 200),
            ('"other"', 200),
        ):
            again = await self.ask("GET", "/static/0/base.css", If_None_Match=known)
            self.assertEqual(again.status, status, known)
        for name in ("../pages.py", "..%2fpages.py", quote("é"), "base.css/x"):
            self.assertEqual((await self.ask("GET", f"/static/0/{name}")).status, 404)

    async def test_pages_that_are_everybodys_are_not_sent_twice(self):
        for path in ("/", "/help", "/robots.txt"):
            page = await self.ask("GET", path)
            self.assertEqual((page.status, page.header("Cache-Control")), (200, "no-cache"))
            again = await self.ask("GET", path, If_None_Match=page.header("ETag"))
            self.assertEqual((again.status, again.body), (304, b""))

    async def test_what_is_looked_for_without_being_told(self):
        robots = await self.ask("GET", "/robots.txt")
        self.assertEqual(robots.header("Content-Type"), "text/plain; charset=utf-8")
        self.assertIn("Disallow: /\n", robots.text)
        icon = await self.ask("GET", "/favicon.ico")
        self.assertEqual(icon.status, 302)
        self.assertEqual((await self.ask("GET", icon.header("Location"))).header("Content-Type"), "image/svg+xml")

    async def test_files_are_packed_for_those_who_can_unpack(self):
        raw = await self.raw(b"GET /static/0/base.css HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip\r\n\r\n")
        await raw.until(b"\r\n\r\n\x1f\x8b")
        self.assertIn(b"Content-Encoding: gzip\r\n", raw.heard)
        self.assertIn(b"Vary: Accept-Encoding\r\n", raw.heard)

    async def test_pages_and_json_are_packed_for_those_who_can_unpack(self):
        await self.open()
        for path in ("/", "/algebra", "/help"):
            for asked, packed in (("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("br", False)):
                head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {asked}\r\nConnection: close\r\n\r\n"
                heard = await (await self.raw(head.encode())).closed
                self.assertIn(b"Vary: Accept-Encoding\r\n", heard)
                self.assertEqual(b"Content-Encoding: gzip\r\n" in heard, packed, asked)
                self.assertEqual(b"\r\n\r\n\x1f\x8b" in heard, packed, asked)
        head = b"GET /api/v1/rooms/algebra HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        heard = await (await self.raw(head)).closed
        self.assertNotIn(b"gzip", heard)
        token = (await self.join("ann"))["token"]
        for number in range(10):
            await self.say(token, f"line {number}")
        heard = await (await self.raw(head.replace(b"algebra", b"algebra/entries"))).closed
        self.assertIn(b"Content-Encoding: gzip\r\n", heard)


class BehindAProxy(WebCase):
    public_url = "https://meet.example/"

    async def test_the_public_address_is_shown_and_cookies_are_secure(self):
        answer = await self.ask("POST", "/", "name=algebra", Origin="https://meet.example")
        self.assertEqual(answer.status, 303)
        self.assertIn("Secure", answer.header("Set-Cookie"))
        page = await self.ask("GET", "/algebra")
        self.assertIn('value="https://meet.example/algebra"', page.text)
