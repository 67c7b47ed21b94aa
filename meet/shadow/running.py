"""One shadow from its beginning to its report."""

from __future__ import annotations

import os
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.web.client import Agent, HTTPConnectionPool

from meet.address import Address
from meet.errors import Unavailable
from meet.shadow.candidate import Candidate
from meet.shadow.masks import Masks
from meet.shadow.production import Production
from meet.shadow.replay import Replay
from meet.shadow.report import Report

_LAST = 5.0
"""Seconds for what is on its way at the end."""

_BEGINNING = 10.0
"""Seconds in which production must be reached."""

_CONNECTIONS = 50


async def shadow(
    address: Address, url: str, reactor: Any, *, speed: float, seconds: float, plain: bool, begun: Any
) -> Report:
    """Do what happens at the Redis of ``address`` again at ``url``, for ``seconds`` (0: until interrupted).

    ``begun()`` is called once everything is heard.  Raises `Unavailable` if production cannot be reached.
    """
    report = Report()
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = _CONNECTIONS
    candidate = Candidate(url, HTTPClient(Agent(reactor, connectTimeout=5, pool=pool)))
    replay = Replay(candidate, Masks(os.urandom(16), plain=plain), report, reactor, speed)
    reasons: list[str] = []
    production = Production(address, reactor, os.urandom, replay.heard, reasons.append)
    production.start()
    told: Deferred[None] = Deferred()
    try:
        await _reached(production, reactor, reasons)
        begun()
        await _interrupted(reactor, seconds, told)
        await production.stop()
        await replay.settled().addTimeout(_LAST, reactor, onTimeoutCancel=lambda *_: None)
    finally:
        await production.stop()
        candidate.close()
        await pool.closeCachedConnections()
        # In this turn whoever waits tells the report; then the process may end.
        reactor.callLater(0, told.callback, None)
    report.close()
    return report


async def _reached(production: Production, reactor: Any, reasons: list[str]) -> None:
    try:
        await production.begun.addTimeout(_BEGINNING, reactor)
    except TookTooLong:
        raise Unavailable(f"Production cannot be heard: {reasons[-1] if reasons else 'it does not answer.'}") from None


def _interrupted(reactor: Any, seconds: float, told: Deferred[None]) -> Deferred[None]:
    """Fires after ``seconds``, or when the process is told to end, which then waits until ``told`` has fired."""
    over: Deferred[None] = Deferred()

    def end() -> Deferred[None]:
        if not over.called:
            over.callback(None)
        return told

    reactor.addSystemEventTrigger("before", "shutdown", end)
    if seconds:
        reactor.callLater(seconds, end)
    return over
