"""Bad input at every door of a running Meet: refused in the door's manner, and nobody else notices."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.people import Socket
from tests.live.raw import Frames, Raw, frame
from tests.live.server import Meet
from tests.servers.program import until

TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
"""How a TLS client begins."""


@pytest.fixture(scope="module")
def meet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meet]:
    """One Meet for all of these tests; two people in it must not notice any of them."""
    server = Meet(
        tmp_path_factory.mktemp("abuse") / "meet", "--limit=rooms-per-address=0", "--limit=joins-per-address=0"
    )
    server.start()
    server.open("calm")
    try:
        with calm(server):
            yield server
    finally:
        server.stop()


@contextmanager
def calm(meet: Meet) -> Iterator[None]:
    """Two people talk before, and go on after, nothing came between them, and nothing was noted."""
    noted = meet.log.read_text()
    ann, bob = Socket(meet, "calm", "ann"), Socket(meet, "calm", "bob")
    try:
        until(lambda: ann.welcomes and bob.welcomes, "two people to be in")
        before = ann.say("before")
        until(lambda: before in bob.accepted, "the first line")
        yield
        after = ann.say("after")
        until(lambda: after in bob.accepted, "talk to go on")
        first, last = (int(bob.accepted[ref].partition(".")[2]) for ref in (before, after))
        assert last == first + 1, "something else was numbered in the room"
        assert (ann.welcomes, bob.welcomes) == (1, 1)
    finally:
        ann.close()
        bob.close()
    assert meet.log.read_text() == noted


def refusal(answer: bytes) -> tuple[int, str]:
    """The status and the code of an HTTP answer that refuses; its sentence must be one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    assert b"application/problem+json" in head, answer
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None, answer
    assert int(length[1]) == len(body), answer
    problem = json.loads(body)
    assert problem["status"] == status
    assert re.fullmatch(r"[A-Z].*\.", problem["detail"]), problem
    return status, problem["code"]


