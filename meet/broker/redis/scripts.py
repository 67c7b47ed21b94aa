"""The Lua files beside this one, each run by its digest.

The law: whatever changes a room is one script, so that it happens wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from twisted.internet.defer import Deferred

from meet.broker.redis.servers import Servers
from meet.bus import Word


class Script:
    """The Lua file called ``name``."""

    def __init__(self, name: str) -> None:
        self.text = files("meet.broker.redis").joinpath(f"{name}.lua").read_bytes()
        self._digest = sha1(self.text, usedforsecurity=False).hexdigest()

    def run(self, servers: Servers, shard: int, keys: Sequence[Word], words: Sequence[Word]) -> Deferred[Any]:
        """Run it on the server of ``shard`` with these ``KEYS`` and ``ARGV``; fires with its answer."""
        return servers.ask(shard, "EVALSHA", self._digest, len(keys), *keys, *words)


PUBLISH = Script("publish")
READ = Script("read")
WHOLE = Script("whole")
HOLD = Script("hold")
DROP = Script("drop")
RESTORE = Script("restore")
PROBE = Script("probe")
ORPHANS = Script("orphans")
PULSE = Script("pulse")
PART = Script("part")
REGISTER = Script("register")
INHERIT = Script("inherit")
NEXT = Script("next")
ACKNOWLEDGE = Script("acknowledge")
WEIGH = Script("weigh")
OBSERVERS = Script("observers")
ABSENCE = Script("absence")
DISMISS = Script("dismiss")

ALL = (
    PUBLISH,
    READ,
    WHOLE,
    HOLD,
    DROP,
    RESTORE,
    PROBE,
    ORPHANS,
    PULSE,
    PART,
    REGISTER,
    INHERIT,
    NEXT,
    ACKNOWLEDGE,
    WEIGH,
    OBSERVERS,
    ABSENCE,
    DISMISS,
)
"""Every script, for loading."""
