"""The broker on Redis keeps the contract."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.broker.redis.ground import RedisGround
from tests.contracts.broker import BrokerContract


class RedisContract(RedisGround, BrokerContract, TestCase):
    """On one server."""

    timeout = 20
