from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.irc.actions import Enter, nothing
from tests.irc.script import Script


class ActionsTests(SynchronousTestCase):
    def test_nothing_is_over_at_once(self) -> None:
        assert list(nothing()) == []

    def test_a_command_asks_for_what_it_needs_and_no_more(self) -> None:
        script = Script().register()
        script.send("JOIN #Algebra key", "NAMES #algebra", "PING x")
        assert script.actions == [Enter("algebra", "key")]
