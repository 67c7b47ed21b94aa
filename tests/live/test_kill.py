"""``kill -9`` in the middle of talk, again and again: what was accepted is there, once, at every door."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.conftest import UNBOUNDED
from tests.live.people import Curl, Irc, Nc, Socket
from tests.live.server import Meet
from tests.servers.program import until

KILLS = 20


class _Talk:
    """Talk over all doors that goes on through every kill, and what was told to be accepted."""

    def __init__(self, meet: Meet, socket: Socket, curl: Curl) -> None:
        self.meet = meet
        self.socket = socket
        self.curl = curl
        self.over = False
        self.accepted: set[tuple[str, str]] = set()
        self.doubtful: set[tuple[str, str]] = set()
        self.spoken = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=each, daemon=True) for each in (self._socket, self._curl, self._nc, self._irc)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.over = True
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a speaker hangs"

    def _accept(self, nick: str, text: str) -> None:
        with self._lock:
            self.accepted.add((nick, text))
            self.spoken += 1

    def _socket(self) -> None:
        number = 0
        while not self.over:
            number += 1
            self._until_accepted(f"socket {number}")

    def _until_accepted(self, text: str) -> None:
        """Ask for a line, and ask again with its ref after each return, until its echo comes."""
        asked = self.socket.welcomes
        ref = self.socket.say(text)

        def accepted() -> bool:
            nonlocal asked
            if ref not in self.socket.accepted and self.socket.welcomes != asked:
                asked = self.socket.welcomes
                self.socket.say(text, ref)
            return ref in self.socket.accepted

        until(accepted, "a line on the socket to be accepted", patience=60)
        self._accept("sue", text)

    def _curl(self) -> None:
        number = 0
        while not self.over:
            number += 1
            text, ref = f"curl {number}", f"curl-{number}"

            def said(text: str = text, ref: str = ref) -> bool:
                status, answer = self.curl.say(text, ref)
                assert status in (0, 201, 503), answer
                return status == 201

            until(said, "a line by curl to be accepted", patience=60)
            self._accept("carl", text)

    def _nc(self) -> None:
        self._by_hand("nora", lambda: Nc(self.meet, "talk", "nora"), lambda nc, text: nc.type(text))

    def _irc(self) -> None:
        self._by_hand("igor", lambda: Irc(self.meet, "talk", "igor"), lambda irc, text: irc.say(text))

    def _by_hand(self, nick: str, come: Callable[[], Any], say: Callable[[Any, str], bool]) -> None:
        """Without refs a line is accepted once it is heard back; one that is not, is not said again."""
        number = 0
        person: Any = None
        while not self.over:
            if person is None:
                try:
                    person = come()
                except OSError:
                    continue
            number += 1
            text = f"{nick} {number}"
            with self._lock:
                self.doubtful.add((nick, text))
            sent = say(person, text)

            def settled(text: str = text, person: Any = person) -> bool:
                return (nick, text) in person.heard or not person.connected

            if sent:
                until(settled, f"{nick} to hear or be cut off", patience=60)
            if (nick, text) in person.heard:
                self._accept(nick, text)
            elif not sent or not person.connected:
                person.close()
                person = None
        if person is not None:
            person.close()


def test_nothing_accepted_is_lost_or_doubled(tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    chance = random.Random(20)
    meet = Meet(tmp_path / "meet", *(f"--limit={name}=0" for name in UNBOUNDED))
    meet.start()
    meet.open("talk")
    socket = closing(Socket(meet, "talk", "sue"))
    lurker = closing(Socket(meet, "talk"))
    until(lambda: socket.welcomes and lurker.welcomes, "the sockets to be welcomed")
    talk = _Talk(meet, socket, Curl(meet, "talk", "carl"))
    closing(talk.curl)
    talk.start()
    for _ in range(KILLS):
        enough = talk.spoken + chance.randrange(5, 60)
        until(lambda enough=enough: talk.spoken >= enough, "talk to go on", patience=60)
        meet.kill()
        meet.start()
    talk.stop()
    transcript = meet.transcript("talk")
    until(lambda: len(lurker.heard) >= len(transcript), "the lurker to have come back", patience=60)
    meet.stop()

    assert len(transcript) == len(set(transcript)), "a line stands twice"
    assert talk.accepted <= set(transcript), sorted(talk.accepted - set(transcript))
    assert set(transcript) <= talk.accepted | talk.doubtful
    assert lurker.heard == transcript, "who came back each time heard something else"
    assert socket.heard == transcript
    assert len({position.split(".")[0] for position in socket.positions}) == 1
    for who in ("sue", "carl", "nora", "igor"):
        numbers = [int(text.split()[1]) for nick, text in transcript if nick == who]
        assert numbers == sorted(numbers)
        assert len(numbers) > KILLS, f"{who} hardly came to word"
