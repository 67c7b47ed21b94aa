"""The recorder: what the journal tells is in the store, also after one of them was away."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from meet.broker import broker_for
from meet.errors import Unavailable
from meet.events import Said
from meet.interfaces import IStore
from meet.limits import Limits
from meet.recorder import Recorder, pause
from meet.wire import encode


@implementer(IStore)
class Paper:
    """A store on paper: it can be away, and it can take its time."""

    def __init__(self):
        self.kept = []
        self.away = False
        self.slow = None

    def start(self):
        return succeed(None)

    def stop(self):
        return succeed(None)

    def record(self, records):
        if self.away:
            return fail(Unavailable("The paper is away."))
        self.kept.extend(record for record in records if record not in self.kept)
        return self.slow or succeed(None)

    def history(self, room, before, count):
        return succeed([])

    def transcript(self, room, epoch, after, count):
        return succeed([])


class Recording(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1_795_000_000)
        self.broker = broker_for(
            "memory:", data=Path("nowhere"), clock=self.clock, random=lambda count: b"x" * count, limits=Limits()
        )
        self.successResultOf(self.broker.start())
        self.store = Paper()
        self.recorder = Recorder(self.broker, self.store, self.clock)
        self.said = 0
        self.warnings = []
        globalLogPublisher.addObserver(self.heed)
        self.addCleanup(globalLogPublisher.removeObserver, self.heed)

    def heed(self, event):
        if event.get("log_namespace") == "meet.recorder.Recorder" and event["log_level"].name == "warn":
            self.warnings.append(event)

    def pump(self):
        for _ in range(20):
            self.clock.advance(0)

    def say(self, *texts):
        for text in texts:
            body = encode(Said(at="", by="a", nick="ann", via="web", text=text))
            published = self.broker.publish("algebra", body, under=None)
            self.pump()
            self.successResultOf(published)

    def texts(self):
        return [record.body.split(b'"text":"')[1][:-2].decode() for record in self.store.kept]

    def test_what_is_said_is_kept_in_order(self):
        self.say("before")
        self.recorder.startService()
        self.say("one", "two")
        assert self.texts() == ["before", "one", "two"]

    def test_a_store_that_was_away_gets_all_it_missed_and_is_told_of_once(self):
        self.recorder.startService()
        self.store.away = True
        self.say("one", "two")
        for _ in range(5):
            self.clock.advance(31)
            self.pump()
        assert len(self.warnings) == 1
        self.store.away = False
        self.clock.advance(31)
        self.pump()
        assert self.texts() == ["one", "two"]
        self.store.away = True
        self.say("three")
        assert len(self.warnings) == 2

    def test_a_broker_that_is_away_is_waited_for(self):
        self.stop_broker()
        self.recorder.startService()
        self.clock.advance(1)
        assert len(self.warnings) == 1
        self.successResultOf(self.broker.start())
        self.clock.advance(2)
        self.say("one")
        assert self.texts() == ["one"]

    def test_stopping_ends_a_wait_for_the_broker(self):
        self.stop_broker()
        self.recorder.startService()
        self.successResultOf(self.recorder.stopService())
        assert self.clock.getDelayedCalls() == []

    def test_stopping_waits_for_the_batch_under_way(self):
        self.recorder.startService()
        self.pump()
        self.store.slow = Deferred()
        self.say("one")
        stopped = self.recorder.stopService()
        self.pump()
        self.assertNoResult(stopped)
        self.store.slow.callback(None)
        self.pump()
        self.successResultOf(stopped)
        self.store.slow = None
        self.say("two")
        assert self.texts() == ["one"]

    def test_it_begins_again_where_it_ended(self):
        self.recorder.startService()
        self.say("one")
        stopped = self.recorder.stopService()
        self.pump()
        self.successResultOf(stopped)
        self.say("two")
        self.store.kept.clear()
        self.recorder.startService()
        self.pump()
        assert self.texts() == ["two"]

    def test_it_is_well_while_the_store_takes_what_comes(self):
        self.recorder.startService()
        self.successResultOf(self.recorder.probe())
        self.store.away = True
        self.say("one")
        assert "The paper is away." in str(self.failureResultOf(self.recorder.probe(), Unavailable).value)
        self.store.away = False
        self.clock.advance(31)
        self.pump()
        self.successResultOf(self.recorder.probe())

    def test_stopping_what_was_never_started_is_no_matter(self):
        self.successResultOf(self.recorder.stopService())

    def test_pauses_grow_and_are_bounded(self):
        assert [pause(failures) for failures in (1, 2, 3, 6, 10000)] == [1, 2, 4, 30, 30]

    def stop_broker(self):
        stopped = self.broker.stop()
        self.pump()
        self.successResultOf(stopped)
