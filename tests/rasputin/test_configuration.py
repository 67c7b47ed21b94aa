"""The setting RASPUTIN, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

import meet
from meet.rasputin.configuration import Configuration, configured

BROKER = "redis://127.0.0.1"


class Settings(SimpleTestCase):
    def told(self, **said: Any) -> Configuration:
        with override_settings(RASPUTIN={"BROKER": BROKER, **said}):
            return configured()

    def test_a_broker_is_enough(self) -> None:
        told = self.told()
        assert (told.observer, told.nick, told.keep, told.tries) == ("rasputin", "Site", True, 5)
        assert told.address.places == (("127.0.0.1", 6379),)

    def test_limits_are_those_of_meet(self) -> None:
        assert self.told(LIMITS={"characters-in-line": 200}).bounds.characters_in_line == 200

    def test_each_mistake_is_told_in_a_sentence(self) -> None:
        for said, words in (
            ({"BROKER": ""}, "BROKER is missing"),
            ({"BROKER": "http://x"}, "redis://"),
            ({"BROKER": 7}, "BROKER is a text, not 7"),
            ({"TRIES": True}, "TRIES is a whole number, not True"),
            ({"TRIES": 0}, "TRIES is at least 1"),
            ({"OBSERVER": "recorder"}, "OBSERVER is a name"),
            ({"OBSERVER": "a b"}, "OBSERVER is a name"),
            ({"NICK": "meet"}, "could be mistaken for Meet itself"),
            ({"LIMITS": {"nothing": 1}}, "no limit called nothing"),
            ({"LIMITS": []}, "LIMITS is a dictionary"),
            ({"SPEED": 1}, "RASPUTIN has no 'SPEED'"),
        ):
            with self.assertRaisesRegex(ImproperlyConfigured, re.escape(words)):
                self.told(**said)

    @override_settings(RASPUTIN=None)
    def test_a_missing_one_is_told(self) -> None:
        with self.assertRaisesRegex(ImproperlyConfigured, "RASPUTIN is missing"):
            configured()

    def test_every_setting_stands_in_the_manual(self) -> None:
        text = (Path(meet.__file__).parent.parent / "docs" / "rasputin.md").read_text("utf-8")
        for name, row in Configuration.__dataclass_fields__.items():
            assert f"| `{name.upper()}` | `{row.metadata['default']!r}` | {row.metadata['about']} |" in text, name
