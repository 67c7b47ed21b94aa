"""People whose process died: they get the grace time to come back, then they are `Left`, once.

In the room's kept state they are still here when a process starts.  Each gets a session
without a connection; their token takes it over, or its time runs out.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from meet.feed import Feed
from meet.hub import Hub
from meet.interfaces import IBroker
from meet.session import Sessions


@inlineCallbacks
def adopt_the_lost(broker: IBroker, hub: Hub, sessions: Sessions) -> Generator[Deferred[Any], Any, int]:
    """Take on everybody whom an earlier process left in the broker's rooms.

    Fires with their number when each has a session.  Fails with `meet.errors.Unavailable`.
    """
    before = len(sessions)
    for name in (yield broker.rooms()):
        # Looked at and let go: only rooms with people in them stay in memory.
        glance = Feed(name, sessions.limits)
        glance.restore((yield broker.read(name)))
        if len(glance.room.people):
            feed: Feed = yield hub.feed(name)
            sessions.adopt(feed)
    return len(sessions) - before
