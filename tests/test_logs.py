from __future__ import annotations

import io
import json
import re

from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meet.logs import observer


class Logs(SynchronousTestCase):
    def log(self, form: str, level: str = "info", namespace: str = "meet.tap") -> tuple[Logger, io.StringIO]:
        out = io.StringIO()
        return Logger(namespace, observer=LogPublisher(observer(out, form, level))), out

    def test_text_is_one_line_an_event(self) -> None:
        log, out = self.log("text")
        log.info("{count} rooms", count=3)
        time, level, namespace, words = out.getvalue().split(maxsplit=3)
        assert re.search(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", time)
        assert (level, namespace, words) == ("info", "meet.tap", "3 rooms\n")

    def test_what_comes_from_outside_cannot_forge_a_line(self) -> None:
        log, out = self.log("text")
        log.warn("{reason}", reason="away\n2026-01-01 forged\x1b[2J")
        _first, second = out.getvalue().splitlines()
        assert second.startswith("    ")
        assert "\x1b" not in out.getvalue()

    def test_json_is_one_object_a_line_and_holds_no_field_unasked(self) -> None:
        log, out = self.log("json")
        log.info("hello", peer="192.0.2.1", text="secret")
        (line,) = out.getvalue().splitlines()
        event = json.loads(line)
        assert set(event) == {"time", "level", "from", "text"}
        assert (event["level"], event["from"], event["text"]) == ("info", "meet.tap", "hello")

    def test_a_bug_comes_with_its_traceback(self) -> None:
        for form in ("text", "json"):
            log, out = self.log(form)
            try:
                raise KeyError("x")
            except KeyError:
                log.failure("It broke", Failure())
            assert "It broke" in out.getvalue()
            assert "Traceback" in out.getvalue()
            assert "KeyError" in out.getvalue()
        assert "Traceback" in json.loads(out.getvalue())["traceback"]

    def test_the_level_is_the_lowest_that_is_written(self) -> None:
        log, out = self.log("text", "warn")
        log.info("quiet")
        log.warn("loud")
        assert "quiet" not in out.getvalue()
        assert "loud" in out.getvalue()

    def test_of_other_packages_only_warnings_are_kept(self) -> None:
        log, out = self.log("text", "debug", "twisted.web.http")
        log.info("Timing out client: {peer}", peer="192.0.2.1")
        assert out.getvalue() == ""
        log.error("Could not accept new connection")
        assert "Could not accept" in out.getvalue()

    def test_where_an_event_came_from_is_not_told(self) -> None:
        log, out = self.log("text")
        log.info("hello", log_system="LineProtocol,3,192.0.2.1", log_source=self)
        assert "192.0.2.1" not in out.getvalue()

    def test_an_event_without_a_format_breaks_nothing(self) -> None:
        out = io.StringIO()
        for form in ("text", "json"):
            see = observer(out, form, "info")
            assert ILogObserver.providedBy(see)
            see({"log_time": 0.0, "log_namespace": "meet", "log_format": None})
            see({"log_time": 0.0, "log_namespace": "meet", "log_format": "{missing}"})
