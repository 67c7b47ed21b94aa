"""The tests' own source in memory keeps the contract of all sources."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.contracts.source import SourceContract
from tests.sources import Square


class MemorySource(SourceContract, TestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1_795_000_000)
        self.square = Square(self.clock)

    def make(self):
        return self.square.source()

    async def write(self, text, author="dora"):
        return self.square.write(text, author).id

    async def delete(self, post):
        self.square.delete(post)

    async def settle(self):
        pass
