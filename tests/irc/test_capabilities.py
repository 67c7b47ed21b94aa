from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.irc.capabilities import CAPABILITIES, request


class RequestTests(SynchronousTestCase):
    def test_takes_and_gives_back(self) -> None:
        held = request("echo-message server-time", frozenset())
        assert held == {"echo-message", "server-time"}
        assert held is not None
        assert request("-echo-message batch", held) == {"server-time", "batch"}

    def test_one_that_is_unknown_changes_nothing(self) -> None:
        assert request("server-time sasl", frozenset()) is None

    def test_asking_for_nothing_is_granted(self) -> None:
        assert request("", frozenset({"batch"})) == {"batch"}

    def test_all_can_be_had_at_once(self) -> None:
        assert request(" ".join(CAPABILITIES), frozenset()) == set(CAPABILITIES)
