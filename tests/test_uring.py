"""What one call sends for many is what so many calls would have sent."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet import writer
from meet.uring import BYTES_MOST
from meet.writer import write_past

Pair = tuple[socket.socket, socket.socket]


class Case(SynchronousTestCase):
    def pair(self, size: int = 0) -> Pair:
        """Two ends of a connection that do not wait; of ours the kernel buffers ``size`` bytes at least."""
        pair = socket.socketpair()
        for each in pair:
            self.addCleanup(each.close)
            each.setblocking(False)
        if size:
            pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        return pair

    def stream(self) -> Pair:
        """Two ends of a TCP connection, which takes pieces."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            theirs, _ = server.accept()
        for each in (ours, theirs):
            self.addCleanup(each.close)
        ours.setblocking(False)
        return ours, theirs

    def come(self, end: socket.socket, much: int) -> int:
        """How many bytes have come to ``end``, of which ``much`` must."""
        came = 0
        while came < much:
            came += len(end.recv(1 << 20))
        return came


def full(pair: Pair) -> bytes:
    """Fill ``pair`` up; what stands in it now."""
    filled = b""
    try:
        while True:
            filled += b"." * pair[0].send(b"." * 1000)
    except BlockingIOError:
        return filled


def read(end: socket.socket) -> bytes:
    """All that has come to ``end``."""
    found = b""
    try:
        while piece := end.recv(1 << 20):
            found += piece
    except BlockingIOError:
        pass
    return found


def files(pairs: Sequence[Pair]) -> list[int]:
    return [ours.fileno() for ours, _ in pairs]


class Sending:
    """What is promised of sending to many, with the ring and without it."""

    def test_everybody_gets_it_also_those_beyond_the_end_of_the_ring(self) -> None:
        pairs = [self.pair() for _ in range(700)]
        for number in range(5):
            data = b"line %d" % number
            assert write_past(files(pairs), data) == [len(data)] * len(pairs)
            assert {theirs.recv(100) for _, theirs in pairs} == {data}

    def test_who_takes_nothing_is_told_in_their_place_and_costs_the_others_nothing(self) -> None:
        pairs = [self.pair() for _ in range(20)]
        filled = full(pairs[1])
        pairs[2][1].close()
        pairs[4][0].close()
        taken = [0 if number in (1, 2, 4) else 2 for number in range(20)]
        assert write_past([*files(pairs), -1], b"hi") == [*taken, 0]
        assert read(pairs[1][1]) == filled
        assert [read(pairs[number][1]) for number, much in enumerate(taken) if much] == [b"hi"] * 17

    def test_of_whom_took_a_piece_it_is_told_how_much(self) -> None:
        pairs = [self.stream() for _ in range(20)]
        data = b"x" * BYTES_MOST
        heard = [0] * 20
        while True:
            taken = write_past(files(pairs), data)
            heard = [much + more for much, more in zip(heard, taken, strict=True)]
            if not any(taken):
                break
        assert any(much % len(data) for much in heard)
        assert [self.come(theirs, much) for (_, theirs), much in zip(pairs, heard, strict=True)] == heard

    def test_what_is_longer_than_the_ring_takes_is_sent_too(self) -> None:
        pairs = [self.pair(1_000_000) for _ in range(20)]
        data = os.urandom(BYTES_MOST + 1)
        assert write_past(files(pairs), data) == [len(data)] * len(pairs)
        assert {read(theirs) for _, theirs in pairs} == {data}


class WithRing(Sending, Case):
    """As the system has it: one that has no ring sends without."""

    @settings(max_examples=50)
    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=3000), st.sets(st.integers(0, 24))), max_size=60))
    def test_it_sends_what_calls_of_their_own_would(self, rounds: list[tuple[bytes, set[int]]]) -> None:
        pairs, others = ([self.pair(2000) for _ in range(25)] for _ in range(2))
        for data, left_out in rounds:
            chosen = [number for number in range(25) if number not in left_out]
            expected = []
            for number in chosen:
                try:
                    expected.append(others[number][0].send(data))
                except BlockingIOError:
                    expected.append(0)
            assert write_past(files([pairs[number] for number in chosen]), data) == expected
        assert [read(theirs) for _, theirs in pairs] == [read(theirs) for _, theirs in others]
        for pair in (*pairs, *others):
            for each in pair:
                each.close()


class WithoutRing(Sending, Case):
    """A system that has none, or lets nobody have one."""

    def setUp(self) -> None:
        self.patch(writer, "Ring", self.no_ring)
        writer._ring.cache_clear()
        self.addCleanup(writer._ring.cache_clear)

    def no_ring(self) -> None:
        raise PermissionError("io_uring is disabled")
