"""Who waits to hear what the broker has accepted."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meet.awaiting import Awaiting
from meet.errors import Unavailable
from meet.events import Entry, Position, Said
from meet.wire import encode


def entry(seq: int, text: str, ref: str = "", epoch: str = "k3q", at: str = "2026-11-24T14:05:09.120Z") -> Entry:
    said = Said(at=at, by="p7", nick="ann", via="web", text=text, ref=ref)
    return Entry(Position(epoch, seq), said, encode(said))


class AwaitingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.awaiting = Awaiting()

    def wait(self, for_: Entry) -> Deferred[None]:
        return self.awaiting.add(for_.position, for_.body, for_.event.once)

    def test_heard(self) -> None:
        first, second = self.wait(entry(1, "one")), self.wait(entry(2, "two"))
        self.awaiting.hear([entry(1, "one")])
        self.successResultOf(first)
        self.assertNoResult(second)
        self.awaiting.hear([entry(2, "two")])
        self.successResultOf(second)

    def test_another_ones_number_is_no_answer(self) -> None:
        waiting = self.wait(entry(1, "one"))
        self.awaiting.hear([entry(1, "somebody else's")])
        self.failureResultOf(waiting, Unavailable)

    def test_what_was_said_before_with_the_same_ref_is_an_answer(self) -> None:
        waiting = self.wait(entry(1, "one", ref="7", at="2026-11-24T14:05:11.000Z"))
        self.awaiting.hear([entry(1, "one", ref="7")])
        self.successResultOf(waiting)

    def test_two_who_asked_for_the_same(self) -> None:
        waiting = [self.wait(entry(1, "one", ref="7")), self.wait(entry(1, "one", ref="7"))]
        self.awaiting.hear([entry(1, "one", ref="7")])
        for each in waiting:
            self.successResultOf(each)

    def test_a_reading_answers_those_who_waited_before_it(self) -> None:
        replaced, lost = self.wait(entry(1, "replaced")), self.wait(entry(5, "lost"))
        expected = self.awaiting.positions()
        later = self.wait(entry(6, "later"))
        self.awaiting.settle(expected, Position("k3q", 4), [entry(4, "newer")])
        self.successResultOf(replaced)
        self.failureResultOf(lost, Unavailable)
        self.assertNoResult(later)

    def test_in_another_log_the_words_tell(self) -> None:
        there, lost = self.wait(entry(1, "one")), self.wait(entry(2, "two"))
        last, read = Position("m2x", 9), [entry(8, "one", epoch="m2x")]
        self.awaiting.settle(self.awaiting.positions(), last, read)
        self.successResultOf(there)
        self.failureResultOf(lost, Unavailable)

    def test_nobody_waits_for_a_room_that_is_heard_no_longer(self) -> None:
        waiting = self.wait(entry(1, "one"))
        self.awaiting.stop()
        self.successResultOf(waiting)
        assert not self.awaiting
