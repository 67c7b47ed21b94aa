from meet.commands import Expire, Relay
from meet.moments import moment
from meet.posts import Media, Post
from tests.web.case import WebCase


class Rooms(WebCase):
    async def test_a_room_is_opened(self):
        answer = await self.ask("POST", "/api/v1/rooms", {"name": "Algebra 2", "title": "Groups", "hours": 2})
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.header("Location"), "/algebra-2")
        room = answer.json["room"]
        self.assertEqual(
            (room["name"], room["title"], room["limit"], room["closed"]), ("algebra-2", "Groups", 140, False)
        )
        self.assertEqual(answer.json["url"], f"{self.url}/algebra-2")
        self.assertGreater(len(answer.json["host_key"]), 16)
        self.assertIn("Lines are kept until", answer.json["keeps"])

    async def test_a_taken_name_comes_with_two_free_ones(self):
        await self.open()
        await self.open("algebra-2")
        answer = await self.ask("POST", "/api/v1/rooms", {"name": "algebra"})
        self.assertEqual(answer.status, 409)
        self.assertEqual(answer.header("Content-Type"), "application/problem+json")
        self.assertEqual(answer.json["code"], "room-exists")
        self.assertEqual(answer.json["free"], ["algebra-3", "algebra-4"])
        self.assertEqual(answer.json["type"], "/help/problems#room-exists")
        self.assertEqual(answer.json["status"], 409)

    async def test_wrong_wishes_are_refused_each_by_its_code(self):
        for wish, status, code in (
            ({"name": "?"}, 422, "bad-name"),
            ({"name": "api"}, 422, "bad-name"),
            ({"name": "x", "hours": "two"}, 422, "bad-life"),
            ({"name": "x", "hours": 1e5}, 422, "bad-life"),
            ({"name": "x", "ends": "soon"}, 422, "bad-life"),
            ({"name": "x", "limit": 501}, 400, "bad-input"),
            ({"name": "x", "limit": "140"}, 400, "bad-input"),
            ({"name": 7}, 400, "bad-input"),
            ({}, 400, "bad-input"),
            ([], 400, "bad-input"),
            (b"\xff", 400, "bad-input"),
            (b"[" * 10000, 400, "bad-input"),
        ):
            answer = await self.ask("POST", "/api/v1/rooms", wish)
            self.assertEqual((answer.status, answer.json["code"]), (status, code), wish)

    async def test_a_room_is_told_of(self):
        await self.open()
        await self.join("ann")
        answer = await self.ask("GET", "/api/v1/rooms/Algebra")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["here"], {"count": 1, "names": ["ann"]})
        self.assertTrue(answer.json["law"].endswith(".1"))
        self.assertIn("gone", answer.json)

    async def test_unknown_addresses_and_methods_are_problems(self):
        for method, path, status, code in (
            ("GET", "/api/v1/rooms/nowhere", 404, "no-room"),
            ("GET", "/api/v1/nothing", 404, "not-found"),
            ("GET", "/api", 404, "not-found"),
            ("PUT", "/api/v1/rooms", 405, "bad-input"),
            ("GET", "/api/v1/rooms/nowhere/says", 405, "bad-input"),
        ):
            answer = await self.ask(method, path)
            self.assertEqual((answer.status, answer.json["code"]), (status, code), path)
            if status == 405:
                self.assertIn("POST", answer.header("Allow"))

    async def test_head_tells_what_get_would(self):
        await self.open()
        for path in ("/", "/algebra", "/api/v1/rooms/algebra", "/help", "/health/live"):
            got = await self.ask("GET", path)
            head = await self.ask("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""), path)
            self.assertEqual(head.header("Content-Type"), got.header("Content-Type"))

    async def test_health(self):
        self.assertEqual((await self.ask("GET", "/health/ready")).text, "ready\n")
        await self.gateway.stop_accepting()
        self.assertEqual((await self.ask("GET", "/health/ready")).status, 503)
        self.assertEqual((await self.ask("GET", "/health/live")).status, 200)


class Places(WebCase):
    changes = (
        ("request-session-idle", 1),
        ("session-grace", 1),
    )

    async def test_who_comes_in_is_welcomed(self):
        host_key = await self.open()
        welcome = await self.join("ann", host_key=host_key)
        self.assertEqual(welcome["kind"], "welcome")
        self.assertEqual(welcome["you"]["nick"], "ann")
        self.assertTrue(welcome["you"]["host"])
        self.assertEqual(welcome["here"], {"count": 1, "names": ["ann"]})
        self.assertEqual(welcome["entries"], [])

    async def test_the_token_brings_the_same_one_back(self):
        await self.open()
        first = await self.join("ann")
        again = await self.join("ann", token=first["token"])
        self.assertEqual(again["you"], first["you"])
        await self.say(first["token"], "hello")
        back = await self.join("annie", token=first["token"])
        self.assertEqual(back["you"], first["you"])
        self.assertEqual([event["text"] for _, event in back["entries"]], ["hello"])

    async def test_after_leaving_the_token_is_worth_nothing(self):
        await self.open()
        ann = await self.join("ann")
        answer = await self.ask("DELETE", "/api/v1/rooms/algebra/sessions", token=ann["token"])
        self.assertEqual((answer.status, answer.body), (204, b""))
        answer = await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x"}, ann["token"])
        self.assertEqual((answer.status, answer.json["code"]), (401, "no-session"))
        self.assertEqual(answer.header("WWW-Authenticate"), "Bearer")
        again = await self.join("ann", token=ann["token"])
        self.assertEqual(again["you"]["id"], ann["you"]["id"])

    async def test_refusals_at_the_door(self):
        await self.open()
        await self.join("ann")
        for wish, status, code in (
            ({"nick": "Ann"}, 409, "nick-taken"),
            ({"nick": "a b"}, 422, "bad-nick"),
            ({"nick": ""}, 401, "no-session"),
            ({}, 400, "bad-input"),
            ({"nick": "bob", "host_key": "wrong"}, 403, "wrong-key"),
            ({"nick": "bob", "token": "short"}, 400, "bad-input"),
            ({"token": "long-enough-but-unknown"}, 401, "no-session"),
            ({"nick": "bob", "after": "yesterday"}, 400, "bad-input"),
        ):
            answer = await self.ask("POST", "/api/v1/rooms/algebra/sessions", wish)
            self.assertEqual((answer.status, answer.json["code"]), (status, code), wish)
        self.assertIn("Ann_2", (await self.ask("POST", "/api/v1/rooms/algebra/sessions", {"nick": "Ann"})).text)

    async def test_who_asks_nothing_for_long_is_gone(self):
        await self.open()
        await self.join("ann")
        socket = await self.socket("")
        await socket.hear_kind("welcome")
        while "ann" not in (here := await socket.hear_kind("here"))["went"]:
            pass
        self.assertEqual(here["count"], 0)


class Asks(WebCase):
    async def setUp(self):
        await super().setUp()
        self.host_key = await self.open()
        self.ann = (await self.join("ann", host_key=self.host_key))["token"]

    async def test_a_line_is_said_once_by_its_ref(self):
        first = await self.say(self.ann, "hello", ref="r1")
        again = await self.say(self.ann, "hello", ref="r1")
        self.assertEqual(first, again)
        entries = (await self.ask("GET", "/api/v1/rooms/algebra/entries")).json
        self.assertEqual([event["text"] for _, event in entries], ["hello"])
        self.assertEqual(entries[0][1]["via"], "api")

    async def test_a_line_that_is_too_long_is_refused_with_a_sentence(self):
        answer = await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x" * 141}, self.ann)
        self.assertEqual(answer.status, 422)
        self.assertEqual(answer.json["detail"], "141 characters, this room takes 140.")

    async def test_wrong_lines_are_refused(self):
        for wish, code in (({}, "bad-input"), ({"text": 5}, "bad-input"), ({"text": " "}, "empty")):
            answer = await self.ask("POST", "/api/v1/rooms/algebra/says", wish, self.ann)
            self.assertEqual(answer.json["code"], code)
        answer = await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x"})
        self.assertEqual((answer.status, answer.json["code"]), (401, "no-session"))

    async def test_the_other_asks(self):
        asks = "/api/v1/rooms/algebra/asks"
        for ask in (
            {"ask": "retitle", "title": "Groups"},
            {"ask": "extend", "hours": 3},
            {"ask": "rename", "nick": "anna"},
        ):
            answer = await self.ask("POST", asks, ask, self.ann)
            self.assertEqual(answer.status, 200, answer.text)
            self.assertIn(".", answer.json["position"])
        self.assertEqual((await self.ask("POST", asks, {"ask": "who"}, self.ann)).json["names"], ["anna"])
        self.assertEqual((await self.ask("POST", asks, {"ask": "beat"}, self.ann)).json, {"kind": "beat"})
        answer = await self.ask("POST", asks, {"ask": "dance"}, self.ann)
        self.assertEqual(answer.json["code"], "unknown-ask")
        bob = (await self.join("bob"))["token"]
        answer = await self.ask("POST", asks, {"ask": "close"}, bob)
        self.assertEqual((answer.status, answer.json["code"]), (403, "not-host"))
        self.assertEqual((await self.ask("POST", asks, {"ask": "close"}, self.ann)).status, 200)
        room = (await self.ask("GET", "/api/v1/rooms/algebra")).json["room"]
        self.assertEqual((room["title"], room["closed"]), ("Groups", True))
        answer = await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x"}, bob)
        self.assertEqual((answer.status, answer.json["code"]), (410, "room-closed"))

    async def test_the_pages_script_is_the_web_and_others_are_the_api(self):
        answer = await self.ask("POST", "/api/v1/rooms/algebra/sessions", {"nick": "bea"}, Meet_Client="web")
        await self.say(answer.json["token"], "from a page")
        await self.say(self.ann, "from a script")
        entries = (await self.ask("GET", "/api/v1/rooms/algebra/entries")).json
        self.assertEqual([event["via"] for _, event in entries], ["web", "api"])

    async def test_when_the_broker_is_away_asks_are_unavailable(self):
        await self.broker.stop()
        answer = await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x"}, self.ann)
        self.assertEqual((answer.status, answer.json["code"]), (503, "unavailable"))
        self.assertTrue(answer.header("Retry-After"))
        self.assertEqual((await self.ask("GET", "/api/v1/rooms/other")).status, 503)
        await self.broker.start()

    async def test_a_bug_is_logged_once_and_told_plainly(self):
        def broken(*args: object) -> object:
            raise ZeroDivisionError

        self.patch(self.sessions, "find", broken)
        answer = await self.ask("POST", "/api/v1/rooms/algebra/says", {"text": "x"}, self.ann)
        self.assertEqual((answer.status, answer.json["code"]), (500, "internal"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Voices(WebCase):
    async def setUp(self):
        await super().setUp()
        key = await self.open()
        self.ann = (await self.join("ann", host_key=key))["token"]

    async def asked(self, token, **wish):
        return await self.ask("POST", "/api/v1/rooms/algebra/asks", wish, token)

    async def test_a_host_says_what_comes_in_and_everybody_may_know(self):
        self.assertEqual((await self.asked(self.ann, ask="follow", words=["#PyCon"])).status, 200)
        self.assertEqual((await self.asked(self.ann, ask="choose", paused=True)).status, 200)
        self.assertEqual((await self.asked(self.ann, ask="block", author="bluesky:1", name="Dora")).status, 200)
        room = (await self.ask("GET", "/api/v1/rooms/algebra")).json["room"]
        self.assertEqual((room["follows"], room["paused"], room["quotes"]), (["#pycon"], True, True))
        welcome = await self.join("ann", token=self.ann)
        self.assertEqual(welcome["blocked"], [["bluesky:1", "Dora"]])
        self.assertNotIn("blocked", await self.join("bob"))

    async def test_what_is_wrong_is_refused(self):
        bob = (await self.join("bob"))["token"]
        self.assertEqual((await self.asked(bob, ask="follow", words=["#a"])).json["code"], "not-host")
        for wish in ({"ask": "follow", "words": "#a"}, {"ask": "follow"}, {"ask": "choose", "paused": 1}):
            self.assertEqual((await self.asked(self.ann, **wish)).json["code"], "bad-input")

    async def test_a_removed_line_is_told_and_shown_no_more(self):
        at = await self.say(self.ann, "xyzzy")
        self.assertEqual((await self.asked(self.ann, ask="remove", position=at)).status, 200)
        entries = (await self.ask("GET", "/api/v1/rooms/algebra/entries")).json
        self.assertEqual([event["kind"] for _, event in entries], ["removed"])
        for page in ("/algebra", "/algebra/transcript", "/algebra/transcript.txt"):
            self.assertNotIn("xyzzy", (await self.ask("GET", page)).text)

    async def test_the_text_has_no_words_that_must_go_some_day_and_the_page_has_them_until_then(self):
        post = Post(
            source="twitter",
            id="9",
            author="7",
            name="Dora",
            handle="dora",
            at=moment(0),
            text="their words",
            link="https://x.com/i/status/9",
            keep=60,
        )
        await self.asked(self.ann, ask="follow", words=["#pycon"])
        await self.house.hub.ask("algebra", "source:twitter", Relay(post=post))
        answer = await self.ask("GET", "/algebra/transcript.txt")
        self.assertIn(" <twitter> post on X https://x.com/i/status/9\n", answer.text)
        self.assertNotIn("their words", answer.text)
        self.assertIn("their words", (await self.ask("GET", "/algebra/transcript")).text)
        await self.house.hub.ask("algebra", "", Expire(before=self.house.clock.seconds() + 60))
        page = (await self.ask("GET", "/algebra/transcript")).text
        self.assertNotIn("their words", page)
        self.assertNotIn("dora", page)
        self.assertIn('target="_blank">Post on X</a>', page)

    async def test_a_voice_from_outside_is_a_card_that_loads_nothing(self):
        await self.asked(self.ann, ask="follow", words=["#pycon"])
        post = Post(
            source="bluesky",
            id="9",
            author="1",
            name="Dora <b>",
            handle="dora.example",
            at="2026-11-24T14:00:00.000Z",
            text="two\nlines https://a.example/b",
            link="https://bsky.example/9",
            media=(Media(link="https://bsky.example/picture", about="A cat"),),
            warning="cats",
        )
        await self.house.hub.ask("algebra", "source:bluesky", Relay(post=post))
        page = (await self.ask("GET", "/algebra")).text
        for words in (
            "Dora &lt;b&gt;",
            "@dora.example",
            "<summary>cats</summary>",
            '<a href="https://a.example/b"',
            "View on Bluesky",
            '<a href="https://bsky.example/picture"',
            'datetime="2026-11-24T14:00:00.000Z"',
        ):
            self.assertIn(words, page)
        self.assertNotIn("<img", page)
        text = (await self.ask("GET", "/algebra/transcript.txt")).text
        self.assertIn("<@dora.example via bluesky> two lines https://a.example/b https://bsky.example/9\n", text)


class Bodies(WebCase):
    async def test_json_may_come_under_any_name_that_hides_it_and_nothing_else_may(self):
        for number, kind in enumerate(
            ("", "application/json", "application/x-www-form-urlencoded", "application/a+json")
        ):
            body = b'{"name": "room-%d"}' % number
            answer = await self.ask("POST", "/api/v1/rooms", body, **({"Content_Type": kind} if kind else {}))
            self.assertEqual(answer.status, 201, kind)
        for kind in ("multipart/form-data; boundary=x", "application/xml", "application/octet-stream"):
            answer = await self.ask("POST", "/api/v1/rooms", b'{"name": "other"}', Content_Type=kind)
            self.assertEqual((answer.status, answer.json["code"]), (415, "bad-type"), kind)
            self.assertEqual(answer.header("Accept"), "application/json")
        answer = await self.ask("POST", "/", b'{"name": "other"}', Content_Type="application/json")
        self.assertEqual((answer.status, answer.header("Accept")), (415, "application/x-www-form-urlencoded"))
