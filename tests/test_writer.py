"""Fan-out never waits: who falls behind in bytes or in time is ended as slow, once."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meet.limits import Limits
from meet.writer import NO_FILE, Writer, write_past


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


class Watching:
    """A reactor that only notes who wants to write."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()
        self.addReader = self.removeReader = lambda _: None
        self.addWriter = self.writers.add
        self.removeWriter = self.writers.discard
        self.callLater = Clock().callLater


class Pipe:
    """A writer on one end of a real connection with a small kernel buffer, and a reader that is asked to read."""

    def __init__(self, size: int, limits: Limits, slow: Any = None) -> None:
        self.clock = Clock()
        self.ours, self.theirs = socket.socketpair()
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        self.theirs.setblocking(False)
        self.reactor = Watching()
        self.transport = Connection(self.ours, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.transport.connected = True
        self.read = b""
        self.writer = Writer(self.transport, self.clock, limits, slow or (lambda: None))

    def take(self, most: int) -> None:
        """Read at most so much, and let the reactor have its turn."""
        with contextlib.suppress(BlockingIOError):
            self.read += self.theirs.recv(most)
        for each in list(self.reactor.writers):
            each.doWrite()

    def drain(self) -> None:
        idle = 0
        while idle < 2:
            before = len(self.read)
            self.take(1 << 20)
            idle = 0 if len(self.read) > before or self.reactor.writers else idle + 1

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def tell(writers: list[Writer], data: bytes) -> None:
    """As an audience does."""
    for writer, taken in zip(writers, write_past([each.file for each in writers], data), strict=True):
        if taken < len(data):
            writer.write_on(data[taken:])


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 20_000)),
    st.tuples(st.just("among others"), st.integers(1, 20_000)),
    st.tuples(st.just("control"), st.integers(1, 130)),
    st.tuples(st.just("read"), st.integers(1, 30_000)),
)


class DirectTests(SynchronousTestCase):
    limits = Limits().but({"bytes-unsent": 10**9})

    @settings(max_examples=200)
    @given(st.integers(1, 20_000), st.lists(STEPS, max_size=60))
    def test_what_comes_out_is_what_went_in_whoever_wrote_it(self, size: int, steps: list[tuple[str, int]]) -> None:
        pipe = Pipe(size, self.limits)
        expected = b""
        try:
            for number, (what, much) in enumerate(steps):
                data = bytes([number % 256]) * much
                if what == "read":
                    pipe.take(much)
                    continue
                expected += data
                if what == "write":
                    pipe.writer.write(data)
                elif what == "among others":
                    tell([pipe.writer], data)
                else:
                    # What Autobahn does with a ping, past our writer.
                    pipe.transport.write(data)
            pipe.drain()
        finally:
            pipe.close()
        assert pipe.read == expected

    def test_an_idle_connection_needs_no_turn_of_the_reactor(self) -> None:
        pipe = Pipe(100_000, self.limits)
        pipe.writer.write(b"at once")
        assert pipe.theirs.recv(100) == b"at once"
        assert not pipe.reactor.writers
        pipe.close()

    def test_a_reader_that_stands_still_is_slow_once(self) -> None:
        slow: list[int] = []
        pipe = Pipe(1, Limits(), lambda: slow.append(1))
        for _ in range(2000):
            pipe.writer.write(b"x" * 1000)
        assert slow == [1]
        pipe.close()

    def test_a_connection_that_was_reset_raises_nothing(self) -> None:
        pipe = Pipe(1, self.limits)
        pipe.theirs.close()
        for _ in range(3):
            pipe.writer.write(b"x")
        assert pipe.reactor.writers == {pipe.transport}
        pipe.ours.close()

    def test_who_takes_nothing_costs_the_others_nothing(self) -> None:
        pipes = [Pipe(100_000, self.limits) for _ in range(5)]
        full, reset, ended = pipes[1], pipes[2], pipes[3]
        full.writer.write(b"x" * 1_000_000)
        reset.theirs.close()
        ended.writer.close()
        tell([pipe.writer for pipe in pipes], b"hi")
        assert [pipe.theirs.recv(10) for pipe in (pipes[0], pipes[4])] == [b"hi", b"hi"]
        full.drain()
        assert full.read == b"x" * 1_000_000 + b"hi"
        with pytest.raises(BlockingIOError):
            ended.theirs.recv(10)
        for pipe in pipes:
            pipe.close()

    def test_the_number_of_a_closed_file_is_nobodys(self) -> None:
        pipe = Pipe(100_000, self.limits)
        assert pipe.writer.file == pipe.ours.fileno()
        pipe.transport.connectionLost(Failure(ConnectionLost()))
        assert pipe.writer.file == NO_FILE
        pipe.theirs.close()

    def test_after_its_end_nothing_is_sent_past_the_transport(self) -> None:
        pipe = Pipe(100_000, self.limits)
        pipe.writer.close()
        pipe.writer.write(b"x")
        pipe.drain()
        assert pipe.read == b""
        pipe.close()

    def test_what_waited_before_there_was_a_writer_goes_first(self) -> None:
        pipe = Pipe(100_000, self.limits)
        pipe.writer.close()
        pipe.transport.write(b"HTTP/1.1 101 ")
        Writer(pipe.transport, pipe.clock, self.limits, lambda: None).write(b"and then")
        pipe.drain()
        assert pipe.read == b"HTTP/1.1 101 and then"
        pipe.close()

    def test_a_writer_that_is_closed_leaves_the_transport_as_it_was(self) -> None:
        pipe = Pipe(1, self.limits)
        pipe.writer.close()
        other = Writer(pipe.transport, pipe.clock, self.limits, lambda: None)
        other.write(b"x" * 100_000)
        assert pipe.clock.getDelayedCalls()
        other.close()
        assert pipe.clock.getDelayedCalls() == []
        assert not vars(pipe.transport).keys() & {"startWriting", "stopWriting", "writeSomeData"}
        pipe.close()


