"""A room in real browsers: talking, coming back, bad networks, and without scripts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.browser import Browser
from tests.live.people import Socket, until
from tests.live.proxy import Proxy, Treat, live, websockets
from tests.live.server import Meet

Closing = Callable[[Any], Any]


def _heard(page: Browser, *lines: tuple[str, str]) -> None:
    until(lambda: page.heard == list(lines), f"{lines} on the page, which says\n{page.text()}")


def test_a_teacher_opens_a_room_and_two_talk(meet: Meet, closing: Closing) -> None:
    teacher = closing(Browser(meet, width=375, height=700))
    teacher.go("/")
    teacher.find("input[name=name]").send_keys("Photosynthesis 3")
    teacher.find("form button").click()
    until(lambda: teacher.driver.current_url.endswith("/photosynthesis-3"), "the room's page")
    teacher.join("Nora")
    pupil = closing(Browser(meet))
    pupil.go("/photosynthesis-3")
    pupil.join("Mia")
    teacher.say("Welcome, see https://example.org/a?b=1")
    pupil.say("<b>hello</b> & goodbye")
    lines = ("Nora", "Welcome, see https://example.org/a?b=1"), ("Mia", "<b>hello</b> & goodbye")
    _heard(teacher, *lines)
    _heard(pupil, *lines)
    until(lambda: "2 here" in teacher.text(), "the count of people")
    link = pupil.find("#log a[href^='https://example.org']")
    assert "noopener" in str(link.get_attribute("rel"))
    assert pupil.driver.find_elements("css selector", "#log .text b") == []

    pupil.driver.refresh()
    _heard(pupil, *lines)
    pupil.say("still Mia after a reload")
    _heard(teacher, *lines, ("Mia", "still Mia after a reload"))
    for page in (teacher, pupil):
        assert not page.complaints()


def test_a_line_typed_offline_is_said_once_when_back(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    page = closing(Browser(meet))
    page.go("/algebra")
    page.join("ann")
    page.say("before")
    until(lambda: other.heard == [("ann", "before")], "the line to be heard")
    page.offline(True)
    until(lambda: page.driver.execute_script("return !navigator.onLine"), "the network to be away")
    meet.kill()
    page.say("typed in the tunnel")
    meet.start()
    until(lambda: other.welcomes == 2, "the other to be back")
    other.say("meanwhile")
    until(lambda: ("sue", "meanwhile") in other.heard, "the line to be heard")
    page.offline(False)
    expected = [("ann", "before"), ("sue", "meanwhile"), ("ann", "typed in the tunnel")]
    until(lambda: other.heard == expected, "the line typed offline to be heard")
    _heard(page, *expected)


def test_killed_and_started_again_the_page_is_back_by_itself(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    page = closing(Browser(meet))
    page.go("/algebra")
    page.join("ann")
    page.say("one")
    _heard(page, ("ann", "one"))
    for number in ("two", "three"):
        meet.kill()
        until(lambda: "econnecting" in page.text() or "No connection" in page.text(), "the page to say so")
        page.say(number)
        meet.start()
        until(lambda number=number: ("ann", number) in page.heard, "the line to be said once back", patience=40)
    assert meet.transcript("algebra") == [("ann", "one"), ("ann", "two"), ("ann", "three")]
    _heard(page, *meet.transcript("algebra"))


@pytest.mark.parametrize(
    "treat",
    [websockets("redirect"), websockets("hang"), websockets("refuse"), live("redirect"), live("hang")],
    ids=["socket-redirected", "socket-hangs", "socket-refused", "streams-redirected", "streams-hang"],
)
def test_a_network_that_blocks_is_found_out(meet: Meet, closing: Closing, treat: Treat) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    proxy = closing(Proxy(meet, treat))
    page = closing(Browser(meet, at=proxy.url))
    page.go("/algebra")
    page.join("ann")
    page.say("through the school")
    until(lambda: other.heard == [("ann", "through the school")], "the line to get out", patience=15)
    other.say("and back")
    until(lambda: ("sue", "and back") in page.heard, "the answer to come in", patience=15)
    _heard(page, ("ann", "through the school"), ("sue", "and back"))


def test_a_proxy_that_cuts_connections_loses_nothing(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    proxy = closing(Proxy(meet, cut_after=1.5))
    page = closing(Browser(meet, at=proxy.url))
    page.go("/algebra")
    page.join("ann")
    expected: list[tuple[str, str]] = []
    for number in range(12):
        before = proxy.cuts
        page.say(f"line {number}")
        other.say(f"answer {number}")
        expected += [("ann", f"line {number}"), ("sue", f"answer {number}")]
        until(lambda: len(other.heard) == len(expected), "the line to get out")
        if number % 3 == 2:
            until(lambda before=before: proxy.cuts > before, "the proxy to cut")
    until(lambda: len(page.heard) == len(expected), "everything to be on the page")
    assert sorted(other.heard) == sorted(expected)
    assert page.heard == other.heard == meet.transcript("algebra")


def test_without_scripts_the_same_room(meet: Meet, closing: Closing) -> None:
    page = closing(Browser(meet, scripts=False))
    page.go("/")
    page.find("input[name=name]").send_keys("old phones")
    page.find("form button").click()
    page.find("input[name=nick]").send_keys("ann")
    page.find("#enter button").click()
    page.find("[name=text]").send_keys("said by a form")
    page.find("#say button").click()
    until(lambda: meet.transcript("old-phones") == [("ann", "said by a form")], "the line to be said")
    page.find("[name=text]").send_keys("being typed")
    other = closing(Socket(meet, "old-phones", "sue"))
    until(lambda: other.welcomes, "sue to be in")
    other.say("seen without a script")
    page.driver.switch_to.frame(page.find("iframe"))
    page.find("#newest")
    assert "said by a form" in page.text()
    until(lambda: "seen without a script" in page.text(), "the frame to look again by itself", patience=30)
    assert "2 here now: ann, sue" in page.text()
    page.driver.switch_to.default_content()
    assert page.find("[name=text]").get_attribute("value") == "being typed"
    assert meet.transcript("old-phones") == [("ann", "said by a form"), ("sue", "seen without a script")]


def test_usable_on_a_slow_line(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    until(lambda: other.welcomes, "sue to be in")
    for number in range(60):
        other.say(f"line {number} of an hour of talk, as long as people write them")
    until(lambda: len(other.heard) == 60, "the talk")
    page = closing(Browser(meet))
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 400, "downloadThroughput": 50_000 / 8, "uploadThroughput": 50_000 / 8},
    )
    page.driver.set_page_load_timeout(60)
    page.go("/algebra")
    until(lambda: page.find("#state").get_attribute("data-state") == "live", "the page to be live")
    painted, live = page.driver.execute_script(
        "return [performance.getEntriesByName('first-contentful-paint')[0].startTime, performance.now()]"
    )
    sent, unpacked = page.driver.execute_script(
        "const pages = performance.getEntriesByType('navigation'), files = performance.getEntriesByType('resource');"
        "return [pages.concat(files).reduce((sum, each) => sum + each.encodedBodySize, 0),"
        " files.reduce((sum, each) => sum + each.decodedBodySize, 0)]"
    )
    assert live <= 15_000, f"painted after {painted:.0f} ms, live after {live:.0f} ms"
    assert sent <= 60_000, f"the first visit takes {sent} bytes"
    assert unpacked <= 60_000, f"its scripts, styles and icons are {unpacked} bytes"
    assert not page.loaded("noscript")
    assert not page.loaded("/lines")
    page.join("ann")
    page.say("from the train")
    until(lambda: ("ann", "from the train") in other.heard, "the line to get out")
    until(lambda: page.heard[-1:] == [("ann", "from the train")], "its echo")


def test_pictures(meet: Meet, closing: Closing, tmp_path: Path) -> None:
    """Every page at a phone's and a desk's width; nothing sticks out to the side."""
    pictures = Path(os.environ.get("MEET_PICTURES", tmp_path))
    meet.open("photosynthesis", title="Photosynthesis, period 3")
    mia, jonas = (closing(Socket(meet, "photosynthesis", nick)) for nick in ("Mia", "Jonas"))
    until(lambda: mia.welcomes and jonas.welcomes, "both to be in")
    for who, text in (
        (mia, "Why is chlorophyll green and not black? Black would catch more light."),
        (jonas, "Because it mostly throws the green part away."),
        (jonas, "Apparently that protects the leaf at noon."),
    ):
        who.say(text)
        until(lambda text=text: text in [said for _, said in mia.heard], "the line")
    for width, height in ((1280, 800), (375, 760)):
        page = closing(Browser(meet, width=width, height=height))
        page.go("/")
        page.find("input[name=name]")
        page.picture(pictures / f"home-{width}.png")
        page.go("/photosynthesis")
        page.find("input[name=nick]")
        page.picture(pictures / f"door-{width}.png")
        page.join(f"Nora{width}")
        page.say("Page 84 says the oxygen comes from the water, not from the CO₂!")
        until(lambda page=page, width=width: f"Nora{width}" in [nick for nick, _ in page.heard], "the own line")
        page.picture(pictures / f"room-{width}.png")
        assert not page.wide()
        page.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        )
        page.picture(pictures / f"room-dark-{width}.png")
