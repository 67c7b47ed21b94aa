"""Asks one instance of Mastodon, and opens its streams, by treq.

The law: an answer is read only as far as it may be long, nothing is waited for without end, and
the token is in no message, no log and no `repr`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from meet.errors import Unavailable
from meet.mastodon import posts
from meet.mastodon.sse import Event, Events, TooLong
from meet.moments import seconds

PATIENCE = 30.0
"""Seconds within which an instance answers."""

SILENCE = 45.0
"""Seconds without a byte after which a stream is dead: an instance says ``:thump`` every 15."""

LONGEST = 4_194_304
"""Bytes of an answer."""

AT_ONCE = 40
"""Statuses that one look at a timeline gives."""


class Away(Unavailable):
    """An instance did not do what was asked.

    ``reset`` are seconds that it takes no questions; ``final`` if an operator must do something first.
    """

    def __init__(self, sentence: str, *, reset: float = 0.0, final: bool = False) -> None:
        super().__init__(sentence)
        self.reset = reset
        self.final = final


class Api:
    """The instance at ``address`` (``https://…``), as the account whose ``token`` this is."""

    def __init__(self, reactor: Any, address: str, token: str) -> None:
        self.address = address
        self.host = urlsplit(address).hostname or ""
        self._reactor = reactor
        self._headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {token}", "User-Agent": "Meet"}
        # A connection of its own for each question: one that lingers could be dead.
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._client = HTTPClient(Agent(reactor, connectTimeout=15, pool=pool))
        self._streaming = ""

    async def timeline(self, tag: str, after: str, before: str = "") -> list[Any]:
        """The statuses with ``tag`` that followed the one with id ``after``, newest first.

        Without ``after`` they are the newest of all, or of those before the one with id ``before``.
        """
        query = {"limit": str(AT_ONCE)} | ({"min_id": after} if after else {}) | ({"max_id": before} if before else {})
        answer = await self._ask(f"/api/v1/timelines/tag/{quote(tag, safe='')}?{urlencode(query)}")
        return answer if isinstance(answer, list) else []

    async def stream(self, tag: str, heard: Callable[[Event], None]) -> Stream:
        """A stream of what is written with ``tag``.  Raises `Away`."""
        if not self._streaming:
            self._streaming = posts.streaming(await self._ask("/api/v2/instance"), self.address)
        response = await self._request(f"{self._streaming}/api/v1/streaming/hashtag?{urlencode({'tag': tag})}")
        if response.code != 200:
            await self._whole(response)
            self._streaming = ""
            raise self._why(response)
        stream = Stream(self._reactor, heard)
        response.original.deliverBody(stream)
        return stream

    async def _ask(self, path: str) -> Any:
        response = await self._request(self.address + path)
        data = await self._whole(response)
        if response.code != 200:
            raise self._why(response)
        return posts.decoded(data)

    async def _request(self, url: str) -> Any:
        asked: Deferred[Any] = self._client.get(url, headers=self._headers, unbuffered=True, allow_redirects=False)
        try:
            return await asked.addTimeout(PATIENCE, self._reactor)
        except CancelledError:
            raise
        except Exception as problem:
            raise Away(f"{self.host} cannot be reached: {_reason(problem)}") from None

    async def _whole(self, response: Any) -> bytes:
        whole = _Whole()
        response.original.deliverBody(whole)
        try:
            return await whole.done.addTimeout(PATIENCE, self._reactor)
        except CancelledError:
            raise
        except Exception as problem:
            raise Away(f"The answer of {self.host} broke off: {_reason(problem)}") from None
        finally:
            whole.close()

    def _why(self, response: Any) -> Away:
        code = response.code
        if code in (401, 403):
            return Away(f"{self.host} does not accept its token: it answers {code}.", final=True)
        reset = 0.0
        if code == 429:
            try:
                until = seconds(response.headers.getRawHeaders("x-ratelimit-reset", [""])[0])
                reset = min(max(until - self._reactor.seconds(), 0.0), 900.0)
            except ValueError:
                reset = 0.0
        return Away(f"{self.host} answers {code}.", reset=reset)


class Stream(Protocol):
    """A stream whose events go to ``heard``; ``ended`` fires with a sentence that says why it ended."""

    log = Logger()

    def __init__(self, clock: Any, heard: Callable[[Event], None]) -> None:
        self.ended: Deferred[str] = Deferred()
        self._heard = heard
        self._events = Events()
        self._why = ""
        self._silence: IDelayedCall = clock.callLater(
            SILENCE, self.close, f"It said nothing for {SILENCE:.0f} seconds."
        )

    def dataReceived(self, data: bytes) -> None:
        """Bytes of events, or of a sign of life."""
        if self._why:
            return
        self._silence.reset(SILENCE)
        try:
            for event in self._events.take(data):
                if not self._why:
                    self._heard(event)
        except TooLong:
            self.close("It said too much at once.")
        except Exception:
            self.log.failure("An event of Mastodon could not be taken")

    def connectionLost(self, reason: Failure | None = None) -> None:
        """It ended."""
        if self._silence.active():
            self._silence.cancel()
        if not self.ended.called:
            self.ended.callback(self._why or "It ended.")

    def close(self, why: str) -> None:
        """End it; what still comes is not heard."""
        self._why = self._why or why
        if self._silence.active():
            self._silence.cancel()
        if self.transport is not None and not self.ended.called:
            self.transport.loseConnection()


class _Whole(Protocol):
    """Collects a body, up to `LONGEST` bytes."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False

    def dataReceived(self, data: bytes) -> None:
        """More of it."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > LONGEST:
            self.close()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """That was all, or all that came: what is cut off is no JSON."""
        self._ended = True
        if not self.done.called:
            self.done.callback(b"".join(self._pieces)[:LONGEST])

    def close(self) -> None:
        """Read no more."""
        if not self._ended and self.transport is not None:
            self.transport.loseConnection()


def _reason(problem: Exception) -> str:
    """Why, in words that hold neither address nor token."""
    inner = getattr(problem, "reasons", None)
    if inner:
        problem = inner[0].value
    words = " ".join(str(problem).split())
    return f"{(words or type(problem).__name__).rstrip('.')[:200]}."
