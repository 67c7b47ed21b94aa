"""What is heard comes as a signal of Django, too."""

from __future__ import annotations

from typing import Any

from meet.events import Closed, Said
from meet.rasputin.signals import heard
from meet.rasputin.testing import RasputinTestCase


class Signals(RasputinTestCase):
    def test_its_sender_is_the_kind(self) -> None:
        lines: list[str] = []
        everything: list[str] = []

        def note(sender: Any, heard: Any, **_more: Any) -> None:
            lines.append(heard.event.text)

        def count(sender: Any, heard: Any, **_more: Any) -> None:
            everything.append(sender.__name__)

        heard.connect(note, sender=Said)
        heard.connect(count)
        self.addCleanup(heard.disconnect, note, sender=Said)
        self.addCleanup(heard.disconnect, count)
        self.open("algebra")
        self.said("algebra", "ann", "hi")
        self.closed("algebra")
        assert lines == ["hi"]
        assert everything == ["Opened", "Joined", "Said", "Joined", Closed.__name__]
