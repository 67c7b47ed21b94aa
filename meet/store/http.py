"""One database of a CouchDB server, asked by treq.

The law: each question has its time, and an answer is read only as far as it may be long.  What CouchDB
says no to is `Denied`, which is `Unavailable` to whoever does not look closer.  The password is in no
sentence.

Everything that is asked here may be asked twice, so a connection that the server closed while nothing
was on it costs nothing but another try.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed

from meet.address import secret
from meet.errors import Unavailable
from meet.store.documents import DESIGN, Document, after, before

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

AT_ONCE = 500
"""Documents that are asked for, or sent, in one request."""

PATIENCE = 10.0
"""Seconds that somebody who reads waits for an answer."""

PATIENCE_TO_WRITE = 60.0
"""Seconds that one who writes waits for an answer: a disk may be slow, and nobody looks at an empty page meanwhile."""

LONGEST = 64 * 1024 * 1024
"""Bytes of an answer; it is asked for in smaller pieces if it would be longer."""

PURGED_AT_ONCE = 100
"""As many as CouchDB takes unless it is told otherwise (``[purge] max_document_id_number``)."""

_CONNECTIONS = 4  # one records, the others read
_IDLE = 3  # seconds; servers and proxies close what is idle, some after five
_NAME = re.compile(r"[a-z][a-z0-9_$()+-]*\Z")
_PASSWORD_FILE = "password-file"
_PORTS = {"couchdb": 5984, "couchdbs": 6984}
_HINT = "The store's URL looks like couchdb://user:password@host/name."
_DONE = (200, 201, 202)
_TRIES = 1 + _CONNECTIONS  # the server may have closed each that was kept

_T = TypeVar("_T")
_Query = Mapping[str, object]


class Denied(Unavailable):
    """CouchDB answered something else than what was asked for; ``status`` is that of HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class TooLong(Unavailable):
    """The answer has more than `LONGEST` bytes."""


class Address(NamedTuple):
    """Where a database is, and who asks."""

    server: str
    database: str
    user: str
    password: str


class Row(msgspec.Struct):
    """What one document came to that was to be written; ``error`` is empty if it was."""

    id: str = ""
    error: str = ""
    reason: str = ""


class Information(msgspec.Struct):
    """What CouchDB says of a database."""

    compact_running: bool = False


class _Why(msgspec.Struct):
    error: str = ""
    reason: str = ""


class _Value(msgspec.Struct):
    rev: str = ""
    deleted: bool = False


class _Held(msgspec.Struct):
    id: str = ""
    value: _Value | None = None
    doc: Document | None = None


class _Rows(msgspec.Struct):
    rows: list[_Held]


class _Found(msgspec.Struct):
    id: str


class _View(msgspec.Struct):
    rows: list[_Found]


class _Purged(msgspec.Struct):
    purged: dict[str, list[str]] = {}


