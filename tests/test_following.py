"""What a source hears comes to the rooms that follow it, once, in bounds, and costs nobody else anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Block, Choose, Close, Follow, Remove, Say
from meet.errors import Unavailable
from meet.events import Entry, Noted, Position, Removed, Said
from meet.following import Follower, source_for
from meet.look import Numbered
from tests.flow import Ear, Flow
from tests.sources import Square


class MemoryArchive:
    """What was said, as far as it was heard; it can be ``away``."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.away = False

    def heard(self, _room: str, entries: Sequence[Entry]) -> None:
        for item in entries:
            if isinstance(item.event, Said):
                self.kept.append(item)
            elif isinstance(item.event, Removed):
                gone = item.event.number
                self.kept = [each for each in self.kept if each.position.seq != gone]

    def history(self, _room: str, before: Position, count: int) -> Deferred[Numbered]:
        if self.away:
            return fail(Unavailable("The archive is away."))
        older = [(item.position, item.body) for item in self.kept if item.position < before]
        return succeed(older[-count:])


class Ground(SynchronousTestCase):
    def begin(self, costs: bool = False, **limits: int) -> None:
        self.flow = Flow(**limits)
        self.square = Square(self.flow.clock, costs=costs)
        self.follower = self.another(self.flow)
        self.key = self.flow.open()
        self.ann = self.flow.join("ann", host_key=self.key)
        self.ann.attach(Ear())
        self.flow.turn()

    def another(self, flow: Flow, archive: Any = None) -> Follower:
        follower = Follower(self.square.source(), flow.broker, flow.hub, flow.clock, flow.limits, archive)
        follower.startService()
        flow.turn()
        return follower

    def ask(self, command: Any) -> None:
        self.flow.result(self.ann.ask(command))
        self.flow.turn()

    def write(self, *texts: str, **but: Any) -> None:
        for text in texts:
            self.square.write(text, **but)
        self.flow.turn()

    def lines(self, room: str = "algebra") -> list[str]:
        feed = self.flow.result(self.flow.hub.feed(room))
        return [item.event.text for item in feed.tail if isinstance(item.event, Said)]

    def notes(self, room: str = "algebra") -> list[str]:
        look = self.flow.result(self.flow.hub.feed(room))
        return [item.event.text for item in look._settings.values() if isinstance(item.event, Noted)]

    def tearDown(self) -> None:
        self.flushLoggedErrors(RuntimeError)


