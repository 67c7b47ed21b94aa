"""The client of the Redis that is the broker, for every kind of address that the broker takes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from meet.address import Address
from meet.bus import Asked
from meet.errors import Unavailable

_PATIENCE = 5.0
"""Seconds for an answer; the longest script takes a hundredth of one."""


def connect(address: Address) -> Any:
    """A client of redis-py, which connects with the first command.  It never asks twice by itself."""
    wishes: dict[str, Any] = {
        "username": address.user or None,
        "password": address.password or None,
        "socket_timeout": _PATIENCE,
        "socket_connect_timeout": _PATIENCE,
        "retry": Retry(NoBackoff(), 0),
    }
    secured: dict[str, Any] = {"ssl": True, "ssl_ca_certs": address.ca or None} if address.tls else {}
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.places]
        return RedisCluster(startup_nodes=nodes, **wishes, **secured)
    if address.kind == "sentinel":
        watchers = Sentinel(
            list(address.places),
            sentinel_kwargs={"password": address.sentinel_password or None, "socket_timeout": _PATIENCE},
            **wishes,
            **secured,
        )
        return watchers.master_for(address.master, db=address.database)
    host, port = address.places[0]
    if address.kind == "socket":
        return redis.Redis(unix_socket_path=host, db=address.database, **wishes)
    return redis.Redis(host=host, port=port, db=address.database, **wishes, **secured)


def run(client: Any, script: str, asked: Asked) -> Any:
    """Run the Lua file called ``script``; raises `Unavailable` if Redis is away or refuses."""
    text, digest = _script(script)
    words = [len(asked.keys), *asked.keys, *asked.words]
    try:
        try:
            return client.evalsha(digest, *words)
        except NoScriptError:
            return client.eval(text, *words)
    except RedisError as error:
        raise away(error) from error


def away(error: RedisError) -> Unavailable:
    """What is told of Redis when it is away, or refuses."""
    return Unavailable(f"Redis cannot be asked: {error or type(error).__name__}")


@cache
def _script(name: str) -> tuple[bytes, str]:
    from hashlib import sha1

    # By way of its folder: importing the package beside it would bring Twisted along.
    text = files("meet").joinpath("broker", "redis", f"{name}.lua").read_bytes()
    return text, sha1(text, usedforsecurity=False).hexdigest()
