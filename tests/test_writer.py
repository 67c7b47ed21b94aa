"""Fan-out never waits: who falls behind in bytes or in time is ended as slow, once."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from meet.limits import Limits
from meet.writer import Writer


class WriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.limits = Limits().but({"bytes-unsent": 100, "seconds-unsent": 30})
        self.slow = 0
        self.writer = Writer(self.transport, self.clock, self.limits, self.fell_behind)

    def fell_behind(self) -> None:
        self.slow += 1

    def test_passes_everything_on_in_order(self) -> None:
        for number in range(1000):
            self.writer.write(b"%d;" % number)
        assert self.transport.value() == b"".join(b"%d;" % number for number in range(1000))
        assert self.transport.producer is self.writer
        assert self.slow == 0

    def test_a_pause_that_ends_costs_nothing(self) -> None:
        for _ in range(5):
            self.writer.pauseProducing()
            self.writer.write(b"x" * 100)
            self.clock.advance(29)
            self.writer.resumeProducing()
        self.clock.advance(1000)
        assert self.slow == 0
        assert len(self.transport.value()) == 500

    def test_too_far_behind(self) -> None:
        self.writer.pauseProducing()
        self.writer.write(b"x" * 60)
        assert self.slow == 0
        self.writer.write(b"x" * 60)
        assert self.slow == 1
        self.writer.write(b"x" * 60)
        self.clock.advance(1000)
        assert self.slow == 1
        assert self.transport.value() == b"x" * 60
        assert self.transport.producer is None

    def test_nothing_taken_for_too_long(self) -> None:
        self.writer.pauseProducing()
        self.clock.advance(20)
        self.writer.pauseProducing()
        self.clock.advance(10)
        assert (self.slow, self.writer.closed) == (1, True)
        self.clock.advance(1000)
        assert self.slow == 1

    def test_closed_writes_nothing_and_is_never_slow(self) -> None:
        self.writer.pauseProducing()
        self.writer.close()
        self.writer.close()
        self.writer.write(b"x")
        self.writer.pauseProducing()
        self.clock.advance(1000)
        assert (self.slow, self.transport.value()) == (0, b"")
        assert self.clock.getDelayedCalls() == []

    def test_a_connection_that_is_gone_is_not_slow(self) -> None:
        self.writer.pauseProducing()
        self.writer.stopProducing()
        self.writer.write(b"x" * 1000)
        self.clock.advance(1000)
        assert (self.slow, self.transport.value()) == (0, b"")
