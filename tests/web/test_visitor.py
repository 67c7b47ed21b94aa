from tests.web.case import WebCase


class Cookies(WebCase):
    async def test_a_key_of_an_earlier_room_of_that_name_lets_in_without_it(self):
        await self.open()
        answer = await self.ask("POST", "/algebra/join", "nick=ann", Cookie="meet-host=of-an-earlier-room")
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.cookies()["meet-host"], "")
        page = await self.ask("GET", "/algebra", Cookie=f"meet-token={answer.cookies()['meet-token']}")
        self.assertIn('data-host=""', page.text)

    async def test_the_host_key_makes_a_host(self):
        key = await self.open()
        answer = await self.ask("POST", "/algebra/join", "nick=ann", Cookie=f"meet-host={key}")
        page = await self.ask("GET", "/algebra", Cookie=f"meet-token={answer.cookies()['meet-token']}")
        self.assertIn('data-host="1"', page.text)

    async def test_cookies_that_are_nonsense_are_nobody(self):
        await self.open()
        for cookie in (
            "meet-token=x",
            "meet-token=" + "x" * 500,
            "meet-token=\xff; meet-nick=zz",
            "meet-nick=ff",
            "; =;",
        ):
            page = await self.ask("GET", "/algebra", Cookie=cookie)
            self.assertEqual(page.status, 200, cookie)
            self.assertIn('data-token=""', page.text)
