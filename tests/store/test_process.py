"""The archive of another process: it answers as the archive itself, and is waited for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from meet.errors import Unavailable
from meet.events import Position
from meet.limits import Limits
from meet.store import store_for
from meet.store.process import PATIENCE, ProcessStore
from meet.store.questions import PAGE_MOST, Answer, Question, read_question, written
from meet.store.readers import Readers
from tests.contracts.records import opened, said
from tests.contracts.store import StoreContract


class ReadThroughASocket(ProcessStore):
    """The whole way: ``here`` is the archive, and asked as another process asks it."""

    def __init__(self, here, place, clock):
        super().__init__(UNIXClientEndpoint(reactor, str(place)), clock)
        self._here, self._place, self._port = here, str(place), None

    async def _start(self):
        await self._here.start()
        self._port = await UNIXServerEndpoint(reactor, self._place).listen(Readers(self._here))
        await super().start()

    async def _stop(self):
        port, self._port = self._port, None
        await super().stop()
        if port is not None:
            await port.stopListening()
        await self._here.stop()

    def start(self):
        return Deferred.fromCoroutine(self._start())

    def stop(self):
        return Deferred.fromCoroutine(self._stop())


class ThroughASocket(StoreContract, TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        self.made = 0

    def make(self, clock):
        self.made += 1
        here = store_for("lines:", data=self.data, clock=clock, limits=Limits())
        return ReadThroughASocket(here, self.data / f"{self.made}.sock", clock)


@implementer(IStreamClientEndpoint)
class Calls:
    """An endpoint that tests answer: ``transports`` are those of the connections that were made."""

    def __init__(self):
        self.transports = []
        self.there = True

    def connect(self, factory):
        if not self.there:
            return fail(ConnectError())
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        transport.protocol = protocol
        transport.abortConnection = lambda: protocol.connectionLost(Failure(ConnectionLost()))
        self.transports.append(transport)
        protocol.makeConnection(transport)
        return succeed(protocol)

    @property
    def last(self):
        return self.transports[-1]

    def questions(self) -> list[Question]:
        """What was asked by the newest connection since it was looked at."""
        data, found = self.last.value(), []
        while data:
            length = int.from_bytes(data[:4], "big")
            found.append(read_question(data[4 : 4 + length]))
            data = data[4 + length :]
        self.last.clear()
        return found

    def answer(self, data: bytes) -> None:
        self.last.protocol.dataReceived(len(data).to_bytes(4, "big") + data)

    def end(self) -> None:
        self.last.protocol.connectionLost(Failure(ConnectionLost()))


class Asking(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.calls = Calls()
        self.store = ProcessStore(self.calls, self.clock)

    def begin(self):
        self.successResultOf(self.store.start())

    def ask(self):
        return self.store.history("algebra", Position("k3q", 9), 2)

    def test_an_answer_goes_to_its_question_whatever_their_order(self):
        self.begin()
        first, second = self.ask(), self.store.living()
        one, two = self.calls.questions()
        assert (one.what, two.what) == ("history", "living")
        self.calls.answer(written(Answer(two.number, True, [("algebra", "k3q")])))
        assert self.successResultOf(second) == [("algebra", "k3q")]
        self.calls.answer(written(Answer(one.number, True, [(Position("k3q", 8), b"{}")])))
        assert self.successResultOf(first) == [(Position("k3q", 8), b"{}")]

    def test_a_question_under_way_when_the_other_process_ends_is_asked_again_when_it_is_back(self):
        self.begin()
        asked = self.ask()
        assert len(self.calls.questions()) == 1
        self.calls.there = False
        self.calls.end()
        self.clock.pump([0.5] * 6)
        self.assertNoResult(asked)
        self.calls.there = True
        self.clock.pump([0.5] * 6)
        (again,) = self.calls.questions()
        self.calls.answer(written(Answer(again.number, True, [])))
        assert self.successResultOf(asked) == []

    def test_who_asks_while_it_is_away_waits_so_long_and_after_that_no_more(self):
        self.calls.there = False
        self.begin()
        asked = self.ask()
        self.clock.pump([1.0] * (int(PATIENCE) - 1))
        self.assertNoResult(asked)
        self.clock.advance(1.0)
        assert "does not answer" in str(self.failureResultOf(asked, Unavailable).value)
        assert "is away" in str(self.failureResultOf(self.ask(), Unavailable).value)
        self.calls.there = True
        self.clock.pump([1.0] * 5)
        self.assertNoResult(self.ask())
        assert len(self.calls.questions()) == 1

    def test_a_connection_on_which_nothing_comes_back_is_given_up_for_another(self):
        self.begin()
        asked = self.ask()
        self.clock.advance(PATIENCE)
        self.failureResultOf(asked, Unavailable)
        self.clock.pump([1.0] * 3)
        assert len(self.calls.transports) == 2

    def test_why_there_is_no_answer_is_told_as_the_archive_says_it(self):
        self.begin()
        asked = self.ask()
        (question,) = self.calls.questions()
        self.calls.answer(written(Answer(question.number, False, "The archive is locked.")))
        assert str(self.failureResultOf(asked, Unavailable).value) == "The archive is locked."

    def test_an_answer_that_cannot_be_one_is_unavailable_and_what_is_no_answer_ends_the_connection(self):
        self.begin()
        asked = self.ask()
        (question,) = self.calls.questions()
        self.calls.answer(written(Answer(question.number, True, "yes")))
        assert "version" in str(self.failureResultOf(asked, Unavailable).value)
        self.calls.answer(b"\xc1 no answer")
        self.clock.pump([1.0] * 3)
        assert len(self.calls.transports) == 2

    def test_an_answer_that_comes_too_late_or_that_nobody_waits_for_does_no_harm(self):
        self.begin()
        asked = self.ask()
        (question,) = self.calls.questions()
        asked.cancel()
        self.failureResultOf(asked)
        for number in (question.number, 99):
            self.calls.answer(written(Answer(number, True, [])))
        assert len(self.calls.transports) == 1

    def test_no_page_is_larger_than_can_be_asked_for(self):
        self.begin()
        self.store.memory("algebra", "k3q", 10**17)
        (question,) = self.calls.questions()
        assert question.given == ["algebra", "k3q", PAGE_MOST]

    def test_it_stops_when_what_was_asked_is_answered_and_takes_nothing_more(self):
        self.begin()
        asked = self.ask()
        stopped = self.store.stop()
        assert "not open" in str(self.failureResultOf(self.ask(), Unavailable).value)
        self.assertNoResult(stopped)
        (question,) = self.calls.questions()
        self.calls.answer(written(Answer(question.number, True, [])))
        self.successResultOf(asked)
        assert self.calls.last.disconnecting

    def test_what_is_recorded_is_given_more_time(self):
        self.begin()
        recorded = self.store.record([opened(), said(2, "hi")])
        self.clock.advance(PATIENCE)
        self.assertNoResult(recorded)
        (question,) = self.calls.questions()
        self.calls.answer(written(Answer(question.number, True, None)))
        assert self.successResultOf(recorded) is None

    def test_where_the_other_process_is_must_be_an_endpoint(self):
        for url in ("process:", "process:8090", "process:nowhere:at all"):
            with pytest.raises(ValueError, match=r"unix:/run/meet/archive\.sock") as caught:
                store_for(url, data=Path("/nowhere"), clock=self.clock, limits=Limits())
            assert "\n" not in str(caught.value)
