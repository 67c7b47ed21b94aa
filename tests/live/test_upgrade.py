"""One process after the other gets a shared port while people come: nobody is refused, and nobody is cut off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.server import Meet
from tests.servers.program import PATIENCE, free_port, until

UPGRADES = 4


def page(port: int) -> None:
    """Get a page by a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /help HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while b"</html>" not in answer:
            piece = connection.recv(65_536)
            assert piece, f"an answer ended early: {answer!r}"
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200 "), answer


def greeting(port: int) -> None:
    """Be greeted at the line door."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        assert connection.recv(1000).startswith(b"Meet."), "no greeting"


class Coming:
    """People who come one after another, and what went wrong for them."""

    def __init__(self, *ways: Callable[[], None]) -> None:
        self.came = 0
        self.wrong: list[str] = []
        self._over = False
        self._threads = [threading.Thread(target=self._come, args=(way,)) for way in ways]
        for thread in self._threads:
            thread.start()

    def _come(self, way: Callable[[], None]) -> None:
        while not self._over:
            try:
                way()
            except (OSError, AssertionError) as problem:
                self.wrong.append(repr(problem))
            self.came += 1

    def close(self) -> None:
        self._over = True
        for thread in self._threads:
            thread.join(PATIENCE)


def test_processes_follow_each_other_on_shared_ports(tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    web, line = free_port(), free_port()

    def start(number: int) -> Meet:
        options = ("--http", f"reuse:{web}:interface=127.0.0.1", "--line", f"reuse:{line}:interface=127.0.0.1")
        meet = Meet(tmp_path / str(number), *options, web=False, irc=False, line=False)
        meet.start()
        until(lambda: "is open" in meet.log.read_text(), "Meet to be open")
        return meet

    old = start(0)
    coming = closing(Coming(*[lambda: page(web)] * 2, lambda: greeting(line)))
    took = []
    for number in range(1, UPGRADES + 1):
        enough = coming.came + 30
        until(lambda enough=enough: coming.came >= enough, "people to come")
        new = start(number)
        enough = coming.came + 30
        until(lambda enough=enough: coming.came >= enough, "people to come")
        began = time.monotonic()
        assert old.terminate() == 0
        took.append(time.monotonic() - began)
        old.stop()
        old = new
    coming.close()
    old.stop()
    assert coming.wrong == []
    assert max(took) < 5


def test_a_process_that_fails_to_start_takes_nobody_with_it(tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    web = free_port()
    shared = ("--http", f"reuse:{web}:interface=127.0.0.1")
    good = Meet(tmp_path / "good", *shared, web=False, irc=False, line=False)
    good.start()
    until(lambda: "is open" in good.log.read_text(), "Meet to be open")
    coming = closing(Coming(*[lambda: page(web)] * 2))
    (tmp_path / "archive").write_text("This is no database, and it is long enough to show it. " * 20)
    bad = Meet(
        tmp_path / "bad", *shared, "--store", f"sqlite:///{tmp_path / 'archive'}", web=False, irc=False, line=False
    )
    bad.start()
    assert bad.process is not None
    assert bad.process.wait(PATIENCE) == 1
    bad.stop()
    enough = coming.came + 30
    until(lambda: coming.came >= enough, "people to come")
    coming.close()
    good.stop()
    assert coming.wrong == []
