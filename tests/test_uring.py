"""What one call sends for many is what so many calls would have sent."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet import writer
from meet.uring import BYTES_MOST, Ring
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


class RingTests(Case):
    def setUp(self) -> None:
        self.ring = Ring()

    def test_everybody_gets_it_also_those_beyond_the_end_of_the_ring(self) -> None:
        pairs = [self.pair() for _ in range(700)]
        for number in range(5):
            data = b"line %d" % number
            assert self.ring.send(files(pairs), data) == [len(data)] * len(pairs)
            assert {theirs.recv(100) for _, theirs in pairs} == {data}

    def test_who_takes_nothing_is_told_in_their_place_and_costs_the_others_nothing(self) -> None:
        pairs = [self.pair() for _ in range(6)]
        filled = full(pairs[1])
        pairs[2][1].close()
        pairs[4][0].close()
        with open(os.devnull, "wb") as no_socket:
            numbers = [*files(pairs), no_socket.fileno(), -1]
            assert self.ring.send(numbers, b"hi") == [2, 0, 0, 2, 0, 2, 0, 0]
        assert [read(pairs[each][1]) for each in (0, 1, 3, 5)] == [b"hi", filled, b"hi", b"hi"]

    def test_a_piece_that_is_taken_is_told(self) -> None:
        pairs = [self.pair(), self.pair(1), self.pair()]
        # A socket pair takes whole messages or none; TCP takes what fits.
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            theirs, _ = server.accept()
        pairs.append((ours, theirs))
        for each in pairs[-1]:
            self.addCleanup(each.close)
            each.setblocking(False)
        data = b"x" * BYTES_MOST
        heard = 0
        while True:
            taken = self.ring.send([ours.fileno()], data)[0]
            heard += taken
            if taken < len(data):
                break
        assert heard > 0
        came = 0
        while came < heard:
            came += len(theirs.recv(1 << 20))
        assert came == heard

    @settings(max_examples=100)
    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=3000), st.sets(st.integers(0, 20))), max_size=60))
    def test_it_sends_what_calls_of_its_own_would(self, rounds: list[tuple[bytes, set[int]]]) -> None:
        pairs, others = ([self.pair(2000) for _ in range(21)] for _ in range(2))
        for data, chosen in rounds:
            numbers = sorted(chosen)
            expected = []
            for each in numbers:
                try:
                    expected.append(others[each][0].send(data))
                except BlockingIOError:
                    expected.append(0)
            assert self.ring.send(files([pairs[each] for each in numbers]), data) == expected
        assert [read(theirs) for _, theirs in pairs] == [read(theirs) for _, theirs in others]
        for pair in (*pairs, *others):
            for each in pair:
                each.close()


class WithoutTests(Case):
    """A kernel that has no ring, or lets nobody have one."""

    def setUp(self) -> None:
        self.patch(writer, "Ring", self.no_ring)
        writer._ring.cache_clear()
        self.addCleanup(writer._ring.cache_clear)

    def no_ring(self) -> Ring:
        raise PermissionError("io_uring is disabled")

    def test_everybody_gets_it_all_the_same(self) -> None:
        pairs = [self.pair() for _ in range(40)]
        full(pairs[7])
        assert write_past(files(pairs), b"hi") == [0 if each == 7 else 2 for each in range(40)]
        assert [read(theirs) for number, (_, theirs) in enumerate(pairs) if number != 7] == [b"hi"] * 39


class BoundTests(Case):
    def test_what_is_longer_than_the_ring_takes_is_sent_too(self) -> None:
        pairs = [self.pair(1_000_000) for _ in range(20)]
        data = os.urandom(BYTES_MOST + 1)
        assert write_past(files(pairs), data) == [len(data)] * len(pairs)
        assert {read(theirs) for _, theirs in pairs} == {data}

    def test_no_more_than_its_bound_is_for_one_send(self) -> None:
        with pytest.raises(ValueError, match="structure"):
            Ring().send(files([self.pair()]), b"x" * (BYTES_MOST + 1))
