"""Every question to X, and what its refusals mean.

The law: no answer is waited for without end or read without a bound, no redirect takes the token
elsewhere, and the token is in no message, no log and no `repr`.

What an answer that is not 2xx means:

==========  =======================================================================
status      what is done
==========  =======================================================================
401, 403    it is over: the operator has to do something
409         the stream has no rules; they are made again
429         wait as long as X says; there may be one connection too many
402         there is no credit left: wait as for 429
else        X is away: come again later
==========  =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from treq.client import HTTPClient
from twisted.internet import defer, error
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    BrowserLikePolicyForHTTPS,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IResponse
from zope.interface import implementer

from meet.shapes import mapping, read_json, sentence, text
from meet.twitter import tweets
from meet.twitter.backoff import Cause
from meet.twitter.rules import Answer, Rule, read_answer, read_rules
from meet.twitter.stream import Stream
from meet.version import VERSION

PATIENCE = 30.0
"""Seconds in which X has to answer, and again to end its answer."""

LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer: 25,000 rules, the most that any plan has, are some 3 MB."""

IDS_AT_ONCE = 100
"""Posts that one lookup may ask for."""

RULES_AT_ONCE = 100
"""Rules that one question adds or deletes."""

_STREAM = "/2/tweets/search/stream"
_RULES = "/2/tweets/search/stream/rules"
_CONNECTION = "/2/connections/filtered_stream"
_MOST_PAGES = 100
_BROKEN = (
    defer.TimeoutError,
    error.ConnectError,
    error.ConnectingCancelledError,
    error.ConnectionClosed,
    error.DNSLookupError,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)


