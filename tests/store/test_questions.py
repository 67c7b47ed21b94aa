"""What is asked of another process's archive: all that a store does, each part with its bound."""

from __future__ import annotations

import msgspec
import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.events import Position
from meet.interfaces import Found, IStore, Kept, Record
from meet.look import Look
from meet.store.questions import PAGE_MOST, Answer, Question, given, read_answer, read_question, understood, written

AT = Position("k3q", 9)
PAGE = [(AT, b'{"kind":"said","text":"\xf0\x9f\xa6\x89 \xff"}')]
ASKED = {
    "record": (([Record("algebra", *PAGE[0])],), None),
    "delete": (("algebra", "k3q"), None),
    "living": ((), [("algebra", "k3q")]),
    "memory": (("algebra", "k3q", 50), Look(AT, None, PAGE, PAGE, 3)),
    "history": (("algebra", AT, 50), PAGE),
    "transcript": (("algebra", "k3q", 7, 50), PAGE),
    "rooms": ((("", ""), 50), [Kept("algebra", "k3q", "Algebra", "", "", "")]),
    "entries": (("algebra", "k3q", 7, 50), PAGE),
    "since": (("algebra", "k3q", "2026-11-24T14:05:09.120Z", 50), PAGE),
    "search": (("algebra", AT, "owls 🦉", 50), Found(PAGE, 5)),
}
"""Each question with what it is called with and what it may be answered."""


class Questions(SynchronousTestCase):
    def test_all_that_a_store_does_can_be_asked_but_to_begin_and_to_end(self):
        assert set(IStore.names()) - set(ASKED) == {"start", "stop"}
        for what in ("start", "stop", "__class__"):
            with pytest.raises(ValueError, match="cannot be asked"):
                given(Question(1, what, []))

    def test_each_comes_over_as_it_was(self):
        for what, (with_what, answer) in ASKED.items():
            assert len(with_what) == len(IStore[what].positional)
            question = read_question(written(Question(7, what, list(with_what))))
            assert (question.number, question.what, given(question)) == (7, what, with_what)
            told = read_answer(written(Answer(7, True, answer)))
            assert (told.number, told.known, understood(what, told.answer)) == (7, True, answer)

    def test_what_is_asked_with_other_things_or_for_too_much_is_refused(self):
        for with_what in ([], ["algebra"], ["algebra", ["k3q", 9], -1], ["algebra", ["k3q", 9], PAGE_MOST + 1]):
            with pytest.raises(ValueError, match="cannot be asked like that"):
                given(Question(1, "history", with_what))

    def test_bytes_that_are_no_question_or_no_answer_are_refused(self):
        for data in (b"", b"\xc1", b"GET / HTTP/1.1\r\n", written(Answer(1, True, 2))[:2]):
            for read in (read_question, read_answer):
                with pytest.raises(msgspec.MsgspecError):
                    read(data)

    def test_an_answer_of_another_shape_is_refused(self):
        for what in ASKED:
            with pytest.raises(msgspec.ValidationError):
                understood(what, "yes")
