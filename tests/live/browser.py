"""Somebody in a browser: the real Chromium without a window, driven as a person would use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.live.server import Meet
from tests.servers.program import program, until

_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=en-GB",
)


class Browser:
    """One browser with one page."""

    def __init__(self, meet: Meet, *, scripts: bool = True, width: int = 1280, height: int = 800, at: str = "") -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = program("chromium", "chromium")
        for argument in (*_QUIET, f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver: Any = webdriver.Chrome(
            options=options, service=Service(program("chromedriver", "chromium-driver"))
        )
        self.url = at or meet.url
        phone = width < 500
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone},
        )

    def go(self, path: str) -> None:
        self.driver.get(self.url + path)

    def find(self, selector: str) -> WebElement:
        """The first thing on the page that ``selector`` names and a person could see, once it is there."""

        def seen() -> WebElement | None:
            for element in self.driver.find_elements(By.CSS_SELECTOR, selector):
                try:
                    if element.is_displayed():
                        return element
                except Exception:
                    return None
            return None

        return until(seen, f"{selector} on the page:\n{self.text()[:2000]}")

    def text(self) -> str:
        """All the words on the page."""
        return str(self.driver.execute_script("return document.body ? document.body.innerText : ''"))

    def join(self, nick: str) -> None:
        field = self.find("input[name=nick]")
        field.clear()
        field.send_keys(nick, Keys.ENTER)
        self.find("[name=text]")

    def say(self, text: str) -> None:
        self.find("[name=text]").send_keys(text, Keys.ENTER)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """Every line on the page that stands in the room, oldest first."""
        return [
            (nick, text)
            for nick, text in self.driver.execute_script(
                "return [...document.querySelectorAll('#log li.line[data-position]')]"
                ".map(line => [line.dataset.nick, (line.querySelector('.text') || line).textContent.trim()])"
            )
        ]

    def until_heard(self, *lines: tuple[str, str]) -> None:
        """Wait until these are all the lines on the page."""
        until(lambda: self.heard == list(lines), f"{lines} on the page, which says\n{self.text()}")

    def offline(self, away: bool) -> None:
        """Take the network away, or give it back."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": away, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )

    def hurry(self, times: int) -> None:
        """Let waiting pass ``times`` as fast on every page that is loaded from now on."""
        self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument",
            {"source": f"const wait = setTimeout; window.setTimeout = (run, pause) => wait(run, pause / {times});"},
        )

    def listen(self) -> None:
        """Note from now on what a screen reader is told, and every title of the page."""
        self.driver.execute_script(
            "window.spoken = []; window.titles = [];"
            "new MutationObserver(all => all.forEach(each => each.addedNodes.forEach("
            "node => spoken.push(node.textContent)))).observe(document.getElementById('spoken'), { childList: true });"
            "new MutationObserver(() => titles.push(document.title))"
            ".observe(document.querySelector('title'), { childList: true });"
        )

    def spoken(self) -> list[str]:
        """What was said aloud since `listen`."""
        return list(self.driver.execute_script("return spoken"))

    def read_aloud(self) -> str:
        """What of the connection is told to those who do not see the page."""
        return str(self.driver.execute_script("return document.getElementById('status').textContent"))

    def titles(self) -> list[str]:
        """The titles that the page had since `listen`."""
        return list(self.driver.execute_script("return titles"))

    def loaded(self, part: str) -> bool:
        """Whether the page has fetched anything with ``part`` in its address."""
        script = "return performance.getEntriesByType('resource').some(each => each.name.includes(arguments[0]))"
        return bool(self.driver.execute_script(script, part))

    def wide(self) -> bool:
        """Whether something sticks out to the side."""
        return bool(self.driver.execute_script("return document.documentElement.scrollWidth > innerWidth"))

    def complaints(self) -> list[str]:
        """What the browser's console says went wrong, but for what the network did."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
            and entry["source"] != "network"
            and "WebSocket connection" not in entry["message"]
        ]

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))

    def close(self) -> None:
        self.driver.quit()
