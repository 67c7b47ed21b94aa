"""Each hears all that was put while they listened, in order, once, however it is cut into turns."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meet.audience import ENDING, Audience
from meet.errors import GOODBYES
from meet.limits import Limits
from tests.flow import Ear, Plain
from tests.test_outbox import said
from tests.test_writer import Pipe

STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 3)),
    st.tuples(st.just("come"), st.integers(0, 7)),
    st.tuples(st.just("go"), st.integers(0, 7)),
    st.tuples(st.just("look again"), st.integers(0, 7)),
    st.tuples(st.just("catch up"), st.integers(0, 7)),
    st.tuples(st.just("tell"), st.integers(1, 3)),
)
AUTHORS = ["p0", "p1", "p2", "p3"]

WIRES = 64
"""Half of them hear by one format, so many that one system call tells them."""


def fails(*broken: Any) -> None:
    raise AssertionError(broken)


class Model:
    """An audience, and what each of its listeners should have heard by the end."""

    def __init__(self, ears: int = 8) -> None:
        self.audience = Audience("algebra", fails)
        forms = [Plain(), Plain()]
        # Of each format some are told all, and some not what they say themselves.
        self.ears = [Ear(forms[n % 2], skips=AUTHORS[n] if n < 4 else "") for n in range(ears)]
        self.inside: set[int] = set()
        self.owed = [""] * ears
        self.count = 0

    def word(self) -> str:
        """What is said next."""
        return str(self.count)

    def put(self, author: int) -> None:
        self.count += 1
        by = AUTHORS[author]
        self.audience.put([said(self.word(), self.count, by, by)])
        for number in self.inside:
            if self.ears[number].skips != by:
                self.owed[number] += f"{by}:{self.word()};"

    def come(self, number: int) -> None:
        if number not in self.inside:
            self.inside.add(number)
            self.audience.add(self.ears[number])

    def go(self, number: int) -> None:
        """As one goes who is told what they are owed; without, they may miss the last of it."""
        if number in self.inside:
            self.inside.discard(number)
            self.audience.catch_up(self.ears[number])
            assert self.ears[number].text == self.owed[number]
            assert self.audience.remove(self.ears[number])

    def look_again(self, number: int) -> None:
        ear = self.ears[number]
        ear.heard = partial(ear.heard)  # type: ignore[method-assign]
        self.audience.look_again(ear)

    def catch_up(self, number: int) -> None:
        self.audience.catch_up(self.ears[number])
        assert self.ears[number].text == self.owed[number]

    def tell(self, most: int) -> None:
        before = [len(ear.pieces) for ear in self.ears]
        self.audience.tell(most)
        told = [number for number, ear in enumerate(self.ears) if len(ear.pieces) > before[number]]
        assert len(told) <= most
        for number, ear in enumerate(self.ears):
            assert self.owed[number].startswith(ear.text)


class Wires(Model):
    """The same over connections of small buffers, on which something else is sent too, past the audience."""

    def __init__(self, close: Callable[[Pipe], None]) -> None:
        super().__init__(WIRES)
        limits = Limits().but({"bytes-unsent": 10**9})
        self.pipes = [Pipe(1, limits) for _ in self.ears]
        for number, pipe in enumerate(self.pipes):
            close(pipe)
            self.ears[number].heard = pipe.writer.write  # type: ignore[method-assign]
            self.come(number)

    def word(self) -> str:
        return str(self.count).rjust(900, "0")

    def go(self, number: int) -> None:
        if number in self.inside:
            self.inside.discard(number)
            self.audience.catch_up(self.ears[number])
            assert self.audience.remove(self.ears[number])

    def look_again(self, number: int) -> None:
        self.audience.look_again(self.ears[number])

    def catch_up(self, number: int) -> None:
        self.audience.catch_up(self.ears[number])

    def tell(self, most: int) -> None:
        self.audience.tell(most * 8)

    def control(self, number: int) -> None:
        self.pipes[number].transport.write(b"~" * 40)

    def read(self, number: int) -> None:
        self.pipes[number].take(2_000)

    def heard(self, number: int) -> str:
        """All that came to one of them from the audience; what else was sent stands between two pieces."""
        self.pipes[number].drain()
        text = self.pipes[number].read.decode()
        assert all(len(each) % 40 == 0 for each in re.findall("~+", text))
        return text.replace("~", "")


@settings(max_examples=50)
@given(st.lists(st.one_of(STEPS, st.tuples(st.sampled_from(["control", "read"]), st.integers(0, 7))), max_size=60))
def test_so_it_is_on_wires(steps: list[tuple[str, int]]) -> None:
    with ExitStack() as closing:
        model = Wires(lambda pipe: closing.callback(pipe.close))
        for what, number in steps:
            getattr(model, what.replace(" ", "_"))(number)
        while model.audience.behind:
            model.audience.tell(10)
        assert [model.heard(number) for number in range(WIRES)] == model.owed


def test_what_began_to_wait_between_two_turns_of_a_round_goes_first() -> None:
    with ExitStack() as closing:
        model = Wires(lambda pipe: closing.callback(pipe.close))
        model.put(0)
        model.audience.tell(WIRES // 2 + 8)
        late = model.pipes[-1]
        late.transport.write(b"~")
        model.audience.tell(WIRES)
        late.drain()
        assert late.read.startswith(b"~p0:")


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=60))
def test_each_hears_what_was_put_while_they_listened(steps: list[tuple[str, int]]) -> None:
    model = Model()
    for what, number in steps:
        getattr(model, what.replace(" ", "_"))(number)
    while model.audience.behind:
        model.audience.tell(2)
    assert [ear.text for ear in model.ears] == model.owed


def test_who_goes_without_a_word_is_told_nothing_more_of_a_round() -> None:
    model = Model()
    for number in range(8):
        model.come(number)
    model.put(3)
    model.tell(1)
    gone = next(ear for ear in model.ears[4:] if not ear.pieces)
    assert model.audience.remove(gone)
    # Whoever comes back in the same round is told what is put from then on.
    model.audience.add(gone)
    model.put(3)
    while model.audience.behind:
        model.audience.tell(1)
    assert gone.text == "p3:2;"


def test_the_end_comes_after_what_was_put_and_to_some_at_a_time() -> None:
    model = Model()
    for number in range(8):
        model.come(number)
    model.put(0)
    model.audience.end(GOODBYES["room-closed"])
    assert model.audience.tell(4) == 4
    assert [ear.ends for ear in model.ears] == [[]] * 8
    turns = 0
    while model.audience.behind:
        model.audience.tell(2 * ENDING)
        turns += 1
    assert turns == 4
    assert [ear.ends for ear in model.ears] == [["room-closed"]] * 8
    assert [ear.text for ear in model.ears] == model.owed


def test_deliveries_are_counted_for_each_who_was_told() -> None:
    model = Model()
    for number in (1, 4, 5):
        model.come(number)
    model.put(0)
    model.put(0)
    model.catch_up(4)
    model.tell(10)
    assert model.audience.delivered == 6
