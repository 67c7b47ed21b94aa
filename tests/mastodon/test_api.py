from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meet.mastodon.api import Api, Away
from tests.standins.mastodon import Mastodon


class Asking(TestCase):
    timeout = 30

    async def setUp(self):
        self.standin = Mastodon(reactor)
        await self.standin.start()
        self.addCleanup(self.standin.stop)
        self.api = Api(reactor, self.standin.address, "secret")

    async def test_a_timeline_is_newest_first_and_after_what_is_known(self):
        said = [self.standin.say(str(number), "a") for number in range(3)]
        found = await self.api.timeline("a", "")
        self.assertEqual([each["id"] for each in found], [each["id"] for each in reversed(said)])
        self.assertEqual(await self.api.timeline("a", said[1]["id"]), [said[2]])

    async def test_why_it_is_away_without_the_token(self):
        for code, final in ((401, True), (403, True), (429, False), (503, False)):
            self.standin.refuse = code
            with self.assertRaises(Away) as caught:
                await self.api.timeline("a", "")
            self.assertEqual((caught.exception.final, str(code) in str(caught.exception)), (final, True))
            self.assertNotIn("secret", repr(caught.exception))

    async def test_what_is_too_long_ends_a_stream(self):
        heard = []
        stream = await self.api.stream("a", heard.append)
        await self.standin.until(lambda: bool(self.standin.streams))
        self.standin.raw("data: " + "x" * 1_100_000)
        self.assertEqual(await stream.ended, "It said too much at once.")
        self.assertEqual(heard, [])
