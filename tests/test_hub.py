"""Asks go up and are decided on what holds; entries come down in order, once, whatever the wire does."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Extend, Join, Open, Say
from meet.errors import GOODBYES, Unavailable
from meet.events import Forgotten, Position
from meet.look import Look
from meet.moments import HOUR, moment
from meet.names import digest
from meet.wire import encode
from tests.flow import Ear, Flow

KEY = "open sesame"


class HubTestCase(SynchronousTestCase):
    """Two processes, ``here`` and ``there``, on one broker; the room algebra is open, ann hosts it."""

    def setUp(self) -> None:
        self.here = Flow()
        self.there = Flow(self.here)
        self.ask(self.here, Open(title="", ends=self.here.now + HOUR, limit=140, lock=digest(KEY)), who="")
        self.ask(self.here, Join(nick="ann", via="web", host_key=KEY))
        self.ask(self.there, Join(nick="bob", via="web"), who="bob")
        self.here.pass_time(1)

    def ask(self, flow: Flow, command: object, who: str = "ann") -> Position:
        position: Position = flow.result(flow.hub.ask("algebra", who, command))  # type: ignore[arg-type]
        return position

    def say(self, flow: Flow, text: str, who: str = "ann") -> Position:
        return self.ask(flow, Say(text=text), who)

    def listen(self, flow: Flow, after: Position | None = None) -> Ear:
        ear = Ear()
        since = flow.result(flow.hub.listen("algebra", ear, after))
        ear.since = since  # type: ignore[attr-defined]
        flow.turn()
        ear.pieces.clear()
        return ear


class AskTests(HubTestCase):
    def test_everybody_hears_it_once_and_in_order(self) -> None:
        ears = [self.listen(self.here), self.listen(self.there)]
        for number in range(20):
            flow, who = [(self.here, "ann"), (self.there, "bob")][number % 2]
            flow.hub.ask("algebra", who, Say(text=str(number)))
        self.here.turn()
        assert ears[0].text == ears[1].text
        assert [piece.partition(":")[2] for piece in ears[0].text.split(";")[:-1]] == list(map(str, range(20)))

    def test_the_asker_knows_when_this_process_has_heard_it(self) -> None:
        position = self.say(self.here, "hi")
        assert self.here.result(self.here.hub.feed("algebra")).last == position

    def test_decided_again_when_a_ruling_came_between(self) -> None:
        ear = self.listen(self.there)
        self.there.wire.losing = True
        self.ask(self.here, Extend(ends=self.here.now + 2 * HOUR))
        self.there.wire.losing = False
        self.say(self.there, "still here", "bob")
        assert ear.text == "Extended;bob:still here;"
        assert self.here.log() == [("bob", "still here")]

    def test_refused_when_the_room_has_closed_unheard(self) -> None:
        ear = self.listen(self.there)
        self.there.wire.losing = True
        self.ask(self.here, Close())
        self.there.wire.losing = False
        refused = self.there.refusal(self.there.hub.ask("algebra", "bob", Say(text="too late")))
        assert refused.code == "room-closed"
        assert self.here.log() == []
        assert ear.text.startswith("Closed;"), ear.text
        assert ear.ends == ["room-closed"]

    def test_a_nick_taken_unheard_is_taken(self) -> None:
        self.there.wire.losing = True
        self.ask(self.here, Join(nick="cy", via="web"), "cy1")
        self.there.wire.losing = False
        refused = self.there.refusal(self.there.hub.ask("algebra", "cy2", Join(nick="Cy", via="web")))
        assert (refused.code, refused.detail) == ("nick-taken", "That nick is taken here. Try Cy_2?")

    def test_two_who_want_one_nick_at_once(self) -> None:
        first = self.here.hub.ask("algebra", "cy1", Join(nick="cy", via="web"))
        second = self.there.hub.ask("algebra", "cy2", Join(nick="cy", via="web"))
        self.here.result(first)
        assert self.there.refusal(second).code == "nick-taken"
        assert self.here.nicks() == ["ann", "bob", "cy"]

    def test_a_broker_that_is_away_accepts_nothing(self) -> None:
        self.here.wire.cut = True
        refused = self.here.refusal(self.here.hub.ask("algebra", "ann", Say(text="hi")))
        assert refused.code == "unavailable"
        self.here.wire.cut = False
        self.say(self.here, "again")
        assert self.here.log() == [("ann", "again")]

    def test_a_room_that_was_never_opened(self) -> None:
        refused = self.here.refusal(self.here.hub.ask("biology", "ann", Say(text="hi")))
        assert refused.code == "no-room"

    def test_an_unknown_room_away_from_the_broker(self) -> None:
        self.here.wire.cut = True
        assert self.here.refusal(self.here.hub.ask("biology", "ann", Say(text="hi"))).code == "unavailable"

    def test_an_entry_that_was_accepted_but_never_told_is_read(self) -> None:
        ear = self.listen(self.here)
        self.here.wire.losing = True
        asked = self.here.hub.ask("algebra", "ann", Say(text="hi"))
        self.here.turn()
        self.assertNoResult(asked)
        self.here.pass_time(3)
        assert self.here.result(asked) == self.here.result(self.here.hub.feed("algebra")).last
        assert ear.text == "ann:hi;"

    def test_an_entry_that_the_broker_lost_before_anybody_heard_it_is_refused(self) -> None:
        for further in ("nothing", "something"):
            held = self.here.broker.save()
            ear = self.listen(self.here)
            self.here.wire.losing = True
            asked = self.here.hub.ask("algebra", "ann", Say(text=f"lost, {further}", ref=further))
            self.here.turn()
            self.assertNoResult(asked)
            # Another server takes over that has no copy of it.
            self.here.broker.fall_back(held)
            if further == "something":
                self.say(self.there, "this gets its number", "ann")
            self.here.wire.losing = False
            self.here.pass_time(3)
            assert self.here.refusal(asked).code == "unavailable"
            self.here.result(self.here.hub.ask("algebra", "ann", Say(text=f"kept, {further}", ref=further)))
            assert ear.text.endswith(f"ann:kept, {further};")
            assert "lost" not in ear.text

    def test_an_entry_that_stands_in_a_new_log_is_accepted(self) -> None:
        self.listen(self.here)
        first = self.listen(self.there)
        self.say(self.here, "one")
        held = self.here.broker.save()
        self.here.wire.losing = True
        asked = self.here.hub.ask("algebra", "ann", Say(text="two"))
        self.here.turn()
        assert first.text == "ann:one;ann:two;"
        # Who has heard it gives it back to a server that lacks it.
        self.here.broker.fall_back(held)
        self.there.result(self.there.hub.resume())
        self.here.wire.losing = False
        self.here.pass_time(3)
        self.here.result(asked)
        assert self.here.log() == [("ann", "one"), ("ann", "two")]

    def test_what_is_said_while_a_loss_is_found_stands_behind_what_was_lost(self) -> None:
        self.listen(self.here)
        held = self.here.broker.save()
        self.say(self.here, "one")
        self.say(self.here, "two")
        self.here.hub.suspend()
        self.here.broker.fall_back(held)
        # What was held is read, and its answer is on the way.
        look = self.here.result(self.here.broker.read("algebra"))
        answer: Deferred[Look] = Deferred()
        read, self.here.wire.read = self.here.wire.read, lambda room: answer  # type: ignore[method-assign]
        resumed = self.here.hub.resume()
        asked = [self.here.hub.ask("algebra", "ann", Say(text=text)) for text in ("three", "four")]
        self.here.turn()
        self.here.wire.read = read  # type: ignore[method-assign]
        reads = self.here.wire.reads
        answer.callback(look)
        self.here.result(resumed)
        _, position = [self.here.result(each) for each in asked]
        # Once more, when it had been given back; and not by each who asks.
        assert self.here.wire.reads == reads + 1
        assert self.here.log() == [("ann", "one"), ("ann", "two"), ("ann", "three"), ("ann", "four")]
        assert self.here.result(self.here.broker.read("algebra")).last == position

    def test_a_ref_is_said_once_from_anywhere(self) -> None:
        ear = self.listen(self.here)
        first = self.here.hub.ask("algebra", "ann", Say(text="hi", ref="7"))
        second = self.there.hub.ask("algebra", "ann", Say(text="hi", ref="7"))
        assert self.here.result(first) == self.there.result(second)
        assert ear.text == "ann:hi;"


class HoleTests(HubTestCase):
    def test_what_was_lost_is_read_and_told_in_its_place(self) -> None:
        ear = self.listen(self.there)
        self.there.wire.losing = True
        self.say(self.here, "1")
        self.say(self.here, "2")
        self.there.wire.losing = False
        self.say(self.here, "3")
        assert ear.text == "ann:1;ann:2;ann:3;"
        self.say(self.here, "4")
        assert ear.text == "ann:1;ann:2;ann:3;ann:4;"

    def test_read_again_until_the_broker_is_back(self) -> None:
        ear = self.listen(self.there)
        self.there.wire.losing = True
        self.say(self.here, "1")
        self.there.wire.losing = False
        self.there.wire.unreadable = True
        self.say(self.here, "2")
        assert ear.text == ""
        self.here.pass_time(5)
        assert ear.text == ""
        self.there.wire.unreadable = False
        self.here.pass_time(3)
        assert ear.text == "ann:1;ann:2;"

    def test_a_leaving_that_was_lost_is_still_a_leaving(self) -> None:
        session = self.here.join("cy")
        self.here.pass_time(1)
        ear = self.listen(self.there)
        self.there.wire.losing = True
        self.here.result(session.leave())
        self.there.wire.losing = False
        self.say(self.here, "1")
        assert "-cy(lost);" in ear.text
        self.there.pass_time(1)
        assert ear.text.endswith("[2 + -cy];"), ear.text

    def test_talk_lost_for_good_ends_those_who_listen(self) -> None:
        here = Flow(entries_in_tail=3)
        there = Flow(here, entries_in_tail=3)
        here.open()
        ann = here.join()
        ear = Ear()
        there.result(there.hub.listen("algebra", ear))
        there.wire.losing = True
        for number in range(5):
            here.result(ann.ask(Say(text=str(number))))
        there.wire.losing = False
        here.result(ann.ask(Say(text="5")))
        assert ear.ends == ["internal"]
        again = Ear()
        since = there.result(there.hub.listen("algebra", again, Position("old", 1)))
        assert not since.resumed
        assert [item.event.text for item in since.entries] == ["3", "4", "5"]

    def test_another_log_ends_those_who_listen(self) -> None:
        ear = self.listen(self.there)
        self.there.wire.losing = True
        forgotten = encode(Forgotten(at=moment(self.here.now)))
        self.here.result(self.here.broker.drop("algebra", forgotten))
        self.ask(self.here, Open(title="Anew", ends=self.here.now + HOUR, limit=140, lock="x"), who="")
        self.there.wire.losing = False
        self.ask(self.here, Join(nick="ann", via="web"))
        assert ear.ends == ["internal"]
        assert self.there.nicks() == ["ann"]


class ListenTests(HubTestCase):
    def test_only_an_open_room_can_be_listened_to(self) -> None:
        refused = self.here.refusal(self.here.hub.listen("biology", Ear()))
        assert refused.code == "no-room"
        self.ask(self.here, Close())
        assert self.here.refusal(self.here.hub.listen("algebra", Ear())).code == "room-closed"

    def test_who_comes_back_gets_what_was_missed(self) -> None:
        position = self.say(self.here, "1")
        self.say(self.here, "2")
        self.say(self.here, "3")
        since = self.there.result(self.there.hub.listen("algebra", Ear(), position))
        assert since.resumed
        assert [item.event.text for item in since.entries] == ["2", "3"]

    def test_between_missed_and_live_nothing_is_lost_or_doubled(self) -> None:
        ear = Ear()
        self.here.hub.ask("algebra", "ann", Say(text="1"))
        listening = self.there.hub.listen("algebra", ear)
        self.here.hub.ask("algebra", "ann", Say(text="2"))
        since = self.there.result(listening)
        heard = [item.event.text for item in since.entries]
        heard.extend(piece.partition(":")[2] for piece in ear.text.split(";")[:-1])
        assert heard == ["1", "2"]

    def test_the_closing_ends_each_once_after_the_last_words(self) -> None:
        lurker, sitter = self.listen(self.here), Ear()
        session = self.here.join("cy")
        session.attach(sitter)
        self.here.turn()
        sitter.pieces.clear()
        lurker.pieces.clear()
        self.here.hub.ask("algebra", "ann", Say(text="bye"))
        self.here.hub.ask("algebra", "ann", Close())
        self.here.turn()
        for ear in (lurker, sitter):
            assert (ear.text, ear.ends) == ("ann:bye;Closed;", ["room-closed"])

    def test_ignored_hears_nothing(self) -> None:
        ear = self.listen(self.here)
        self.here.hub.ignore("algebra", ear)
        self.here.hub.ignore("algebra", ear)
        self.say(self.here, "1")
        assert (ear.text, ear.ends) == ("", [])

    def test_comings_and_goings_are_told_as_a_digest(self) -> None:
        ear = self.listen(self.there)
        self.here.join("cy")
        self.here.join("dan")
        self.here.pass_time(1)
        assert ear.text.endswith("[4 +cy,dan -];"), ear.text

    def test_a_follower_that_breaks_holds_nobody_up(self) -> None:
        def breaks(room: str, entries: object) -> None:
            raise RuntimeError("This follower is broken.")

        self.here.hub.follow(breaks)
        ear = self.listen(self.here)
        self.say(self.here, "1")
        assert ear.text == "ann:1;"
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_stopping_says_goodbye(self) -> None:
        ear = self.listen(self.here)
        self.here.hub.stop(GOODBYES["shutting-down"])
        assert ear.ends == ["shutting-down"]
        assert self.here.wire.attended == {}
        with pytest.raises(Unavailable):
            self.here.result(self.here.hub.feed("algebra"))


class MemoryTests(HubTestCase):
    def test_one_reading_serves_all_who_ask_at_once(self) -> None:
        flow = Flow(self.here)
        asked = [flow.hub.feed("algebra") for _ in range(10)]
        assert len({id(flow.result(each)) for each in asked}) == 1
        assert flow.wire.reads == 1

    def test_all_who_wait_for_a_room_learn_that_the_broker_is_away(self) -> None:
        flow = Flow(self.here)
        flow.wire.cut = True
        for asked in [flow.hub.feed("algebra"), flow.hub.feed("algebra")]:
            with pytest.raises(Unavailable):
                flow.result(asked)
        flow.wire.cut = False
        assert flow.result(flow.hub.feed("algebra")).room.exists

    def test_a_room_that_nobody_listens_to_is_let_go(self) -> None:
        assert list(self.here.wire.attended) == ["algebra"]
        self.here.pass_time(self.here.limits.feed_linger + 1)
        assert list(self.here.wire.attended) == []
        self.say(self.here, "back")
        assert list(self.here.wire.attended) == ["algebra"]

    def test_a_room_with_a_listener_stays(self) -> None:
        ear = self.listen(self.here)
        self.here.pass_time(10 * self.here.limits.feed_linger)
        assert list(self.here.wire.attended) == ["algebra"]
        self.say(self.there, "1", "bob")
        assert ear.text == "bob:1;"
        self.here.hub.ignore("algebra", ear)
        self.here.pass_time(self.here.limits.feed_linger + 1)
        assert list(self.here.wire.attended) == []

    def test_a_room_that_is_held_stays(self) -> None:
        releases = [self.here.hub.hold("algebra"), self.here.hub.hold("algebra")]
        releases[0]()
        releases[0]()
        self.here.pass_time(10 * self.here.limits.feed_linger)
        assert list(self.here.wire.attended) == ["algebra"]
        releases[1]()
        self.here.pass_time(self.here.limits.feed_linger + 1)
        assert list(self.here.wire.attended) == []

    def test_a_forgotten_room_can_begin_again(self) -> None:
        self.ask(self.here, Close())
        forgotten = encode(Forgotten(at=moment(self.here.now)))
        self.here.result(self.here.broker.drop("algebra", forgotten))
        assert self.here.refusal(self.here.hub.listen("algebra", Ear())).code == "no-room"
        self.here.open(title="Anew")
        assert self.there.result(self.there.hub.feed("algebra")).room.title == "Anew"
