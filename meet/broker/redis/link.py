"""One connection to one Redis, made again whenever it is lost.

The law: what was asked is answered, or fails as `Unavailable` within twice `PATIENCE`; nothing
waits for a connection that is not there.  Asks are sent in the order of asking and answered in
it, also when the server has forgotten its scripts and they must be loaded between two asks.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from OpenSSL.SSL import Error as NotSecure
from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from txredisapi import InvalidData, RedisProtocol, ResponseError

from meet.bus import Word
from meet.errors import Unavailable

PATIENCE = 2.5
"""Seconds without any answer after which a connection that owes one is given up; it is asked
for a sign of life as often."""

COPYING = 1000
"""Milliseconds in which other servers must have a copy of what was written."""

_SHORTEST = 0.1
_LONGEST = 5.0
"""Seconds between two attempts to connect: doubled each time, and cut by chance by up to a half,
so that a hundred processes do not knock at once."""

UNTRUSTED = "Its certificate is not trusted"

Greet = Callable[["Line"], "Deferred[None]"]


class Lost(Unavailable):
    """The connection was lost before the answer came."""


class Line(RedisProtocol):  # type: ignore[misc]  # txredisapi has no types
    """One connection.  Answers are bytes, whole numbers, lists of those, None or `ResponseError`."""

    def __init__(self) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self.lost: Callable[[Failure], None] = _ignore
        self.answered = 0
        self.waiting: deque[Deferred[Any]] = deque()
        self._closing: list[Deferred[None]] = []

    def ask(self, words: Sequence[Word]) -> Deferred[Any]:
        """Send one command; fires with its answer, fails with `ResponseError` or `Lost`."""
        answer: Deferred[Any] = Deferred()
        self.waiting.append(answer)
        self.transport.write(pack(words))
        return answer

    def connectionMade(self) -> None:
        """Nothing yet: who we are is said by the link's greeting."""
        self.connected = 1

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Read answers; whoever speaks otherwise is given up."""
        try:
            super().dataReceived(data, unpause)
        except InvalidData:
            self.transport.abortConnection()
            self.fail(Unavailable("What answers there does not speak as Redis does."))

    def replyReceived(self, reply: Any) -> None:
        """Give the oldest ask its answer."""
        self.answered += 1
        if not self.waiting:
            self.transport.abortConnection()
        elif isinstance(reply, Exception):
            self.waiting.popleft().errback(reply)
        else:
            self.waiting.popleft().callback(reply)

    def connectionLost(self, reason: Failure) -> None:
        """Fail what has no answer."""
        self.connected = 0
        self.lost(reason)
        self.fail(Lost("The connection to Redis was lost."))
        closing, self._closing = self._closing, []
        for closed in closing:
            closed.callback(None)

    def fail(self, why: Exception) -> None:
        """Let everything fail that waits for an answer."""
        waiting, self.waiting = self.waiting, deque()
        for answer in waiting:
            answer.errback(why)

    def close(self) -> Deferred[None]:
        """Hang up; fires when that is done and all that had no answer has failed."""
        closed: Deferred[None] = Deferred()
        self._closing.append(closed)
        self.transport.abortConnection()
        return closed


class Link:
    """The connection to the Redis at ``endpoint``.

    ``greet(line)`` is done first on each connection; when it fails, the next attempt follows.
    ``up()`` is called when one can be used, ``down(reason)`` when it was lost or could not be
    made, with a sentence.  ``scripts`` are loaded on each connection.
    """

    log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        greet: Greet,
        scripts: Sequence[bytes],
        reactor: IReactorTime,
        random: Callable[[int], bytes],
        up: Callable[[], None],
        down: Callable[[str], None],
        line: Callable[[], Line] = Line,
    ) -> None:
        self.line: Line | None = None
        self._endpoint = endpoint
        self._greet = greet
        self._scripts = scripts
        self._reactor = reactor
        self._random = random
        self._up = up
        self._down = down
        self._tick: IDelayedCall | None = None
        self._retry: IDelayedCall | None = None
        self._attempt: Deferred[Any] | None = None
        self._connected: Line | None = None
        self._attempts = 0
        self._answered = -1
        self._again: list[tuple[Sequence[Word], Deferred[Any]]] | None = None
        self._held: list[tuple[Sequence[Word], Deferred[Any]]] = []
        self._copying = False
        self._uncopied: list[Deferred[int]] = []
        self._new = True
        self._expecting: list[Deferred[None]] = []
        self._stopped = False
        self._factory = Factory.forProtocol(line)
        self._factory.noisy = False

    def start(self) -> None:
        """Begin to connect."""
        self._connect()

    def stop(self) -> Deferred[None]:
        """Close; fires when it is closed.  What has no answer by then fails."""
        self._stopped = True
        self._stop_ticking()
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        if self._attempt is not None:
            self._attempt.cancel()
        self._is_known()
        return succeed(None) if self._connected is None else self._connected.close()

    def ask(self, *words: Word) -> Deferred[Any]:
        """Send one command; fires with its answer.

        Fails with `ResponseError`, or `Lost` if the connection is not there or goes.
        """
        if self.line is None:
            return fail(Lost("Redis cannot be reached."))
        answer: Deferred[Any] = Deferred()
        if self._again is not None:
            self._held.append((words, answer))
        else:
            self._send(words, answer)
        return answer

    @property
    def new(self) -> bool:
        """Whether the first connection is still being made."""
        return self._new

    def ready(self) -> Deferred[None]:
        """Fires when a `new` link can be asked; fails as `Lost` if its first connection could not be made."""
        expected: Deferred[None] = Deferred()
        self._expecting.append(expected)
        return expected

    def copied(self, copies: int) -> Deferred[int]:
        """Fires with how many servers have a copy of all that was written on this connection, once
        they are ``copies`` or `COPYING` has passed.

        A server does nothing else on this connection meanwhile: so it is asked for all together
        who wait for it, and asked anew only for those who came since.
        """
        done: Deferred[int] = Deferred()
        self._uncopied.append(done)
        if not self._copying:
            self._ask_for_copies(copies)
        return done

    def _ask_for_copies(self, copies: int) -> None:
        waiting, self._uncopied = self._uncopied, []
        self._copying = bool(waiting)
        if waiting:
            asked = self.ask("WAIT", copies, COPYING)
            asked.addBoth(self._counted, waiting, copies)

    def _counted(self, result: Any, waiting: Sequence[Deferred[int]], copies: int) -> None:
        self._ask_for_copies(copies)
        for done in waiting:
            done.callback(result)

    def renew(self) -> None:
        """Close this connection, so that another one is looked for."""
        if self.line is not None:
            self.line.transport.abortConnection()

    def _send(self, words: Sequence[Word], answer: Deferred[Any]) -> None:
        if self.line is None:
            answer.errback(Lost("The connection to Redis was lost."))
            return
        self.line.ask(words).addCallbacks(answer.callback, self._refused, errbackArgs=(words, answer))

    def _refused(self, failure: Failure, words: Sequence[Word], answer: Deferred[Any]) -> None:
        forgotten = failure.check(ResponseError) and str(failure.value).startswith("NOSCRIPT")
        if not forgotten or not self._scripts or self.line is None:
            answer.errback(failure)
            return
        # Behind this one others may have met the same; all are sent again, in their order, and what is
        # asked meanwhile after them.
        if self._again is not None:
            self._again.append((words, answer))
        else:
            self._again = [(words, answer)]
            self._load_scripts(self.line).addBoth(self._loaded)

    def _load_scripts(self, line: Line) -> Deferred[Any]:
        """Send all scripts at once, however far the server is; fires with what it says of the last."""
        loaded: Deferred[Any] = succeed(None)
        for script in self._scripts:
            loaded.addErrback(_ignore)
            loaded = line.ask(("SCRIPT", "LOAD", script))
        return loaded

    def _loaded(self, result: object) -> None:
        again, self._again = self._again or [], None
        held, self._held = self._held, []
        for words, answer in [*again, *held]:
            if isinstance(result, Failure):
                answer.errback(result)
            else:
                self._send(words, answer)

    # Connecting.

    def _connect(self) -> None:
        self._retry = None
        self._attempts += 1
        self._attempt = self._endpoint.connect(self._factory)
        self._attempt.addCallbacks(self._prepare, self._not_connected)

    def _not_connected(self, failure: Failure) -> None:
        self._attempt = None
        if not self._stopped:
            self._down(sentence(failure))
            self._connect_again()
        elif not failure.check(CancelledError):
            self.log.debug("A connection that is not wanted any more failed: {why}", why=sentence(failure))

    def _connect_again(self) -> None:
        self._is_known()
        if self._stopped:
            # By whoever was told that it is down.
            return
        self._retry = self._reactor.callLater(_pause(self._attempts, self._random), self._connect)

    def _prepare(self, line: Any) -> None:
        self._attempt = None
        self._connected = line
        line.lost = self._lost
        if self._stopped:
            line.transport.abortConnection()
            return
        # Until it is in use nobody else would notice that it stays silent.
        self._tick = self._reactor.callLater(PATIENCE, line.transport.abortConnection)
        ready = Deferred.fromCoroutine(self._introduce(line))
        ready.addCallbacks(lambda _: self._use(line), self._not_welcome, errbackArgs=(line,))

    async def _introduce(self, line: Line) -> None:
        await self._greet(line)
        await self._load_scripts(line)

    def _not_welcome(self, failure: Failure, line: Line) -> None:
        if not failure.check(Lost) and not self._stopped:
            self._down(sentence(failure))
        line.transport.abortConnection()

    def _use(self, line: Line) -> None:
        if not line.connected or self._stopped:
            return
        self._stop_ticking()
        self.line = line
        self._attempts = 0
        self._answered = -1
        self._tick = self._reactor.callLater(PATIENCE, self._look)
        self._up()
        self._is_known()

    def _is_known(self) -> None:
        """It has been seen whether the place can be reached: whoever has waited for that goes on."""
        self._new = False
        expecting, self._expecting = self._expecting, []
        for expected in expecting:
            if self.line is None:
                expected.errback(Lost("Redis cannot be reached."))
            else:
                expected.callback(None)

    def _lost(self, reason: Failure) -> None:
        used, self.line, self._connected = self.line, None, None
        self._stop_ticking()
        if self._stopped:
            return
        if used is not None:
            self._down("The connection to Redis was lost.")
        elif not reason.check(ConnectionDone, ConnectionAborted):
            self._down(sentence(reason))
        self._connect_again()

    def _look(self) -> None:
        """Give up a connection that owes an answer and has given none since the last look."""
        line = self.line
        if line is None:
            return
        if line.waiting and line.answered == self._answered:
            line.transport.abortConnection()
            return
        self._answered = line.answered
        if not line.waiting:
            line.ask(("PING",)).addErrback(_ignore)
        self._tick = self._reactor.callLater(PATIENCE, self._look)

    def _stop_ticking(self) -> None:
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        self._tick = None


def pack(words: Sequence[Word]) -> bytes:
    """One command as Redis reads it: https://redis.io/docs/latest/develop/reference/protocol-spec/."""
    pieces = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


def sentence(failure: Failure) -> str:
    """Why something did not go, as one sentence."""
    problem = failure.value
    number = getattr(problem, "osError", None)
    if isinstance(number, int):
        return f"{os.strerror(number)}."
    if isinstance(problem, VerificationError):
        return f"{UNTRUSTED}: it is another host's."
    if isinstance(problem, NotSecure) and problem.args and problem.args[0]:
        # OpenSSL's own words, of which the last of the last says it.
        why = str(problem.args[0][-1][-1])
        return f"{UNTRUSTED}: {why}." if "certificate" in why else f"TLS does not come about: {why}."
    words = " ".join(str(problem).split()) or type(problem).__name__
    return f"{words.rstrip('.')}."


def _pause(attempt: int, random: Callable[[int], bytes]) -> float:
    share = int.from_bytes(random(2), "big") / 65536
    return min(_LONGEST, _SHORTEST * 2.0 ** min(attempt, 10)) * (0.5 + share / 2)


def _ignore(_failure: Failure) -> None:
    """Told in another way, or before anybody cares."""
