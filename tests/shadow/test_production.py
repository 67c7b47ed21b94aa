"""Production is heard, and asked for nothing."""

from __future__ import annotations

from os import urandom
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from meet.address import read_address
from meet.events import Position
from meet.shadow.production import Production
from tests.broker.redis.ground import OPENED, OwnServer, line


class Listening(OwnServer):
    async def begin(self) -> None:
        await super().begin()
        self.heard: list[tuple[str, Position, bytes]] = []
        self.last: Deferred[None] = Deferred()

    def hear(self, room: str, position: Position, body: bytes) -> None:
        self.heard.append((room, position, body))
        if b"last" in body:
            self.last.callback(None)

    async def listening(self, url: str = "") -> Production:
        production = Production(read_address(url or self.url), reactor, urandom, self.hear, lambda reason: None)
        self.addCleanup(production.stop)
        production.start()
        await production.begun
        return production

    async def talk(self, room: str) -> None:
        law = await self.broker.publish(room, OPENED, under=None, key="opened", ruling=True)
        for text in ("one", "two", "last"):
            await self.broker.publish(room, line(text), under=law)

    async def test_every_room_is_heard_as_it_was_numbered(self) -> None:
        await self.listening()
        self.own.command("PUBLISH", f"{self.prefix}:{{07}}:room:bad", "no entry")
        await self.talk("algebra")
        await self.last
        assert [room for room, _, _ in self.heard] == ["algebra"] * 4
        look = await self.broker.read("algebra")
        assert [(position, body) for _, position, body in self.heard[1:]] == look.tail
        self.flushLoggedErrors()

    async def test_production_does_no_command_more(self) -> None:
        alone = await self.counted("one")
        await self.listening()
        beside = await self.counted("two")
        await self.last
        assert beside == alone

    async def test_who_may_only_subscribe_hears_all(self) -> None:
        self.own.command("ACL", "SETUSER", "shadow", "on", ">word", "resetchannels", "&*", "+psubscribe", "+ping")
        await self.listening(self.url.replace("redis://", "redis://shadow:word@"))
        await self.talk("algebra")
        await self.last
        assert len(self.heard) == 4

    async def counted(self, room: str) -> dict[str, Any]:
        """The commands that Redis did for one conversation; signs of life and pulses come by the clock."""
        self.own.forget_calls()
        await self.talk(room)
        calls = self.own.calls()
        scripts = {"exists", "hmget", "hset", "xadd", "publish", "zadd", "xlen", "pexpireat"}
        return {name: calls.get(name, 0) for name in scripts | {"xrange", "hgetall", "get", "smembers", "zrange"}}