def post(path: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join((f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\nConnection: close\r\n\r\n" + body


HTTP = {
    "TLS": (TLS_HELLO + b"\r\n\r\n", 400, "bad-input"),
    "binary": (bytes(range(256)) + b"\r\n\r\n", 400, "bad-input"),
    "IRC": (b"NICK mallory\r\nUSER mallory 0 * :m\r\n\r\n", 400, "bad-input"),
    "the line door's": (b"/join calm mallory\r\nhello\r\n\r\n", 400, "bad-input"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "bad-input"),
    "no such method": (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "bad-input"),
    "ten thousand headers": (
        b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % number for number in range(10_000)) + b"\r\n",
        431,
        "too-large",
    ),
    "a header of 100 KB": (b"GET / HTTP/1.1\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", 431, "too-large"),
    "a header without end": (b"GET / HTTP/1.1\r\nA: " + b"b" * 100_000, 431, "too-large"),
    "an address of 100 KB": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414, "too-large"),
    "an address not in UTF-8": (b"GET /%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad-input"),
    "an address that is none": (b"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad-input"),
    "a colon alone": (b"GET / HTTP/1.1\r\n: b\r\n\r\n", 400, "bad-input"),
    "a header without a colon": (b"GET / HTTP/1.1\r\nnothing\r\n\r\n", 400, "bad-input"),
    "a body of 20 KB": (post("/api/v1/rooms", b" " * 20_000), 413, "too-large"),
    "a body said to be endless": (
        b"POST /api/v1/rooms HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        413,
        "too-large",
    ),
    "a negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "bad-input"),
    "a length that is no number": (b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400, "bad-input"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "bad-input"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad-input"),
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: a; script-src *\r\n\r\n", 400, "bad-input"),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "bad-input"),
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad-input",
    ),
    "20 KB in chunks": (
        b"POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"400\r\n" + b"a" * 1024 + b"\r\n") * 20,
        413,
        "too-large",
    ),
    "chunks that are none": (
        b"POST /api/v1/rooms HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        400,
        "bad-input",
    ),
    "a chunk's size without end": (
        b"POST /api/v1/rooms HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
        400,
        "bad-input",
    ),
    "no JSON": (post("/api/v1/rooms", b"hello"), 400, "bad-input"),
    "JSON not in UTF-8": (post("/api/v1/rooms", b'{"name":"\xff\xfe"}'), 400, "bad-input"),
    "half a surrogate": (post("/api/v1/rooms", b'{"name":"\\ud800"}'), 400, "bad-input"),
    "16,000 brackets": (post("/api/v1/rooms", b"[" * 16_000), 400, "bad-input"),
    "a list": (post("/api/v1/rooms", b"[]"), 400, "bad-input"),
    "null": (post("/api/v1/rooms", b"null"), 400, "bad-input"),
    "a name that is a number": (post("/api/v1/rooms", b'{"name":1}'), 400, "bad-input"),
    "a name of controls": (post("/api/v1/rooms", b'{"name":"\\u0000\\u202e"}'), 422, "bad-name"),
    "hours without end": (post("/api/v1/rooms", b'{"name":"a","hours":1e999}'), 400, "bad-input"),
    "hours beyond": (post("/api/v1/rooms", b'{"name":"a","hours":1e300}'), 422, "bad-life"),
    "a number of 10,000 digits": (
        post("/api/v1/rooms", b'{"name":"a","hours":%s}' % (b"9" * 10_000)),
        400,
        "bad-input",
    ),
    "a time that is none": (post("/api/v1/rooms", b'{"name":"a","ends":"9999-99-99T99:99:99Z"}'), 422, "bad-life"),
    "a position that is none": (b"GET /api/v1/rooms/calm/entries?after=%00 HTTP/1.0\r\n\r\n", 400, "bad-input"),
    "a wait that is none": (b"GET /api/v1/rooms/calm/entries?wait=nan HTTP/1.0\r\n\r\n", 400, "bad-input"),
    "a query not in UTF-8": (b"GET /api/v1/rooms/calm/entries?after=%ff HTTP/1.0\r\n\r\n", 400, "bad-input"),
    "a token that is none": (
        post("/api/v1/rooms/calm/says", b'{"text":"x"}', "Authorization: Bearer \xff\xfe"),
        400,
        "bad-input",
    ),
    "a socket without a key": (
        b"GET /api/v1/rooms/calm/socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n",
        400,
        "bad-input",
    ),
    "a socket of another version": (
        b"GET /api/v1/rooms/calm/socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        426,
        "bad-input",
    ),
    "no socket": (
        b"GET /api/v1/rooms/calm/socket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        426,
        "bad-input",
    ),
}


@pytest.mark.parametrize("what", HTTP)
def test_http_refuses_with_a_problem_document(meet: Meet, what: str) -> None:
    sent, status, code = HTTP[what]
    connection = Raw(meet.web_port)
    connection.send(sent)
    try:
        assert refusal(connection.rest()) == (status, code)
    finally:
        connection.close()


def _broken_frames() -> dict[str, tuple[bytes, int | None]]:
    half = frame(1, b'{"ask":', fin=False)
    return {
        "no mask": (frame(1, b'{"ask":"beat"}', masked=False), 1002),
        "a bit of a compression that nobody agreed on": (frame(1, b"x", bits=4), 1002),
        "an opcode that means nothing": (frame(3, b"x"), 1002),
        "a control that means nothing": (frame(11, b"x"), 1002),
        "a ping in pieces": (frame(9, b"x", fin=False), 1002),
        "a ping of 126 bytes": (frame(9, b"x" * 126), 1002),
        "a close of one byte": (frame(8, b"x"), None),
        "a close that may not be sent": (frame(8, b"\x03\xed"), None),
        "a close in no text": (frame(8, b"\x03\xe8\xff"), None),
        "the rest of nothing": (frame(0, b"x"), 1002),
        "a message in a message": (half + frame(1, b"x"), 1002),
        "no text": (frame(1, b"\xff\xfe"), 1007),
        "half a character": (frame(1, "ö".encode()[:1]), 1007),
        "20 KB": (frame(1, b"x" * 20_000), 1009),
        "20 KB in pieces": (frame(1, b"x" * 10_000, fin=False) + frame(0, b"x" * 10_000), 1009),
        "all of memory": (b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4), 1009),
        "more than there is": (b"\x81\xff" + b"\xff" * 8 + bytes(4), 1002),
    }


BROKEN_FRAMES = _broken_frames()


