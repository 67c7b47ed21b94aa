"""Wherever a URL leads, the same broker: each way is walked once, with a line said and heard."""

from __future__ import annotations

import gc

from twisted.internet.threads import deferToThread

from meet.errors import Unavailable
from tests.broker.redis.ground import server, with_prefix
from tests.broker.redis.walking import Walking, broker_at
from tests.servers.redis import Redis
from tests.servers.sentinel import Sentinels


class ReachingTests(Walking):
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
