"""The connection that does not end: what it tells, when it is dead, and that nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone

from meet.twitter.stream import AT_ONCE, MOST_WAITING, SILENCE, Stream


class Turns(Clock):
    """A clock on which what is asked for in one turn of the reactor comes in the next."""

    def turn(self) -> None:
        due = [call for call in self.calls if call.getTime() <= self.seconds()]
        for call in due:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class Streaming(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Turns()
        self.heard: list[bytes] = []
        self.cuts = 0
        self.make(self.heard.append)

    def make(self, heard: Callable[[bytes], object]) -> None:
        self.stream = Stream(self.clock, heard, self.cut)
        self.transport = StringTransport()
        self.stream.makeConnection(self.transport)

    def cut(self) -> None:
        self.cuts += 1

    def lose(self, reason: type[Exception] = ConnectionDone) -> None:
        self.stream.connectionLost(Failure(reason()))

    def lines(self, count: int) -> list[bytes]:
        return [b"%d" % number for number in range(count)]

    def test_many_lines_are_told_a_few_a_turn_in_order(self) -> None:
        lines = self.lines(AT_ONCE * 2 + 1)
        self.stream.dataReceived(b"\r\n".join(lines) + b"\r\n")
        for turn in (1, 2):
            self.clock.turn()
            self.assertEqual(len(self.heard), AT_ONCE * turn)
        self.clock.turn()
        self.assertEqual(self.heard, lines)

    def test_it_reads_no_faster_than_is_understood(self) -> None:
        lines = self.lines(MOST_WAITING + 1)
        self.stream.dataReceived(b"\n".join(lines) + b"\n")
        self.assertEqual(self.transport.producerState, "paused")
        while self.transport.producerState == "paused":
            self.clock.turn()
            # Who does not read hears no silence.
            self.assertEqual(len(self.clock.getDelayedCalls()), 1 + (self.transport.producerState != "paused"))
        self.assertLess(len(self.heard), MOST_WAITING)
        self.clock.pump([0] * 40)
        self.assertEqual(self.heard, lines)
        self.clock.advance(SILENCE)
        self.assertEqual(self.cuts, 1)

    def test_what_came_is_told_before_it_is_over(self) -> None:
        lines = self.lines(AT_ONCE * 3)
        self.stream.dataReceived(b"\n".join(lines) + b"\nno end")
        self.lose(ResponseDone)
        self.assertNoResult(self.stream.done)
        self.clock.pump([0] * 4)
        self.assertEqual(self.heard, lines)
        self.assertEqual(self.successResultOf(self.stream.done), "X ended the connection.")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_sign_of_life_counts(self) -> None:
        for data in (b"\r\n", b"{", b"}", b"\n"):
            self.clock.advance(SILENCE - 1)
            self.stream.dataReceived(data)
        self.assertEqual(self.cuts, 0)
        self.clock.advance(SILENCE)
        self.assertEqual(self.cuts, 1)
        self.lose()
        self.assertEqual(self.successResultOf(self.stream.done), "Nothing came from X for 30 seconds.")

    def test_who_never_says_a_word_is_dead_as_well(self) -> None:
        self.clock.advance(SILENCE - 1)
        self.assertEqual(self.cuts, 0)
        self.clock.advance(1)
        self.assertEqual(self.cuts, 1)

    def test_it_is_over_only_when_it_is_closed(self) -> None:
        self.stream.close("Enough.")
        self.assertEqual(self.cuts, 1)
        self.assertNoResult(self.stream.done)
        self.stream.dataReceived(b"late\n")
        self.lose()
        self.assertEqual(self.successResultOf(self.stream.done), "Enough.")
        self.assertEqual((self.heard, self.clock.getDelayedCalls()), ([], []))

    def test_a_line_that_closes_it_is_the_last(self) -> None:
        self.make(lambda line: (self.heard.append(line), self.stream.close("It says so.")))
        self.stream.dataReceived(b"a\nb\nc\n")
        self.clock.advance(0)
        self.lose()
        self.assertEqual(self.successResultOf(self.stream.done), "It says so.")
        self.assertEqual(self.heard, [b"a"])

    def test_a_line_that_breaks_something_costs_itself_alone(self) -> None:
        def heard(line: bytes) -> None:
            if line == b"a":
                raise ZeroDivisionError
            self.heard.append(line)

        self.make(heard)
        self.stream.dataReceived(b"a\nb\n")
        self.clock.advance(0)
        self.assertEqual(self.heard, [b"b"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
