"""One room in one process: however its entries come, it ends as the log made it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.ledger import Ledger, Row
from meet.commands import Command, Expire, Follow, GiveUp, Join, Leave, Open, Relay, Remove, Rename, Retitle, Say
from meet.events import Closed, Entry, Joined, Left, Opened, Position, Renamed, Renewed, Retitled, Said
from meet.feed import Caught, Feed
from meet.limits import Limits
from meet.look import Look
from meet.moments import HOUR, moment
from meet.names import digest
from meet.posts import Post
from meet.room import Room
from meet.wire import bare, encode, entry
from tests.model_broker import ModelBroker
from tests.stories import HOST_KEY, NOON
from tests.strategies import Numbered, logs

LIMITS = Limits().but({"entries-in-tail": 5, "entries-on-joining": 3})
NOTHING = Look(None, None, [], [], 0)


class House:
    """One room in a broker, and who asks it things."""

    def __init__(self) -> None:
        self.broker = ModelBroker(LIMITS)
        self.begin()

    def begin(self) -> None:
        """The room, of which nothing is known yet."""
        self.room = Room("algebra", LIMITS)
        self.log: list[tuple[Position, bytes]] = []

    def ask(self, who: str, command: Command) -> tuple[Position, bytes]:
        event = self.room.decide(command, who, NOON)
        position, _ = self.broker.publish(encode(event), self.room.guards(event), NOON)
        self.room.apply(entry(position, encode(event)))
        self.log.append((position, encode(event)))
        return self.log[-1]

    def open(self) -> None:
        self.ask("", Open(title="", ends=NOON + HOUR, limit=140, lock=digest(HOST_KEY)))
        self.ask("ann", Join(nick="Ann", via="web", host_key=HOST_KEY))

    def say(self, text: str) -> tuple[Position, bytes]:
        return self.ask("ann", Say(text=text))


def a_feed(look: Look = NOTHING) -> Feed:
    feed = Feed("algebra", LIMITS)
    feed.restore(look)
    return feed


def texts(entries: list[Entry]) -> list[str]:
    return [item.event.text for item in entries if isinstance(item.event, Said)]


class Hearing(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.house.open()
        self.feed = a_feed(self.house.broker.read())

    def test_a_feed_knows_nothing_until_it_has_looked(self) -> None:
        assert Feed("algebra", LIMITS).hole
        assert not a_feed().hole
        assert not a_feed().room.exists

    def test_the_next_entry_is_told_and_the_same_again_is_not(self) -> None:
        said = self.house.say("one")
        assert texts(self.feed.hear(*said)) == ["one"]
        assert self.feed.hear(*said) == []
        assert self.feed.last == said[0]
        assert not self.feed.hole

    def test_what_comes_after_a_hole_waits_and_is_told_in_order(self) -> None:
        self.house.say("one")
        assert self.feed.hear(*self.house.say("two")) == []
        assert self.feed.hole
        caught = self.feed.restore(self.house.broker.read())
        assert (texts(caught.entries), caught.anew, self.feed.hole) == (["one", "two"], False, False)

    def test_what_comes_while_a_look_is_on_its_way_is_told_after_it(self) -> None:
        self.house.say("one")
        look = self.house.broker.read()
        self.feed.hear(*self.house.say("two"))
        self.feed.hear(*self.house.say("three"))
        caught = self.feed.restore(look)
        assert (texts(caught.entries), self.feed.hole) == (["one", "two", "three"], False)

    def test_more_than_can_wait_is_looked_for_once_more(self) -> None:
        self.house.say("0")
        look = self.house.broker.read()
        for number in range(1, 9):
            self.feed.hear(*self.house.say(str(number)))
        assert len(texts(self.feed.restore(look).entries)) < 9
        assert self.feed.hole
        self.feed.restore(self.house.broker.read())
        assert (texts(list(self.feed.tail)), self.feed.hole) == (["4", "5", "6", "7", "8"], False)

    def test_a_look_older_than_what_was_heard_takes_nothing_back(self) -> None:
        look = self.house.broker.read()
        self.feed.hear(*self.house.say("one"))
        assert self.feed.restore(look).entries == []
        assert texts(list(self.feed.tail)) == ["one"]

    def test_talk_that_is_lost_is_told_by_beginning_anew(self) -> None:
        for number in range(9):
            self.house.say(str(number))
        assert self.feed.restore(self.house.broker.read()).anew

    def test_the_first_entry_of_a_room_needs_no_look(self) -> None:
        feed = a_feed()
        for position, body in self.house.log:
            assert len(feed.hear(position, body)) == 1
        assert feed.state == self.feed.state


class Missing(SynchronousTestCase):
    """Comings and goings that a process did not hear: what is forgotten cannot be read again."""

    def setUp(self) -> None:
        self.house = House()
        self.house.open()
        self.house.ask("bob", Join(nick="Bob", via="irc"))
        self.feed = a_feed(self.house.broker.read())

    def told(self) -> list[object]:
        entries = self.feed.restore(self.house.broker.read()).entries
        assert [item.position.seq for item in entries] == sorted(item.position.seq for item in entries)
        return [
            (type(item.event), item.event.by, item.event.nick)
            for item in entries
            if isinstance(item.event, Joined | Renamed | Left)
        ]

    def test_a_leaving_is_told_though_it_was_missed(self) -> None:
        self.house.ask("bob", Leave())
        self.house.say("he is gone")
        assert self.told() == [(Left, "bob", "Bob")]

    def test_a_leaving_is_told_before_another_takes_the_nick(self) -> None:
        self.house.ask("bob", Leave())
        self.house.ask("cy", Join(nick="bob", via="web"))
        assert self.told() == [(Left, "bob", "Bob"), (Joined, "cy", "bob")]

    def test_a_renaming_is_told_in_its_order(self) -> None:
        self.house.ask("bob", Rename(nick="Rob"))
        self.house.ask("bob", GiveUp(nick="Bob"))
        self.house.ask("cy", Join(nick="bob", via="web"))
        entries = self.feed.restore(self.house.broker.read()).entries
        assert [(type(item.event), getattr(item.event, "because", "")) for item in entries] == [
            (Renamed, ""),
            (Left, "renamed"),
            (Joined, ""),
        ]

    def test_a_closing_sends_everybody_away_by_itself(self) -> None:
        self.house.broker.publish(
            encode(Closed(at="", because="time")),
            self.house.room.guards(Closed(at="", because="time")),
            NOON,
        )
        assert self.told() == []
        assert self.feed.room.closed == "time"


class Logs(SynchronousTestCase):
    """A log that was lost, or dropped, begins anew under another epoch."""

    def setUp(self) -> None:
        self.house = House()
        self.house.open()
        self.old = self.house.say("old")
        self.feed = a_feed(self.house.broker.read())

    def another(self) -> None:
        self.house.broker.drop()
        self.house.begin()
        self.house.open()

    def test_another_log_is_another_room(self) -> None:
        self.another()
        assert self.feed.hear(*self.house.log[0]) == []
        assert self.feed.hole
        caught = self.feed.restore(self.house.broker.read())
        assert (caught.anew, self.feed.hole, texts(list(self.feed.tail))) == (True, False, [])
        assert self.feed.state == a_feed(self.house.broker.read()).state

    def test_a_late_entry_of_the_old_log_is_dropped(self) -> None:
        self.another()
        self.feed.restore(self.house.broker.read())
        assert self.feed.hear(*self.old) == []
        assert not self.feed.hole

    def test_late_entries_of_any_log_end_with_one_more_look(self) -> None:
        self.another()
        for feed in (Feed("algebra", LIMITS), a_feed(self.house.broker.read())):
            feed.hear(*self.old)
            feed.restore(self.house.broker.read())
            feed.restore(self.house.broker.read())
            assert not feed.hole
            assert feed.last == self.house.log[-1][0]

    def test_late_entries_of_a_room_that_is_gone_end_with_one_more_look(self) -> None:
        self.house.broker.drop()
        feed = Feed("algebra", LIMITS)
        feed.hear(*self.old)
        feed.restore(self.house.broker.read())
        feed.restore(self.house.broker.read())
        assert (feed.hole, feed.last, feed.room.exists) == (False, None, False)

    def test_a_room_that_is_gone_is_gone(self) -> None:
        self.house.broker.drop()
        caught = self.feed.restore(self.house.broker.read())
        assert (caught.anew, caught.entries, self.feed.last) == (True, [], None)
        assert self.feed.state[1:] == a_feed().state[1:]

    def test_who_comes_back_from_another_log_is_told_so(self) -> None:
        self.another()
        self.feed.restore(self.house.broker.read())
        assert not self.feed.since(self.old[0]).resumed


class Resuming(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.house.open()

    def test_who_has_heard_nothing_gets_the_newest_talk(self) -> None:
        for number in range(5):
            self.house.say(str(number))
        since = a_feed(self.house.broker.read()).since(None)
        assert (since.resumed, texts(since.entries)) == (False, ["2", "3", "4"])

    def test_who_is_too_far_behind_or_ahead_is_told_so(self) -> None:
        for number in range(9):
            self.house.say(str(number))
        feed = a_feed(self.house.broker.read())
        floor = feed.tail[0].position.seq - 1
        for seq, resumed in [(0, False), (floor - 1, False), (floor, True), (11, True), (12, False)]:
            assert feed.since(Position("e1", seq)).resumed is resumed, seq

    def test_settings_are_told_as_they_are_now(self) -> None:
        self.house.ask("host", Join(nick="Cy", via="web"))
        after = self.house.say("one")[0]
        for title in ("Sets", "Rings"):
            event = Retitled(at="", by="host", nick="Cy", title=title)
            self.house.broker.publish(encode(event), self.house.room.guards(event), NOON)
        self.house.say("two")
        missed = a_feed(self.house.broker.read()).since(after).entries
        assert [getattr(item.event, "title", "") or getattr(item.event, "text", "") for item in missed] == [
            "Rings",
            "two",
        ]


class Whatever(SynchronousTestCase):
    """The properties, for any log."""

    def live(self, log: list[Numbered]) -> Feed:
        """A feed that heard all of it, as it was numbered."""
        feed = a_feed()
        for position, body, _ in log:
            feed.hear(position, body)
        assert not feed.hole
        return feed

    @given(logs(LIMITS))
    def test_replaying_a_log_gives_the_same_room(self, log: list[Numbered]) -> None:
        one, other = Room("algebra", LIMITS), Room("algebra", LIMITS)
        for position, body, _ in log:
            for room in (one, other):
                room.apply(entry(position, body))
        assert one.state == other.state == self.live(log).room.state

    @given(logs(LIMITS, removing=True), st.data())
    def test_cutting_it_anywhere_and_resuming_gives_the_same_feed(
        self, log: list[Numbered], data: st.DataObject
    ) -> None:
        cut = data.draw(st.integers(1, len(log)))
        feed = a_feed(log[cut - 1].look)
        assert feed.state == self.live(log[:cut]).state
        for position, body, _ in log[cut:]:
            assert len(feed.hear(position, body)) == 1
        assert feed.state == self.live(log).state
        assert list(feed.room.people) == list(self.live(log).room.people)

    @settings(max_examples=200)
    @given(logs(LIMITS), st.data())
    def test_late_twice_reordered_or_with_holes_it_ends_equal_and_each_line_is_told_once(
        self, log: list[Numbered], data: st.DataObject
    ) -> None:
        feed = a_feed()
        told: list[Entry] = []
        anew = 0
        newest = 0

        def look(at: int) -> None:
            nonlocal anew
            caught = feed.restore(log[at].look)
            if caught.anew:
                told.clear()
                anew = feed.last.seq if feed.last is not None else 0
            else:
                told.extend(caught.entries)

        heard = data.draw(st.lists(st.tuples(st.integers(0, len(log) - 1), st.integers(0, 9)), max_size=40))
        for near, luck in heard:
            at = near if luck < 3 else min(newest, len(log) - 1)
            newest = max(newest, at + 1)
            told.extend(feed.hear(log[at].position, log[at].body))
            if feed.hole and luck % 2:
                look(data.draw(st.integers(at, len(log) - 1)))
        for _ in range(2):
            look(len(log) - 1)
        assert not feed.hole
        assert feed.state == self.live(log).state
        talk = [position for position, body, _ in log if entry(position, body).event.key is None]
        assert [item.position for item in told if item.event.key is None] == [
            position for position in talk if position.seq > anew
        ]

    @given(logs(LIMITS), st.data())
    def test_who_comes_back_gets_each_missed_line_once_and_in_order(
        self, log: list[Numbered], data: st.DataObject
    ) -> None:
        after = data.draw(st.sampled_from(log)).position
        for feed in (self.live(log), a_feed(log[-1].look)):
            since = feed.since(after)
            missed = [
                position
                for position, body, _ in log
                if position.seq > after.seq and entry(position, body).event.key is None
            ]
            told = [item.position for item in since.entries if item.event.key is None]
            assert since.resumed == (missed == missed[-5:])
            assert told == (missed if since.resumed else [item.position for item in feed.tail][-3:])
            assert [item.position for item in since.entries] == sorted(item.position for item in since.entries)
            assert not any(isinstance(item.event, Joined | Left | Renamed) for item in since.entries)

    @given(logs(LIMITS))
    def test_a_tail_is_bounded_and_presence_takes_no_place_in_it(self, log: list[Numbered]) -> None:
        feed = self.live(log)
        talk = [position for position, body, _ in log if entry(position, body).event.key is None]
        assert [item.position for item in feed.tail] == talk[-5:]


class Removals(SynchronousTestCase):
    def setUp(self) -> None:
        self.story = House()
        self.story.open()
        self.said = [self.story.say(text)[0] for text in ("one", "two")]
        self.feed = a_feed(self.story.broker.read())
        self.before = self.story.broker.read()
        self.gone = self.story.ask("ann", Remove(number=self.said[1].seq))

    def test_what_was_removed_is_remembered_no_more_and_that_it_was_is_told(self) -> None:
        told = self.feed.hear(*self.gone)
        assert [item.position for item in told] == [self.gone[0]]
        assert [item.position for item in self.feed.tail] == [self.said[0], self.gone[0]]
        assert [item.position for item in self.feed.since(self.said[1]).entries] == [self.gone[0]]

    def test_one_who_missed_it_learns_it_by_a_look_and_gives_nothing_back(self) -> None:
        caught = self.feed.restore(self.story.broker.read(), self.feed.last)
        assert not caught.lost
        assert [item.position for item in caught.entries] == [self.gone[0]]
        assert [item.position for item in self.feed.tail] == [self.said[0], self.gone[0]]

    def test_a_number_that_is_still_to_come_is_nobodys(self) -> None:
        self.feed.hear(*self.gone)
        self.feed.hear(*self.story.ask("ann", Remove(number=self.gone[0].seq + 2)))
        self.feed.hear(*self.story.say("three"))
        assert texts(list(self.feed.tail))[-1:] == ["three"]


class Expiring(SynchronousTestCase):
    def setUp(self) -> None:
        self.story = House()
        self.story.open()
        self.story.ask("ann", Follow(words=("#pycon",)))
        self.posts = [self.relay(number, keep) for number, keep in enumerate((60, 90, 0))]
        self.feed = a_feed(self.story.broker.read())
        self.gone = self.story.ask("", Expire(before=NOON + 60))

    def relay(self, number: int, keep: int) -> tuple[Position, bytes]:
        at = f"https://x.com/i/status/{number}"
        post = Post(
            source="x", id=str(number), author="1", name="D", handle="d", at=moment(NOON), text="hi", link=at, keep=keep
        )
        return self.story.ask("", Relay(post=post))

    def left(self) -> list[tuple[Position, bytes]]:
        return [(self.posts[0][0], bare(self.posts[0][1])), *self.posts[1:]]

    def test_words_go_where_they_stand_and_nothing_else_does(self) -> None:
        told = self.feed.hear(*self.gone)
        assert [item.position for item in told] == [self.gone[0]]
        assert [(item.position, item.body) for item in self.feed.tail] == self.left()
        first = self.feed.tail[0].event
        assert isinstance(first, Said)
        assert (first.is_bare, first.text) == (True, "")
        assert self.feed.memory().tail == self.left()
        assert self.feed.since(self.posts[-1][0]).entries[-1].position == self.gone[0]

    def test_a_broker_that_has_put_something_in_their_place_has_lost_nothing(self) -> None:
        look = self.story.broker.read()
        look = look._replace(tail=self.left())
        caught = self.feed.restore(look, self.feed.last)
        assert not caught.lost
        assert [(item.position, item.body) for item in self.feed.tail] == self.left()
        assert not self.feed.restore(look, self.feed.last).lost


class Order(SynchronousTestCase):
    def test_an_opening_and_a_closing_are_settings_that_a_later_look_still_has(self) -> None:
        house = House()
        house.open()
        after = house.log[0][0]
        feed = a_feed(house.broker.read())
        closing = Closed(at="", because="time")
        house.broker.publish(encode(closing), house.room.guards(closing), NOON)
        feed.restore(house.broker.read())
        assert [type(item.event) for item in feed.since(after).entries] == [Closed]
        assert [type(item.event) for item in feed.since(Position("e1", 0)).entries] == [Opened, Closed]


class Losses(SynchronousTestCase):
    """The broker no longer has what was heard here."""

    def setUp(self) -> None:
        self.house = House()
        self.house.open()
        self.house.say("one")
        self.early = self.house.broker.read()
        self.house.ask("ann", Retitle(title="Sets"))
        self.house.say("two")
        self.feed = a_feed(self.house.broker.read())

    def test_what_is_remembered_is_told_without_people(self) -> None:
        look = self.house.broker.read()
        memory = self.feed.memory()
        assert (memory.last, memory.law, memory.tail, memory.floor) == (look.last, look.law, look.tail, look.floor)
        assert memory.kept == [each for each in look.kept if not isinstance(entry(*each).event, Joined)]
        assert Feed("algebra", LIMITS).memory() == NOTHING

    def test_a_broker_with_fewer_numbers_is_noticed_and_not_believed(self) -> None:
        before = self.feed.state
        for look in (self.early, NOTHING):
            caught = self.feed.restore(look, self.feed.last)
            assert (caught.lost, caught.entries, caught.anew) == (True, [], False)
            assert self.feed.state == before
            assert self.feed.hole

    def test_a_broker_with_another_entry_at_a_number_is_noticed(self) -> None:
        look = self.house.broker.read()
        other = encode(Said(at="", by="bob", nick="Bob", via="web", text="another"))
        tail = [*look.tail[:-1], (look.tail[-1][0], other)]
        assert self.feed.restore(look._replace(tail=tail), self.feed.last).lost

    def test_a_look_that_was_asked_for_before_is_no_loss(self) -> None:
        asked = self.early.last
        assert not self.feed.restore(self.early, asked).lost
        assert texts(list(self.feed.tail)) == ["one", "two"]

    def test_another_log_is_believed_and_one_that_goes_on_with_all_of_it_too(self) -> None:
        other = House()
        other.broker.drop()
        other.begin()
        other.open()
        assert self.feed.restore(other.broker.read(), self.feed.last).anew
        assert texts(list(self.feed.tail)) == []

    def test_in_the_end_the_broker_is_believed_whatever_it_lacks(self) -> None:
        self.feed.restore(self.early, self.feed.last)
        caught = self.feed.restore(NOTHING)
        assert (caught.lost, caught.anew, self.feed.last) == (False, True, None)

    @given(logs(LIMITS), st.data())
    def test_what_is_given_back_is_a_log_that_the_feed_goes_on_with(
        self, log: list[Numbered], data: st.DataObject
    ) -> None:
        feed = a_feed(log[-1].look)
        look = data.draw(st.sampled_from(log)).look
        asked = feed.last
        assert feed.restore(look, asked).lost == (look.last != feed.last)
        ledger = Ledger("e1", LIMITS)
        if data.draw(st.booleans()):
            rows = [Row(at.seq, entry(at, body).event.key, None, body) for at, body in (*look.kept, *look.tail)]
            law = 0 if look.law is None else look.law.seq
            last = look.last.seq
            ledger = Ledger.rebuilt("e1", LIMITS, last=last, law=law, floor=look.floor, rows=rows, marks=[])
        talk, title = texts(list(feed.tail)), feed.room.title
        restored = ledger.restored(feed.memory(), encode(Renewed(at="", was="e1")), "e2", 0.0)
        if restored is None:
            assert look.last == asked
            return
        caught = feed.restore(restored.ledger.look(), asked)
        assert (caught.anew, caught.lost, feed.hole) == (True, False, False)
        assert (texts(list(feed.tail)), feed.room.title) == (talk, title)
        assert feed.last == restored.renewed[0]
        assert feed.restore(restored.ledger.look(), feed.last) == Caught([], anew=False)
