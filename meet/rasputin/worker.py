"""The loop of ``manage.py rasputin``: the journal told to this site, batch by batch, until it is stopped.

One batch is one transaction, and it is acknowledged after its commit.  A receiver that raises holds up its
shard for a while, and no other; after some tries the record is set aside for it.  If Redis or the
database is away, nothing is lost and nothing given up: it is tried again until both are back.
"""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from django.db import DatabaseError, InterfaceError, close_old_connections, transaction

from meet.errors import Unavailable
from meet.rasputin.journal import Batch, Journal
from meet.rasputin.observing import Heard
from meet.rasputin.publishing import send_waiting
from meet.rasputin.telling import BrokenReceiver, set_aside, tell

log = logging.getLogger("meet.rasputin")

_SHORTEST = 1.0
_LONGEST = 30.0
"""Seconds until something is tried again, doubled with each failure."""

_SEND_EVERY = 60.0
"""Seconds after which what waits to be sent is looked for, even if nothing said so: a view's process may
have died between its commit and its sending.
"""


class _Woken(Exception):
    """A signal came while nothing was done but waiting."""


class Worker:
    """Tells ``journal`` to this site.

    ``keep`` and ``tries`` are those of the settings; ``now`` and ``sleep`` a clock's.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        keep: bool,
        tries: int,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.told = 0
        self._journal = journal
        self._keep = keep
        self._tries = tries
        self._now = now
        self._sleep = sleep
        self._stopping = False
        self._waiting = False
        self._failures = 0
        self._send_at = 0.0

    def run(self, *, once: bool = False) -> None:
        """Tell what there is and what comes, until `stop`; with ``once`` until there is nothing more."""
        with self._signals():
            try:
                while not self._stopping:
                    try:
                        self._journal.begin()
                        self._go_on(once)
                        return
                    except Unavailable as away:
                        if once and self._failures >= self._tries:
                            raise
                        self._pause(f"The bus is away: {away}")
                    except (DatabaseError, InterfaceError) as error:
                        if once and self._failures >= self._tries:
                            raise
                        self._pause(f"The database is away: {error}")
                        close_old_connections()
            finally:
                with suppress(Unavailable):
                    self._journal.end()

    def stop(self) -> None:
        """End after the batch under way; if nothing is under way, at once."""
        self._stopping = True
        if self._waiting:
            self._waiting = False
            raise _Woken

    def _go_on(self, once: bool) -> None:
        while not self._stopping:
            self._journal.beat()
            if self._now() >= self._send_at:
                self._send_at = self._now() + _SEND_EVERY
                send_waiting()
            batch = self._journal.take()
            if batch is not None:
                self._deal_with(batch)
                self._failures = 0
            elif once:
                return
            else:
                self._wait(self._journal.wait)
                close_old_connections()

    def _deal_with(self, batch: Batch) -> None:
        done: list[bytes] = []
        told = 0
        trouble: tuple[Heard, BrokenReceiver] | None = None
        with transaction.atomic():
            for number, heard in batch.records:
                if heard is not None:
                    try:
                        told += tell(heard, keep=self._keep)
                    except BrokenReceiver as broken:
                        trouble = heard, broken
                        break
                done.append(number)
                self._journal.beat()
        self.told += told
        if trouble is None or not batch.backfill:
            self._journal.acknowledge(batch, done)
        if trouble is None:
            return
        heard, failed = trouble
        aside = set_aside(heard, failed, self._tries)
        if aside.given_up:
            log.error("%s is given up, and set aside: %r", aside, failed.__cause__)
            self._journal.again(batch, 0)
        else:
            pause = _pause(aside.tries)
            log.warning("%s raised %r; again in %.0f s", aside, failed.__cause__, pause)
            self._journal.again(batch, pause)

    def _pause(self, reason: str) -> None:
        self._failures += 1
        pause = _pause(self._failures) * random.uniform(0.5, 1)
        log.warning("%s  Again in %.1f s.", reason, pause)
        self._wait(lambda: self._sleep(pause))

    def _wait(self, wait: Callable[[], None]) -> None:
        try:
            self._waiting = True
            if not self._stopping:
                wait()
        except _Woken:
            pass
        finally:
            self._waiting = False

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, before in former.items():
                signal.signal(number, before)


def _pause(failures: int) -> float:
    return float(min(_LONGEST, _SHORTEST * 2 ** min(failures - 1, 10)))
