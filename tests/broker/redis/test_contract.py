"""The broker on Redis keeps the contract, on one server and on a Cluster."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.broker.redis.ground import RedisGround, cluster
from tests.contracts.broker import BrokerContract
from tests.servers.redis import Redis


class ServerContract(RedisGround, BrokerContract, TestCase):
    """On one server."""


class ClusterContract(RedisGround, BrokerContract, TestCase):
    """On a Cluster."""

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(cluster().addresses)}"

    def nodes(self) -> list[Redis]:
        return cluster().nodes
