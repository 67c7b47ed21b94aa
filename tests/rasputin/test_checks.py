"""``manage.py check`` tells what is wrong."""

from __future__ import annotations

from typing import Any
from unittest import mock

from django.conf import settings
from django.core.checks import run_checks
from django.test import SimpleTestCase, override_settings

from meet.rasputin.observing import RECEIVERS


class Checks(SimpleTestCase):
    def told(self, **settings: Any) -> list[str]:
        with override_settings(**settings):
            found = run_checks(databases=["default"])
        return [str(each.id) for each in found if str(each.id).startswith("rasputin")]

    def test_the_tests_own_settings_are_fine(self) -> None:
        assert self.told() == []

    def test_mistakes(self) -> None:
        assert self.told(RASPUTIN={}) == ["rasputin.E001"]
        assert self.told(RASPUTIN={"BROKER": "redis://:secret@far.example"}) == ["rasputin.W001"]
        assert self.told(RASPUTIN={"BROKER": "redis://:secret@127.0.0.1"}) == []
        assert self.told(RASPUTIN={"BROKER": "rediss://:secret@far.example"}) == []

    def test_a_site_that_wants_nothing(self) -> None:
        before = dict(RECEIVERS)
        RECEIVERS.clear()
        self.addCleanup(RECEIVERS.update, before)
        assert self.told(RASPUTIN={"BROKER": "redis://x", "KEEP": False}) == ["rasputin.W002"]

    def test_sqlite_must_lock_at_once(self) -> None:
        with mock.patch.dict(settings.DATABASES["default"], OPTIONS={}):
            assert self.told() == ["rasputin.W003"]
