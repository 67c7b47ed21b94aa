"""A Redis, its replicas, and the Sentinels that promote one of them when it is gone."""

from __future__ import annotations

from typing import Self

from tests.servers.program import until
from tests.servers.redis import Redis

NAME = "meet"
"""What the Sentinels call the primary."""


class Sentinel(Redis):
    """One ``redis-server --sentinel`` that watches ``primary`` and thinks it down after ``patience`` milliseconds.

    It begins to promote another one when ``quorum`` Sentinels think so, and needs the votes of most.
    """

    def __init__(self, primary: Redis, quorum: int, patience: int) -> None:
        super().__init__()
        self.options = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {self.data}",
            f"unixsocket {self.socket_path}",
            f"sentinel monitor {NAME} 127.0.0.1 {primary.port} {quorum}",
            f"sentinel down-after-milliseconds {NAME} {patience}",
            f"sentinel failover-timeout {NAME} 5000",
        ]
        if primary.password:
            self.options.append(f"sentinel auth-pass {NAME} {primary.password}")
        if primary.user:
            self.options.append(f"sentinel auth-user {NAME} {primary.user}")

    def command_line(self) -> list[str]:
        """As `Program` says."""
        return [*super().command_line(), "--sentinel"]


class Sentinels:
    """A primary, ``replicas`` of it, and three Sentinels; options are those of `Redis`."""

    def __init__(self, *options: str, replicas: int = 1, aof: bool = False, user: str = "", password: str = "") -> None:
        def redis(*further: str) -> Redis:
            return Redis(*options, *further, aof=aof, user=user, password=password)

        first = redis()
        following = [f"replicaof 127.0.0.1 {first.port}"]
        if password:
            following.append(f"masterauth {password}")
            first.options.append(f"masterauth {password}")
        if user:
            following.append(f"masteruser {user}")
            first.options.append(f"masteruser {user}")
        self.redises = [first, *(redis(*following) for _ in range(replicas))]
        # One sees it long before the others, who only vote.  A Sentinel of little patience that has just been told
        # of a new primary can think that one down too, before it has spoken with it, and promote a second replica:
        # then both take writes until one is told to follow, and what either took has no place in one order.
        self.sentinels = [Sentinel(first, quorum=1, patience=3000)]
        self.sentinels += [Sentinel(first, quorum=2, patience=10_000) for _ in range(2)]

    @property
    def addresses(self) -> list[str]:
        """Host and port of each Sentinel."""
        return [sentinel.address for sentinel in self.sentinels]

    @property
    def primary(self) -> Redis:
        """Who is the primary now, as most Sentinels have it."""
        told = [int(sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1]) for sentinel in self.sentinels]
        port = max(set(told), key=told.count)
        return next(redis for redis in self.redises if redis.port == port)

    def start(self) -> Self:
        """Start all; comes back once the replicas follow and the Sentinels know of each other and of them."""
        for each in (*self.redises, *self.sentinels):
            each.start()
        self.settled()
        return self

    def settled(self) -> None:
        """Wait until all replicas follow, and the Sentinels know of each other and of them."""
        until(self._is_settled, "the Sentinels to know each other and the replicas")

    def _is_settled(self) -> bool:
        replicas = len(self.redises) - 1
        try:
            replications = [redis.info("replication") for redis in self.redises if redis.running]
        except (OSError, EOFError):
            # Who becomes a replica hangs up on everybody.
            return False
        following = [each for each in replications if each["role"] == "slave" and each["master_link_status"] == "up"]
        views = [sentinel.info("sentinel").get("master0", "") for sentinel in self.sentinels]
        return len(following) == replicas and all(f"slaves={replicas},sentinels=3" in view for view in views)

    def promoted(self, before: Redis, patience: float = 30.0) -> Redis:
        """Wait until another one than ``before`` is the primary and takes writes; which."""

        def another() -> Redis | None:
            now = self.primary
            return now if now is not before and now.info("replication").get("role") == "master" else None

        found: Redis = until(another, "the Sentinels to promote a replica", patience)
        return found

    def close(self) -> None:
        """End all."""
        for each in (*self.sentinels, *self.redises):
            each.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_raised: object) -> None:
        self.close()
