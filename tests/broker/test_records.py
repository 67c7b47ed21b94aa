"""The journal in memory holds what somebody still needs, and nothing else."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.broker.records import Records
from meet.events import Position
from meet.interfaces import Record


def record(seq: int, epoch: str = "k3q", room: str = "algebra") -> Record:
    return Record(room, Position(epoch, seq), b"%d" % seq)


class Holding(SynchronousTestCase):
    def setUp(self) -> None:
        self.records = Records()
        self.records.register("recorder")
        for seq in (1, 2, 3):
            self.records.add(record(seq), talk=True, held=seq > 1)

    def seqs(self, after: int = -(2**62)) -> list[str]:
        return [str(each.position) for _, each in self.records.after(after, 100).records]

    def take(self) -> None:
        self.records.acknowledge("recorder", self.records.after(0, 100).records[-1][0])

    def test_what_was_taken_and_is_not_held_is_gone(self) -> None:
        assert self.seqs() == ["k3q.1", "k3q.2", "k3q.3"]
        self.take()
        assert self.seqs() == ["k3q.2", "k3q.3"]
        self.records.release("algebra", "k3q", [2])
        assert self.seqs() == ["k3q.3"]

    def test_talk_may_get_another_body_and_state_may_not(self) -> None:
        self.records.add(record(4), talk=False, held=True)
        for seq in (2, 4, 5):
            self.records.change("algebra", Position("k3q", seq), b"a link")
        assert [each.body for _, each in self.records.after(0, 9).records] == [b"1", b"a link", b"3", b"4"]

    def test_what_is_erased_or_dropped_is_gone_untaken(self) -> None:
        self.records.erase("algebra", Position("k3q", 1))
        assert self.seqs() == ["k3q.2", "k3q.3"]
        self.records.drop("algebra")
        assert self.seqs() == []

    def test_a_renewed_room_is_told_to_new_observers_only(self) -> None:
        self.take()
        newest = self.records.register("recorder")
        self.records.renew("algebra", [(record(2, "new"), True), (record(3, "new"), True)])
        self.records.add(record(4, "new"), talk=False, held=True)
        assert self.seqs(newest) == ["new.4"]
        assert self.seqs(self.records.register("newcomer")) == ["new.2", "new.3", "new.4"]

    def test_what_of_the_former_log_was_not_taken_is_still_told(self) -> None:
        self.records.renew("algebra", [(record(2, "new"), True)])
        assert self.seqs(0) == ["k3q.1", "k3q.2", "k3q.3"]
        self.take()
        assert self.seqs() == ["new.2"]

    def test_numbers_go_on_after_falling_back(self) -> None:
        saved = self.records.copy()
        self.records.add(record(4), talk=True, held=True)
        newest = self.records.after(0, 100).records[-1][0]
        self.records.fall_back(saved)
        assert self.seqs() == ["k3q.1", "k3q.2", "k3q.3"]
        self.records.add(record(5), talk=True, held=True)
        assert self.seqs(newest) == ["k3q.5"]
