"""The shipped nginx files, in the real nginx, in front of two Meets over one Redis."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

from tests.deploy.ground import Answer, Process, fetch, nginx, shipped
from tests.live.browser import Browser
from tests.servers.certificate import Certificate, make_certificate
from tests.servers.nginx import Nginx
from tests.servers.program import free_port, until
from tests.servers.redis import Redis

ROOMS = 5
"""Rooms that one address may open in each process."""


@dataclass
class Site:
    """nginx, what stands behind it, and where it is."""

    serving: list[Process]
    front: Nginx
    plain: int
    tls: int
    irc: int
    line: int
    trusting: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://localhost:{self.tls}"

    def ask(self, path: str, body: Any = None) -> Answer:
        """One request by TLS; a ``body`` is sent as JSON."""
        data = None if body is None else json.dumps(body).encode()
        return fetch(self.url + path, data, self.trusting)

    def socket(self, query: str) -> Any:
        address = f"wss://localhost:{self.tls}/api/v1/rooms/algebra/socket?{query}"
        return connect(address, ssl=self.trusting, open_timeout=20)

    def open(self, name: str, address: str, **headers: str) -> int:
        """The status of opening a room from an ``address`` of this machine."""
        body = json.dumps({"name": name}).encode()
        sent = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
        sent += f"Host: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(
                socket.create_connection(("127.0.0.1", self.tls), timeout=30, source_address=(address, 0))
            )
            wire = stack.enter_context(self.trusting.wrap_socket(plain, server_hostname="localhost"))
            wire.sendall(f"POST /api/v1/rooms HTTP/1.1\r\n{sent}\r\n".encode() + body)
            answer = b""
            while piece := wire.recv(65_536):
                answer += piece
        return int(answer.split()[1])


def configured(folder: Path, certificate: Certificate, meets: list[int], plain: int, tls: int) -> str:
    """meet.conf and what it includes, for these ports."""
    locations = folder / "meet-locations.conf"
    locations.write_text(shipped("nginx/meet-locations.conf"))
    return shipped(
        "nginx/meet.conf",
        {
            "/etc/nginx/meet-locations.conf": str(locations),
            "/etc/letsencrypt/live/meet.example.org/fullchain.pem": str(certificate.certificate),
            "/etc/letsencrypt/live/meet.example.org/privkey.pem": str(certificate.key),
            "127.0.0.1:8091": f"127.0.0.1:{meets[0]}",
            "127.0.0.1:8092": f"127.0.0.1:{meets[1]}",
            "listen 80;": f"listen {plain};",
            "[::]:80;": f"[::]:{plain};",
            "listen 443": f"listen {tls}",
            "[::]:443": f"[::]:{tls}",
        },
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    certificate = make_certificate(folder)
    meets, plain, tls, irc, line = [free_port(), free_port()], free_port(), free_port(), free_port(), free_port()
    inner_irc, inner_line = free_port(), free_port()
    outside = shipped(
        "nginx/meet-stream.conf",
        {
            "/etc/letsencrypt/live/meet.example.org/fullchain.pem": str(certificate.certificate),
            "/etc/letsencrypt/live/meet.example.org/privkey.pem": str(certificate.key),
            "127.0.0.1:6690": f"127.0.0.1:{inner_irc}",
            "127.0.0.1:2390": f"127.0.0.1:{inner_line}",
            "listen 6697": f"listen {irc}",
            "[::]:6697": f"[::]:{irc}",
            "listen 2323": f"listen {line}",
            "[::]:2323": f"[::]:{line}",
        },
    )
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis(aof=True))
        shared = ["--broker", redis.url, "--store", f"sqlite:///{folder}/archive.sqlite3", "--trust", "127.0.0.1"]
        shared += ["--data", str(folder / "data"), "--limit", f"rooms-per-address={ROOMS}"]
        stack.enter_context(Process(*shared, "--record", "--reap"))
        doors = [["--irc", "", "--line", ""] for _ in meets]
        doors[0] = ["--irc", f"haproxy:tcp:{inner_irc}:interface=127.0.0.1"]
        doors[0] += ["--line", f"haproxy:tcp:{inner_line}:interface=127.0.0.1"]
        serving = []
        for port, more in zip(meets, doors, strict=True):
            roles = ["--serve", "web,irc,line" if more[1] else "web", "--http", f"tcp:{port}:interface=127.0.0.1"]
            serving.append(stack.enter_context(Process(*shared, *roles, *more)))
        front = nginx(configured(folder, certificate, meets, plain, tls), [plain, tls, irc, line], outside)
        stack.enter_context(front)
        trusting = ssl.create_default_context(cafile=str(certificate.certificate))
        site = Site(serving, front, plain, tls, irc, line, trusting)
        assert site.ask("/api/v1/rooms", {"name": "algebra"}).status == 201
        yield site
        for process in serving:
            assert "Traceback" not in process.logged(), process.logged()


def test_pages_come_by_tls_and_know_how_they_were_asked_for(site: Site) -> None:
    moved = fetch(f"http://127.0.0.1:{site.plain}/help")
    assert (moved.status, moved.headers["Location"]) == (301, "https://127.0.0.1/help")
    page = site.ask("/algebra")
    assert page.status == 200
    assert f'value="https://localhost:{site.tls}/algebra"' in page.text
    assert page.headers["Strict-Transport-Security"]
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": site.url}
    joined = fetch(f"{site.url}/algebra/join", b"nick=paula", site.trusting, **form)
    assert joined.status == 303
    assert all("Secure" in cookie for cookie in joined.headers.get_all("Set-Cookie"))


def test_a_line_goes_from_a_socket_to_a_stream_and_a_request_that_waits(site: Site) -> None:
    with site.socket("nick=sue") as sue, ThreadPoolExecutor(1) as apart:
        welcome = json.loads(sue.recv(20))
        assert welcome["kind"] == "welcome"
        heard: list[str] = []
        address = f"{site.url}/api/v1/rooms/algebra/events"
        stream = urlopen(address, timeout=30, context=site.trusting)
        reading = threading.Thread(target=lambda: [heard.append(line.decode()) for line in stream], daemon=True)
        reading.start()
        until(lambda: any('"welcome"' in line for line in heard), "the stream's welcome")
        last = json.loads(site.ask("/api/v1/rooms/algebra/entries").text)
        after = last[-1][0] if last else welcome["law"]
        waiting = apart.submit(site.ask, f"/api/v1/rooms/algebra/entries?after={after}&wait=25")
        sue.send(json.dumps({"ask": "say", "text": "through nginx", "ref": "1"}))
        # The stream is still open: what comes was not held back.
        until(lambda: any("through nginx" in line for line in heard), "the line on the stream")
        assert reading.is_alive()
        assert "through nginx" in waiting.result(30).text


def test_everybody_counts_by_their_own_address_and_nobody_invents_one(site: Site) -> None:
    # Each process counts by itself, so every one of them has to be asked enough.
    full, opened = len(site.serving) * ROOMS, 0
    names = (f"eleven-{number}" for number in itertools.count())

    def fill() -> bool:
        nonlocal opened
        opened += site.open(next(names), "127.0.0.11") == 201
        return opened == full

    until(fill, f"{full} rooms opened from one address")
    assert {site.open(next(names), "127.0.0.11") for _ in range(2 * full)} == {429}
    assert site.open("invented", "127.0.0.11", X_Forwarded_For="198.51.100.1") == 429
    assert site.open("twelve", "127.0.0.12") == 201
    assert not any("X-Forwarded-For" in process.logged() for process in site.serving)


def test_how_meet_does_is_not_told_outside(site: Site) -> None:
    for path in ("/health/ready", "/health/live", "/metrics"):
        assert site.ask(path).status == 404


def test_irc_comes_by_tls_and_nc_as_it_is(site: Site) -> None:
    with (
        socket.create_connection(("127.0.0.1", site.irc), timeout=30) as plain,
        site.trusting.wrap_socket(plain, server_hostname="localhost") as irc,
    ):
        irc.sendall(b"NICK igor\r\nUSER i 0 * :i\r\nJOIN #algebra\r\n")
        heard = b""
        while b" 366 " not in heard:
            piece = irc.recv(65_536)
            assert piece, heard
            heard += piece
    with socket.create_connection(("127.0.0.1", site.line), timeout=30) as nc:
        assert nc.recv(1000).startswith(b"Meet.")


def test_who_is_asked_while_one_process_is_replaced_gets_an_answer(site: Site) -> None:
    wrong: list[int] = []
    asked = 0
    over = False

    def ask() -> None:
        nonlocal asked
        while not over:
            status = site.ask("/help").status
            asked += 1
            if status != 200:
                wrong.append(status)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for process in site.serving:
            enough = asked + 20
            until(lambda enough=enough: asked >= enough, "answers")
            process.stop()
            assert process.process is not None
            assert process.process.returncode == 0
            enough = asked + 20
            until(lambda enough=enough: asked >= enough, "answers of the other")
            process.start()
    finally:
        over = True
        for thread in threads:
            thread.join()
    assert wrong == []


def test_under_a_path(tmp_path: Path, site: Site) -> None:
    port, front = free_port(), free_port()
    locations = shipped(
        "nginx/meet-locations.conf",
        {"location /api/": "location /meet/api/", "location / ": "location /meet/ ", "/health/": "/meet/health/"},
    )
    http = f"""