class ProgressTests(SynchronousTestCase):
    """A phone on a bad line is not one that has gone."""

    def setUp(self) -> None:
        self.slow: list[float] = []
        self.pipe = Pipe(1, Limits(), lambda: self.slow.append(self.pipe.clock.seconds()))
        self.addCleanup(self.pipe.close)
        # What the kernel holds is nobody's backlog.
        self.pipe.writer.write(b"." * 250_000)

    def pass_time(self, seconds: int, taken: int, said: int) -> None:
        for _ in range(seconds):
            left = taken
            while left > 0:
                before = len(self.pipe.read)
                self.pipe.take(min(left, 1000))
                if len(self.pipe.read) == before:
                    break
                left -= len(self.pipe.read) - before
            self.pipe.writer.write(b"x" * said)
            self.pipe.clock.advance(1)

    def test_who_takes_a_little_all_the_time_is_not_slow(self) -> None:
        # Their backlog does not empty for three times as long as nothing may be taken.
        self.pass_time(100, taken=10_000, said=9_000)
        assert self.slow == []
        assert self.pipe.clock.getDelayedCalls()
        self.pipe.drain()
        assert self.pipe.read.count(b"x") == 100 * 9_000
        self.pipe.clock.advance(1000)
        assert self.slow == []

    def test_who_takes_nothing_is_slow_when_the_time_is_over(self) -> None:
        self.pass_time(40, taken=0, said=1)
        assert self.slow == [30]

    def test_who_stops_taking_is_slow_that_long_afterwards(self) -> None:
        self.pass_time(20, taken=10_000, said=1_000)
        self.pass_time(60, taken=0, said=1)
        assert self.slow == [49]

    def test_who_takes_less_than_is_said_is_slow_when_they_are_too_far_behind(self) -> None:
        self.pass_time(60, taken=1_000, said=10_000)
        assert len(self.slow) == 1
        assert 20 < self.slow[0] < 30
