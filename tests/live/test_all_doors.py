"""Every door at once: whoever talks, everybody hears the same lines in the same order, none twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.browser import Browser
from tests.live.people import Curl, Irc, Irssi, Nc, Socket, Weechat
from tests.live.server import Meet
from tests.servers.program import until

EACH = 100
"""Lines from each of five speakers."""


def test_all_doors_hear_the_same(meet: Meet, tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    meet.open("algebra", title="Algebra")
    irssi = closing(Irssi(meet, tmp_path / "irssi", "iris"))
    irssi.join("algebra")
    weechat = closing(Weechat(meet, tmp_path / "weechat", "wanda"))
    weechat.join("algebra")
    nc = closing(Nc(meet, "algebra", "nora"))
    irc = closing(Irc(meet, "algebra", "igor"))
    page = closing(Browser(meet))
    page.go("/algebra")
    page.join("bea")
    curl = closing(Curl(meet, "algebra", "carl"))
    socket = closing(Socket(meet, "algebra", "sue"))
    lurker = closing(Socket(meet, "algebra"))
    until(lambda: socket.welcomes and lurker.welcomes, "the sockets to be welcomed")
    until(lambda: any("366" in line for line in irc.lines), "the IRC client to be in the room")
    until(lambda: any("Lines are kept" in line for line in nc.lines), "nc to be in the room")

    def by_curl() -> None:
        for number in range(EACH):
            status, answer = curl.say(f"curl {number}")
            assert status == 201, answer

    speaking = [
        threading.Thread(target=lambda say=say, what=what: [say(f"{what} {number}") for number in range(EACH)])
        for what, say in (("nc", nc.type), ("irc", irc.say), ("socket", socket.say))
    ]
    speaking.append(threading.Thread(target=by_curl))
    for thread in speaking:
        thread.start()
    for number in range(EACH - 20):
        page.say(f"page {number}")
    for number in range(10):
        irssi.type(f"irssi {number}")
        weechat.type(f"weechat {number}")
    for thread in speaking:
        thread.join()

    everything = EACH * 5
    until(lambda: len(lurker.heard) >= everything, "everything to be heard", patience=60)
    told = lurker.heard
    assert len(told) == everything
    assert len(set(told)) == everything, "a line was told twice"
    for nick in ("nora", "igor", "carl", "sue", "bea", "iris", "wanda"):
        numbers = [int(text.split()[1]) for who, text in told if who == nick]
        assert numbers == sorted(numbers), f"{nick}'s lines are out of order"

    for name, hearer in (("nc", nc), ("irc", irc), ("curl", curl), ("socket", socket), ("browser", page)):
        until(lambda hearer=hearer: len(hearer.heard) >= everything, f"{name} to hear everything")
        assert hearer.heard == told, f"{name} heard something else"
    for nick, hearer in (("iris", irssi), ("wanda", weechat)):
        until(lambda hearer=hearer: len(hearer.heard) >= everything, f"{nick} to have everything in the log")
        assert sorted(hearer.heard) == sorted(told)
        # These show what they say themselves at once, before it has its place among the others'.
        assert [line for line in hearer.heard if line[0] != nick] == [line for line in told if line[0] != nick]
    assert meet.transcript("algebra") == told
    assert not page.complaints()
