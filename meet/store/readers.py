"""The door for other processes that read the archive of this one: they ask as `meet.store.questions` says.

The law: a reader waits for the database, never for another reader, and has no more under way than it is
allowed.  Whoever reaches this door has every room, to read, to add to and to delete, as whoever reaches a
database of Meet's has; so it is a UNIX socket of Meet's user, or a port that only Meet's processes reach.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from meet.errors import Unavailable
from meet.interfaces import IStore
from meet.store.questions import ANSWER_MOST, QUESTION_MOST, Answer, Question, given, read_question, written

READERS_MOST = 256
"""Processes that may read at the same time."""

UNDER_WAY_MOST = 64
"""Questions of one process that are answered at the same time; further ones wait in its connection."""


class Readers(Factory):
    """Lets other processes read ``store``."""

    noisy = False
    log = Logger()

    def __init__(self, store: IStore) -> None:
        self.store = store
        self.reading: set[_Reader] = set()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A connection, or None, which closes it, if there are too many."""
        return _Reader(self) if len(self.reading) < READERS_MOST else None

    def cut(self) -> None:
        """End every connection now."""
        for reader in list(self.reading):
            reader.cut()


class _Reader(Int32StringReceiver):
    """One process that reads."""

    MAX_LENGTH = QUESTION_MOST

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._under_way = 0

    def connectionMade(self) -> None:
        """It came."""
        self._readers.reading.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self._readers.reading.discard(self)

    def stringReceived(self, string: bytes) -> None:
        """Ask the store."""
        try:
            question = read_question(string)
        except ValueError:
            self._readers.log.warn("Something that is no process of Meet's came to the archive, and was sent away.")
            self.cut()
            return
        self._under_way += 1
        if self._under_way == UNDER_WAY_MOST:
            self.pauseProducing()
        asked = maybeDeferred(self._ask, question)
        asked.addCallbacks(lambda answer: Answer(question.number, True, answer), self._refused, (), {}, (question,))
        asked.addCallback(self._answer)

    def lengthLimitExceeded(self, length: int) -> None:
        """What is longer than any question is none."""
        self.cut()

    def cut(self) -> None:
        """End now."""
        cast("ITCPTransport", self.transport).abortConnection()

    def _ask(self, question: Question) -> Any:
        with_what = given(question)
        return getattr(self._readers.store, question.what)(*with_what)

    def _refused(self, failure: Failure, question: Question) -> Answer:
        if isinstance(failure.value, Unavailable | ValueError):
            return Answer(question.number, False, str(failure.value))
        self._readers.log.failure("The archive could not be asked for {what}", failure=failure, what=question.what)
        return Answer(question.number, False, "The archive could not answer; its log says why.")

    def _answer(self, answer: Answer) -> None:
        data = written(answer)
        if len(data) > ANSWER_MOST:
            data = written(Answer(answer.number, False, "The archive's answer would be too long."))
        self.sendString(data)
        self._under_way -= 1
        if self.paused and self._under_way < UNDER_WAY_MOST:
            self.resumeProducing()
