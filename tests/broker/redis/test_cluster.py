"""A Redis Cluster: its nodes are found, and followed."""

from __future__ import annotations

from twisted.internet.threads import deferToThread

from tests.broker.redis.walking import Walking
from tests.servers.cluster import Cluster


class ClusterTests(Walking):
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
