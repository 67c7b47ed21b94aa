"""Every no and every goodbye, as the doors tell them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

import meet
from meet.errors import GOODBYES, REFUSALS, Refused


class Refusals(SynchronousTestCase):
    def test_each_can_be_told_at_each_door(self) -> None:
        for code, refusal in REFUSALS.items():
            assert code == code.lower()
            assert 400 <= refusal.status < 600, code
            assert refusal.numeric == "FAIL" or (refusal.numeric.isdigit() and 400 <= int(refusal.numeric) < 600), code
            assert refusal.title.endswith("."), code
            assert "!" not in refusal.title, code

    def test_a_refusal_carries_its_code_and_its_sentence(self) -> None:
        refused = Refused("nick-taken", "That nick is taken here. Try mia_2?")
        assert (refused.code, refused.detail) == ("nick-taken", "That nick is taken here. Try mia_2?")
        assert refused.refusal.status == 409

    def test_there_is_no_refusal_without_a_row(self) -> None:
        with pytest.raises(KeyError):
            Refused("no-such-code", "No.")

    def test_every_code_in_the_program_has_a_row(self) -> None:
        for path in Path(meet.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Name(id="Refused"), args=[ast.Constant(value=code), *_]):
                        assert code in REFUSALS, f"{path.name}:{node.lineno}"


class Goodbyes(SynchronousTestCase):
    def test_each_is_told_by_a_name_a_code_and_a_sentence(self) -> None:
        for name, goodbye in GOODBYES.items():
            assert goodbye.name == name
            assert goodbye.close in (1000, 1011, 1012) or 4000 <= goodbye.close < 5000, name
            assert goodbye.text.endswith("."), name
            assert "!" not in goodbye.text, name

    def test_no_two_mean_the_same_to_a_browser(self) -> None:
        assert len({goodbye.close for goodbye in GOODBYES.values()}) == len(GOODBYES)

    def test_who_was_sent_away_is_not_asked_to_come_back_and_who_fell_behind_is(self) -> None:
        again = {name for name, goodbye in GOODBYES.items() if goodbye.again}
        assert again == {"slow", "idle", "renewed", "internal", "shutting-down"}
