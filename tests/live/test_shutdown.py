"""Ending: SIGTERM says goodbye to everybody, everybody comes back, and the exit code is 0."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.people import Curl, Irc, Nc, Socket
from tests.live.server import Meet
from tests.servers.program import until


def test_terminate_says_goodbye_at_every_door(meet: Meet, closing: Callable[[Any], Any]) -> None:
    meet.open("algebra")
    nc = closing(Nc(meet, "algebra", "nora"))
    irc = closing(Irc(meet, "algebra", "igor"))
    curl = closing(Curl(meet, "algebra", "carl"))
    socket = closing(Socket(meet, "algebra", "sue"))
    nc.type("before")
    for person in (nc, irc, curl, socket):
        until(lambda person=person: ("nora", "before") in person.heard, "the line to be heard")

    began = time.monotonic()
    assert meet.terminate() == 0
    assert time.monotonic() - began < 5

    until(lambda: any("restarting" in line for line in nc.lines), "a goodbye at the line door")
    until(lambda: any(line.startswith("ERROR") and "restarting" in line for line in irc.lines), "a goodbye on IRC")
    until(lambda: any(line == "event: goodbye" for line in curl.lines), "a goodbye on the event stream")
    goodbye = until(lambda: [each for each in socket.messages if each["kind"] == "goodbye"], "a goodbye on the socket")
    assert goodbye[0]["name"] == "shutting-down"
    assert goodbye[0]["again"] is True

    meet.start()
    until(lambda: socket.welcomes == 2, "the socket to be back")
    assert [each for each in socket.messages if each["kind"] == "welcome"][1]["resumed"] is True
    socket.say("after")
    until(lambda: socket.heard == [("nora", "before"), ("sue", "after")], "talk to go on")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupt_and_a_closed_terminal_end_like_terminate(meet: Meet, number: signal.Signals) -> None:
    assert meet.process is not None
    meet.process.send_signal(number)
    assert meet.process.wait(5) == 0
