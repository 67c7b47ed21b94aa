"""The door for processes that read the archive: each gets its answers, and nothing that it sends costs another."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Unavailable
from meet.events import Position
from meet.store import readers
from meet.store.questions import QUESTION_MOST, Answer, Question, read_answer, written
from meet.store.readers import UNDER_WAY_MOST, Readers

PAGE = [(Position("k3q", 8), b"{}")]


class Slow:
    """A store that answers when a test says so."""

    def __init__(self):
        self.asked = []

    def history(self, room, before, count):
        self.asked.append(Deferred())
        return self.asked[-1]

    def living(self):
        return succeed([("algebra", "k3q")])

    def rooms(self, after, count):
        return fail(Unavailable("The archive is locked."))

    def entries(self, room, epoch, after, count):
        raise KeyError("a mistake of ours")


class Transport(StringTransport):
    aborted = False

    def abortConnection(self):
        self.aborted = True
        self.protocol.connectionLost(Failure(ConnectionDone()))


class AtTheDoor(SynchronousTestCase):
    def setUp(self):
        self.store = Slow()
        self.readers = Readers(self.store)

    def come(self):
        protocol = self.readers.buildProtocol(None)
        transport = Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return transport

    def send(self, transport, *questions):
        for question in questions:
            data = written(question)
            transport.protocol.dataReceived(len(data).to_bytes(4, "big") + data)

    def answers(self, transport):
        data, found = transport.value(), []
        while data:
            length = int.from_bytes(data[:4], "big")
            found.append(read_answer(data[4 : 4 + length]))
            data = data[4 + length :]
        transport.clear()
        return found

    def ask_for_history(self, transport, *numbers):
        self.send(transport, *(Question(number, "history", ["algebra", ("k3q", 9), 2]) for number in numbers))

    def test_each_is_answered_under_its_number_as_soon_as_it_can_be(self):
        transport = self.come()
        self.ask_for_history(transport, 1)
        self.send(transport, Question(2, "living", []))
        assert self.answers(transport) == [Answer(2, True, [["algebra", "k3q"]])]
        self.store.asked[0].callback(PAGE)
        assert self.answers(transport) == [Answer(1, True, [[["k3q", 8], b"{}"]])]

    def test_why_there_is_no_answer_is_told_in_a_sentence(self):
        transport = self.come()
        self.send(transport, Question(1, "rooms", [("", ""), 9]), Question(2, "stop", []), Question(3, "history", []))
        told = self.answers(transport)
        assert [each.known for each in told] == [False] * 3
        assert told[0].answer == "The archive is locked."
        assert all(each.answer.endswith(".") for each in told)

    def test_a_mistake_of_ours_is_logged_and_told_without_its_traceback(self):
        transport = self.come()
        self.send(transport, Question(1, "entries", ["algebra", "k3q", 0, 9]))
        assert self.answers(transport) == [Answer(1, False, "The archive could not answer; its log says why.")]
        assert len(self.flushLoggedErrors(KeyError)) == 1

    def test_an_answer_longer_than_can_be_taken_is_told_to_be_so(self):
        self.patch(readers, "ANSWER_MOST", 1000)
        transport = self.come()
        self.ask_for_history(transport, 1)
        self.store.asked[0].callback([(Position("k3q", 8), b"x" * 2000)])
        assert self.answers(transport) == [Answer(1, False, "The archive's answer would be too long.")]

    def test_what_is_no_question_ends_its_connection_and_no_other(self):
        good = self.come()
        for data in (b"GET / HTTP/1.1\r\n\r\n", (3).to_bytes(4, "big") + b"\xc1\xc1\xc1"):
            bad = self.come()
            bad.protocol.dataReceived(data)
            assert bad.aborted
        self.send(good, Question(1, "living", []))
        assert len(self.answers(good)) == 1
        assert int.from_bytes(b"GET ", "big") > QUESTION_MOST

    def test_who_asks_more_than_is_answered_at_once_waits_and_is_answered_then(self):
        transport = self.come()
        self.ask_for_history(transport, *range(UNDER_WAY_MOST + 3))
        assert len(self.store.asked) == UNDER_WAY_MOST
        assert transport.producerState == "paused"
        self.store.asked[5].callback(PAGE)
        assert len(self.store.asked) == UNDER_WAY_MOST + 1
        for each in self.store.asked[6:]:
            each.callback(PAGE)
        assert transport.producerState == "producing"
        for each in [*self.store.asked[:5], *self.store.asked[-2:]]:
            if not each.called:
                each.callback(PAGE)
        assert {each.number for each in self.answers(transport)} == set(range(UNDER_WAY_MOST + 3))

    def test_whoever_went_before_the_answer_costs_nothing(self):
        transport = self.come()
        self.ask_for_history(transport, 1)
        transport.abortConnection()
        self.store.asked[0].callback(PAGE)
        assert not self.readers.reading

    def test_one_too_many_is_sent_away_and_all_are_cut_in_the_end(self):
        self.patch(readers, "READERS_MOST", 2)
        two = [self.come(), self.come()]
        assert self.readers.buildProtocol(None) is None
        self.readers.cut()
        assert all(each.aborted for each in two)
