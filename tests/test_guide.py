"""The source that docs/following.md shows keeps the contract of all sources."""

from __future__ import annotations

import json
import types

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineOnlyReceiver
from twisted.trial.unittest import TestCase

from tests.contracts.source import SourceContract
from tests.guide import example


class Line(LineOnlyReceiver):
    """One connection of the ticker's; what it is asked for is the moment to begin at."""

    delimiter = b"\n"

    def lineReceived(self, line):
        self.factory.readers.append(self)
        self.factory.came()

    def connectionLost(self, reason):
        self.factory.readers = [each for each in self.factory.readers if each is not self]
        self.factory.came()


class GuideSource(SourceContract, TestCase):
    timeout = 60

    def setUp(self):
        module = types.ModuleType("ticker")
        exec(compile(example(), "docs/following.md", "exec"), module.__dict__)
        self.module = module
        self.number = 0
        self.waiting = []
        self.factory = Factory.forProtocol(Line)
        self.factory.readers = []
        self.factory.came = lambda: [each.callback(None) for each in self._waiters()]
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    def _waiters(self):
        waiting, self.waiting = self.waiting, []
        return waiting

    def make(self):
        return self.module.source(reactor, {"endpoint": f"tcp:127.0.0.1:{self.port.getHost().port}"})

    def tell(self, told):
        for reader in self.factory.readers:
            reader.sendLine(json.dumps(told).encode())

    async def write(self, text, author="dora"):
        self.number += 1
        self.tell({"id": str(self.number), "author": author, "text": text, "at": 1_795_000_000 + self.number})
        return str(self.number)

    async def delete(self, post):
        self.tell({"delete": post})

    async def settle(self):
        """Until there is a connection, if one is wanted, and what was written has come down it."""
        while bool(self.factory.readers) != (self.source.service is not None):
            came = Deferred()
            self.waiting.append(came)
            await came
        if self.factory.readers:
            # A line of its own is the fence: what was sent before it has been taken.
            fence = {"id": "fence", "author": "fence", "text": "#fence", "at": 0}
            taken = Deferred()
            take, self.source.take = self.source.take, lambda told: taken.callback(None) or take(told)
            seen = self.source.take
            self.source.take = lambda told: seen(told) if told == fence else take(told)
            self.tell(fence)
            await taken
            del self.source.take
        await deferLater(reactor, 0)
