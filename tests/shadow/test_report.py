"""Every line is heard once, missing, or refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.shadow.report import Report


class Reports(SynchronousTestCase):
    def setUp(self) -> None:
        self.report = Report()
        for number in range(1, 4):
            self.report.asked("a", f"k.{number}", f"line {number}", "p7", 10.0)

    def hear(self, *numbers: int, text: str = "") -> None:
        for number in numbers:
            self.report.heard("a", f"k.{number}", text or f"line {number}", 10.25)

    def counted(self) -> dict[str, int]:
        self.report.close()
        return {name: count for name, count in self.report.counts.items() if count and name != "lines"}

    def test_all_is_well(self) -> None:
        self.hear(1, 2, 3)
        assert self.counted() == {}
        assert self.report.content
        told = self.report.told()
        assert (told["lines"], told["heard"], told["lag"]) == (3, 3, {"median": 250.0, "p99": 250.0, "most": 250.0})

    def test_each_difference_is_counted_and_is_no_content(self) -> None:
        self.hear(2, 1, 1)
        self.hear(9)
        assert self.counted() == {"disordered": 1, "twice": 1, "strange": 1, "missing": 1}
        assert not self.report.content

    def test_other_words(self) -> None:
        self.hear(1, 2, 3, text="line 1")
        assert self.counted() == {"different": 2}

    def test_what_is_refused_is_not_missing(self) -> None:
        self.hear(1, 2)
        self.report.granted_not("a", "k.3", "too-fast")
        assert self.counted() == {}
        assert (self.report.told()["refused"], self.report.content, self.report.waiting) == ({"too-fast": 1}, False, 0)

    def test_order_is_each_persons_own(self) -> None:
        self.report.asked("a", "k.4", "other", "p8", 10.0)
        self.report.heard("a", "k.4", "other", 10.25)
        self.hear(1, 2, 3)
        assert self.counted() == {}
