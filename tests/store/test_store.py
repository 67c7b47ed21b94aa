"""Which store a word on the command line names."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.limits import Limits
from meet.store import store_for


class Words(SynchronousTestCase):
    def ask(self, url):
        return store_for(url, data=Path("/srv/meet"), clock=Clock(), limits=Limits())

    def test_an_unknown_word_is_told_in_a_sentence(self):
        for url in ("", "floppy:", "no.such.module:x", "tables:", "migrations:", ".sql:", "../sql:", "a-b:"):
            with pytest.raises(ValueError, match=r"^There is no store called .*\.$"):
                self.ask(url)

    def test_a_dotted_word_is_somebody_elses_module(self):
        module = ModuleType("school_archive.paper")
        module.make_store = lambda url, **settings: (url, sorted(settings))
        self.patch(sys, "modules", {**sys.modules, "school_archive.paper": module})
        assert self.ask("school_archive.paper:drawer") == ("school_archive.paper:drawer", ["clock", "data", "limits"])
