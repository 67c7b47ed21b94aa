"""Lines go side by side; what changes who somebody is goes alone, and nothing overtakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meet.turns import Turns


class TurnsTests(SynchronousTestCase):
    def begin(self) -> None:
        self.turns = Turns()
        self.begun: list[str] = []
        self.under_way: dict[str, Deferred[Any]] = {}

    def ask(self, name: str) -> Callable[[], Deferred[Any]]:
        def ask() -> Deferred[Any]:
            self.begun.append(name)
            self.under_way[name] = Deferred()
            return self.under_way[name]

        return ask

    def end(self, name: str, result: Any = None) -> None:
        self.under_way.pop(name).callback(result)

    def test_lines_go_side_by_side(self) -> None:
        self.begin()
        asked = [self.turns.together(self.ask(name)) for name in "abc"]
        assert self.begun == ["a", "b", "c"]
        self.end("c", 3)
        assert self.successResultOf(asked[2]) == 3
        assert len(self.turns) == 2

    def test_one_that_is_alone_waits_for_all_and_all_wait_for_it(self) -> None:
        self.begin()
        self.turns.together(self.ask("a"))
        self.turns.alone(self.ask("new nick"))
        self.turns.together(self.ask("b"))
        assert (self.begun, len(self.turns)) == (["a"], 3)
        self.end("a")
        assert self.begun == ["a", "new nick"]
        self.end("new nick")
        assert self.begun == ["a", "new nick", "b"]

    def test_one_that_fails_holds_up_nobody(self) -> None:
        self.begin()
        failed = self.turns.alone(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
        self.failureResultOf(failed, ZeroDivisionError)
        asked = self.turns.alone(self.ask("a"))
        waiting = self.turns.together(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
        self.end("a", 1)
        assert self.successResultOf(asked) == 1
        self.failureResultOf(waiting, ZeroDivisionError)
        self.turns.alone(self.ask("b"))
        assert self.begun == ["a", "b"]

    @given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), st.randoms(use_true_random=False))
    def test_nothing_overtakes_and_nothing_stands_beside_one_that_is_alone(self, asks: Any, chance: Any) -> None:
        self.begin()
        alone = {f"{number}" for number, (each, _) in enumerate(asks) if each}
        for number, (each, ends_some) in enumerate(asks):
            (self.turns.alone if each else self.turns.together)(self.ask(f"{number}"))
            if ends_some and self.under_way:
                self.end(chance.choice(sorted(self.under_way)))
            assert not alone & set(self.under_way) or len(self.under_way) == 1
        while self.under_way:
            self.end(chance.choice(sorted(self.under_way)))
            assert not alone & set(self.under_way) or len(self.under_way) == 1
        assert self.begun == [f"{number}" for number in range(len(asks))]
