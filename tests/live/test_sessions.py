"""Places: a lost connection keeps its nick for a while, leaving is told once, nothing is missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.live.people import Irc, Nc, Socket
from tests.live.server import Meet
from tests.servers.program import until


def test_who_comes_back_in_time_never_left(meet: Meet, closing: Callable[[Any], Any]) -> None:
    meet.open("algebra")
    igor = closing(Irc(meet, "algebra", "igor"))
    ann = Socket(meet, "algebra", "ann")
    until(lambda: any("ann" in line and " JOIN " in line for line in igor.lines), "ann to come in")
    ann.close()
    igor.say("while you were away")
    until(lambda: ("igor", "while you were away") in igor.heard, "the line to be said")

    back = closing(Socket(meet, "algebra", "ann"))
    until(lambda: back.refused, "another with the same nick to be refused")
    assert back.refused[0]["code"] == "nick-taken"
    assert "ann_2" in back.refused[0]["detail"]

    status, welcome = meet.call("POST", "/api/v1/rooms/algebra/sessions", {"nick": "ann", "token": ann.token})
    assert status == 201
    assert welcome["you"]["nick"] == "ann"
    assert [event["text"] for _, event in welcome["entries"]] == ["while you were away"]
    assert not [line for line in igor.lines if "ann" in line and (" PART " in line or " QUIT " in line)]


def test_a_dropped_irc_nick_is_free_for_its_owner_at_once(meet: Meet, closing: Callable[[Any], Any]) -> None:
    meet.open("algebra")
    sue = closing(Socket(meet, "algebra", "sue"))
    igor = Irc(meet, "algebra", "igor")
    until(lambda: any(" 366 " in line for line in igor.lines), "igor to be in")
    igor.close()
    igor = closing(Irc(meet, "algebra", "igor"))
    until(lambda: any(" 366 " in line for line in igor.lines), "igor to be in again")
    igor.say("no ghost")
    until(lambda: ("igor", "no ghost") in sue.heard, "igor to be heard under his nick")


def test_leaving_is_told_once(meet: Meet, closing: Callable[[Any], Any]) -> None:
    meet.open("algebra")
    igor = closing(Irc(meet, "algebra", "igor"))
    until(lambda: any(" 366 " in line for line in igor.lines), "igor to be in")
    nora = Nc(meet, "algebra", "nora")
    until(lambda: any(":nora!" in line and " JOIN " in line for line in igor.lines), "nora to come in")
    nora.type("/leave")
    nora.type("/join algebra nora")
    nora.type("back")
    until(lambda: ("nora", "back") in igor.heard, "nora to be back")
    nora.type("/quit")

    def gone() -> list[str]:
        return [line for line in igor.lines if ":nora!" in line and (" PART " in line or " QUIT " in line)]

    until(lambda: len(gone()) >= 2, "both leavings to be told")
    igor.send("PING fence")
    until(lambda: any("PONG" in line and "fence" in line for line in igor.lines), "the fence")
    assert len(gone()) == 2
