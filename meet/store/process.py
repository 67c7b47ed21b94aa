"""The archive of another process, read through that process: ``--store process:unix:/run/meet/archive.sock``.

The process that records knows the database and lets others read it (``--archive``); they know only where
it is.  So an archive moves to another database while one process is restarted and no other is touched.

The law: who asks waits until the other process is back, and is answered then; it waits no longer than
`PATIENCE`, and not at all once the other has been away for so long.  To ask twice changes nothing: what is
recorded is kept once however often it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred, DeferredList, fail, succeed
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.errors import Unavailable
from meet.events import Position
from meet.interfaces import Found, IStore, Kept, Record
from meet.limits import Limits
from meet.look import Look, Numbered
from meet.store.questions import ANSWER_MOST, PAGE_MOST, Answer, Question, read_answer, understood, written

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

PATIENCE = 15.0
"""Seconds that an answer may take: more than a database is given, and than a restart takes."""

RECORDING = 60.0
"""Seconds that may pass until a batch of an import is kept."""

_AGAIN = 0.1
_AGAIN_MOST = 2.0
"""Seconds between two tries to reach the other process: the first, and the most."""

_Told = Callable[["_Asking"], None]

_NOT_OPEN = "The archive is not open."


def make_store(url: str, *, data: Path, clock: IReactorTime, limits: Limits) -> IStore:
    """Make the store at ``url``: ``process:`` and the Twisted endpoint of a client.

    Raises `ValueError` with one sentence if it is none.
    """
    # Whoever imports this module must still be free to choose the reactor.
    from twisted.internet import reactor

    where = url.partition(":")[2]
    try:
        endpoint = clientFromString(reactor, where)
    # Parsers of endpoints come from many packages, and each has its own way of saying no.
    except Exception:
        raise ValueError(
            f"The store process: takes an endpoint such as unix:/run/meet/archive.sock or tcp:10.0.0.5:8090, "
            f"not {where!r}."
        ) from None
    return ProcessStore(endpoint, clock)


@implementer(IStore)
class ProcessStore:
    """Rooms and their transcripts, in the archive of the process at ``endpoint``."""

    def __init__(self, endpoint: IStreamClientEndpoint, clock: IReactorTime) -> None:
        self._clock = clock
        self._connecting = ClientService(
            endpoint,
            _Connections(self._came, self._went),
            backoffPolicy(_AGAIN, _AGAIN_MOST),
            clock,
        )
        self._connection: _Asking | None = None
        self._arriving: set[Deferred[_Asking]] = set()
        self._under_way: set[Deferred[None]] = set()
        self._open = False
        self._away_since = 0.0

    def start(self) -> Deferred[None]:
        """Look for the other process from now on; fires at once, wherever that is."""
        self._open = True
        self._away_since = self._clock.seconds()
        self._connecting.startService()
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Ask nothing more; fires when what was asked is answered, or was waited for in vain."""
        self._open = False
        answered = DeferredList(list(self._under_way))
        return answered.addCallback(lambda _: self._connecting.stopService()).addCallback(lambda _: None)

    def record(self, records: Sequence[Record]) -> Deferred[None]:
        """As `IStore` says."""
        return self._ask("record", list(records), patience=RECORDING)

    def delete(self, room: str, epoch: str) -> Deferred[None]:
        """As `IStore` says."""
        return self._ask("delete", room, epoch, patience=RECORDING)

    def living(self) -> Deferred[Sequence[tuple[str, str]]]:
        """As `IStore` says."""
        return self._ask("living")

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        """As `IStore` says."""
        return self._ask("memory", room, epoch, min(count, PAGE_MOST))

    def history(self, room: str, before: Position, count: int) -> Deferred[Numbered]:
        """As `IStore` says."""
        return self._ask("history", room, before, min(count, PAGE_MOST))

    def transcript(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """As `IStore` says."""
        return self._ask("transcript", room, epoch, after, min(count, PAGE_MOST))

    def rooms(self, after: tuple[str, str], count: int) -> Deferred[Sequence[Kept]]:
        """As `IStore` says."""
        return self._ask("rooms", after, min(count, PAGE_MOST))

    def entries(self, room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """As `IStore` says."""
        return self._ask("entries", room, epoch, after, min(count, PAGE_MOST))

    def since(self, room: str, epoch: str, at: str, count: int) -> Deferred[Numbered]:
        """As `IStore` says."""
        return self._ask("since", room, epoch, at, min(count, PAGE_MOST))

    def search(self, room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        """As `IStore` says."""
        return self._ask("search", room, before, words, min(count, PAGE_MOST))

    def _came(self, connection: _Asking) -> None:
        self._connection = connection
        arriving, self._arriving = self._arriving, set()
        for each in arriving:
            each.callback(connection)

    def _went(self, connection: _Asking) -> None:
        if self._connection is connection:
            self._connection = None
            self._away_since = self._clock.seconds()

    def _ask(self, what: str, *given: Any, patience: float = PATIENCE) -> Deferred[Any]:
        if not self._open:
            return fail(Unavailable(_NOT_OPEN))
        if self._connection is None:
            patience = PATIENCE - (self._clock.seconds() - self._away_since)
            if patience <= 0:
                return fail(Unavailable("The process that has the archive is away."))
        asked = Deferred.fromCoroutine(self._answered(what, list(given)))
        asked.addTimeout(patience, self._clock, self._late)
        # Not ``asked`` itself: `stop` waits for the answer, not for what its asker makes of it.
        over: Deferred[None] = Deferred()
        self._under_way.add(over)
        return asked.addErrback(self._unanswered).addBoth(self._over, over)

    def _over(self, result: Any, over: Deferred[None]) -> Any:
        self._under_way.discard(over)
        over.callback(None)
        return result

    async def _answered(self, what: str, given: list[Any]) -> Any:
        """Ask, and ask again where the other process went before it had answered."""
        while True:
            connection = self._connection or await self._arrival()
            try:
                answer = await connection.ask(what, given)
            except ConnectionClosed:
                continue
            if not answer.known:
                raise Unavailable(str(answer.answer))
            try:
                return understood(what, answer.answer)
            except ValueError:
                raise Unavailable("The process that has the archive is of a version that is not understood.") from None

    def _arrival(self) -> Deferred[_Asking]:
        """Fires with the next connection."""
        arrival: Deferred[_Asking] = Deferred(self._arriving.discard)
        self._arriving.add(arrival)
        return arrival

    def _late(self, _: Any, patience: float) -> Any:
        """Nothing came; if the other host is gone without a word, the next question finds another way there."""
        if self._connection is not None:
            self._connection.cut()
        raise TookTooLong(patience)

    def _unanswered(self, failure: Failure) -> Any:
        if failure.check(TookTooLong):
            raise Unavailable("The process that has the archive does not answer.") from None
        return failure


class _Connections(Factory):
    """Makes them; ``came`` and ``went`` are told of each as it begins and ends."""

    noisy = False

    def __init__(self, came: _Told, went: _Told) -> None:
        self._told = came, went

    def buildProtocol(self, addr: IAddress | None) -> _Asking:
        """The next."""
        return _Asking(*self._told)


class _Asking(Int32StringReceiver):
    """The connection to the other process."""

    MAX_LENGTH = ANSWER_MOST

    def __init__(self, came: _Told, went: _Told) -> None:
        self._came, self._went = came, went
        self._waiting: dict[int, Deferred[Answer]] = {}
        self._number = 0

    def ask(self, what: str, given: list[Any]) -> Deferred[Answer]:
        """Fires with the answer; fails with a `ConnectionClosed` if the connection ends before."""
        self._number += 1
        number = self._number
        waiting: Deferred[Answer] = Deferred(lambda _: self._forget(number))
        self._waiting[number] = waiting
        self.sendString(written(Question(number, what, given)))
        return waiting

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)

    def connectionMade(self) -> None:
        """It stands."""
        self._came(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It ended."""
        self._went(self)
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.errback(reason)

    def stringReceived(self, string: bytes) -> None:
        """Give the answer to whoever asked, if they still wait."""
        try:
            answer = read_answer(string)
        except ValueError:
            self.cut()
            return
        waiting = self._waiting.pop(answer.number, None)
        if waiting is not None:
            waiting.callback(answer)

    def lengthLimitExceeded(self, length: int) -> None:
        """What is there is no Meet."""
        self.cut()

    def cut(self) -> None:
        """End it now."""
        cast("ITCPTransport", self.transport).abortConnection()
