"""examples/site behind the real nginx beside a real Meet, looked at in Chromium."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.ground import BIN, ROOT, Process, fetch, nginx, shipped
from tests.examples.ground import EXAMPLES, Command, Talk
from tests.live.browser import Browser
from tests.live.server import Meet
from tests.servers.mariadb import Mariadb
from tests.servers.program import answers, free_port, until
from tests.servers.redis import Redis

SITE = EXAMPLES / "site"
PICTURES = ROOT / "tests" / "out" / "site"


class Served(Command):
    """The site's pages; up once its port answers."""

    port = 0

    def ready(self) -> bool:
        """As `Program` says."""
        return answers(self.port)


@dataclass
class Hall:
    """The whole: nginx, Meet, Redis, the site's pages and its worker."""

    url: str
    port: int
    environment: dict[str, str]
    folder: Path
    web: Served = field(init=False)
    workers: list[Command] = field(default_factory=list)

    def prepare(self) -> None:
        """Give the commands of the README, in one process."""
        commands = [
            ["migrate", "-v", "0"],
            ["collectstatic", "--noinput", "-v", "0"],
            ["createsuperuser", "--noinput", "--username", "ann", "--email", "ann@example.org"],
        ]
        code = "from django.core.management import ManagementUtility as All\n"
        code += f"for words in {commands}: All(['manage.py', *words]).execute()"
        settings = {**self.environment, "DJANGO_SETTINGS_MODULE": "hall.settings"}
        subprocess.run([sys.executable, "-c", code], cwd=SITE, env=settings, check=True, timeout=120)

    def serve(self) -> None:
        words = ["-n", "--pidfile=", "web", "--listen", f"tcp:{self.port}:interface=127.0.0.1"]
        self.web = Served(
            [str(BIN / "twistd"), *words, "--wsgi", "hall.wsgi.application"], environment=self.environment, folder=SITE
        )
        self.web.port = self.port
        self.web.start()

    def work(self) -> Command:
        worker = Command([sys.executable, "manage.py", "rasputin"], environment=self.environment, folder=SITE)
        self.workers.append(worker.start())
        return worker

    def close(self) -> None:
        for each in (self.web, *self.workers):
            each.close()

    def lines(self, room: str) -> list[str]:
        """What the site has of a room, in order, as often as it has it."""
        asked = "SELECT text FROM rasputin_line l JOIN rasputin_room r ON room_id = r.id WHERE name = ? ORDER BY number"
        with contextlib.closing(sqlite3.connect(self.environment["HALL_DATABASE"])) as database:
            return [text for (text,) in database.execute(asked, [room])]


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("hall")
    meet_port, site_port, front_port = free_port(), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis(aof=True))
        stack.enter_context(
            Process(
                *("--broker", redis.url, "--data", str(folder / "data"), "--trust", "127.0.0.1"),
                *("--http", f"tcp:{meet_port}:interface=127.0.0.1", "--irc", "", "--line", ""),
                *("--limit", "says-per-participant=0"),
            )
        )
        environment = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{SITE}",
            "HALL_SECRET": "only for tests",
            "HALL_BROKER": redis.url,
            "HALL_DATABASE": str(folder / "hall.sqlite3"),
            "HALL_STATIC": str(folder / "static"),
            "DJANGO_SUPERUSER_PASSWORD": "a long password",
        }
        site = Hall(f"http://localhost:{front_port}", site_port, environment, folder)
        site.prepare()
        site.serve()
        site.work()
        stack.callback(site.close)
        stack.enter_context(nginx(configured(folder, meet_port, site_port, front_port), [front_port]))
        yield site


def configured(folder: Path, meet_port: int, site_port: int, front_port: int) -> str:
    """The shipped locations of Meet, and the site's beside them."""
    ours = (SITE / "nginx.conf").read_text().replace("/srv/hall/static/", f"{folder}/static/")
    upstreams = {"meet_live": meet_port, "meet_pages": meet_port, "hall": site_port}
    return "\n".join(
        [
            "include /etc/nginx/mime.types;",
            "map $http_upgrade $meet_connection { default upgrade; '' close; }",
            *(f"upstream {name} {{ server 127.0.0.1:{port} max_fails=0; }}" for name, port in upstreams.items()),
            f"server {{ listen {front_port}; server_name localhost;",
            shipped("nginx/meet-locations.conf"),
            ours,
            "}",
        ]
    )


@pytest.fixture
def browser(hall: Hall) -> Iterator[Browser]:
    made = Browser(None, at=hall.url)  # type: ignore[arg-type]  # it is told where to go
    yield made
    assert made.complaints() == []
    made.close()


def sign_in(browser: Browser) -> None:
    browser.go("/meet/sign-in/")
    browser.find("[name=username]").send_keys("ann")
    browser.find("[name=password]").send_keys("a long password")
    browser.find("button.main").click()
    browser.find("form.open")


