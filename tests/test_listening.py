"""Ports on every address, and ports that change hands while people come."""

from __future__ import annotations

import socket
import threading

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from meet.ports import CannotStart, Entrance, endpoint
from tests.servers.program import free_port
from tests.test_ports import Greeter, factory, has_ipv6


class Knocking:
    """Clients that come one after another, each from a thread of its own, and what went wrong for them."""

    def __init__(self, port: int) -> None:
        self.greeted = 0
        self.wrong: list[str] = []
        self._port = port
        self._over = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._knock) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _knock(self) -> None:
        while not self._over:
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=20) as caller:
                    greeting = caller.recv(100)
            except OSError as problem:
                self.wrong.append(repr(problem))
            else:
                if greeting != b"in":
                    self.wrong.append(repr(greeting))
                with self._changed:
                    self.greeted += 1
                    self._changed.notify_all()

    def until(self, many: int) -> None:
        """Return when ``many`` more have been greeted."""
        with self._changed:
            enough = self.greeted + many
            assert self._changed.wait_for(lambda: self.greeted >= enough, 60), self.wrong

    def stop(self) -> None:
        self._over = True
        for thread in self._threads:
            thread.join()


class Shared(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.number = free_port()

    def entrance(self, where: str = "") -> Entrance:
        entrance = Entrance("http", where or f"reuse:{self.number}", reactor)
        self.addCleanup(entrance.close)
        return entrance

    async def opened(self, where: str = "") -> Entrance:
        entrance = self.entrance(where)
        await entrance.bind()
        entrance.open(factory(Greeter))
        return entrance

    async def greeting(self, address: str = "127.0.0.1") -> bytes:
        def knock() -> bytes:
            with socket.create_connection((address, self.number), timeout=20) as caller:
                return caller.recv(100)

        return await deferToThread(knock)

    async def test_nobody_is_lost_while_it_changes_hands(self) -> None:
        old = await self.opened()
        knocking = Knocking(self.number)
        try:
            for _ in range(6):
                await deferToThread(knocking.until, 20)
                new = await self.opened()
                await deferToThread(knocking.until, 20)
                await old.close()
                old = new
        finally:
            await deferToThread(knocking.stop)
        assert knocking.wrong == []

    async def test_who_is_not_open_yet_gets_nobody(self) -> None:
        await self.opened()
        await self.entrance().bind()
        for _ in range(50):
            assert await self.greeting() == b"in"

    async def test_who_closes_lets_in_those_who_wait(self) -> None:
        old = await self.opened()
        # The reactor does not come to them before the port closes.
        waiting = [socket.create_connection(("127.0.0.1", self.number)) for _ in range(20)]
        await old.close()
        for caller in waiting:
            with caller:
                caller.settimeout(20)
                assert await deferToThread(caller.recv, 100) == b"in"

    async def test_it_can_be_had_on_every_address_or_on_one(self) -> None:
        entrance = await self.opened()
        assert await self.greeting() == b"in"
        if has_ipv6():
            assert await self.greeting("::1") == b"in"
        await entrance.close()
        await self.opened(f"reuse:{self.number}:interface=127.0.0.1")
        assert await self.greeting() == b"in"
        if has_ipv6():
            await self.opened(rf"reuse:{self.number}:interface=\:\:1")
            assert await self.greeting("::1") == b"in"

    async def test_a_proxy_can_introduce_people_there_too(self) -> None:
        await self.opened(f"haproxy:reuse:{self.number}")

        def knock() -> bytes:
            with socket.create_connection(("127.0.0.1", self.number), timeout=20) as caller:
                caller.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n")
                return caller.recv(100)

        assert await deferToThread(knock) == b"in"

    async def test_a_port_of_somebody_who_does_not_share_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.number))
            taken.listen()
            with pytest.raises(CannotStart, match="Address already in use"):
                await self.entrance(f"reuse:{self.number}:interface=127.0.0.1").bind()

    def test_what_is_no_port_is_told_in_a_sentence(self) -> None:
        for where in ("reuse:", "reuse:0", "reuse:http", "reuse:99999", "reuse:8080:backlog=3"):
            with pytest.raises(ValueError, match=r"\AThe option http [^\n]*\.\Z"):
                endpoint("http", where, reactor)