map $http_upgrade $meet_connection {{ default upgrade; '' close; }}
upstream meet_live {{ server 127.0.0.1:{port}; }}
upstream meet_pages {{ server 127.0.0.1:{port}; }}
server {{ listen {front}; {locations} }}
"""
    options = ["--data", str(tmp_path / "data"), "--at", "/meet", "--trust", "127.0.0.1", "--irc", "", "--line", ""]
    with (
        Process(*options, "--http", f"tcp:{port}:interface=127.0.0.1"),
        nginx(http, [front]),
        contextlib.closing(Browser(None, at=f"http://127.0.0.1:{front}/meet")) as browser,  # type: ignore[arg-type]
    ):
        browser.go("/")
        browser.find("input[name=name]").send_keys("Physics")
        browser.find("form button").click()
        until(lambda: browser.driver.current_url.endswith("/meet/physics"), "the room's page")
        browser.join("Nora")
        browser.say("under a path")
        until(lambda: browser.heard == [("Nora", "under a path")], "the line on the page")
        assert browser.loaded("/meet/api/v1/rooms/physics/socket") or "Nora" in browser.text()
        assert browser.complaints() == []
        assert fetch(f"http://127.0.0.1:{front}/physics").status == 404


def test_the_log_says_what_a_proxy_swallows(tmp_path: Path) -> None:
    port, front = free_port(), free_port()
    http = f"""
server {{
    listen {front};
    location / {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header X-Forwarded-For $remote_addr; }}
}}
"""
    options = ["--data", str(tmp_path / "data"), "--irc", "", "--line", ""]
    with (
        Process(*options, "--http", f"tcp:{port}:interface=127.0.0.1") as meet,
        nginx(http, [front]),
        contextlib.closing(Browser(None, at=f"http://127.0.0.1:{front}")) as browser,  # type: ignore[arg-type]
    ):
        browser.go("/")
        browser.find("input[name=name]").send_keys("Physics")
        browser.find("form button").click()
        browser.join("Nora")
        browser.say("without a socket")
        until(lambda: browser.heard == [("Nora", "without a socket")], "the line, by another way")
        until(lambda: "swallows the Upgrade header" in meet.logged(), "a word about the socket")
        assert meet.logged().count("swallows the Upgrade header") == 1
        assert meet.logged().count("Start Meet with --trust") == 1