def address_of(url: str) -> Address:
    """Read ``url``; raises `ValueError` with one sentence, which does not show it, if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError(_HINT) from None
    database = unquote(parts.path.removeprefix("/"))
    wishes = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not parts.hostname or parts.fragment:
        raise ValueError(_HINT)
    if unknown := sorted(set(wishes) - {_PASSWORD_FILE}):
        raise ValueError(f"The store's URL takes {_PASSWORD_FILE}, not {unknown[0]}.")
    if not _NAME.match(database):
        raise ValueError(
            f"The store's URL must name a database, in small letters, digits and _$()+-: {parts.scheme}://user@host/name."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    scheme = "https" if parts.scheme == "couchdbs" else "http"
    password = secret(wishes.get(_PASSWORD_FILE, "")) or unquote(parts.password or "")
    return Address(f"{scheme}://{host}:{port}", database, unquote(parts.username or ""), password)


class Couch:
    """The database at ``address``, each answer within ``patience`` seconds; ``client`` asks, by default treq."""

    def __init__(self, address: Address, clock: IReactorTime, patience: float, client: Any = None) -> None:
        self._url = f"{address.server}/{quote(address.database, safe='')}"
        self._headers = {"Accept": "application/json", "User-Agent": "Meet"}
        if address.user:
            words = base64.b64encode(f"{address.user}:{address.password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {words}"
        self._clock = clock
        self._patience = patience
        self._client = client
        self._pool: HTTPConnectionPool | None = None
        self._reactor: Any = None

    def open(self) -> None:
        """Questions may be asked from now on."""
        if self._client is None:
            # Whoever imports this module must still be free to choose the reactor.
            from twisted.internet import reactor

            self._reactor = reactor
            self._pool = HTTPConnectionPool(reactor)
            self._pool.maxPersistentPerHost = _CONNECTIONS
            self._pool.cachedConnectionTimeout = _IDLE
            self._client = HTTPClient(Agent(reactor, connectTimeout=PATIENCE, pool=self._pool))

    async def close(self) -> None:
        """Close the connections that are kept for the next question."""
        if self._pool is not None:
            pool, self._pool, self._client = self._pool, None, None
            # The pool gets the connection of the last answer back only after that was told.
            await deferLater(self._reactor, 0)
            await pool.closeCachedConnections()

    async def information(self) -> Information:
        """What the database is doing; `Denied` with 404 if there is none."""
        return _understood(await self._ask("GET", ""), Information)

    async def create(self) -> None:
        """Make the database, or find that another process was faster."""
        try:
            await self._ask("PUT", "")
        except Denied as no:
            if no.status != 412:
                raise

    async def read(self, low: str, high: str, count: int, *, newest: bool = False) -> list[Document]:
        """The first ``count`` documents with ids from ``low`` to ``high``, both included; or the last, downwards."""
        found: list[Document] = []
        limit = AT_ONCE
        # CouchDB refuses to look for what lies between an id and one before it.
        while len(found) < count and low <= high:
            asked = min(limit, count - len(found))
            query: dict[str, object] = {"include_docs": True, "limit": asked}
            query |= (
                {"startkey": high, "endkey": low, "descending": True} if newest else {"startkey": low, "endkey": high}
            )
            try:
                rows = _understood(await self._ask("GET", "/_all_docs", query), _Rows).rows
            except TooLong:
                if limit == 1:
                    raise
                limit = max(1, asked // 8)
                continue
            found += [row.doc for row in rows if row.doc is not None]
            if len(rows) < asked:
                break
            if newest:
                high = before(rows[-1].id)
            else:
                low = after(rows[-1].id)
        return found

    async def ids(self, low: str, high: str, count: int) -> list[Document]:
        """The same without what is in them: only their ids and revisions."""
        query = {"startkey": low, "endkey": high, "limit": count}
        rows = _understood(await self._ask("GET", "/_all_docs", query), _Rows).rows
        return [Document(id=row.id, rev=row.value.rev) for row in rows if row.value is not None]

    async def look(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those of ``ids`` that are there."""
        keys = list(ids)
        if not keys:
            return {}
        try:
            answer = await self._ask("POST", "/_all_docs", {"include_docs": True}, {"keys": keys})
        except TooLong:
            if len(keys) == 1:
                raise
            half = len(keys) // 2
            return await self.look(keys[:half]) | await self.look(keys[half:])
        held = [row.doc for row in _understood(answer, _Rows).rows if row.doc is not None]
        return {each.id: each for each in held if not each.deleted}

    async def first_in_view(self, view: str, low: Sequence[object], high: Sequence[object]) -> str | None:
        """The id of the document that comes first in ``view`` with a key from ``low`` to ``high``, both included."""
        query = {"startkey": low, "endkey": high, "limit": 1}
        rows = _understood(await self._ask("GET", f"/{DESIGN}/_view/{view}", query), _View).rows
        return rows[0].id if rows else None

    async def write(self, documents: Sequence[Document]) -> list[Row]:
        """Write at most `AT_ONCE` documents; what each of them came to, in no order that counts."""
        answer = await self._ask("POST", "/_bulk_docs", body={"docs": documents})
        return _understood(answer, list[Row])

    async def purge(self, documents: Sequence[Document]) -> set[str]:
        """Take at most `PURGED_AT_ONCE` documents out with their ids; returns the ids of those that are out."""
        body = {each.id: [each.rev] for each in documents}
        answer = await self._ask("POST", "/_purge", body=body)
        return {key for key, revisions in _understood(answer, _Purged).purged.items() if revisions}

    async def compact(self) -> None:
        """Begin to write the database's files anew, without what was deleted; CouchDB goes on with that by itself."""
        await self._ask("POST", "/_compact", body={})

    async def _ask(self, method: str, path: str, query: _Query | None = None, body: object = None) -> bytes:
        """The answer's bytes.  Raises `Denied`, or `Unavailable` with a sentence."""
        url = f"{self._url}{path}"
        if query:
            url += "?" + urlencode({key: json.dumps(value) for key, value in query.items()})
        data = None if body is None else msgspec.json.encode(body)
        asked = Deferred.fromCoroutine(self._exchange(method, url, data))
        late = self._clock.callLater(self._patience, asked.cancel)
        try:
            status, answer = await asked
        except Unavailable:
            raise
        except Exception as problem:
            if not late.active():
                raise Unavailable("The archive does not answer.") from None
            raise Unavailable(f"CouchDB cannot be reached: {_reason(problem)}") from None
        finally:
            if late.active():
                late.cancel()
        if status not in _DONE:
            raise _denied(status, answer)
        return answer

    async def _exchange(self, method: str, url: str, data: bytes | None) -> tuple[int, bytes]:
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        for tries in range(1, _TRIES + 1):
            if self._client is None:
                raise Unavailable("The archive is not open.")
            try:
                response = await self._client.request(
                    method, url, headers=headers, data=data, unbuffered=True, allow_redirects=False
                )
                body = Body()
                response.original.deliverBody(body)
                return response.code, await body.whole
            except ResponseFailed as lost:
                if tries == _TRIES or any(each.check(CancelledError) for each in lost.reasons):
                    raise
        raise AssertionError("unreachable")


