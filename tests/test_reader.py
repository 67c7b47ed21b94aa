"""A feed is read until it lacks nothing, and what the broker has lost of it is given back first."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Say
from meet.feed import Caught, Feed
from meet.outage import Outage
from meet.reader import Reader
from tests.flow import Flow


class Reading(SynchronousTestCase):
    def setUp(self) -> None:
        self.flow = Flow()
        self.flow.open()
        self.ann = self.flow.join("ann")
        self.outage = Outage(self.flow.hub.outbox, self.flow.clock)
        self.reader = Reader(self.flow.broker, self.flow.clock, self.flow.limits, self.outage)
        self.feed = Feed("algebra", self.flow.limits)

    def say(self, text: str) -> None:
        self.flow.result(self.ann.ask(Say(text=text)))

    def read(self) -> Caught:
        caught: Caught = self.flow.result(self.reader.read(self.feed))
        return caught

    def texts(self) -> list[str]:
        return [item.event.text for item in self.feed.tail]  # type: ignore[attr-defined]

    def test_it_tells_what_is_new_since_the_last_reading(self) -> None:
        self.say("one")
        assert self.read().anew
        self.say("two")
        caught = self.read()
        assert ([item.event.text for item in caught.entries], caught.anew) == (["two"], False)  # type: ignore[attr-defined]

    def test_what_the_broker_lost_it_has_again_and_the_feed_goes_on_in_a_new_log(self) -> None:
        saved = self.flow.broker.save()
        self.say("one")
        self.read()
        before = self.feed.last
        self.flow.broker.fall_back(saved)
        assert self.read().anew
        assert self.texts() == ["one"]
        assert self.feed.last != before
        other = Feed("algebra", self.flow.limits)
        self.flow.result(self.reader.read(other))
        assert (other.last, list(other.tail)) == (self.feed.last, list(self.feed.tail))

    def test_a_room_that_is_long_over_is_not_given_back(self) -> None:
        self.say("one")
        self.read()
        self.flow.clock.advance(self.feed.room.gone - self.flow.clock.seconds())
        self.flow.broker.fall_back()
        self.read()
        assert not self.feed.room.exists

    def test_nor_one_that_may_have_been_deleted_while_the_broker_was_away(self) -> None:
        self.say("one")
        self.read()
        self.outage.begin()
        self.flow.clock.advance(self.flow.limits.grace)
        self.outage.end()
        self.flow.broker.fall_back()
        self.read()
        assert not self.feed.room.exists