@pytest.mark.parametrize("what", BROKEN_FRAMES)
def test_a_broken_frame_ends_its_own_connection(meet: Meet, what: str) -> None:
    sent, code = BROKEN_FRAMES[what]
    mallory = Frames(meet.web_port, "/api/v1/rooms/calm/socket")
    try:
        assert mallory.hear() is not None
        mallory.send(sent)
        # Who closes wrongly is let go without a word.
        assert mallory.messages()[-1:] == ([code] if code else [])
    finally:
        mallory.close()


FLOODS = {
    "pings": frame(9, b"x" * 125),
    "pongs that nobody asked for": frame(10, b"x"),
    "pieces of a message that has no end": frame(0, b"", fin=False),
    "asks": frame(1, b'{"ask":"who"}'),
    "nonsense": frame(1, b"nonsense"),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_of_frames_is_ended_with_a_goodbye(meet: Meet, what: str) -> None:
    mallory = Frames(meet.web_port, "/api/v1/rooms/calm/socket")
    mallory.send(frame(1, b"{", fin=False) if "pieces" in what else b"")
    mallory.send(FLOODS[what] * 1000)
    try:
        *_, goodbye, code = mallory.messages()
        assert (goodbye["kind"], goodbye["name"], code) in (
            ("goodbye", "too-fast", 4005),
            ("goodbye", "bad-input", 4006),
        )
    finally:
        mallory.close()


def test_a_flood_without_end_is_cut(meet: Meet) -> None:
    mallory = Frames(meet.web_port, "/api/v1/rooms/calm/socket", window=4096)
    until(lambda: not mallory.send(frame(9, b"x" * 125) * 500), "the flood to be cut")
    mallory.close()


# IRC and the line door.

LINES = {
    "TLS": TLS_HELLO + b"\r\n",
    "binary": bytes(range(256)) * 4 + b"\r\n",
    "no text": b"\xff\xfe\xfd\r\n" * 5,
    "a line of 100 KB": b"x" * 100_000 + b"\r\n",
    "a line without end": b"x" * 100_000,
    "HTTP": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a page's form": b"POST / HTTP/1.1\r\nHost: a\r\n\r\nNICK mallory\r\nUSER m 0 * :m\r\nJOIN #calm\r\n",
    "unknown commands": b"DANCE with me\r\n/dance with me\r\n" * 5,
    "nothing": b"\r\n" * 100,
    "zeros": b"\0" * 10_000 + b"\r\n",
    "telnet": b"\xff\xfb\x01\xff\xfd\x03\xff\xfa\x18\x00xterm\xff\xf0\r\n" * 50,
    "tags": b"@" + b"a=b;" * 1000 + b" PING x\r\n",
    "too many tags": b"@" + b"a=b;" * 2000 + b" PING x\r\n",
    "too many parameters": b"JOIN " + b"x " * 240 + b"\r\n",
    "commands without anything": b"".join(
        b"%s\r\n" % word
        for word in b"NICK USER JOIN PART PRIVMSG NOTICE WHO WHOIS NAMES TOPIC MODE LIST KICK INVITE CAP PING PONG "
        b"CHATHISTORY TAGMSG MOTD LUSERS AWAY USERHOST ISON OPER :: @ /join /open /nick /title /extend /".split()
    ),
}


@pytest.mark.parametrize("what", LINES)
@pytest.mark.parametrize("door", ["irc", "line"])
def test_a_door_of_lines_answers_in_text_and_lives(meet: Meet, door: str, what: str) -> None:
    mallory = Raw(meet.irc_port if door == "irc" else meet.line_port)
    mallory.send(LINES[what])
    mallory.socket.shutdown(socket.SHUT_WR)
    answer = mallory.rest()
    mallory.close()
    text = re.sub(rb"\xff[\xfc\xfe].", b"", answer, flags=re.DOTALL).decode()
    for line in text.splitlines():
        assert len(line.encode()) <= 510
        assert line.isprintable(), line
    assert "Traceback" not in text


@pytest.mark.parametrize("door", ["web", "irc", "line", "socket"])
def test_noise(meet: Meet, door: str) -> None:
    """Bytes by chance, the same at each run, in pieces by chance: whatever it is, the connection ends or lives on."""
    chance = random.Random(door)
    for _ in range(60):
        if door == "socket":
            mallory: Raw = Frames(meet.web_port, "/api/v1/rooms/calm/socket")
        else:
            mallory = Raw({"web": meet.web_port, "irc": meet.irc_port, "line": meet.line_port}[door])
        for _ in range(chance.randrange(1, 6)):
            noise = chance.randbytes(chance.randrange(1, 2000))
            if not mallory.send(noise if chance.random() < 0.5 else noise + b"\r\n"):
                break
        mallory.close()


# Being slow.


def test_who_stops_reading_is_ended_as_slow_and_comes_back_without_loss(
    meet: Meet, closing: Callable[[Any], Any], tmp_path: Path
) -> None:
    """The others hear everything, in order; the slow one hears the rest after coming back."""
    quick = Meet(
        tmp_path / "meet",
        *(f"--limit={name}=0" for name in ("says-per-participant", "commands-per-connection")),
        "--limit=bytes-unsent=65536",
        "--limit=entries-in-tail=2000",
    )
    quick.start()
    try:
        quick.open("hall", limit=500)
        ann, bob = closing(Socket(quick, "hall", "ann")), closing(Socket(quick, "hall", "bob"))
        slow = Frames(quick.web_port, "/api/v1/rooms/hall/socket?nick=sloth", window=1024)
        stream = Raw(quick.web_port, window=1024)
        stream.send(b"GET /api/v1/rooms/hall/events HTTP/1.1\r\nHost: a\r\n\r\n")
        irc = Raw(quick.irc_port, window=1024)
        irc.send(b"NICK snail\r\nUSER s 0 * :s\r\nJOIN #hall\r\n")
        line = Raw(quick.line_port, window=1024)
        line.send(b"/join hall turtle\n")

        def here() -> int:
            count: int = quick.call("GET", "/api/v1/rooms/hall")[1]["here"]["count"]
            return count

        until(lambda: ann.welcomes and bob.welcomes and here() == 5, "five to be in")
        said = [f"{number} " + "\N{OWL}" * 490 for number in range(1500)]
        for text in said:
            ann.say(text)
        until(lambda: len(ann.heard) == len(bob.heard) == len(said), "everything to be heard", patience=40)
        assert bob.heard == ann.heard == [("ann", text) for text in said]
        assert (ann.welcomes, bob.welcomes) == (1, 1)

        heard = slow.messages()
        # What waited unread may be lost with the connection, and the goodbye with it.
        welcome, talk = heard[0], [each for each in heard[1:] if isinstance(each, list)]
        assert len(talk) < len(said)
        reached = talk[-1][0] if talk else welcome["law"]
        again = Frames(quick.web_port, f"/api/v1/rooms/hall/socket?token={welcome['token']}&after={reached}")
        found = again.hear()
        assert found is not None
        back = json.loads(found[1])
        assert back["resumed"] is True
        talk += [each for each in back["entries"] if each[1]["kind"] == "said"]
        assert [each[1]["text"] for each in talk] == said
        for each in (irc, line, stream):
            assert "1499 \N{OWL}".encode() not in each.rest()
        for each in (slow, again, stream, irc, line):
            each.close()
    finally:
        quick.stop()


def test_who_says_nothing_or_too_slowly_is_let_go(tmp_path: Path) -> None:
    """Connections that say nothing, half a request, or a byte now and then."""
    brisk = Meet(
        tmp_path / "meet",
        *(f"--limit={name}=1" for name in ("seconds-to-request", "seconds-to-register", "seconds-idle")),
    )
    brisk.start()
    try:
        silent = [Raw(port) for port in (brisk.web_port, brisk.irc_port, brisk.line_port)]
        half = Raw(brisk.web_port)
        half.send(b"POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
        unregistered = Raw(brisk.irc_port)
        unregistered.send(b"NICK mallory\r\n")
        dripping = Raw(brisk.web_port)
        dripping.socket.settimeout(0.1)
        dripping.send(b"GET / HTTP/1.1\r\n")

        def dripped() -> bool:
            try:
                return not dripping.more()
            except TimeoutError:
                return not dripping.send(b"A: b\r\n")

        until(dripped, "a request that drips to be ended")
        assert refusal(dripping.came) == (408, "bad-input")
        assert refusal(half.rest()) == (408, "bad-input")
        web, irc, line = (each.rest().decode() for each in silent)
        assert web == ""
        assert irc.splitlines()[-1] == "ERROR :Nothing was heard from you for too long."
        assert "Nothing was heard from you for too long." in line
        assert unregistered.rest().splitlines()[-1].startswith(b"ERROR :")
        for each in (*silent, half, unregistered, dripping):
            each.close()
    finally:
        brisk.stop()
