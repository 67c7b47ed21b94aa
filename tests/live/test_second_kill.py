"""Somebody who is still away when Meet is killed a second time gets all that was missed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meet.feed import IN_DOUBT
from tests.live.conftest import UNBOUNDED
from tests.live.people import Irc
from tests.live.server import Meet
from tests.servers.program import until


def test_an_irc_client_that_was_away_over_two_kills(tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    # Nothing here is to be over before the client is back, or too long ago, however slow or fast the machine.
    limits = {
        **dict.fromkeys(UNBOUNDED, 0),
        "session-grace": 300,
        "entries-in-tail": 20000,
        "entries-on-joining": 20000,
    }
    options = [f"--limit={name}={value}" for name, value in limits.items()]
    meet = Meet(tmp_path / "meet", *options)
    meet.start()
    away = closing(Irc(meet, "talk", "ann"))
    until(lambda: ("ann", "here") in away.heard or not away.say("here"), "ann to be in")
    said = []

    def talks(nick: str, span: float) -> None:
        """Say a line, and more until they are said over so many seconds."""
        somebody = closing(Irc(meet, "talk", nick))
        ends = time.monotonic() + span
        while True:
            text = f"line {len(said)}"
            somebody.say(text)
            until(lambda: (nick, text) in somebody.heard, f"{nick} to be heard")
            said.append((nick, text))
            if time.monotonic() > ends:
                break
        somebody.close()

    meet.kill()
    meet.start()
    # What is said in the last two seconds before an end is told again in any case.
    talks("bob", 2 * IN_DOUBT)
    meet.kill()
    meet.start()
    talks("dan", 0)
    back = closing(Irc(meet, "talk", "ann"))
    until(lambda: set(said) <= set(back.heard), lambda: f"ann to be told all: {back.heard}")
    assert [each for each in back.heard if each in said] == said
    meet.stop()
