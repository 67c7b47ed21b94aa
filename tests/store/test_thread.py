"""The store's threads: in order, and waited for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from meet.errors import Unavailable
from meet.store import thread
from meet.store.thread import Threads

STUCK = """
from threading import Event
from meet.store.thread import Threads
threads, begun = Threads(1), Event()
threads.start()
threads.run(lambda: (begun.set(), Event().wait()))
begun.wait()
"""


class TheThreads(TestCase):
    def test_work_that_never_ends_does_not_keep_a_process_from_its_end(self):
        subprocess.run([sys.executable, "-c", STUCK], check=True, timeout=60)

    async def test_one_thread_does_its_work_in_the_order_of_asking(self):
        threads = Threads(1)
        threads.start()
        done: list[int] = []
        asked = [threads.run(lambda number=number: done.append(number)) for number in range(50)]
        await threads.stop()
        assert all(each.called for each in asked)
        assert done == list(range(50))

    async def test_closed_or_far_behind_it_is_unavailable(self):
        threads = Threads(1)
        with pytest.raises(Unavailable, match="not open"):
            await threads.run(int)
        self.patch(thread, "_WAITING_MOST", 2)
        threads.start()
        asked = [threads.run(int) for _ in range(2)]
        with pytest.raises(Unavailable, match="too busy"):
            await threads.run(int)
        assert await gatherResults(asked) == [0, 0]
        await threads.stop()
