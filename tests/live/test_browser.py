"""A room in real browsers: talking, reading, ruling, and without scripts."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.live.browser import Browser
from tests.live.people import Curl, Socket
from tests.live.server import Meet
from tests.servers.program import until

Closing = Callable[[Any], Any]


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
    teacher.until_heard(*lines)
    pupil.until_heard(*lines)
    until(lambda: "2 here" in teacher.text(), "the count of people")
    link = pupil.find("#log a[href^='https://example.org']")
    assert "noopener" in str(link.get_attribute("rel"))
    assert pupil.driver.find_elements("css selector", "#log .text b") == []

    pupil.driver.refresh()
    pupil.until_heard(*lines)
    pupil.say("still Mia after a reload")
    teacher.until_heard(*lines, ("Mia", "still Mia after a reload"))
    for page in (teacher, pupil):
        assert not page.complaints()


def test_the_reader_is_not_moved_and_told_how_much_is_new(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "sue"))
    until(lambda: other.welcomes, "sue to be in")
    for number in range(130):
        other.say(f"line {number}")
    until(lambda: len(other.heard) == 130, "the talk")
    page = closing(Browser(meet, height=600))
    page.go("/algebra")
    page.join("ann")
    page.listen()
    where = "return arguments[0].getBoundingClientRect().top"
    up = "document.getElementById('scroller').scrollTop = arguments[0]"
    watched = page.driver.execute_script("return [...document.querySelectorAll('#log .line')].at(-45)")
    page.driver.execute_script(up, 10)
    before = page.driver.execute_script(where, watched)
    until(lambda: len(page.heard) > 50, "older lines to be loaded")
    assert page.driver.execute_script(where, watched) == pytest.approx(before, abs=2)
    while len(page.heard) < 130:
        count = len(page.heard)
        page.driver.execute_script(up, 0)
        until(lambda count=count: len(page.heard) > count, "older lines to be loaded")
    assert page.heard == other.heard

    before = page.driver.execute_script(where, watched)
    other.say("new one")
    other.say("new two")
    until(lambda: "2 new lines" in page.find("#pill").text, "the pill")
    assert page.driver.execute_script(where, watched) == before
    page.find("#pill").click()
    until(lambda: not page.driver.find_element("id", "pill").is_displayed(), "the pill to go")
    page.driver.switch_to.new_window("tab")
    room, _ = page.driver.window_handles
    other.say("new three")
    until(lambda: len(other.heard) == 133, "the line")
    page.driver.switch_to.window(room)
    until(lambda: "sue: new three" in page.spoken(), "the line on the page")
    page.say("my own")
    page.until_heard(*other.heard[:133], ("ann", "my own"))
    assert page.spoken() == ["sue: new one", "sue: new two", "sue: new three"]
    assert "(1) algebra" in page.titles()
    assert page.driver.title == "algebra"


def test_what_is_refused_stays_in_its_field_with_the_reason(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    other = closing(Socket(meet, "algebra", "ann"))
    until(lambda: other.welcomes, "ann to be in")
    page = closing(Browser(meet, width=375, height=700))
    page.go("/algebra")
    page.find("input[name=nick]").send_keys("ann", Keys.ENTER)
    until(lambda: page.find("#reason").text == "That nick is taken here. Try ann_2?", "the reason")
    until(lambda: page.find("input[name=nick]").get_attribute("value") == "ann_2", "another nick")
    page.find("#enter button").click()
    field = page.find("[name=text]")
    counter = page.find("#counter")
    assert counter.text == "140"
    field.send_keys("x" * 120)
    assert (counter.text, counter.get_attribute("class")) == ("20", "counter js near")
    field.send_keys("x" * 21, Keys.ENTER)
    assert page.find("#reason").text == "141 characters, this room takes 140."
    assert (counter.text, field.get_attribute("value")) == ("1 over", "x" * 141)
    field.send_keys(Keys.BACKSPACE, Keys.ENTER)
    until(lambda: other.heard == [("ann_2", "x" * 140)], "the line to be said once it fits")
    page.driver.execute_script("arguments[0].value = 'back\u202ewards'", field)
    field.send_keys(Keys.ENTER)
    until(lambda: other.heard[1:] == [("ann_2", "backwards")], "the line, without what would turn it around")


def test_what_the_server_refuses_comes_back_to_the_field(tmp_path: Path, closing: Closing) -> None:
    meet = Meet(tmp_path / "slow", "--limit=says-per-participant=2").start()
    try:
        meet.open("algebra")
        page = closing(Browser(meet, width=375, height=700))
        page.go("/algebra")
        page.join("ann")
        for text in ("one", "two", "three"):
            page.say(text)
        until(lambda: page.find("[name=text]").get_attribute("value") == "three", "the line in its field")
        assert "too fast" in page.find("#reason").text
        page.until_heard(("ann", "one"), ("ann", "two"))
        page.find("[name=text]").send_keys(" and more")
        assert not page.driver.find_element("id", "reason").is_displayed()
    finally:
        meet.stop()


def test_the_host_closes_and_everybody_is_told(meet: Meet, closing: Closing) -> None:
    host = closing(Browser(meet))
    host.go("/")
    host.find("input[name=name]").send_keys("algebra", Keys.ENTER)
    host.join("nora")
    page = closing(Browser(meet, width=375, height=700))
    page.go("/algebra")
    page.join("ann")
    page.say("hello")
    host.until_heard(("ann", "hello"))
    host.driver.execute_script("Date.now = () => 0")
    host.find("#menu summary").click()
    host.find("[data-extend='168']").click()
    until(lambda: "The room now closes" in page.text(), "the other end to be told")
    room = meet.call("GET", "/api/v1/rooms/algebra")[1]["room"]
    opened, ends = (datetime.fromisoformat(room[name]) for name in ("opened", "ends"))
    assert timedelta(days=7) < ends - opened < timedelta(days=7, minutes=5), "a browser's wrong clock was believed"
    host.find("#menu summary").click()
    host.find("#close").click()
    host.driver.switch_to.alert.accept()
    for each in (host, page):
        until(lambda each=each: "The host closed this room." in each.text(), "the sentence")
        assert "then it is deleted" in each.text()
        assert not each.driver.find_element("name", "text").is_displayed()
        assert each.find("#state").text == "Closed"
    page.find("#shut-link").click()
    until(lambda: "hello" in page.text() and "/transcript" in page.driver.current_url, "the transcript")


def test_who_is_here(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    sue = closing(Curl(meet, "algebra", "sue"))
    page = closing(Browser(meet))
    page.go("/algebra")
    page.join("ann")
    listed = "return [...document.querySelectorAll('.side [data-names] li')].map(each => each.innerText)"

    def names() -> list[str]:
        return list(page.driver.execute_script(listed))

    until(lambda: names() == ["ann you", "sue"], "both names")
    meet.call("POST", "/api/v1/rooms/algebra/asks", {"ask": "rename", "nick": "Susan"}, sue.token)
    until(lambda: names() == ["ann you", "Susan"], "the new name")
    until(lambda: "sue is now Susan" in page.text().replace("\u2068", "").replace("\u2069", ""), "the soft line")
    room = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.go("/algebra")
    page.join("bob")
    page.say("another tab is another person")
    page.driver.switch_to.window(room)
    until(lambda: names() == ["ann you", "bob", "Susan"], "three names")
    page.driver.refresh()
    page.say("and stays who it was")
    page.until_heard(("bob", "another tab is another person"), ("ann", "and stays who it was"))
    meet.call("DELETE", "/api/v1/rooms/algebra/sessions", token=sue.token)
    until(lambda: names() == ["ann you", "bob"] and "2 here" in page.find("#state").text, "two to be left")


def test_any_words_fit_the_narrowest_phone(meet: Meet, closing: Closing) -> None:
    meet.open("wide", title="W" * 60)
    words = ("مرحبا, what is 3 + 4?", "W" * 140, "https://example.org/" + "a" * 120, "שלום (ok)!", "line\u00a0" * 20)
    for number, text in enumerate(words):
        nick = "W" * 23 + str(number)
        _, welcome = meet.call("POST", "/api/v1/rooms/wide/sessions", {"nick": nick if number else "سلمى"})
        status, answer = meet.call("POST", "/api/v1/rooms/wide/says", {"text": text}, welcome["token"])
        assert status == 201, answer
    page = closing(Browser(meet, width=320, height=600))
    for path in ("/", "/help", "/wide/transcript", "/wide/lines", "/nowhere", "/wide"):
        page.go(path)
        assert not page.wide(), path
    page.join("W" * 24)
    page.say("W" * 100)
    until(lambda: len(page.heard) == len(words) + 1, "all lines")
    for opened in ("#menu", "#share"):
        page.find(f"{opened} summary").click()
        page.find(f"{opened} .sheet")
        assert not page.wide(), opened
        page.driver.find_element("css selector", f"{opened} summary").send_keys(Keys.ESCAPE)
    out = page.driver.execute_script(
        "return [...document.querySelectorAll('#log *, .composer *, .bar *')].filter(each =>"
        " each.checkVisibility() && !each.closest('svg, .hidden, .skip, details:not([open]) .sheet') &&"
        " (each.getBoundingClientRect().right > innerWidth || each.getBoundingClientRect().left < 0))"
        ".map(each => each.className + ': ' + each.textContent)"
    )
    assert out == []
    align = "return [...document.querySelectorAll('#log .text')].map(each => {"
    align += "const words = document.createRange(); words.selectNodeContents(each);"
    align += "return words.getBoundingClientRect().left - each.getBoundingClientRect().left > 40 })"
    assert page.driver.execute_script(align) == [True, False, False, True, False, False]


def test_a_keyboard_covers_no_line_and_magnifying_makes_no_room_smaller(meet: Meet, closing: Closing) -> None:
    meet.open("algebra")
    page = closing(Browser(meet, width=375, height=700))
    page.go("/algebra")
    page.join("ann")
    for number in range(20):
        page.say(f"line {number}")
    until(lambda: len(page.heard) == 20, "the talk")
    bottom = "return [...document.querySelectorAll(arguments[0])].at(-1).getBoundingClientRect().bottom"
    assert page.driver.execute_script(bottom, ".composer") == 700

    page.driver.execute_cdp_cmd("Emulation.setPageScaleFactor", {"pageScaleFactor": 2})
    until(lambda: page.driver.execute_script("return visualViewport.scale") == 2, "the page to be magnified")
    page.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert page.driver.execute_script("return document.body.clientHeight") == 700
    page.driver.execute_cdp_cmd("Emulation.setPageScaleFactor", {"pageScaleFactor": 1})
    until(lambda: page.driver.execute_script("return visualViewport.scale") == 1, "the page to be as it was")

    # A phone's keyboard takes from what is seen, and tells the page so.
    page.driver.execute_script(
        "Object.defineProperty(visualViewport, 'height', {get: () => 360});"
        "visualViewport.dispatchEvent(new Event('resize'))"
    )
    until(lambda: page.driver.execute_script(bottom, ".composer") == 360, "the field to be above the keyboard")
    field = page.driver.execute_script("return document.querySelector('.composer').getBoundingClientRect().top")
    until(lambda: page.driver.execute_script(bottom, "#log .line") <= field, "the last line to be above the field")


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


def test_without_scripts_a_host_rules_the_room(meet: Meet, closing: Closing) -> None:
    key = meet.open("lesson")
    mallory = closing(Socket(meet, "lesson", "mallory"))
    until(lambda: mallory.welcomes, "mallory to be in")
    mallory.say("something nasty")
    until(lambda: mallory.heard, "the line")
    page = closing(Browser(meet, scripts=False, width=375, height=700))
    page.go("/lesson/host")
    page.find("[name=nick]").send_keys("Nora")
    page.find("[name=key]").send_keys(key)
    page.find("#enter button").click()
    page.find("button[aria-label^='Remove: mallory']").click()
    assert page.find(".done").text == "That line is gone, for everybody."
    assert meet.transcript("lesson") == []
    page.find("#words").send_keys("#pycon", Keys.ENTER)
    until(lambda: "This room follows #pycon." in page.text(), "the room to follow")
    assert not page.wide()
    page.find("details:last-of-type summary").click()
    page.find(".button.grave").click()
    until(lambda: "The host closed this room." in page.text(), "the room to be closed")
    assert page.driver.current_url.endswith("/lesson")


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
        until(lambda page=page: page.find("#state").get_attribute("data-state") == "live", "the page to be live")
        assert "UTC" not in page.text(), "times are the reader's"
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


def test_the_projector_shows_a_room_to_all_and_is_nobody_in_it(meet: Meet, closing: Closing, tmp_path: Path) -> None:
    key = meet.open("algebra")
    nora = closing(Socket(meet, "algebra", "nora"))
    _, tom = meet.call("POST", "/api/v1/rooms/algebra/sessions", {"nick": "tom", "host_key": key})
    for number in range(30):
        nora.say(f"line {number}", f"r{number}")
    until(lambda: len(nora.accepted) == 30, "the lines to be said")
    wall = closing(Browser(meet, height=600))
    wall.go("/algebra/projector")
    until(lambda: "2 here" in wall.text(), "the wall to be told who is here")
    assert wall.find("#address").text.endswith(f"{meet.web_port}/algebra")
    assert wall.find("#code path") is not None
    nora.say("now this", "now")
    until(lambda: wall.heard[-1:] == [("nora", "now this")], lambda: f"the line on the wall:\n{wall.text()}")
    scroller = wall.find("#scroller")
    until(
        lambda: int(str(scroller.get_property("scrollHeight"))) - int(str(scroller.get_property("scrollTop"))) < 700,
        "the wall to show the newest line",
    )
    assert float(wall.find("#log .text").value_of_css_property("font-size").removesuffix("px")) > 20
    wall.picture(tmp_path / "wall.png")
    assert meet.call("POST", "/api/v1/rooms/algebra/asks", {"ask": "close"}, tom["token"])[0] < 300
    until(lambda: "Closed" in wall.text(), "the wall to say that it is over")
    assert wall.heard[-1] == ("nora", "now this")
    assert not wall.complaints()
