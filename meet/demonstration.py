"""``meet demo``: a whole Meet for a look, with a room in which a hashtag flows.

The posts are invented (`meet.demo`), its files are in a temporary folder that goes with it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner

from meet import logs
from meet.commands import Follow
from meet.configuration import Configuration, configure
from meet.moments import DAY
from meet.tap import MeetService

ROOM = "demo"
WORD = "#meet"


def demo_configuration(folder: Path, http: str, seconds: str) -> Configuration:
    """A Meet with its files in ``folder``, whose pages are at the port ``http``; raises `ValueError`."""
    return configure(
        {"data": str(folder), "http": http, "irc": "", "line": "", "health": "", "follow": "demo"},
        sources=[f"demo.seconds={seconds}"],
    )


async def open_room(service: MeetService, now: float) -> str:
    """Open the room and let it follow; the answer is its host key."""
    room, key = await service.sessions.open(ROOM, address="", ends=now + DAY, title="A room with a hashtag")
    host = await service.sessions.join(room, via="api", address="", nick="demo", host_key=key)
    await host.ask(Follow(words=(WORD,)))
    await host.leave()
    return key


async def demonstrate(reactor: Any, http: str, seconds: str) -> NoReturn:
    """Run until the process is ended.  Raises `ValueError` with a sentence for what cannot be."""
    globalLogBeginner.beginLoggingTo([logs.observer(sys.stderr, "text", "warn")], redirectStandardIO=False)
    with TemporaryDirectory(prefix="meet-demo-") as folder:
        service = MeetService(demo_configuration(Path(folder), http, seconds), reactor)
        reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
        service.privilegedStartService()
        service.startService()
        await service.opened
        key = await open_room(service, reactor.seconds())
        (entrance,) = service.entrances
        sys.stdout.write(
            f"The room is at http://localhost:{entrance.number}/{ROOM}. Its host key: {key}\nEnd it by Ctrl-C.\n"
        )
        sys.stdout.flush()
        while True:
            # Signals end the process; the folder goes with it.
            await Deferred()
