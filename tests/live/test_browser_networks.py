"""A room in real browsers whose network, or whose Meet, is away, slow or full of tricks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.browser import Browser
from tests.live.people import Socket
from tests.live.proxy import Proxy, Treat, live, websockets
from tests.live.server import Meet
from tests.servers.program import until

Closing = Callable[[Any], Any]


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
    page.until_heard(*expected)
    until(lambda: page.read_aloud() == "Connected again.", "who does not see the page to be told")


def test_a_line_typed_offline_waits_for_another_nick_if_that_one_is_lost(tmp_path: Path, closing: Closing) -> None:
    meet = Meet(tmp_path / "meet", "--limit=session-grace=1").start()
    try:
        meet.open("algebra")
        sue = closing(Socket(meet, "algebra", "sue"))
        page = closing(Browser(meet))
        page.go("/algebra")
        page.join("ann")
        page.say("before")
        until(lambda: sue.heard == [("ann", "before")], "the line to be heard")
        page.offline(True)
        page.say("typed in the tunnel")
        until(lambda: meet.call("POST", "/api/v1/rooms/algebra/sessions", {"nick": "ann"})[0] == 201, "ann to be gone")
        page.offline(False)
        until(lambda: page.find("input[name=nick]").get_attribute("value") == "ann_2", "another nick to be offered")
        assert page.find("#reason").text == "That nick is taken here. Try ann_2?"
        assert sue.heard == [("ann", "before")]
        page.find("#enter button").click()
        expected = [("ann", "before"), ("ann_2", "typed in the tunnel")]
        until(lambda: sue.heard == expected, "the line to be said")
        until(lambda: page.heard == expected, "its echo")
        assert page.find("[name=text]").get_attribute("value") == ""
    finally:
        meet.stop()


def test_killed_and_started_again_the_page_is_back_by_itself(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    page = closing(Browser(meet))
    page.go("/algebra")
    page.join("ann")
    page.say("one")
    page.until_heard(("ann", "one"))
    for number in ("two", "three"):
        meet.kill()
        until(lambda: "econnecting" in page.text() or "No connection" in page.text(), "the page to say so")
        page.say(number)
        meet.start()
        until(lambda number=number: ("ann", number) in page.heard, "the line to be said once back", patience=40)
    assert meet.transcript("algebra") == [("ann", "one"), ("ann", "two"), ("ann", "three")]
    page.until_heard(*meet.transcript("algebra"))


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
    page.until_heard(("ann", "through the school"), ("sue", "and back"))


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


def test_a_line_whose_answer_is_lost_is_said_once(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    lost: list[bytes] = []

    def treat(head: bytes) -> str:
        if head.startswith(b"POST ") and b"/says " in head and not lost:
            lost.append(head)
            return "swallow"
        return live("refuse")(head)

    page = closing(Browser(meet, at=closing(Proxy(meet, treat)).url))
    page.go("/algebra")
    page.join("ann")
    page.say("only once")
    page.say("and then this")
    until(lambda: len(other.heard) == 2, "both lines", patience=30)
    page.until_heard(("ann", "only once"), ("ann", "and then this"))
    assert lost
    assert meet.transcript("algebra") == [("ann", "only once"), ("ann", "and then this")]


def test_a_connection_that_went_silent_is_noticed(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    proxy = closing(Proxy(meet))
    page = closing(Browser(meet, at=proxy.url))
    page.hurry(8)
    page.go("/algebra")
    page.join("ann")
    until(lambda: page.find("#state").get_attribute("data-state") == "live", "the page to be live")
    proxy.freeze()
    page.say("into the hole")
    other.say("not heard yet")
    until(lambda: len(page.heard) == 2, "both lines, once the silence is noticed", patience=30)
    page.until_heard(("sue", "not heard yet"), ("ann", "into the hole"))


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
