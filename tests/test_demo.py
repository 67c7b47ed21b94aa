"""Invented posts come by the clock, for what is followed."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from meet.following import source_for
from meet.interfaces import ISource
from tests.contracts.source import RecordingAudience


class Demos(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_795_000_000)
        self.source = source_for("demo", self.clock, {"seconds": "2"})
        self.audience = RecordingAudience()  # type: ignore[no-untyped-call]
        self.source.start(self.audience, 0)

    def test_a_post_comes_every_few_seconds_for_each_word_while_it_is_followed(self) -> None:
        verifyObject(ISource, self.source)
        self.clock.advance(10)
        assert self.audience.told == []
        self.source.follow(["#meet"])
        for _ in range(3):
            self.clock.advance(2)
        assert [words for _, words in self.audience.told] == [{"#meet"}] * 3
        assert all("#meet" in post.text for post, _ in self.audience.told)
        assert len(set(self.audience.ids)) == 3
        self.source.follow([])
        self.clock.advance(10)
        self.source.stop()
        assert len(self.audience.told) == 3
        assert self.clock.getDelayedCalls() == []

    def test_what_is_wrong_is_said_in_a_sentence(self) -> None:
        for seconds in ("0", "soon"):
            with self.assertRaisesRegex(ValueError, "The setting seconds of the source demo is"):
                source_for("demo", self.clock, {"seconds": seconds})
        with self.assertRaisesRegex(ValueError, "The source demo has no setting speed; it has seconds."):
            source_for("demo", self.clock, {"speed": "2"})
