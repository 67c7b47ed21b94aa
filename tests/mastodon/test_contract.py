"""The source of Mastodon's posts keeps the contract of all sources."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meet import mastodon
from tests.contracts.source import SourceContract
from tests.standins.clock import Skewed, turns
from tests.standins.mastodon import Mastodon


class MastodonSource(SourceContract, TestCase):
    timeout = 30

    async def setUp(self):
        self.standin = Mastodon(reactor)
        await self.standin.start()
        self.addCleanup(self.standin.stop)
        self.start_at = reactor.seconds()
        self.followed = 0

    def make(self):
        file = self.mktemp()
        with open(file, "w") as out:
            out.write(f"{self.standin.address} {self.standin.token}\n")
        return mastodon.source(Skewed(), {"instances": self.standin.address, "token-file": file})

    async def write(self, text, author="dora"):
        tags = [word[1:] for word in text.split() if word.startswith("#")]
        return self.standin.say(text, *tags, by=author)["uri"]

    async def delete(self, post):
        self.standin.delete(next(each for each in self.standin.statuses if each["uri"] == post))

    async def settle(self):
        following = self.source._audience is not None
        wanted = {word[1:] for word in self.source._words} if following else set()
        await self.standin.until(lambda: {tag for tag, _ in self.standin.streams} == wanted)
        # What an instance has said since the beginning is asked for once a stream stands.
        while any(not any(f"timelines/tag/{tag}" in each for each in self.standin.asked) for tag in wanted):
            await turns(1)
        await turns()
