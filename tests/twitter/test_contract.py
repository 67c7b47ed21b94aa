"""The source of X's posts keeps the contract of all sources, but for deletions, which X does not tell."""

from __future__ import annotations

from tests.contracts.source import SourceContract
from tests.flow import START
from tests.standins.clock import turns
from tests.twitter.case import TwitterCase


class TwitterSource(SourceContract, TwitterCase):
    start_at = START

    def make(self):
        return self.source

    async def write(self, text, author="dora"):
        return self.x.tell(text, author)

    def values(self):
        return {rule["value"] for rule in self.x.rules.values()}

    async def settle(self):
        following = self.source._audience is not None and bool(self.source._words)
        wanted = {f"{word} -is:retweet" for word in self.source._words} if following else set()
        await self.wait(lambda: self.x.connected == following and (not following or self.values() == wanted))
        await turns()
