"""What is asked of a room while the broker is away: it is asked again, in its order, and not for ever."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Command, Note
from meet.errands import AGAIN, KEPT, MOST, Errands
from meet.errors import Refused


class Asking(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.away = False
        self.asked: list[str] = []
        self.bugs: list[Failure] = []
        self.answers: dict[str, Deferred[Any]] = {}
        self.errands = Errands(self.ask_once, self.clock, self.bugs.append)

    def ask_once(self, command: Command) -> Deferred[Any]:
        assert isinstance(command, Note)
        if command.text in self.answers:
            return self.answers.pop(command.text)
        if self.away:
            return fail(Refused("unavailable", "A part of Meet is away."))
        self.asked.append(command.text)
        return succeed(None)

    def ask(self, text: str) -> list[bool]:
        """What it fires with, once it does."""
        answers: list[bool] = []
        self.errands.ask(Note(source="square", text=text)).addCallback(answers.append)
        return answers

    def test_what_is_refused_because_the_broker_is_away_is_asked_again_in_its_order(self) -> None:
        self.away = True
        first, second = self.ask("one"), self.ask("two")
        self.clock.advance(AGAIN)
        assert (first, second) == ([], [])
        self.away = False
        third = self.ask("three")
        self.clock.advance(AGAIN)
        assert self.asked == ["one", "two", "three"]
        assert (first, second, third) == ([True], [True], [True])
        assert len(self.errands) == 0

    def test_one_that_is_refused_late_keeps_its_place(self) -> None:
        late = self.answers["one"] = Deferred()
        self.ask("one")
        self.away = True
        self.ask("two")
        late.errback(Refused("unavailable", "A part of Meet is away."))
        self.away = False
        self.clock.advance(AGAIN)
        assert self.asked == ["one", "two"]

    def test_any_other_refusal_counts_and_what_is_none_is_told(self) -> None:
        self.answers["one"] = fail(Refused("room-closed", "It has closed."))
        self.answers["two"] = fail(RuntimeError("a bug"))
        assert (self.ask("one"), self.ask("two")) == ([False], [False])
        assert [type(bug.value) for bug in self.bugs] == [RuntimeError]
        assert self.clock.getDelayedCalls() == []

    def test_it_is_asked_no_more_once_it_could_stand_twice(self) -> None:
        self.away = True
        old = self.ask("old")
        self.clock.advance(KEPT - 10)
        young = self.ask("young")
        self.clock.advance(11)
        self.away = False
        self.clock.advance(AGAIN)
        assert (old, young, self.asked) == ([False], [True], ["young"])

    def test_only_so_many_wait(self) -> None:
        self.away = True
        answers = [self.ask(str(number)) for number in range(MOST + 1)]
        assert [answer for answer in answers if answer] == [[False]]
        assert answers[-1] == [False]

    def test_nothing_is_asked_after_the_end(self) -> None:
        self.away = True
        late = self.answers["late"] = Deferred()
        answers = [self.ask("late"), self.ask("one"), self.ask("two")]
        self.errands.stop()
        late.errback(Refused("unavailable", "A part of Meet is away."))
        assert answers == [[False], [False], [False]]
        assert (self.clock.getDelayedCalls(), len(self.errands)) == ([], 0)
