"""Which connection leads to which shard, and what a server's refusal means.

The law: an ask goes to the one server that may number for its shard, and to no copy of it.
Whatever a server says that means "not now, or not here" becomes `Unavailable` with a
sentence for people, or is asked again where the server says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from txredisapi import ResponseError

from meet.address import Address
from meet.broker.redis.link import Link
from meet.broker.redis.reaching import endpoint_of, greeting
from meet.bus import Word
from meet.errors import Unavailable

_NOT_NOW = {
    "OOM": "Redis has no memory left: nothing new can be taken until it has some.",
    "READONLY": "Redis is changing its master. Try again in a moment.",
    "MASTERDOWN": "Redis is changing its master. Try again in a moment.",
    "NOREPLICAS": "Redis has too few copies running to take anything new.",
    "LOADING": "Redis is reading its files. Try again in a moment.",
    "BUSY": "Redis is busy. Try again in a moment.",
    "CLUSTERDOWN": "The Redis Cluster is not whole. Try again in a moment.",
    "TRYAGAIN": "The Redis Cluster is moving this room. Try again in a moment.",
    "MISCONF": "Redis cannot write its files, and takes nothing new until it can.",
    "UNBLOCKED": "Redis is changing its master. Try again in a moment.",
}
"""What a server says when it may be asked again later, by the first word of its error."""

_FORBIDDEN = ("NOPERM", "NOAUTH", "WRONGPASS")
"""What it says when whoever runs it has not allowed something; Redis 7.0 has a sentence for it inside a script."""

_FORBIDDEN_IN_SCRIPT = "The user executing the script can't"

_MOVING = "non local key"
"""What a script says that meets a key which a Cluster is moving, and which was not named before."""

_log = Logger()

ELSEWHERE = ("READONLY", "MASTERDOWN", "UNBLOCKED")
"""Of those, what says that another server has become the master."""


class Forbidden(Unavailable):
    """Whoever runs Redis has not allowed something; ``words`` are Redis's own."""

    def __init__(self, words: str) -> None:
        super().__init__("Redis does not let Meet do this; whoever runs Redis has to allow it.")
        self.words = words


class Servers(Protocol):
    """All connections that ask."""

    def ask(self, shard: int, *words: Word) -> Deferred[Any]:
        """Ask the server of ``shard`` (`HOUSE` for what is no room's).

        Fails with `Unavailable`, or `ResponseError` for what is a mistake of ours.
        """

    def copied(self, shard: int, copies: int) -> Deferred[int]:
        """Fires with how many servers have a copy of what was written in ``shard`` until now, as `Link.copied` says.

        Asked in the answer to a write, it is asked of the server that has answered.
        """

    def listening_endpoint(self) -> IStreamClientEndpoint:
        """Where everything can be heard."""

    def start(self) -> None:
        """Begin to connect."""

    def stop(self) -> Deferred[Any]:
        """Close all; fires when they are closed."""


class OneServer:
    """A server, or the master that Sentinel names at the moment.

    ``up()`` is called when it can be asked, ``down(reason)`` when not.
    """

    def __init__(
        self,
        address: Address,
        scripts: Sequence[bytes],
        reactor: Any,
        random: Callable[[int], bytes],
        up: Callable[[], None],
        down: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint_of(address, reactor)
        self._link = Link(self._endpoint, greeting(address), scripts, reactor, random, up, down)

    def ask(self, shard: int, *words: Word) -> Deferred[Any]:
        """As `Servers` says."""
        return self._link.ask(*words).addErrback(self._refused)

    def copied(self, shard: int, copies: int) -> Deferred[int]:
        """As `Servers` says."""
        return self._link.copied(copies).addErrback(not_now)

    def listening_endpoint(self) -> IStreamClientEndpoint:
        """As `Servers` says."""
        return self._endpoint

    def start(self) -> None:
        """As `Servers` says."""
        self._link.start()

    def stop(self) -> Deferred[Any]:
        """As `Servers` says."""
        return self._link.stop()

    def _refused(self, failure: Failure) -> Failure:
        if first_word(failure) in ELSEWHERE:
            self._link.renew()
        return not_now(failure)


def first_word(failure: Failure) -> str:
    """The first word of a server's refusal, which says its kind; empty for other failures."""
    return str(failure.value).partition(" ")[0] if failure.check(ResponseError) else ""


def first_of(failure: Failure) -> Failure:
    """The first failure of several asks, as itself."""
    inner = getattr(failure.value, "subFailure", None)
    return inner if isinstance(inner, Failure) else failure


def not_now(failure: Failure) -> Failure:
    """The failure as `Unavailable` where it may be asked again later; others as they are."""
    word = first_word(failure)
    why = _NOT_NOW.get(word)
    if word == "ERR" and _MOVING in str(failure.value):
        why = _NOT_NOW["TRYAGAIN"]
    elif word in _FORBIDDEN or (word == "ERR" and _FORBIDDEN_IN_SCRIPT in str(failure.value)):
        _log.error("Redis does not let Meet do something: {why}", why=str(failure.value))
        return Failure(Forbidden(str(failure.value)))
    return failure if why is None else Failure(Unavailable(why))