class Following(Ground):
    def test_posts_come_to_the_rooms_that_follow_their_words_and_to_no_others(self) -> None:
        self.begin()
        self.flow.open("biology")
        self.ask(Follow(words=("#pycon", "@eve")))
        self.write("hello #pycon", "nothing")
        self.write("by name", author="eve")
        self.ask(Say(text="hi"))
        assert self.lines() == ["hello #pycon", "by name", "hi"]
        assert self.lines("biology") == []
        self.ask(Follow(words=()))
        self.write("more #pycon")
        assert self.lines() == ["hello #pycon", "by name", "hi"]

    def test_the_source_is_told_each_change_of_all_rooms_words_once(self) -> None:
        self.begin()
        source = self.follower.source
        self.ask(Follow(words=("#a", "#b")))
        self.ask(Follow(words=("#b", "#a")))
        self.ask(Choose(paused=True))
        self.ask(Choose(paused=False))
        self.ask(Close())
        assert source.asked == [{"#a", "#b"}, set(), {"#a", "#b"}, set()]

    def test_a_room_that_is_followed_before_is_found_by_the_broker_alone(self) -> None:
        self.begin()
        self.flow.result(self.follower.stopService())
        self.ask(Follow(words=("#pycon",)))
        beside = Flow(beside=self.flow)
        self.another(beside)
        self.write("hello #pycon")
        assert self.lines() == ["hello #pycon"]

    def test_a_room_of_another_process_is_learnt_by_the_journal(self) -> None:
        self.begin()
        beside = Flow(beside=self.flow)
        key = beside.open("biology")
        host = beside.join("bob", room="biology", host_key=key)
        beside.result(host.ask(Follow(words=("#pycon",))))
        self.flow.turn()
        self.write("hello #pycon")
        assert self.lines("biology") == ["hello #pycon"]

    def test_the_same_post_comes_once_and_an_edit_takes_its_place(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.write("one #pycon", id="7")
        self.write("one #pycon", id="7")
        self.write("two #pycon", id="8", was="7")
        self.write("three #pycon", id="8", was="8")
        assert self.lines() == ["three #pycon"]

    def test_what_is_deleted_there_or_removed_here_is_gone_and_stays_so(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.write("one #pycon", "two #pycon", "three #pycon")
        self.square.delete("1")
        self.flow.turn()
        assert self.lines() == ["two #pycon", "three #pycon"]
        feed = self.ann.feed
        self.ask(Remove(number=next(item.position.seq for item in feed.tail if "two" in str(item.body))))
        self.square.write("two #pycon again", id="2")
        self.write("edited #pycon", id="2", was="2")
        assert self.lines() == ["three #pycon"]

    def removed(self) -> list[int]:
        feed = self.flow.result(self.flow.hub.feed("algebra"))
        return [item.event.number for item in feed.tail if isinstance(item.event, Removed)]

    def test_what_is_deleted_there_goes_from_archives_too_when_it_has_left_the_tail(self) -> None:
        self.begin(entries_in_tail=4)
        archive = MemoryArchive()
        self.flow.hub.follow(archive.heard)
        self.ask(Follow(words=("#pycon",)))
        self.write(*(f"{number} #pycon" for number in range(1, 9)))
        first, second = (item.position.seq for item in archive.kept[:2])
        self.square.delete("1")
        self.flow.turn()
        assert self.removed() == [first]
        # Another process learns of what it has not heard by the archive.
        self.flow.result(self.follower.stopService())
        archive.away = True
        follower = self.another(self.flow, archive)
        self.square.delete("2")
        self.flow.turn()
        assert self.removed() == [first]
        archive.away = False
        self.flow.pass_time(30)
        self.square.delete("2")
        self.square.ban("eve")
        self.flow.turn()
        assert self.removed() == [first, second]
        assert set(follower.standing(0)) == {str(number) for number in range(3, 9)}
        assert set(follower.standing(self.flow.now + 1)) == set()
        self.square.ban("dora")
        self.flow.turn()
        assert archive.kept == []
        assert follower.standing(0) == {}

    def test_one_that_is_deleted_on_its_way_does_not_stay(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.square.write("one #pycon")
        self.square.delete("1")
        self.flow.turn()
        assert self.lines() == []

    def test_an_author_who_is_blocked_or_gone_is_gone_with_all_lines(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.write("one #pycon", "two #pycon")
        self.write("three #pycon", author="eve")
        self.ask(Block(author="square:dora", name="Dora"))
        assert self.lines() == ["three #pycon"]
        self.write("four #pycon")
        self.square.ban("eve")
        self.flow.turn()
        assert self.lines() == []

    def test_the_hosts_choices_hold(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.write("again #pycon", repost=True)
        self.write("rude #pycon", sensitive=True)
        self.ask(Choose(reposts=True))
        self.write("again #pycon", repost=True)
        assert self.lines() == ["again #pycon"]

    def test_why_a_word_is_not_followed_is_told_once(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        for _ in range(3):
            self.follower.refused("#pycon", "There are too many words.")
            self.flow.turn()
        assert self.notes() == ["There are too many words."]
        assert self.ann.feed.last is not None
        before = self.ann.feed.last.seq
        self.follower.refused("#pycon", "There are too many words.")
        self.flow.turn()
        assert self.ann.feed.last.seq == before

    def test_that_nothing_flows_is_told_to_hosts_if_it_lasts(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.follower.flowing(False, "The square is away.")
        self.flow.pass_time(10)
        self.follower.flowing(True, "")
        self.flow.pass_time(60)
        assert self.notes() == []
        self.follower.flowing(False, "The square is away.")
        self.flow.pass_time(61)
        assert self.notes() == ["The square is away."]


class Bounds(Ground):
    def test_a_flood_is_sampled_and_the_room_told_how_many_were_left_out_while_people_speak(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        for second in range(20):
            for _ in range(200):
                self.square.write("flood #pycon")
            self.ask(Say(text=f"line {second}"))
            self.flow.pass_time(1)
        lines = self.lines()
        assert [line for line in lines if line.startswith("line")] == [f"line {second}" for second in range(20)]
        stood = lines.count("flood #pycon")
        assert 50 + 19 * 5 <= stood <= 50 + 20 * 5
        self.flow.pass_time(10)
        (note,) = self.notes()
        assert note.endswith("left out in the last 10 seconds: more came than can be read.")

    def test_a_room_has_its_budget_and_is_told_when_it_is_spent(self) -> None:
        self.begin(costs=True, paid_posts_per_room=3)
        self.ask(Follow(words=("#pycon",)))
        self.write(*["one #pycon"] * 5)
        assert len(self.lines()) == 3
        assert self.follower.source.words == frozenset()
        assert self.notes() == ["This room has had the 3 posts that it may have in a day. More come from 00:00 UTC on."]
        self.flow.pass_time(86_400)
        assert self.follower.source.words == {"#pycon"}

    def test_the_count_of_a_flood_is_written_down_once_a_second_and_not_at_all_without_a_budget(self) -> None:
        for most, written in ((1_000_000, range(5, 8)), (0, range(1))):
            self.begin(costs=True, paid_posts=most, paid_posts_per_room=0)
            self.ask(Follow(words=("#pycon",)))
            before = self.ann.feed.last
            for _ in range(5):
                self.write(*["flood #pycon"] * 200)
                self.flow.pass_time(1)
            self.flow.result(self.follower.stopService())
            assert before is not None
            assert self.ann.feed.last is not None
            others = self.ann.feed.last.seq - before.seq - len(self.lines()) - len(self.notes())
            assert others in written
            assert self.ann.feed.room.voices.spent == ({"square": ("2026-11-24", 1000)} if most else {})

    def test_the_installation_has_one_too_and_both_outlive_the_process(self) -> None:
        self.begin(costs=True, paid_posts=3)
        self.ask(Follow(words=("#pycon",)))
        self.write("one #pycon", "two #pycon")
        self.flow.result(self.follower.stopService())
        beside = Flow(beside=self.flow, paid_posts=3)
        self.follower = self.another(beside)
        self.write("three #pycon", "four #pycon")
        assert self.lines() == ["one #pycon", "two #pycon", "three #pycon"]
        assert self.notes() == ["The 3 posts of this day have been used up. More come from 00:00 UTC on."]


class TakingOver(Ground):
    def test_another_process_goes_on_where_the_first_died_and_doubles_nothing(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        beside = Flow(beside=self.flow)
        second = self.another(beside)
        self.write("one #pycon", "two #pycon")
        assert not second._at_work
        self.flow.dies()
        self.square.sources.clear()
        self.flow = beside
        self.square.write("three #pycon")
        beside.pass_time(16)
        self.write("four #pycon")
        assert self.lines() == ["one #pycon", "two #pycon", "three #pycon", "four #pycon"]

    def test_what_is_heard_while_the_broker_is_away_stands_once_it_is_back(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.write("one #pycon")
        self.flow.wire.cut = True
        self.flow.hub.suspend()
        self.write("two #pycon", "three #pycon")
        self.square.delete("1")
        self.flow.pass_time(3)
        self.flow.wire.cut = False
        self.flow.result(self.flow.hub.resume())
        self.flow.pass_time(1)
        assert self.lines() == ["two #pycon", "three #pycon"]

    def test_what_was_heard_before_another_took_over_is_not_lost_and_not_doubled(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        beside = Flow(beside=self.flow)
        self.another(beside)
        self.flow.wire.cut = True
        self.square.write("one #pycon")
        # It knows by itself that it has the turn no longer; the square tells the other one as well.
        self.follower._lost()
        self.flow.broker.die()
        beside.pass_time(16)
        self.square.write("two #pycon")
        beside.turn()
        self.flow.wire.cut = False
        self.flow.pass_time(1)
        feed = beside.result(beside.hub.feed("algebra"))
        lines = [item.event.text for item in feed.tail if isinstance(item.event, Said)]
        assert lines == ["one #pycon", "two #pycon"]

    def test_nothing_is_asked_of_the_broker_any_more_after_the_end(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.flow.wire.cut = True
        self.write("one #pycon")
        self.flow.result(self.follower.stopService())
        self.flow.wire.cut = False
        self.flow.pass_time(60)
        assert self.lines() == []

    def test_a_source_that_raises_costs_nobody_anything_and_is_tried_again(self) -> None:
        self.begin()
        self.flow.result(self.follower.stopService())
        source = self.square.source()
        source.broken = True
        follower = Follower(source, self.flow.broker, self.flow.hub, self.flow.clock, self.flow.limits)
        follower.startService()
        self.flow.turn()
        self.ask(Follow(words=("#pycon",)))
        self.ask(Say(text="hi"))
        source.broken = False
        self.flow.pass_time(2)
        self.write("hello #pycon")
        assert self.lines() == ["hi", "hello #pycon"]
        source.broken = True
        self.ask(Follow(words=("#other",)))
        self.flow.result(follower.stopService())
        assert self.flushLoggedErrors(RuntimeError)

    def test_a_post_that_cannot_be_taken_is_logged_and_not_thrown_at_the_source(self) -> None:
        self.begin()
        self.ask(Follow(words=("#pycon",)))
        self.follower.posted(None, ["#pycon"])
        self.flow.turn()
        assert self.flushLoggedErrors(AttributeError)


class Finding(SynchronousTestCase):
    def test_a_source_that_there_is_not_is_said_in_a_sentence(self) -> None:
        for word in ("nothing", "outside.nothing", "hub"):
            with self.assertRaisesRegex(ValueError, f"There is no source called {word}."):
                source_for(word, None, {})