class Body(Protocol):
    """Collects a body of at most `LONGEST` bytes; ``whole`` fires with it, or fails."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._end())
        self._pieces: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        """More of it."""
        self._size += len(data)
        if self._size <= LONGEST:
            self._pieces.append(data)
        else:
            self._pieces = []
            self._end()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """That was all, or all that came: what is cut off is no JSON."""
        if self.whole.called:
            return
        if self._size > LONGEST:
            self.whole.errback(TooLong(f"An answer of CouchDB has more than {LONGEST} bytes."))
        else:
            self.whole.callback(b"".join(self._pieces))

    def _end(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()


def _understood(answer: bytes, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unavailable("CouchDB answers something that is not understood.") from None


def _denied(status: int, answer: bytes) -> Denied:
    try:
        why = msgspec.json.decode(answer, type=_Why)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        why = _Why()
    said = _line(why.reason or why.error)
    match status:
        case 401:
            return Denied(status, "CouchDB does not accept the user or the password of the archive.")
        case 403:
            return Denied(status, f"CouchDB does not allow it: {said or 'forbidden'}.")
        case 404:
            return Denied(status, f"CouchDB does not have it: {said or 'not found'}.")
    return Denied(status, f"CouchDB answers {status}{': ' if said else ''}{said}.")


def _reason(problem: BaseException) -> str:
    # twisted.web wraps what went wrong in lists of failures.
    while inner := getattr(problem, "reasons", None):
        problem = inner[0].value
    return f"{_line(str(problem)) or type(problem).__name__}."


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")[:200]
