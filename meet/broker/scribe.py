"""The one thread that writes for the local broker: many jobs to a commit.

Jobs are queued by the reactor's thread, those of one turn together.  The scribe takes all that are waiting, does them
in order in one transaction, commits, and only then lets the reactor's thread tell their
results, in the same order.

The law: nothing is told before it is committed.  When a commit fails, so does every job in
it, and every job that was queued before the reactor's thread knew: those were decided on
what is not so.  Jobs that come later are done again as ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meet.broker.log import Log
from meet.errors import Unavailable

JOBS_IN_COMMIT = 2000
"""More wait for the next commit: the first of them should not wait for the last for long."""


class Reactor(Protocol):
    """What the scribe needs of the reactor."""

    def callFromThread(self, call: Callable[..., Any], /, *args: object) -> None:
        """As `twisted.internet.interfaces.IReactorFromThreads` says."""

    def callLater(self, delay: float, call: Callable[..., Any], /, *args: object) -> object:
        """As `twisted.internet.interfaces.IReactorTime` says."""


class Job(NamedTuple):
    """``work(log)`` is done in the scribe's thread; then ``told(result)``, or
    ``failed(unavailable)``, is called in the reactor's.

    With ``wipes``, what was deleted is gone from the files before anything is told.
    """

    work: Callable[[Log], Any]
    told: Callable[[Any], object]
    failed: Callable[[Unavailable], object]
    wipes: bool = False


class _Outcome(NamedTuple):
    """What became of one commit: the jobs that were done with their results, those that were
    not, and the age that ended with it (0: none).
    """

    results: list[tuple[Job, Any]]
    undone: list[Job]
    broken: int


class Scribe:
    """Writes to ``log``, which must be open; ``broken()`` is called when a commit has failed,
    before any of its jobs is told so.
    """

    _log = Logger()

    def __init__(self, log: Log, reactor: Reactor, broken: Callable[[], None]) -> None:
        self._file = log
        self._reactor = reactor
        self._broken = broken
        # Each failed commit begins a new age; jobs of an age that failed are not done.
        self._age = 1
        self._failed_age = 0
        self._failing = False
        self._gathered: list[tuple[int, Job]] = []
        self._queue: SimpleQueue[list[tuple[int, Job]] | None] = SimpleQueue()
        self._stopped: Deferred[None] = Deferred()
        self._thread = Thread(target=self._run, name="meet-broker-scribe", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue ``job``; call from the reactor's thread."""
        self._gathered.append((self._age, job))
        if len(self._gathered) == 1:
            # At the turn's end: the scribe would otherwise be woken for the first, and commit it alone.
            self._reactor.callLater(0, self._hand_over)

    def stop(self) -> Deferred[None]:
        """Do what is queued, close the file, and fire."""
        self._hand_over()
        self._queue.put(None)
        return self._stopped

    # In the reactor's thread.

    def _tell(self, outcome: _Outcome) -> None:
        if outcome.broken == self._age:
            self._age += 1
            self._broken()
        for job, result in outcome.results:
            job.told(result)
        for job in outcome.undone:
            job.failed(Unavailable("Meet cannot write to its disk at the moment; come again."))

    def _hand_over(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._queue.put(gathered)

    def _end(self) -> None:
        self._thread.join()
        self._stopped.callback(None)

    # In the scribe's own thread.

    def _run(self) -> None:
        going = True
        while going:
            taken, going = self._take()
            self._reactor.callFromThread(self._tell, self._write(taken))
        try:
            self._file.close()
        except Exception:
            self._log.failure("Closing the log failed")
        self._reactor.callFromThread(self._end)

    def _take(self) -> tuple[list[tuple[int, Job]], bool]:
        """What is to be done next, and whether more may come."""
        taken: list[tuple[int, Job]] = []
        wait = not self._file.more_to_sweep
        while len(taken) < JOBS_IN_COMMIT:
            try:
                gathered = self._queue.get(block=wait)
            except Empty:
                break
            if gathered is None:
                return taken, False
            taken += gathered
            wait = False
        return taken, True

    def _write(self, batch: list[tuple[int, Job]]) -> _Outcome:
        jobs = [job for age, job in batch if age > self._failed_age]
        try:
            self._file.begin()
            results = [(job, job.work(self._file)) for job in jobs]
            wrote = self._file.commit()
        except Exception as problem:
            # Whatever it was (a full disk, a broken one, a mistake of ours): nothing of it stands.
            self._note(problem)
            self._failed_age = max((age for age, _ in batch), default=self._failed_age)
            self._roll_back()
            return _Outcome([], [job for _, job in batch], self._failed_age)
        if wrote and self._failing:
            self._failing = False
            self._log.info("Meet can write to its disk again.")
        undone = [job for age, job in batch if age <= self._failed_age]
        if any(job.wipes for job in jobs):
            try:
                self._file.wipe()
            except Exception:
                self._log.failure("Wiping what was deleted failed")
                undone.extend(job for job in jobs if job.wipes)
                results = [each for each in results if not each[0].wipes]
        return _Outcome(results, undone, 0)

    def _note(self, problem: Exception) -> None:
        """Log why a commit failed; a disk that stays full is told once and not for each commit."""
        if not isinstance(problem, sqlite3.OperationalError | OSError):
            self._log.failure("Writing to the log failed")
        elif not self._failing:
            self._failing = True
            self._log.critical(
                "Meet cannot write to its disk: {problem}. Nothing is accepted until it can.", problem=problem
            )

    def _roll_back(self) -> None:
        try:
            self._file.rollback()
        except Exception:
            self._log.failure("Taking back a failed commit failed")