def test_on_mariadb_it_keeps_every_line_once_also_when_the_server_and_a_worker_are_killed(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis(aof=True))
        server = stack.enter_context(Mariadb())
        server.statement("CREATE DATABASE hall CHARACTER SET utf8mb4")
        meet = Meet(tmp_path / "meet", "--broker", redis.url, "--limit=says-per-participant=0", irc=False, line=False)
        stack.callback(meet.start().stop)
        environment = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{SITE}",
            "HALL_SECRET": "only for tests",
            "HALL_BROKER": redis.url,
            "HALL_DATABASE": server.url("hall"),
            "HALL_STATIC": str(tmp_path / "static"),
            "DJANGO_SUPERUSER_PASSWORD": "a long password",
        }
        site = Hall(meet.url, free_port(), environment, tmp_path)
        site.prepare()
        workers = [site.work(), site.work()]
        for worker in workers:
            stack.callback(worker.close)
        meet.open("botany")
        talk = Talk(meet.url, "botany", "bob")
        said = [f"line {number} 🦉" for number in range(60)]
        for number, text in enumerate(said):
            talk.say(text)
            if number == 20:
                workers[0].kill()
            if number == 40:
                server.kill()
        server.start()

        def lines() -> list[str]:
            return [text for (text,) in server.statement("SELECT text FROM rasputin_line ORDER BY number", "hall")]

        until(lambda: len(lines()) >= len(said), lambda: f"all to be there: {lines()}\n{workers[1].logged()}", 60)
        assert lines() == said


@pytest.mark.parametrize("server", [None, Mariadb], ids=["sqlite", "mariadb"])
def test_its_own_tests(server: type[Mariadb] | None) -> None:
    database = {} if server is None else {"HALL_DATABASE": server.shared().url("hall")}
    ran = subprocess.run(
        ["env", "-u", "DJANGO_SETTINGS_MODULE", sys.executable, "manage.py", "test"],
        cwd=SITE,
        env={"PYTHONPATH": str(ROOT), "HALL_SECRET": "only for tests", **database},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "OK" in ran.stderr


def test_a_room_that_is_opened_there_is_live_and_what_is_said_is_read_there(hall: Hall, browser: Browser) -> None:
    sign_in(browser)
    browser.find("[name=name]").send_keys("algebra")
    browser.find("[name=title]").send_keys("Algebra: groups and rings")
    browser.find("[name=listed]").click()
    browser.find("button.main").click()
    until(lambda: "algebra is open." in browser.text(), browser.text)
    # It is Meet's, at once.
    browser.go("/algebra")
    browser.join("ann")
    browser.say("Every group of prime order is cyclic.")
    talk = Talk(hall.url, "algebra", "bob")
    talk.say("Why? https://example.org/lagrange")
    talk.say("Because of Lagrange.")

    def read() -> bool:
        browser.go("/meet/archive/?q=group")
        return "prime order" in browser.text()

    until(read, browser.text)
    assert browser.driver.execute_script("return document.querySelectorAll('mark').length") == 1
    browser.find(".where a").click()
    until(lambda: "Because of Lagrange." in browser.text(), browser.text)
    for width, height in ((375, 812), (1280, 800)):
        phone = width < 500
        browser.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone},
        )
        transcript = browser.driver.current_url.removeprefix(hall.url).partition("#")[0]
        for name, path in {
            "front": "/",
            "archive": "/meet/archive/?q=group",
            "transcript": transcript,
            "rooms": "/meet/rooms/",
            "admin": "/admin/rasputin/room/",
        }.items():
            browser.go(path)
            browser.picture(PICTURES / f"{name}-{width}.png")
            if name != "admin":
                assert not browser.wide(), f"{path} at {width}"
        browser.go(transcript)
    browser.go("/meet/rooms/")
    browser.find(".actions button").click()
    until(lambda: "algebra is closed." in browser.text(), browser.text)
    status, told = closed(hall)
    assert (status, told) == (200, True)


def closed(hall: Hall) -> tuple[int, Any]:
    answer = fetch(f"{hall.url}/api/v1/rooms/algebra")
    return answer.status, '"closed":true' in answer.text


def test_while_the_site_is_away_rooms_go_on_and_it_catches_up(hall: Hall) -> None:
    body = b'{"name": "botany"}'
    urllib.request.urlopen(urllib.request.Request(f"{hall.url}/api/v1/rooms", body), timeout=30).close()
    talk = Talk(hall.url, "botany", "bob")
    talk.say("before")
    until(lambda: hall.lines("botany") == ["before"], "the first line to arrive")
    hall.web.stop()
    for worker in hall.workers:
        worker.stop()
        assert worker.process is not None
        assert worker.process.returncode == 0, worker.logged()
    said = [f"meanwhile {each}" for each in range(15)]
    for text in said:
        talk.say(text)
    assert fetch(f"{hall.url}/meet/archive/").status == 502
    front = fetch(hall.url + "/")
    assert (front.status, "Hall" in front.text) == (200, False)
    assert fetch(f"{hall.url}/botany").status == 200
    hall.serve()
    first, second = hall.work(), hall.work()
    talk.say("after")
    until(lambda: hall.lines("botany")[-1:] == ["after"], "it to catch up")
    assert hall.lines("botany") == ["before", *said, "after"]
    # One of two dies without a word, while people talk.
    first.kill()
    rest = [f"later {each}" for each in range(15)]
    for text in rest:
        talk.say(text)
    until(lambda: hall.lines("botany")[-1:] == rest[-1:], "the other to take over")
    assert hall.lines("botany") == ["before", *said, "after", *rest]
    second.stop()
    assert "Traceback" not in first.logged() + second.logged()
