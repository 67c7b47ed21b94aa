"""A Meet whose archive is in CouchDB, while either of them is killed, stands still or is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.live.conftest import UNBOUNDED
from tests.live.people import Curl
from tests.live.server import Meet
from tests.servers.couchdb import Couchdb
from tests.servers.program import until


class _Talk:
    """Somebody who says one line after the other, each until it is accepted; ``over`` ends it."""

    def __init__(self, curl: Curl) -> None:
        self.accepted: list[str] = []
        self.over = False
        self._curl = curl
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._thread.start()

    def _speak(self) -> None:
        while not self.over:
            text = f"line {len(self.accepted)}"
            until(lambda text=text: self._curl.say(text, text)[0] == 201, "a line to be accepted", patience=60)
            self.accepted.append(text)

    def some(self) -> None:
        enough = len(self.accepted) + 4
        until(lambda: len(self.accepted) >= enough, "talk to go on", patience=60)

    def stop(self) -> None:
        self.over = True
        self._thread.join(60)
        assert not self._thread.is_alive(), "the speaker hangs"


def _archived(couchdb: Couchdb, database: str) -> list[str]:
    rows = couchdb.ask("GET", f"{database}/_all_docs?include_docs=true&startkey=%22entry%22&endkey=%22f%22")["rows"]
    texts = [row["doc"]["body"] for row in rows if row["doc"]["kind"] == "said"]
    return [text.partition('"text":"')[2].partition('"')[0] for text in texts]


def test_nothing_is_lost_or_twice_whoever_is_killed(tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    couchdb = closing(Couchdb().start())
    database = couchdb.new()
    limits = [f"--limit={name}=0" for name in UNBOUNDED]
    meet = Meet(tmp_path / "meet", "--store", couchdb.url(database), *limits, irc=False, line=False)
    closing(SimpleNamespace(close=meet.kill))
    meet.start()
    meet.open("talk")
    talk = _Talk(closing(Curl(meet, "talk", "carl")))
    talk.some()
    meet.kill()
    meet.start()
    talk.some()
    for harm, mend in (
        (couchdb.freeze, couchdb.thaw),
        (couchdb.stop, couchdb.start),
        (couchdb.kill, couchdb.start),
    ):
        harm()
        talk.some()
        mend()
        talk.some()
    meet.kill()
    couchdb.kill()
    couchdb.start()
    meet.start()
    talk.some()
    talk.stop()
    until(lambda: len(_archived(couchdb, database)) >= len(talk.accepted), "the archive to have all of it", patience=60)
    assert _archived(couchdb, database) == talk.accepted
    assert [text for _, text in meet.transcript("talk")] == talk.accepted
    meet.stop()
