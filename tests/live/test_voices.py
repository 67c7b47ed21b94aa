"""One room that follows a hashtag on X, Mastodon and Bluesky at once, each played by its stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.browser import Browser
from tests.live.server import Meet
from tests.servers.program import until


def test_posts_of_all_three_stand_beside_what_people_say(tmp_path: Path, closing: Callable[[Any], Any]) -> None:
    pictures = Path(os.environ.get("MEET_PICTURES", tmp_path))
    outside = subprocess.Popen(
        [sys.executable, "-m", "tests.standins", str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert outside.stdout is not None
        settings = json.loads(outside.stdout.readline())
        options = ["--follow", ",".join(settings)]
        for source, chosen in settings.items():
            for name, value in chosen.items():
                options += ["--source", f"{source}.{name}={value}"]
        meet = Meet(tmp_path / "meet", *options, irc=False, line=False).start()
        try:
            _follow(meet, closing, pictures)
        finally:
            meet.stop()
    finally:
        outside.kill()
        outside.communicate()


def _follow(meet: Meet, closing: Callable[[Any], Any], pictures: Path) -> None:
    key = meet.open("pycon", title="PyCon, hall 1")
    _, host = meet.call("POST", "/api/v1/rooms/pycon/sessions", {"nick": "nora", "host_key": key})
    asked = {"ask": "follow", "words": ["#pycon"]}
    assert meet.call("POST", "/api/v1/rooms/pycon/asks", asked, host["token"])[0] == 200
    said = {"text": "Ours stand between them, as always."}
    assert meet.call("POST", "/api/v1/rooms/pycon/says", said, host["token"])[0] == 201

    def doors() -> list[str]:
        _, entries = meet.call("GET", "/api/v1/rooms/pycon/entries")
        return [event["via"] for _, event in entries if event["kind"] == "said"]

    until(lambda: {"twitter", "mastodon", "bluesky", "api"} <= set(doors()), lambda: f"all to be heard: {doors()}", 20)
    _, entries = meet.call("GET", "/api/v1/rooms/pycon/entries")
    posts = [(event["via"], event["post"]["id"]) for _, event in entries if event.get("post")]
    assert len(posts) == len(set(posts)), "none is there twice"
    for width, height in ((1280, 900), (375, 760)):
        page = closing(Browser(meet, width=width, height=height))
        page.go("/pycon")
        page.join(f"Mia{width}")
        for source in ("X", "Mastodon", "Bluesky"):
            until(lambda page=page, source=source: source in page.text(), f"a post of {source} on the page")
        page.picture(pictures / f"voices-{width}.png")
        assert not page.wide()
        assert page.complaints() == []


def test_words_that_may_not_be_kept_go_from_open_pages_and_a_reader_looks_away_from_a_source(
    tmp_path: Path, closing: Callable[[Any], Any]
) -> None:
    pictures = Path(os.environ.get("MEET_PICTURES", tmp_path))
    options = ("--follow", "tests.live.passing", "--source", "tests.live.passing.seconds=12")
    meet = Meet(tmp_path / "meet", *options, irc=False, line=False)
    meet.environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    meet.start()
    try:
        _passing(meet, closing, pictures)
    finally:
        meet.stop()


def _passing(meet: Meet, closing: Callable[[Any], Any], pictures: Path) -> None:
    key = meet.open("pycon", title="PyCon, hall 1")
    _, host = meet.call("POST", "/api/v1/rooms/pycon/sessions", {"nick": "nora", "host_key": key})
    page = closing(Browser(meet, width=1280, height=900))
    page.go("/pycon")
    page.join("Mia")
    phone = closing(Browser(meet, width=375, height=760))
    phone.go("/pycon")
    asked = {"ask": "follow", "words": ["#pycon"]}
    assert meet.call("POST", "/api/v1/rooms/pycon/asks", asked, host["token"])[0] == 200
    for each in (page, phone):
        until(lambda each=each: each.text().count("Passing words") == 2, "the posts, with their words")
    page.find("#menu > summary").click()
    page.find("#source-list input").click()
    until(lambda: "Passing words" not in page.text(), "the posts to be out of sight")
    page.find("#source-list input").click()
    for each, width in ((page, 1280), (phone, 375)):
        until(lambda each=each: "Passing words" not in each.text(), "the words to go", 40)
        assert each.text().count("Post on X") == 2
        assert "passing picture" not in each.text()
        links = each.driver.execute_script(
            "return [...document.querySelectorAll('.voice .text a')].map(link => link.href)"
        )
        assert links == ["https://x.com/i/status/1", "https://x.com/i/status/2"]
        each.picture(pictures / f"passed-{width}.png")
        each.go("/pycon/transcript")
        assert each.text().count("Post on X") == 2
        assert "Passing words" not in each.text()
        assert not each.wide()
        each.picture(pictures / f"transcript-{width}.png")
        each.find("#sources input").click()
        assert "Post on X" not in each.text()
        each.go("/pycon/transcript")
        assert "Post on X" not in each.text(), "it is remembered"
        assert each.complaints() == []
    # Nor are they in any file of the broker's or the archive's.
    until(lambda: not _files_with(meet.data, b"Passing words"), lambda: str(_files_with(meet.data, b"Passing words")))
    assert _files_with(meet.data, b"https://x.com/i/status/2")
    with urllib.request.urlopen(f"{meet.url}/pycon/transcript.txt") as text:
        assert text.read().decode().count(" <twitter> post on X https://x.com/i/status/") == 2


def _files_with(folder: Path, words: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]