class Failed(Exception):
    """X did not do what it was asked; the sentence is for the log, and for the operator if it is ``final``.

    ``status`` is that of the answer, or 0; ``reset`` when X's limit ends (seconds since 1970, or 0);
    ``crowded``: it has a connection of this app already and takes no second one.
    """

    def __init__(
        self,
        why: str,
        cause: Cause,
        *,
        status: int = 0,
        reset: float = 0.0,
        final: bool = False,
        crowded: bool = False,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.cause = cause
        self.status = status
        self.reset = reset
        self.final = final
        self.crowded = crowded


class Api:
    """X's API at ``url``, asked as the app whose bearer token ``token()`` reads."""

    def __init__(self, reactor: Any, url: str, token: Callable[[], str]) -> None:
        self._reactor = reactor
        self._url = url
        self._read_token = token
        self._token = token()

    def renew(self) -> None:
        """Read the token anew.  Raises `ValueError` of one sentence if it cannot be, and the old one stays."""
        self._token = self._read_token()

    async def rules(self) -> list[Rule]:
        """All rules of the app.  This and the other questions raise `Failed`."""
        found: list[Rule] = []
        page = ""
        for _ in range(_MOST_PAGES):
            asked = {"max_results": "1000"} | ({"pagination_token": page} if page else {})
            body = await self._ask("GET", _RULES, params=asked)
            found += read_rules(body)
            page = text(mapping(mapping(body).get("meta")).get("next_token"))
            if not page:
                break
        return found

    async def add(self, values: Sequence[str], tag: str) -> Answer:
        """Have rules of these ``values``, marked by ``tag``; what X does not take is in the answer."""
        asked = {"add": [{"value": value, "tag": tag} for value in values]}
        return read_answer(await self._ask("POST", _RULES, json=asked, errors_in=(400, 422)), tag)

    async def delete(self, ids: Sequence[str]) -> None:
        """Have the rules of these ``ids`` no longer; those that are not there are no trouble."""
        await self._ask("POST", _RULES, json={"delete": {"ids": list(ids)}}, errors_in=(400,))

    async def free(self) -> None:
        """Have X end the connection that it still takes for alive."""
        await self._ask("DELETE", _CONNECTION)

    async def missing(self, ids: Sequence[str]) -> set[str]:
        """Which of these posts, at most 100, are not to be seen any more."""
        return tweets.missing(await self._ask("GET", "/2/tweets", params={"ids": ",".join(ids)})) & set(ids)

    async def open(self, heard: Callable[[bytes], object]) -> Stream:
        """The stream, as soon as X has taken it; ``heard`` is called for each of its lines."""
        line = _Line(self._reactor)
        response = await self._request(line, "GET", _STREAM, params=tweets.FIELDS)
        if response.code != 200:
            raise self._failed(response, await self._body(line, response))
        stream = Stream(self._reactor, heard, line.cut)
        response.deliverBody(stream)
        return stream

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        errors_in: Sequence[int] = (),
    ) -> Any:
        """What X answers; an answer of one of the statuses ``errors_in`` counts if it says what about."""
        line = _Line(self._reactor)
        response = await self._request(line, method, path, params=params, json=json)
        body = await self._body(line, response)
        about = mapping(body).get("errors") if response.code in errors_in else None
        named = isinstance(about, list) and any("value" in mapping(each) for each in about)
        if not 200 <= response.code < 300 and not named:
            raise self._failed(response, body)
        return body

    async def _request(
        self, line: _Line, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Any:
        client = HTTPClient(_Uncompressed(Agent.usingEndpointFactory(self._reactor, line)))
        headers = Headers({"Authorization": [f"Bearer {self._token}"], "User-Agent": [f"meet/{VERSION}"]})
        more = {} if json is None else {"json": json}
        asked = client.request(
            method,
            self._url + path,
            params=params,
            headers=headers,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
            **more,
        )
        try:
            return await asked.addTimeout(PATIENCE, self._reactor)
        except _BROKEN as broken:
            raise self._broken(broken) from None

    async def _body(self, line: _Line, response: Any) -> Any:
        """The whole of an answer as JSON; None if it is something else."""
        collector = _Collector(line.cut)
        response.deliverBody(collector)
        try:
            return read_json(await collector.done.addTimeout(PATIENCE, self._reactor))
        except _BROKEN as broken:
            raise self._broken(broken) from None

    def _broken(self, broken: BaseException) -> Failed:
        reasons = getattr(broken, "reasons", None)
        said = reasons[0].getErrorMessage() if reasons else str(broken)
        return Failed(f"X cannot be reached at {self._url}: {sentence(said) or 'it does not answer.'}", Cause.LOST)

    def _failed(self, response: Any, body: Any) -> Failed:
        status = response.code
        told = tweets.ended(body)
        said = f" It says: {told.why}" if told else ""
        if status == 401:
            why = f"X does not take the bearer token. Make a new one for the app and start Meet again.{said}"
            return Failed(why, Cause.LIMIT, status=status, final=True)
        if status == 403:
            why = f"X does not let this app have the stream. Look at its plan, then start Meet again.{said}"
            return Failed(why, Cause.LIMIT, status=status, final=True)
        if status == 402:
            return Failed(f"The app has no credit left with X.{said}", Cause.LIMIT, status=status)
        if status == 429:
            crowded = told is not None and told.crowded
            why = "X has a connection of this app already." if crowded else "X was asked too often."
            return Failed(why + said, Cause.LIMIT, status=status, reset=_reset(response.headers), crowded=crowded)
        return Failed(f"X answered {status}.{said}", Cause.AWAY, status=status)


def _reset(headers: Headers) -> float:
    value = (headers.getRawHeaders("x-rate-limit-reset") or [""])[0].strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0.0


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Line:
    """Makes one connection for an `Agent`, and can cut it: of itself an agent only asks it to close."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._endpoint: Any = None
        self._protocol: Any = None

    def endpointForURI(self, uri: URI) -> _Line:
        host = uri.host.decode("ascii")
        self._endpoint = HostnameEndpoint(self._reactor, host, uri.port, timeout=PATIENCE)
        if uri.scheme == b"https":
            options = BrowserLikePolicyForHTTPS().creatorForNetloc(uri.host, uri.port)
            self._endpoint = wrapClientTLS(options, self._endpoint)
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        connected: Deferred[Any] = self._endpoint.connect(factory)
        return connected.addCallback(self._connected)

    def cut(self) -> None:
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.abortConnection()

    def _connected(self, protocol: Any) -> Any:
        self._protocol = protocol
        return protocol


@implementer(IAgent)
class _Uncompressed:
    """Asks for bytes as they are: compressed ones are held back until there are many, and have no bound."""

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[IResponse]:
        plain = headers.copy() if headers is not None else Headers()
        plain.setRawHeaders(b"Accept-Encoding", [b"identity"])
        asked: Deferred[IResponse] = self._agent.request(method, uri, plain, bodyProducer)
        return asked


class _Collector(Protocol):
    """Collects an answer; ``done`` fires with it, or fails if it breaks off or has no end."""

    def __init__(self, cut: Callable[[], None]) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: cut())
        self._cut = cut
        self._pieces: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= LONGEST_ANSWER:
            self._pieces.append(data)
        else:
            self._pieces = []
            self._cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        # Without a length the end of the connection is the end of the answer.
        if reason.check(ResponseFailed) is None and self._size <= LONGEST_ANSWER:
            self.done.callback(b"".join(self._pieces))
        else:
            self.done.errback(error.ConnectionLost("The answer broke off."))
