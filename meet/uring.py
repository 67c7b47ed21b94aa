"""One way into the kernel for many connections: io_uring of Linux, by its two system calls.

A call of `os.write` for each of a thousand listeners goes into the kernel a thousand times, and each
time the interpreter finds its own memory pushed out of the cache.  Here the sends stand in memory that
is shared with the kernel, and one call has it do all of them.

The law: each send is told not to wait, and the kernel ends such a one before the call comes back.  So
nothing of it goes on afterwards, and it is what so many calls of ``send`` would have been.

Source: io_uring(7), io_uring_setup(2), io_uring_enter(2), and ``linux/io_uring.h`` for the numbers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from array import array
from collections.abc import Sequence
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap
from socket import socketpair
from typing import Final

BYTES_MOST: Final = 65536
"""Bytes that can be sent by one `Ring.send`."""

_ENTRIES = 512
"""Sends that go into the kernel at a time, a power of two."""

_SETUP, _ENTER = 425, 426
"""The system calls' numbers: alike on all machines but Alpha."""

_SUBMISSIONS_AT = 0x10000000
_ONE_MAPPING = 1
_GET_EVENTS = 1
_OP_SEND = 26
_DO_NOT_WAIT, _NO_SIGNAL = 0x40, 0x4000

_PARAMETERS = struct.Struct("=10I 8IQ 8IQ")
_SUBMISSION = struct.Struct("=BBHiQQIIQ24x")
_WORD_BYTES = 4
_COMPLETION_WORDS = 4
_COUNTS = 1 << 32
"""Heads and tails are counted in 32 bits, and begin anew."""


class Ring:
    """A ring that sends.  Raises `OSError` where the kernel has none, or does not let this process have one."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            # There these numbers are other system calls.
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        told = ctypes.create_string_buffer(_PARAMETERS.size)
        self._ring = self._enter(_SETUP, _ENTRIES, ctypes.byref(told))
        fields = _PARAMETERS.unpack(told.raw)
        try:
            self._prepare(fields)
            self._try_out()
        except OSError:
            os.close(self._ring)
            raise

    def send(self, files: Sequence[int], data: bytes) -> list[int]:
        """Send ``data``, of at most `BYTES_MOST`, to the sockets with the numbers ``files``.

        Returns how much of it the kernel took for each, in their order: 0 of a socket that takes
        nothing now, or nothing any more, and of a number that is no socket's.
        """
        self._data[: len(data)] = data
        taken: list[int] = []
        while len(taken) < len(files):
            # What would stand beyond the ring's end is for the next time.
            most = self._mask + 1 - (self._counts[self._submit] & self._mask)
            taken += self._send(files[len(taken) : len(taken) + most], len(data))
        return taken

    def _prepare(self, fields: Sequence[int]) -> None:
        """Find one's way in what the kernel shares, by the ``fields`` that it has told."""
        if not fields[5] & _ONE_MAPPING:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        entries, completions = fields[:2]
        # Where in the shared memory the heads and the tails stand, the order of sends, and their outcomes.
        self._submitted, self._submit, _, _, _, _, order, _, _ = (at // _WORD_BYTES for at in fields[10:19])
        self._told, self._ended, _, _, _, events, _, _, _ = (at // _WORD_BYTES for at in fields[19:28])
        self._mask, self._completion_mask = entries - 1, completions - 1
        words = max(order + entries, events + completions * _COMPLETION_WORDS)
        shared = memoryview(self._map(words * _WORD_BYTES, 0))
        self._counts = shared.cast("I")
        outcomes = shared[events * _WORD_BYTES :][: completions * _COMPLETION_WORDS * _WORD_BYTES]
        self._marks, self._results = outcomes.cast("Q")[::2], outcomes.cast("i")[2::4]
        submissions = memoryview(self._map(entries * _SUBMISSION.size, _SUBMISSIONS_AT))
        self._files, self._lengths = submissions.cast("i")[1::16], submissions.cast("I")[6::16]
        # What is sent stands in one place, so that a send has but its file and its length to be told.
        self._buffer = ctypes.create_string_buffer(BYTES_MOST)
        self._data = memoryview(self._buffer).cast("B")
        address = ctypes.addressof(self._buffer)
        for each in range(entries):
            self._counts[order + each] = each
            send = (_OP_SEND, 0, 0, -1, 0, address, 0, _DO_NOT_WAIT | _NO_SIGNAL, each)
            _SUBMISSION.pack_into(submissions, each * _SUBMISSION.size, *send)

    def _send(self, files: Sequence[int], length: int) -> list[int]:
        counts, count = self._counts, len(files)
        at = counts[self._submit] & self._mask
        self._files[at : at + count] = array("i", files)
        self._lengths[at : at + count] = array("I", (length,)) * count
        counts[self._submit] = (counts[self._submit] + count) % _COUNTS
        left = count
        while left and (went := self._go_in(left, count)):
            left -= went
        if left:
            # It has no memory for these: they are not sent by this way.
            counts[self._submit] = counts[self._submitted]
        first = counts[self._told] & self._completion_mask
        ended = (counts[self._ended] - counts[self._told]) % _COUNTS
        results = self._results[first : first + ended].tolist()
        if results.count(length) < count:
            taken = [0] * count
            for mark, result in zip(self._marks[first : first + ended], results, strict=True):
                taken[mark - at] = max(result, 0)
            results = taken
        counts[self._told] = (counts[self._told] + ended) % _COUNTS
        return results

    def _go_in(self, submissions: int, completions: int) -> int:
        """Enter the kernel, and come back when so many ``completions`` are there; how many ``submissions`` it took."""
        try:
            return self._enter(_ENTER, self._ring, submissions, completions, _GET_EVENTS, None, 0)
        except OSError:
            return 0

    def _enter(self, *arguments: object) -> int:
        result: int = self._call(*arguments)
        if result < 0:
            problem = ctypes.get_errno()
            raise OSError(problem, os.strerror(problem))
        return result

    def _map(self, size: int, at: int) -> mmap:
        return mmap(self._ring, size, MAP_SHARED, PROT_READ | PROT_WRITE, offset=at)

    def _try_out(self) -> None:
        """A kernel that is older than its sends has the ring alone."""
        ours, theirs = socketpair()
        with ours, theirs:
            if self.send([ours.fileno()], b"?") != [1]:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
