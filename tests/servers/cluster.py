"""A Redis Cluster: three primaries, each with a replica."""

from __future__ import annotations

import subprocess
from typing import Self

from tests.servers.program import free_port, program, until
from tests.servers.redis import Redis


class Cluster:
    """``primaries`` and as many replicas; the options are those of `Redis`."""

    def __init__(self, *options: str, primaries: int = 3, replicas: int = 1, aof: bool = False) -> None:
        self._replicas = replicas
        self.nodes = [
            Redis(
                "cluster-enabled yes",
                f"cluster-port {free_port()}",
                "cluster-node-timeout 2000",
                "cluster-replica-validity-factor 0",
                *options,
                aof=aof,
            )
            for _ in range(primaries * (1 + replicas))
        ]

    @property
    def addresses(self) -> list[str]:
        """Host and port of each node."""
        return [node.address for node in self.nodes]

    def start(self) -> Self:
        """Start all, and come back once every node thinks the cluster is well."""
        for node in self.nodes:
            node.start()
        words = [program("redis-cli", "redis-tools"), "--cluster", "create", *self.addresses]
        words += ["--cluster-replicas", str(self._replicas), "--cluster-yes"]
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        until(self.well, "every node to think that the cluster is well")
        return self

    def well(self) -> bool:
        """Whether every node that runs thinks that all slots are served, and knows the replicas."""
        return all(self._content(node) for node in self.nodes if node.running)

    def _content(self, node: Redis) -> bool:
        replication = node.info("replication")
        return (
            "cluster_state:ok" in node.command("CLUSTER", "INFO")
            and (self._replicas == 0 or "slave" in node.command("CLUSTER", "NODES"))
            and (replication["role"] == "master" or replication["master_link_status"] == "up")
        )

    def owner(self, key: str) -> Redis:
        """The primary that serves ``key`` now."""
        asked = next(node for node in self.nodes if node.running)
        slot = asked.command("CLUSTER", "KEYSLOT", key)
        for first, last, primary, *_ in asked.command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == primary[1])
        raise AssertionError(f"Nobody serves slot {slot}")

    def promoted(self, key: str, before: Redis, patience: float = 30.0) -> Redis:
        """Wait until another one than ``before`` serves ``key``; which."""

        def another() -> Redis | None:
            now = self.owner(key)
            return now if now is not before and now.running and self.well() else None

        found: Redis = until(another, "the cluster to promote a replica", patience)
        return found

    def close(self) -> None:
        """End all."""
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_raised: object) -> None:
        self.close()
