"""Asks Bluesky who authors are.

The law: an answer is read only as far as it may be long, nothing is waited for without end, and
only a bounded number of authors is remembered, none of them for long.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from meet.bluesky import profiles, reposts
from meet.bluesky.profiles import Profile
from meet.bluesky.reposts import Original
from meet.errors import Unavailable

REMEMBERED = 10_000
"""Authors that are remembered."""

FRESH = 3600.0
"""Seconds for which what is known of an author is taken for true; names change."""

PATIENCE = 15.0
"""Seconds within which Bluesky answers."""

LONGEST = 1_048_576
"""Bytes of an answer."""

_HEADERS: dict[bytes | str, bytes | str] = {"User-Agent": "Meet"}


class Directory:
    """Who authors are, by the API at ``url``; ``client`` asks, by default treq."""

    def __init__(self, reactor: Any, url: str, client: Any = None) -> None:
        self._reactor = reactor
        self._url = url
        self._pool = HTTPConnectionPool(reactor)
        self._client = client or HTTPClient(Agent(reactor, connectTimeout=PATIENCE, pool=self._pool))
        self._known: OrderedDict[str, tuple[float, Profile]] = OrderedDict()

    def known(self, author: str) -> Profile | None:
        """What is remembered of the author of this DID."""
        heard, profile = self._known.get(author, (0.0, None))
        if profile is None or self._reactor.seconds() - heard > FRESH:
            return None
        self._known.move_to_end(author)
        return profile

    def forget(self, author: str) -> None:
        """What is remembered of ``author`` may be true no longer."""
        self._known.pop(author, None)

    async def look_up(self, actors: Sequence[str]) -> list[Profile]:
        """The profiles of those of ``actors``, DIDs or handles, whom Bluesky knows.

        At most `meet.bluesky.profiles.AT_ONCE` of them.  Raises `Unavailable`.
        """
        found = profiles.read(await self._ask(profiles.question(actors)))
        if found is None:
            raise Unavailable("Bluesky does not say who its authors are in a way that Meet understands.")
        for profile in found:
            self._known[profile.author] = (self._reactor.seconds(), profile)
            self._known.move_to_end(profile.author)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def originals(self, posts: Sequence[str]) -> dict[str, Original]:
        """Those of the posts of these ids that may be shown.

        At most `meet.bluesky.reposts.AT_ONCE` of them.  Raises `Unavailable`.
        """
        found = reposts.read(await self._ask(reposts.question(posts)))
        if found is None:
            raise Unavailable("Bluesky does not say what was posted again in a way that Meet understands.")
        return found

    def close(self) -> Deferred[None]:
        """Close the connections that are kept for the next question."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _ask(self, path: str) -> bytes:
        try:
            asked: Deferred[Any] = self._client.get(
                self._url + path, headers=_HEADERS, unbuffered=True, allow_redirects=False
            )
            response = await asked.addTimeout(PATIENCE, self._reactor)
            body = Body()
            response.original.deliverBody(body)
            data = await body.whole.addTimeout(PATIENCE, self._reactor, body.overdue)
        except (Unavailable, CancelledError):
            raise
        except Exception as problem:
            why = str(problem) or type(problem).__name__
            raise Unavailable(f"Bluesky does not say who its authors are: {why}") from None
        if response.code != 200:
            raise Unavailable(f"Bluesky does not say who its authors are: it answers {response.code}.")
        return data


class Body(Protocol):
    """Collects a body of at most `LONGEST` bytes; ``whole`` fires with it, or fails with `Unavailable`."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._end())
        self._pieces: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        """More of it."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > LONGEST and not self.whole.called:
            self.whole.errback(Unavailable("Bluesky's answer is too long."))
            self._end()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """That was all, or all that came: what is cut off is no JSON."""
        if not self.whole.called:
            self.whole.callback(b"".join(self._pieces))

    def overdue(self, _result: Any, _seconds: float) -> Any:
        """It did not come within its time."""
        raise Unavailable("Bluesky's answer takes too long.")

    def _end(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
