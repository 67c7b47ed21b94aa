"""The word before the colon names the broker's module."""

from __future__ import annotations

import sys
import types
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.broker import broker_for
from meet.broker.local import LocalBroker
from meet.broker.memory import MemoryBroker
from meet.limits import Limits
from tests.contracts.broker import chance


class Words(SynchronousTestCase):
    def broker(self, url: str) -> object:
        return broker_for(url, data=Path(self.mktemp()), clock=Clock(), random=chance, limits=Limits())

    def test_the_word_is_a_module(self) -> None:
        for url in ("local", "local:", "local:?synchronous=full"):
            self.assertIsInstance(self.broker(url), LocalBroker)
        for url in ("memory", "memory:"):
            self.assertIsInstance(self.broker(url), MemoryBroker)

    def test_a_dotted_word_is_a_module_from_elsewhere(self) -> None:
        module = types.ModuleType("elsewhere_broker")
        made: list[str] = []
        module.make_broker = lambda url, **rest: (
            made.append(url)
            or MemoryBroker(  # type: ignore[attr-defined]
                rest["clock"], rest["random"], rest["limits"]
            )
        )
        package = types.ModuleType("elsewhere")
        package.__path__ = []
        self.patch(sys, "modules", {**sys.modules, "elsewhere": package, "elsewhere.broker": module})
        self.broker("elsewhere.broker:some/place")
        self.assertEqual(made, ["elsewhere.broker:some/place"])

    def test_an_unknown_word_says_what_there_is(self) -> None:
        for url in ("carrier-pigeon:", "", "ledger:", "no.such.module:", "../local:"):
            with self.assertRaisesRegex(ValueError, r"There is no broker called .*; there is .*local, memory.*\."):
                self.broker(url)

    def test_what_it_does_not_take_it_says(self) -> None:
        with self.assertRaisesRegex(ValueError, "takes .synchronous=normal or .synchronous=full"):
            self.broker("local:?synchronous=perhaps")
