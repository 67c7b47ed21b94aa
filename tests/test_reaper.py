"""The reaper: rooms end in their time, and when their grace is over nothing of them is left."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.broker import broker_for
from meet.commands import Relay
from meet.events import Closed, Expired, Extended, Followed, Forgotten, Joined, Opened, Renewed, Said
from meet.feed import Feed
from meet.limits import Limits
from meet.moments import DAY, HOUR, moment, seconds
from meet.posts import Post
from meet.reaper import Reaper
from meet.recorder import Recorder
from meet.store import store_for
from meet.wire import decode_event, encode

START = 1_795_000_000.0
LIMITS = Limits()


class Reaping(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(START)
        self.broker = broker_for("memory:", data=Path("nowhere"), clock=self.clock, random=os.urandom, limits=LIMITS)
        self.now(self.broker.start())
        self.told = []
        self.reaper = Reaper(self.broker, self.clock, LIMITS)

    def pump(self):
        for _ in range(30):
            self.clock.advance(0)

    def now(self, deferred):
        self.pump()
        return self.successResultOf(deferred)

    def later(self, span):
        """Let time pass, and a moment more for what is due at its end."""
        self.clock.advance(span)
        self.pump()
        self.clock.advance(0.002)
        self.pump()

    def look(self, room="algebra"):
        feed = Feed(room, LIMITS)
        feed.restore(self.now(self.broker.read(room)))
        return feed.room

    def publish(self, event, room="algebra"):
        guards = self.look(room).guards(event)
        return self.now(self.broker.publish(room, encode(event), **guards._asdict()))

    def open(self, life=HOUR, room="algebra"):
        at = self.clock.seconds()
        event = Opened(at=moment(at), name=room, title=room, ends=moment(at + life), limit=140, lock="l")
        self.now(self.broker.attend(room, lambda position, body: self.told.append(decode_event(body))))
        self.publish(event, room)

    def extend(self, ends):
        at = moment(self.clock.seconds())
        self.publish(Extended(at=at, by="", nick="ann", ends=moment(ends)))

    def rooms(self):
        return list(self.now(self.broker.rooms()))

    def start(self):
        self.reaper.startService()
        self.pump()

    def test_a_room_ends_in_its_time_and_not_before(self):
        self.start()
        self.open()
        self.later(HOUR - 1)
        assert self.look().closed == ""
        self.later(1)
        assert self.look().closed == "time"
        assert [type(event) for event in self.told] == [Opened, Closed]

    def test_when_its_grace_is_over_its_name_is_free_again(self):
        self.start()
        self.open()
        self.later(HOUR)
        self.later(LIMITS.grace - 1)
        assert self.rooms() == ["algebra"]
        self.later(2)
        assert self.rooms() == []
        assert isinstance(self.told[-1], Forgotten)
        assert seconds(self.told[-1].at) // 10 == self.clock.seconds() // 10
        self.open()
        self.later(HOUR)
        assert self.look().closed == "time"

    def test_a_room_that_its_host_closed_is_deleted_after_the_same_grace(self):
        self.start()
        self.open(life=30 * DAY)
        self.later(60)
        self.publish(Closed(at=moment(self.clock.seconds()), because="host"))
        self.later(LIMITS.grace - 1)
        assert self.rooms() == ["algebra"]
        self.later(2)
        assert self.rooms() == []

    def test_rooms_whose_time_came_while_nobody_looked_end_at_the_start(self):
        for number in range(30):
            self.open(room=f"room{number}")
        self.clock.advance(2 * HOUR)
        self.start()
        self.pump()
        assert {self.look(room).closed for room in self.rooms()} == {"time"}
        self.later(LIMITS.grace)
        assert self.rooms() == []

    def test_a_room_whose_grace_is_long_over_is_deleted_at_the_start(self):
        self.open()
        self.publish(Closed(at=moment(self.clock.seconds()), because="host"))
        self.clock.advance(2 * LIMITS.grace)
        self.start()
        assert self.rooms() == []

    def test_a_room_can_be_given_more_time_and_less(self):
        self.start()
        self.open()
        self.extend(START + 3 * HOUR)
        self.later(2 * HOUR)
        assert self.look().closed == ""
        self.extend(START + 2.5 * HOUR)
        self.later(HOUR / 2)
        assert self.look().closed == "time"

    def test_a_year_is_waited_for_in_steps_of_a_day_at_most(self):
        self.start()
        self.open(life=365 * DAY)
        for day in range(364):
            assert all(call.getTime() - self.clock.seconds() <= DAY for call in self.clock.getDelayedCalls())
            self.later(DAY)
            assert self.look().closed == "", f"day {day}"
        self.later(DAY)
        assert self.look().closed == "time"

    def test_a_clock_that_is_set_back_ends_nothing_too_early(self):
        self.start()
        self.open()
        self.pump()
        self.clock.rightNow -= 600
        (call,) = self.clock.getDelayedCalls()
        call.reset(0)
        self.later(0)
        assert self.look().closed == ""
        self.later(HOUR + 600)
        assert self.look().closed == "time"

    def test_two_reapers_do_it_once(self):
        self.start()
        other = Reaper(self.broker, self.clock, LIMITS)
        other.startService()
        self.open()
        self.later(HOUR)
        self.later(LIMITS.grace + 5)
        assert [type(event) for event in self.told] == [Opened, Closed, Forgotten]

    def another(self):
        """A reaper in another process."""
        broker = self.broker.process()
        self.now(broker.start())
        return broker, Reaper(broker, self.clock, LIMITS)

    def test_one_works_and_another_takes_over_when_its_process_dies(self):
        broker, first = self.another()
        first.startService()
        self.pump()
        self.start()
        self.open()
        self.later(HOUR - 100)
        broker.die()
        self.later(10)
        self.later(5)
        self.later(85)
        assert self.look().closed == "time"
        self.later(LIMITS.grace + 1)
        assert [type(event) for event in self.told] == [Opened, Closed, Forgotten]

    def test_one_that_ends_in_order_is_followed_at_once(self):
        _, first = self.another()
        first.startService()
        self.pump()
        self.start()
        self.open()
        self.now(first.stopService())
        self.later(HOUR)
        assert self.look().closed == "time"

    def test_one_that_waits_does_nothing(self):
        broker, first = self.another()
        first.startService()
        self.pump()
        self.start()
        self.open()
        broker.die()
        self.clock.advance(5)
        calls = len(self.clock.getDelayedCalls())
        self.pump()
        assert len(self.clock.getDelayedCalls()) == calls
        assert self.reaper._timers == {}

    def test_a_room_that_came_back_is_looked_at(self):
        self.open()
        known = self.now(self.broker.read("algebra"))
        self.broker.fall_back()
        self.start()
        self.now(self.broker.restore("algebra", known, encode(Renewed(at=moment(START), was=known.last.epoch))))
        self.later(HOUR)
        assert self.look().closed == "time"

    def test_a_broker_that_is_away_is_tried_again(self):
        self.open()
        self.now(self.broker.stop())
        self.start()
        self.later(HOUR)
        self.now(self.broker.start())
        self.later(31)
        assert self.look().closed == "time"

    def test_a_broker_that_goes_away_just_then_is_tried_again(self):
        self.start()
        self.open()
        self.now(self.broker.stop())
        self.later(HOUR)
        self.now(self.broker.start())
        self.later(31)
        assert self.look().closed == "time"

    def relay(self, number=1, keep=DAY):
        post = Post(
            source="twitter",
            id=str(number),
            author="7",
            name="Dora",
            handle="dora",
            at=moment(self.clock.seconds()),
            text=f"words {number}",
            link=f"https://x.com/i/status/{number}",
            keep=keep,
        )
        self.publish(self.look().decide(Relay(post=post), "source:twitter", self.clock.seconds()))

    def follow(self):
        self.publish(Followed(at=moment(self.clock.seconds()), by="a", nick="ann", words=("#pycon",)))

    def texts(self):
        """The words of what the broker holds, each with whether its link is there."""
        look = self.now(self.broker.read("algebra"))
        said = [event for _, body in look.tail if isinstance(event := decode_event(body), Said)]
        return [(event.text, event.post.link[-1:]) for event in said if event.post is not None]

    def expiries(self):
        return [event for event in self.told if isinstance(event, Expired)]

    def test_words_of_a_post_go_when_their_day_is_over_and_its_link_stays_in_its_place(self):
        self.start()
        self.open(life=7 * DAY)
        self.follow()
        self.relay(1)
        self.later(HOUR / 2)
        self.relay(2)
        self.later(HOUR)
        self.relay(3)
        self.later(DAY - HOUR * 3 / 2 - 1)
        assert self.texts() == [("words 1", "1"), ("words 2", "2"), ("words 3", "3")]
        self.later(1)
        # What must go within the hour goes with it, so that a room is told once an hour at most.
        assert self.texts() == [("", "1"), ("", "2"), ("words 3", "3")]
        assert len(self.expiries()) == 1
        self.later(HOUR * 3 / 2)
        assert self.texts() == [("", "1"), ("", "2"), ("", "3")]
        self.later(3 * DAY)
        assert len(self.expiries()) == 2

    def test_they_go_from_a_closed_room_too_and_from_one_that_closes_just_then(self):
        self.start()
        self.open(life=HOUR)
        self.follow()
        self.relay(1, keep=HOUR + 60)
        self.relay(2, keep=HOUR)
        self.later(HOUR)
        assert self.look().closed == "time"
        assert self.texts() == [("", "1"), ("", "2")]

    def test_one_that_takes_over_lets_go_what_the_first_had_heard(self):
        _, first = self.another()
        first.startService()
        self.pump()
        self.start()
        self.open(life=7 * DAY)
        self.follow()
        self.relay(1)
        self.later(HOUR)
        self.now(first.stopService())
        self.later(DAY - HOUR)
        assert self.texts() == [("", "1")]

    def test_what_a_broker_fell_back_to_is_let_go_again(self):
        self.start()
        self.open(life=7 * DAY)
        self.follow()
        self.relay(1)
        saved = self.broker.save()
        self.later(DAY)
        assert self.texts() == [("", "1")]
        self.now(self.reaper.stopService())
        self.broker.fall_back(saved)
        assert self.texts() == [("words 1", "1")]
        Reaper(self.broker, self.clock, LIMITS).startService()
        self.later(1)
        assert self.texts() == [("", "1")]

    def test_one_post_after_another_costs_no_look_at_the_room(self):
        self.start()
        self.open(life=7 * DAY)
        self.follow()
        self.relay(1)
        reads = []
        read = self.broker.read
        self.patch(self.broker, "read", lambda room: reads.append(room) or read(room))
        for number in range(2, 9):
            self.relay(number)
        # Each is looked for once by this test, and once more by its guards.
        assert len(reads) == 2 * 7

    def test_nothing_is_done_for_rooms_that_are_far_from_their_end(self):
        self.start()
        self.open()
        self.publish(Joined(at="", by="a", nick="ann", via="web"))
        self.pump()
        assert len(self.clock.getDelayedCalls()) == 1

    def test_stopping_leaves_no_timer_behind(self):
        self.start()
        self.open()
        self.pump()
        self.now(self.reaper.stopService())
        assert self.clock.getDelayedCalls() == []
        self.later(2 * HOUR)
        assert self.look().closed == ""

    def test_stopping_while_the_broker_is_away_leaves_no_timer_behind(self):
        self.now(self.broker.stop())
        self.start()
        self.now(self.reaper.stopService())
        assert self.clock.getDelayedCalls() == []


class Witness:
    """A real store, and word of when it has forgotten a room."""

    def __init__(self, store):
        self.store = store
        self.forgot = Deferred()

    async def _record(self, records):
        await self.store.record(records)
        if any(isinstance(decode_event(record.body), Forgotten) for record in records):
            self.forgot.callback(None)

    def record(self, records):
        return Deferred.fromCoroutine(self._record(records))


class Gone(TestCase):
    """The whole promise, with real files: nothing that has expired is in any of them."""

    timeout = 30

    async def test_no_file_holds_a_word_of_a_room_that_has_expired(self):
        limits = Limits(grace=1)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        data = Path(folder.name)
        broker = broker_for("local:", data=data, clock=reactor, random=os.urandom, limits=limits)
        store = store_for("sqlite:", data=data, clock=reactor, limits=limits)
        await broker.start()
        await store.start()
        witness = Witness(store)
        recorder, reaper = Recorder(broker, witness, reactor), Reaper(broker, reactor, limits)
        recorder.startService()
        reaper.startService()

        now = time.time()
        forgotten = Deferred()

        def hear(position, body):
            if isinstance(decode_event(body), Forgotten):
                forgotten.callback(None)

        await broker.attend("algebra", hear)
        law = {}
        for room, life in (("biology", HOUR), ("algebra", 1)):
            opened = Opened(at=moment(now), name=room, title=f"owl{room}", ends=moment(now + life), limit=140, lock="l")
            law[room] = await broker.publish(room, encode(opened), under=None, key="opened", ruling=True)
        said = []
        for number in range(400):
            for room, under in law.items():
                line = Said(at=moment(now), by="a", nick=f"elk{room}", via="web", text=f"fox{room}" * (number % 40 + 1))
                said.append(broker.publish(room, encode(line), under=under))
        joined = Joined(at=moment(now), by="a", nick="elkalgebra", via="web")
        said.append(
            broker.publish("algebra", encode(joined), under=law["algebra"], key=joined.key, claim=(joined.key, "a"))
        )
        await gatherResults(said)
        words = [b"owlalgebra", b"elkalgebra", b"foxalgebra"]
        assert all(word in self.held(data) for word in words)

        await forgotten
        await witness.forgot
        while_running = self.held(data)
        await reaper.stopService()
        await recorder.stopService()
        await broker.stop()
        await store.stop()
        for word in words:
            assert word not in while_running
            assert word not in self.held(data)
        assert b"foxbiology" in self.held(data)

    def held(self, data):
        return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
