"""Wherever a URL leads, the same broker: each way is walked once, with a line said and heard."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from meet.broker import broker_for
from meet.errors import Unavailable
from meet.limits import Limits
from tests.broker.redis.ground import server, with_prefix
from tests.contracts.broker_ground import chance
from tests.contracts.hearing import Heard
from tests.servers.cluster import Cluster
from tests.servers.redis import Redis
from tests.servers.sentinel import Sentinels


def broker_at(url: str) -> Any:
    return broker_for(url, data=Path(), clock=reactor, random=chance, limits=Limits())  # type: ignore[arg-type]


class PlaceTests(TestCase):
    timeout = 60

    def close(self, what: Any) -> Any:
        self.addCleanup(what.close)
        return what

    async def walk(self, url: str, rooms: int = 1) -> Any:
        """Start a broker there, say a line in each of some rooms, hear it, observe it."""
        broker = broker_at(url)
        await broker.start()
        self.addCleanup(broker.stop)
        observer, heard = Heard(), Heard()
        await broker.journal("recorder", observer.observe)
        for each in range(rooms):
            await broker.attend(f"room{each}", heard.hear)
            await broker.publish(f"room{each}", b"hi", under=None, once="p1:1")
        await heard.upto(rooms)
        await observer.upto(rooms)
        self.assertEqual(heard.bodies, [b"hi"] * rooms)
        self.assertEqual(len(await broker.rooms()), rooms)
        await broker.probe()
        return broker

    async def test_a_server(self) -> None:
        await self.walk(with_prefix(server().url, "place"))

    async def test_a_socket_a_user_and_a_database(self) -> None:
        redis = self.close(Redis(user="meet", password="p@ss").start())
        await self.walk(f"redis+unix://meet:p%40ss@{redis.socket_path}?db=2")
        keys = redis.commands(["SELECT", 2], ["KEYS", "meet:*"])[1]
        self.assertIn("meet:{house}:secret", keys)

    async def test_tls_with_a_certificate_of_ones_own(self) -> None:
        redis = self.close(Redis(tls=True, password="word").start())
        await self.walk(f"rediss://:word@{redis.address}?ca={redis.certificate.certificate}")

    async def test_a_certificate_that_nobody_vouches_for(self) -> None:
        redis = self.close(Redis(tls=True).start())
        broker = broker_at(redis.url)
        with self.assertRaisesRegex(Unavailable, "certificate"):
            await broker.start()

    async def test_a_wrong_password(self) -> None:
        redis = self.close(Redis(password="word").start())
        broker = broker_at(f"redis://:another@{redis.address}")
        with self.assertRaisesRegex(ValueError, "does not let Meet in"):
            await broker.start()

    async def test_nobody_there(self) -> None:
        redis = self.close(Redis())
        broker = broker_at(redis.url)
        with self.assertRaisesRegex(Unavailable, "cannot be reached: Connection refused"):
            await broker.start()

    async def test_a_server_that_comes_later(self) -> None:
        redis = self.close(Redis())
        broker = broker_at(redis.url)
        self.addCleanup(broker.stop)
        started = broker.start()
        await deferToThread(redis.start)
        await started

    async def test_a_cluster(self) -> None:
        cluster = self.close(await deferToThread(Cluster().start))
        url = f"redis+cluster://{','.join(cluster.addresses[:2])}"
        broker = await self.walk(url, rooms=40)
        owners = {cluster.owner(f"{{{each:02d}}}").port for each in range(64)}
        self.assertEqual(len(owners), 3)
        # One of its servers dies; its replica serves the same rooms.
        dead = cluster.owner("{00}")
        await deferToThread(dead.kill)
        await self.persist(lambda: broker.publish("room1", b"again", under=None, once="p1:2"))
        for each in range(40):
            room = f"room{each}"
            await self.persist(lambda room=room: broker.publish(room, b"again", under=None, once="p1:2"))
        self.assertEqual([body for _, body in (await broker.read("room1")).tail], [b"hi", b"again"])

    async def test_a_master_by_its_name(self) -> None:
        sentinels = self.close(await deferToThread(Sentinels().start))
        broker = await self.walk(f"redis+sentinel://{','.join(sentinels.addresses)}/meet")
        former = sentinels.primary
        await deferToThread(former.kill)
        await deferToThread(sentinels.promoted, former)
        position = await self.persist(lambda: broker.publish("room0", b"again", under=None, once="p1:2"))
        look = await broker.read("room0")
        self.assertEqual([body for _, body in look.tail], [b"hi", b"again"])
        self.assertEqual(look.last, position)

    async def test_a_copy_that_is_not_there(self) -> None:
        broker = broker_at(with_prefix(f"{server().url}?wait=1", "copied"))
        await broker.start()
        self.addCleanup(broker.stop)
        with self.assertRaisesRegex(Unavailable, "could not copy this to another server in time"):
            await broker.publish("algebra", b"hi", under=None)

    async def test_a_server_that_dies_before_it_copied_is_told_to_the_asker_alone(self) -> None:
        redis = self.close(await deferToThread(Redis().start))
        broker = broker_at(f"{redis.url}?wait=1")
        await broker.start()
        self.addCleanup(broker.stop)
        redis.freeze()
        asked = broker.publish("algebra", b"hi", under=None)
        await deferToThread(redis.kill)
        with self.assertRaises(Unavailable):
            await asked
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    async def persist(self, ask: Callable[[], Deferred[Any]]) -> Any:
        """Ask until it is not away, as people do."""
        while True:
            try:
                return await ask()
            except Unavailable:
                pause: Deferred[None] = Deferred()
                reactor.callLater(0.1, pause.callback, None)  # type: ignore[attr-defined]
                await pause
