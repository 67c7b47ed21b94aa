"""What the command tells, and what it says of a command line that is wrong."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from meet.command import CommandOptions, table
from meet.errors import Taken
from meet.moments import HOUR
from tests.flow import Ear, Flow


class Answers(SynchronousTestCase):
    """On a broker in memory."""

    def setUp(self) -> None:
        self.flow = Flow()

    def answer(self, *words: str) -> str:
        options: Any = CommandOptions()
        options.parseOptions(list(words))
        answer: str = self.flow.result(Deferred.fromCoroutine(options.subOptions.answer(self.flow.broker)))
        return answer

    def observes(self, name: str, taken: bool = True) -> Any:
        return self.flow.result(
            self.flow.broker.journal(name, lambda records: succeed(None) if taken else fail(OSError("full")))
        )

    def test_nothing_at_all(self) -> None:
        assert self.answer("rooms") == "There is no room."
        assert self.answer("rooms", "--json") == "[]"
        assert self.answer("observers") == "There is no observer."
        assert json.loads(self.answer("observers", "--json")) == []

    def test_rooms_with_their_people_and_ends(self) -> None:
        self.flow.open("algebra")
        self.flow.open("botany", ends=self.flow.now + 2 * HOUR)
        self.flow.join("ann").attach(Ear())
        self.flow.join("bob").attach(Ear())
        assert self.answer("rooms").split("\n") == [
            "ROOM     PEOPLE  BYTES  ENDS",
            "algebra       2      ?  2026-11-24 15:00 UTC",
            "botany        0      ?  2026-11-24 16:00 UTC",
        ]
        assert json.loads(self.answer("rooms", "--json"))[0] == {
            "room": "algebra",
            "people": 2,
            "bytes": None,
            "ends": "2026-11-24T15:00:00.000Z",
            "closed": False,
        }

    def test_more_rooms_than_are_read_at_once(self) -> None:
        for number in range(70):
            self.flow.broker.publish(f"room-{number}", b"not an opening", under=None)
        for number in range(50):
            self.flow.open(f"open-{number}")
        assert len(json.loads(self.answer("rooms", "--json"))) == 50

    def test_observers(self) -> None:
        self.flow.open()
        self.observes("stuck", taken=False)
        stop = self.observes("recorder")
        self.flow.result(stop())
        self.flow.pass_time(2 * HOUR)
        assert self.answer("observers").split("\n") == [
            "OBSERVER  BEHIND  AWAY",
            "recorder       0  2 hours",
            "stuck          1  is there",
        ]
        assert json.loads(self.answer("observers", "--json"))[0] == {"name": "recorder", "behind": 0, "away": 7200.0}

    def test_one_is_dismissed(self) -> None:
        for _ in range(2):
            self.flow.result(self.observes("old")())
            assert self.answer("observers", "--dismiss", "old") == "Nothing is kept for old any more."
            assert self.answer("observers") == "There is no observer."
        self.flow.result(self.observes("old")())
        assert json.loads(self.answer("observers", "--json", "--dismiss=old")) == {"dismissed": "old"}

    def test_one_that_there_is_not(self) -> None:
        with pytest.raises(SystemExit) as ended:
            self.answer("observers", "--dismiss", "nobody")
        assert ended.value.code == "meet: There is no observer called nobody."

    def test_one_that_is_there(self) -> None:
        self.observes("recorder")
        with pytest.raises(Taken):
            self.answer("observers", "--dismiss", "recorder")


class TheCommandLine(SynchronousTestCase):
    def ended(self, *words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            CommandOptions().parseOptions(list(words))  # type: ignore[no-untyped-call]
        # Python writes a text to standard error and exits with 1.
        assert isinstance(ended.value.code, str)
        return ended.value.code

    def test_what_is_wrong_is_told_in_one_sentence(self) -> None:
        assert (
            self.ended()
            == "meet: Say what to do: meet rooms, observers, export, import, compare, receipt, shadow or demo."
        )
        assert self.ended("people") == "meet: Unknown command: people."
        assert self.ended("rooms", "algebra") == "meet: 'algebra' is not an option."
        assert self.ended("rooms", "--dismiss", "recorder") == "meet: Option --dismiss not recognized."
        assert self.ended("rooms", "--broker", "") == "meet: The option broker cannot be empty."
        assert self.ended("rooms", "--config", "/nowhere.toml").startswith(
            "meet: The configuration file /nowhere.toml "
        )

    def test_a_shadow_needs_two_ends_and_a_speed(self) -> None:
        ends = ("--from", "redis://localhost", "--to", "http://localhost:8080")
        assert self.ended("shadow", *ends[:2]) == "meet: Say --from which Redis and --to which Meet."
        assert self.ended("shadow", *ends[:3], "localhost") == "meet: --to is an address like http://localhost:8080."
        assert self.ended("shadow", "--from", "local:", *ends[2:]).startswith("meet: The broker's URL looks like ")
        for wrong in ("0", "-1", "nan", "1001"):
            assert "--speed is above 0" in self.ended("shadow", *ends, "--speed", wrong)
        assert "--speed is above 0" in self.ended("shadow", *ends, "--seconds", "inf")

    def test_help_names_the_words(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as ended:
            CommandOptions().parseOptions(["--help"])  # type: ignore[no-untyped-call]
        assert not ended.value.code
        assert "rooms" in out.getvalue()
        assert "observers" in out.getvalue()


class Tables(SynchronousTestCase):
    def test_columns_stand_below_each_other(self) -> None:
        assert table(["A", "BB"], [["aaa", "1"], ["a", "1000"]], right=(1,)).split("\n") == [
            "A      BB",
            "aaa     1",
            "a    1000",
        ]
