"""One shadow as an operator starts it: a Redis that is production, and a Meet that is the candidate."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from meet.address import read_address
from meet.bus import to_publish
from meet.events import Event, Opened, Position, Said
from meet.keys import Names
from meet.limits import Limits
from meet.rasputin.connection import connect, run
from meet.wire import encode
from tests.live.server import Meet
from tests.servers.program import until
from tests.servers.redis import Redis

AT = "2026-11-24T14:05:09.120Z"


def test_a_conversation_is_done_again_and_reported(tmp_path: Path) -> None:
    with Redis() as redis:
        candidate = Meet(tmp_path / "meet", irc=False, line=False).start()
        words = ["shadow", "--from", redis.url, "--to", candidate.url, "--json"]
        shadow = subprocess.Popen(
            [sys.executable, "-m", "meet", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            until(lambda: redis.command("PUBSUB", "NUMPAT") == 1, "the shadow to listen")
            client = connect(read_address(redis.url))

            def publish(event: Event, under: Position | None, **more: bool | str) -> Position:
                asked = to_publish(
                    Names("meet"),
                    "algebra",
                    encode(event),
                    under=under,
                    process="test",
                    epoch="k3q",
                    limits=Limits(),
                    **more,  # type: ignore[arg-type]
                )
                epoch, _, number = run(client, "publish", asked).decode().partition(".")
                return Position(epoch, int(number))

            opened = Opened(at=AT, name="algebra", title="A", ends="2126-01-01T00:00:00.000Z", limit=140, lock="l")
            law = publish(opened, None, key="opened", ruling=True)
            for each in range(10):
                publish(Said(at=AT, by="p1", nick="ann", via="web", text=f"a riddle {each}"), law)
            client.close()
            until(lambda: all(b'"k3q.%d"' % number in kept(candidate.data) for number in range(2, 12)), "the last line")
            shadow.send_signal(signal.SIGINT)
            out, errors = shadow.communicate(timeout=30)
        finally:
            shadow.kill()
        told = json.loads(out)
        assert (shadow.returncode, errors) == (0, "meet: Listening.\n")
        assert (told["rooms"], told["joins"], told["lines"], told["heard"]) == (1, 1, 10, 10)
        assert told["lag"]["most"] >= told["lag"]["median"] > 0
        candidate.stop()
        assert b"riddle" not in kept(candidate.data)


def kept(data: Path) -> bytes:
    """All that the candidate has on its disk."""
    return b"".join(file.read_bytes() for file in data.glob("broker.sqlite3*"))
