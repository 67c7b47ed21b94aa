"""The bounds of one address and of one participant at every door: told plainly, and only to whom they concern."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live.people import Irc, Nc, Socket
from tests.live.raw import Frames, Raw
from tests.live.server import Meet
from tests.servers.program import until

LIMITS = {
    "connections-per-address": 12,
    "joins-per-address": 8,
    "rooms-per-address": 3,
    "says-per-participant": 4,
    "people-in-room": 5,
    "commands-per-connection": 40,
    "bad-input-per-connection": 5,
}


@pytest.fixture
def meet(tmp_path: Any) -> Iterator[Meet]:
    """A Meet whose limits are soon reached, with one room."""
    server = Meet(tmp_path / "meet", *(f"--limit={name}={value}" for name, value in LIMITS.items()))
    server.start()
    server.open("calm")
    try:
        yield server
    finally:
        server.stop()


def test_connections(meet: Meet, closing: Callable[[Any], Any]) -> None:
    """Too many from one address: each door says so and hangs up; once one has gone the next may come."""
    held = [closing(Raw(meet.line_port)) for _ in range(LIMITS["connections-per-address"])]
    for each in held:
        each.until(b"/help")
    sentence = b"There are 12 connections from your address already."
    web = closing(Raw(meet.web_port))
    answer = web.rest()
    assert answer.startswith(b"HTTP/1.1 429 "), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too-many"
    assert closing(Raw(meet.irc_port)).rest() == b"ERROR :" + sentence + b"\r\n"
    assert sentence in closing(Raw(meet.line_port)).rest()

    held[0].close()
    until(lambda: _status(meet) == 200, "the place of the one who left to be free")


def _status(meet: Meet) -> int:
    connection = Raw(meet.web_port)
    connection.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    status = int(connection.rest().split(b" ")[1])
    connection.close()
    return status


def test_joins(meet: Meet, closing: Callable[[Any], Any]) -> None:
    """Who comes in and out too fast is told for how long to wait, at every door."""
    ann = closing(Socket(meet, "calm", "ann"))
    until(lambda: ann.welcomes, "ann to be in")
    for _ in range(LIMITS["joins-per-address"] - 1):
        status, welcome = meet.call("POST", "/api/v1/rooms/calm/sessions", {"nick": "mallory"})
        assert status == 201, welcome
        connection = Raw(meet.web_port)
        connection.send(
            b"DELETE /api/v1/rooms/calm/sessions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Authorization: Bearer %s\r\n\r\n" % welcome["token"].encode()
        )
        assert connection.rest().startswith(b"HTTP/1.1 204")
        connection.close()
    status, problem = meet.call("POST", "/api/v1/rooms/calm/sessions", {"nick": "mallory"})
    assert (status, problem["code"]) == (429, "too-fast")
    assert problem["detail"].startswith("People are coming in too fast from your address. Try again in ")
    *_, refused, code = closing(Frames(meet.web_port, "/api/v1/rooms/calm/socket?nick=mallory")).messages()
    assert (refused["kind"], refused["code"], code) == ("refused", "too-fast", 4100)
    nc = closing(Nc(meet, "calm", "mallory"))
    until(lambda: any("too fast" in line for line in nc.lines), "a refusal at the line door")
    irc = closing(Irc(meet, "calm", "mallory"))
    until(lambda: any("too fast" in line for line in irc.lines), "a refusal on IRC")

    ann.say("still here")
    until(lambda: ann.heard == [("ann", "still here")], "ann to be heard")


def test_rooms(meet: Meet, closing: Callable[[Any], Any]) -> None:
    for number in range(LIMITS["rooms-per-address"] - 1):
        meet.open(f"room-{number}")
    status, problem = meet.call("POST", "/api/v1/rooms", {"name": "one-more"})
    assert (status, problem["code"]) == (429, "too-fast")
    assert problem["detail"].startswith("Rooms are opened too fast from your address. Try again in ")
    line = closing(Raw(meet.line_port))
    line.send(b"/open one-more\n")
    line.until(b"Rooms are opened too fast from your address. Try again in ")
    irc = closing(Irc(meet, "one-more", "mallory"))
    until(lambda: any("Rooms are opened too fast" in line for line in irc.lines), "a refusal on IRC")
    assert meet.call("GET", "/api/v1/rooms/one-more")[0] == 404


def test_says(meet: Meet, closing: Callable[[Any], Any]) -> None:
    """Who talks too fast is refused, whatever the door; the others are not."""
    ann, mallory = closing(Socket(meet, "calm", "ann")), closing(Socket(meet, "calm", "mallory"))
    nc, irc = closing(Nc(meet, "calm", "nora")), closing(Irc(meet, "calm", "igor"))
    until(lambda: ann.welcomes and mallory.welcomes, "two to be in")
    most = LIMITS["says-per-participant"]
    for number in range(10):
        mallory.say(f"spam {number}")
    until(lambda: len(mallory.refused) == 10 - most, "the rest to be refused")
    assert {each["code"] for each in mallory.refused} == {"too-fast"}
    ann.say("calm")
    until(lambda: len(ann.heard) == most + 1, "ann to be heard")
    assert [text for nick, text in ann.heard if nick == "mallory"] == [f"spam {number}" for number in range(most)]
    assert mallory.welcomes == 1

    until(lambda: any("366" in line for line in irc.lines), "igor to be in")
    for number in range(10):
        nc.type(f"nc {number}")
        irc.say(f"irc {number}")
    sentence = f"That was too fast: {most} lines in 10 seconds are enough."
    for lines in (nc.lines, irc.lines):
        until(lambda lines=lines: sum(sentence in line for line in lines) == 10 - most, "the rest to be refused")
    until(lambda: len(ann.heard) == 3 * most + 1, "the others to be heard")


def test_people(meet: Meet) -> None:
    for number in range(LIMITS["people-in-room"]):
        assert meet.call("POST", "/api/v1/rooms/calm/sessions", {"nick": f"n{number}"})[0] == 201
    status, problem = meet.call("POST", "/api/v1/rooms/calm/sessions", {"nick": "late"})
    assert (status, problem["code"]) == (403, "room-full")


def test_too_much_nonsense(meet: Meet, closing: Callable[[Any], Any]) -> None:
    """A broken client is told what is wrong a few times, and then goodbye."""
    socket = closing(Frames(meet.web_port, "/api/v1/rooms/calm/socket?nick=mallory"))
    for _ in range(LIMITS["bad-input-per-connection"] + 1):
        socket.ask(ask="dance")
    *refused, goodbye, code = socket.messages()[1:]
    assert [each["code"] for each in refused if each["kind"] == "refused"] == ["unknown-ask"] * 6
    assert (goodbye["name"], code) == ("bad-input", 4006)
    sentence = b"Too much of what came could not be understood."
    line = closing(Raw(meet.line_port))
    line.send(b"/dance\n" * 7)
    assert sentence in line.rest()
    irc = closing(Raw(meet.irc_port))
    irc.send(b"NICK mallory\r\nUSER m 0 * :m\r\n" + b"DANCE\r\n" * 7)
    assert irc.rest().endswith(b"ERROR :" + sentence + b"\r\n")
