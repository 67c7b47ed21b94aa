"""The source of Bluesky's posts keeps the contract of all sources."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meet import bluesky
from tests.contracts.source import SourceContract
from tests.standins.bluesky import COLLECTION, Bluesky, did
from tests.standins.clock import Skewed, turns


class BlueskySource(SourceContract, TestCase):
    timeout = 30

    async def setUp(self):
        self.standin = Bluesky(reactor)
        await self.standin.start()
        self.addCleanup(self.standin.stop)
        self.start_at = reactor.seconds()

    def make(self):
        return bluesky.source(Skewed(), {"hosts": self.standin.host, "profiles": self.standin.api})

    async def write(self, text, author="dora"):
        handle = f"{author}.bsky.social"
        if did(handle) not in self.standin.profiles:
            self.standin.join(handle, author.title())
        tag = next((word for word in text.split() if word.startswith("#")), "")
        return f"at://{did(handle)}/{COLLECTION}/{self.standin.say(handle, text, tag)}"

    async def delete(self, post):
        self.standin.delete("dora.bsky.social", post.rpartition("/")[2])

    async def settle(self):
        following = self.source._audience is not None and bool(self.source._words)
        await self.standin.until(lambda: bool(self.standin.streams) == following)
        for stream in self.standin.streams:
            answered = Deferred()
            stream.onPong = answered.callback
            stream.sendPing(b"all before is heard")
            await answered
        while not {"names", "resolve", "originals"}.isdisjoint(self.source._works):
            await turns(1)
