"""Each hears all that was put while they listened, in order, once, however it is cut into turns."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meet.audience import ENDING, Audience
from meet.errors import GOODBYES
from tests.flow import Ear, Plain
from tests.test_outbox import said

STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 3)),
    st.tuples(st.just("come"), st.integers(0, 7)),
    st.tuples(st.just("go"), st.integers(0, 7)),
    st.tuples(st.just("look again"), st.integers(0, 7)),
    st.tuples(st.just("catch up"), st.integers(0, 7)),
    st.tuples(st.just("tell"), st.integers(1, 3)),
)
AUTHORS = ["p0", "p1", "p2", "p3"]


def fails(*broken: Any) -> None:
    raise AssertionError(broken)


class Model:
    """An audience, and what each of its listeners should have heard by the end."""

    def __init__(self) -> None:
        self.audience = Audience("algebra", fails)
        forms = [Plain(), Plain()]
        # Of each format some are told all, and some not what they say themselves.
        self.ears = [Ear(forms[n % 2], skips=AUTHORS[n] if n < 4 else "") for n in range(8)]
        self.inside: set[int] = set()
        self.owed = [""] * 8
        self.count = 0

    def put(self, author: int) -> None:
        self.count += 1
        by = AUTHORS[author]
        self.audience.put([said(str(self.count), self.count, by, by)])
        for number in self.inside:
            if self.ears[number].skips != by:
                self.owed[number] += f"{by}:{self.count};"

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
