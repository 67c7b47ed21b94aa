"""Several processes and the people in them: who stands for whom, whatever ends or is lost."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Rename, Say
from meet.errors import Unavailable
from meet.events import Position
from meet.session import Session
from tests.flow import Ear, Flow

NOTICED = 15
"""Seconds within which the people of a process that died are another's."""


AS_SOON = 10
"""Seconds after which the broker in memory notices it."""


class Presence(SynchronousTestCase):
    """The processes ``one`` and ``two``; a lurker listens in ``two``."""

    def setUp(self) -> None:
        self.one = Flow().watching()
        self.two = Flow(self.one).watching()
        self.host_key = self.one.open()
        self.ear = Ear()
        self.two.result(self.two.hub.listen("algebra", self.ear))

    def told(self) -> str:
        """What the lurker heard since the last call, without the digests."""
        self.two.turn()
        pieces, self.ear.pieces = self.ear.pieces, []
        return "".join(f"{piece};" for piece in "".join(pieces).split(";") if piece and not piece.startswith("["))

    def comes(self, flow: Flow, nick: str, **wishes: object) -> tuple[Session, Ear]:
        session, ear = flow.join(nick, **wishes), Ear()
        session.attach(ear)
        self.two.turn()
        return session, ear

    def comes_back(self, flow: Flow, session: Session) -> tuple[Session, Ear]:
        back, ear = flow.result(flow.sessions.resume("algebra", session.token)), Ear()
        back.attach(ear)
        return back, ear

    def here(self, flow: Flow) -> list[str]:
        return sorted(flow.nicks())


class Tabs(Presence):
    """One person in two processes."""

    def setUp(self) -> None:
        super().setUp()
        self.ann, self.tab = self.comes(self.one, "ann")
        self.again, self.other_tab = self.comes_back(self.two, self.ann)
        self.told()

    def test_they_are_one_participant(self) -> None:
        assert (self.again.id, self.again.nick) == (self.ann.id, "ann")
        self.one.result(self.ann.ask(Say(text="1")))
        self.two.result(self.again.ask(Say(text="2")))
        assert self.told() == "ann:1;ann:2;"
        assert self.here(self.one) == ["ann"]

    def test_one_that_is_closed_changes_nothing(self) -> None:
        for flow, session, tab in ((self.one, self.ann, self.tab), (self.two, self.again, self.other_tab)):
            assert self.told() == ""
            session.detach(tab)
            flow.pass_time(21)
            assert session.over
        assert self.told() == "-ann(lost);"
        self.one.pass_time(100)
        assert self.told() == ""

    def test_who_leaves_in_one_has_left(self) -> None:
        self.one.result(self.ann.leave())
        self.two.turn()
        assert self.told() == "-ann(left);"
        assert self.again.over
        assert self.other_tab.ends == ["left"]

    def test_another_nick_taken_in_one_is_theirs_in_the_other(self) -> None:
        self.one.result(self.ann.ask(Rename(nick="anna")))
        self.ann.detach(self.tab)
        self.one.pass_time(21)
        assert self.again.nick == "anna"
        self.two.result(self.again.ask(Say(text="still here")))
        assert self.told() == "Renamed;-ann(renamed);anna:still here;"
        self.again.detach(self.other_tab)
        self.two.pass_time(21)
        assert self.told() == "-anna(lost);"

    def test_the_process_of_one_that_dies_takes_nobody_along(self) -> None:
        self.one.dies()
        self.two.pass_time(NOTICED)
        self.two.pass_time(100)
        assert self.told() == ""
        self.two.result(self.again.leave())
        assert self.told() == "-ann(left);"


class Ends(Presence):
    def test_who_comes_back_to_another_process_in_time_never_left(self) -> None:
        ann, ear = self.comes(self.one, "ann")
        ann.detach(ear)
        self.one.pass_time(15)
        back, _ = self.comes_back(self.two, ann)
        self.one.pass_time(100)
        assert self.told() == "+ann;"
        assert back.nick == "ann"
        assert ann.over

    def test_people_of_a_process_that_died_are_anothers_within_15_seconds_and_gone_once(self) -> None:
        self.comes(self.one, "ann")
        self.comes(self.one, "bob", via="api")
        self.told()
        self.one.dies()
        self.two.pass_time(NOTICED)
        assert len(self.two.sessions) == 2
        assert self.told() == ""
        self.two.pass_time(6)
        assert self.told() == "-ann(lost);"
        self.two.pass_time(300)
        assert self.told() == "-bob(lost);"

    def test_nobody_is_gone_because_the_broker_was_away_for_longer_than_the_grace_time(self) -> None:
        self.comes(self.one, "ann")
        self.told()
        self.one.dies()
        self.two.wire.cut = True
        self.two.watch.away("the wire was cut")
        self.two.pass_time(25)
        self.two.wire.cut = False
        self.two.watch.back()
        self.two.pass_time(18)
        assert self.told() == "away;back;"
        self.two.pass_time(3)
        assert self.told() == "-ann(lost);"

    def test_who_comes_back_after_their_process_died_never_left(self) -> None:
        ann, _ = self.comes(self.one, "ann")
        self.one.dies()
        self.two.pass_time(3)
        back, _ = self.comes_back(self.two, ann)
        self.two.pass_time(NOTICED)
        self.two.pass_time(100)
        assert self.told() == "+ann;"
        self.two.result(back.ask(Say(text="hi")))
        assert self.two.log() == [("ann", "hi")]

    def test_a_process_that_drains_leaves_its_people_to_others_at_once(self) -> None:
        ann, ear = self.comes(self.one, "ann")
        self.one.pass_time(1000)
        self.one.drains()
        assert ear.ends == ["shutting-down"]
        assert len(self.two.sessions) == 1
        self.two.pass_time(19)
        assert self.told() == "+ann;"
        back, _ = self.comes_back(self.two, ann)
        self.two.pass_time(100)
        assert self.told() == ""
        assert (back.id, back.token) == (ann.id, ann.token)

    def test_who_came_back_before_the_drain_ended_does_not_flicker(self) -> None:
        ann, _ = self.comes(self.one, "ann")
        back, _ = self.comes_back(self.two, ann)
        self.one.drains()
        self.two.pass_time(100)
        assert self.told() == "+ann;"
        assert not back.over

    def test_of_three_processes_one_tells_it(self) -> None:
        three = Flow(self.one).watching()
        self.comes(self.one, "ann")
        self.one.dies()
        self.two.pass_time(NOTICED)
        self.two.pass_time(100)
        assert self.told() == "+ann;-ann(lost);"
        assert len(self.two.sessions) + len(three.sessions) == 0

    def test_who_was_renaming_when_their_process_died_is_gone_under_both_nicks(self) -> None:
        ann, _ = self.comes(self.one, "ann")
        asked = self.one.hub.ask("algebra", ann.id, Rename(nick="anna"))
        self.one.turn()
        self.successResultOf(asked)
        self.one.dies()
        self.two.pass_time(NOTICED)
        self.two.pass_time(100)
        assert self.here(self.two) == []
        assert self.told().endswith("-ann(renamed);-anna(lost);")

    def test_a_host_is_host_again(self) -> None:
        ann, _ = self.comes(self.one, "ann", host_key=self.host_key)
        self.one.dies()
        back, _ = self.comes_back(self.two, ann)
        self.two.result(back.ask(Close()))

    def test_a_nick_is_free_once_its_holder_is_gone(self) -> None:
        ann, _ = self.comes(self.one, "ann")
        self.one.dies()
        self.two.pass_time(NOTICED)
        asked = self.two.sessions.join("algebra", via="web", address="192.0.2.9", nick="ann")
        assert self.two.refusal(asked).code == "nick-taken"
        self.two.pass_time(21)
        assert self.two.join("ann").id != ann.id


class SecondEnds(Presence):
    """Somebody by a door that cannot say what it heard is away when a process ends, and when the next one does."""

    def setUp(self) -> None:
        super().setUp()
        self.ann, _ = self.comes(self.one, "ann", via="irc")
        self.bob, _ = self.comes(self.two, "bob", via="irc")
        self.two.result(self.bob.ask(Say(text="heard")))
        self.one.pass_time(5)
        self.one.dies()
        self.two.pass_time(AS_SOON)
        self.says(self.two, "first")
        self.two.pass_time(3)
        self.says(self.two, "second")
        self.two.pass_time(3)

    def says(self, flow: Flow, text: str) -> None:
        sessions = [session for session in flow.sessions.all() if session.nick == "bob"]
        flow.result(sessions[0].ask(Say(text=text)))

    def ends(self) -> Flow:
        three = Flow(self.two).watching()
        self.two.dies()
        three.pass_time(AS_SOON)
        return three

    def missed(self, flow: Flow, session: Session) -> list[str]:
        """What somebody is told who comes back in the manner of an IRC client."""
        back = flow.result(flow.sessions.resume("algebra", session.token))
        since = back.attach(Ear(), back.reached)
        return [item.event.text for item in since.entries if hasattr(item.event, "text")]

    def test_who_comes_back_after_the_second_gets_all_that_was_missed(self) -> None:
        three = self.ends()
        self.says(three, "third")
        assert self.missed(three, self.ann) == ["first", "second", "third"]

    def test_who_comes_back_between_them_is_given_nothing_again(self) -> None:
        assert self.missed(self.two, self.ann) == ["first", "second"]
        self.two.pass_time(5)
        three = self.ends()
        self.says(three, "third")
        assert self.missed(three, self.ann) == ["third"]

    def test_a_broker_that_was_away_meanwhile_knows_it_still(self) -> None:
        self.two.watch.away("the wire was cut")
        self.two.watch.back()
        self.two.turn()
        assert self.missed(self.ends(), self.ann) == ["first", "second"]


class Starts(SynchronousTestCase):
    """A process starts on what an earlier one has left."""

    def setUp(self) -> None:
        self.died = Flow()
        self.host_key = self.died.open()
        self.ann = self.died.join("ann")
        self.died.join("bob", via="api")
        self.died.dies()
        self.died.pass_time(1000)
        self.flow = Flow(self.died)

    def test_people_have_the_grace_time_from_its_start(self) -> None:
        self.flow.watching()
        ear = Ear()
        self.flow.result(self.flow.hub.listen("algebra", ear))
        self.flow.pass_time(19)
        assert self.flow.nicks() == ["ann", "bob"]
        self.flow.pass_time(2)
        assert self.flow.nicks() == ["bob"]
        self.flow.pass_time(300)
        assert self.flow.nicks() == []
        assert ear.text.count("-ann(lost);") == ear.text.count("-bob(lost);") == 1

    def test_who_comes_back_in_time_never_left(self) -> None:
        self.flow.watching()
        back = self.flow.result(self.flow.sessions.resume("algebra", self.ann.token))
        back.attach(Ear())
        self.flow.pass_time(100)
        assert back.nick == "ann"

    def test_rooms_without_people_do_not_stay_in_memory(self) -> None:
        reads = self.flow.wire.reads
        self.flow.open("botany")
        self.flow.pass_time(100)
        self.flow.result(self.flow.watch.orphaned("botany", ["who:ann"], self.flow.now))
        assert self.flow.wire.attended == {}
        assert self.flow.wire.reads > reads

    def test_what_is_told_while_nothing_can_be_read_is_done_when_it_can(self) -> None:
        self.flow.wire.unreadable = True
        self.flow.watching()
        assert len(self.flow.sessions) == 0
        self.flow.wire.unreadable = False
        self.flow.watch.back()
        self.flow.turn()
        assert len(self.flow.sessions) == 2

    def test_a_broker_that_is_away(self) -> None:
        self.flow.wire.cut = True
        with self.assertRaises(Unavailable):
            self.flow.watching()


class Losses(Presence):
    """The broker loses entries, and has back what somebody knows."""

    def setUp(self) -> None:
        super().setUp()
        self.ann, self.tab = self.comes(self.one, "ann", host_key=self.host_key)
        self.bob, self.other = self.comes(self.two, "bob", via="irc")
        self.one.result(self.ann.ask(Say(text="kept")))
        self.saved = self.one.broker.save()
        self.told()

    def loses(self, saved: object = None) -> None:
        self.one.broker.fall_back(saved)  # type: ignore[arg-type]
        self.two.turn()

    def comes_again(self, flow: Flow, after: Position | None = None) -> tuple[Ear, object]:
        ear = Ear()
        since = flow.result(flow.hub.listen("algebra", ear, after))
        return ear, since

    def test_a_broker_that_was_emptied_has_everything_back(self) -> None:
        last = self.one.result(self.ann.ask(Say(text="lost?")))
        self.loses()
        for tab in (self.tab, self.other, self.ear):
            assert tab.ends == ["renewed"]
        assert self.one.log() == [("ann", "kept"), ("ann", "lost?")]
        for flow in (self.one, self.two):
            assert self.here(flow) == ["ann", "bob"]
        _, since = self.comes_again(self.two, last)
        assert not since.resumed  # type: ignore[attr-defined]
        assert [item.event.text for item in since.entries] == ["kept", "lost?"]  # type: ignore[attr-defined]

    def test_everybody_is_who_they_were(self) -> None:
        self.loses()
        people = {person.nick: person for person in self.two.result(self.two.hub.feed("algebra")).room.people}
        assert (people["ann"].id, people["ann"].host, people["ann"].via) == (self.ann.id, True, "web")
        assert (people["bob"].id, people["bob"].host, people["bob"].via) == (self.bob.id, False, "irc")
        self.one.result(self.ann.ask(Say(text="on")))
        self.two.result(self.bob.ask(Say(text="and on")))
        assert self.one.log()[-2:] == [("ann", "on"), ("bob", "and on")]
        assert (
            self.one.refusal(self.one.sessions.join("algebra", via="web", address="", nick="bob")).code == "nick-taken"
        )

    def test_a_replica_that_was_behind_has_what_it_lacked(self) -> None:
        for number in range(3):
            self.two.result(self.bob.ask(Say(text=str(number))))
        cy, _ = self.comes(self.two, "cy")
        self.loses(self.saved)
        assert [text for _, text in self.one.log()] == ["kept", "0", "1", "2"]
        assert self.here(self.one) == ["ann", "bob", "cy"]
        assert not cy.over

    def test_a_loss_that_nobody_told_of_is_noticed_by_the_next_ask(self) -> None:
        self.two.result(self.bob.ask(Say(text="lost?")))
        for flow in (self.one, self.two):
            flow.broker._watcher = None
        self.loses(None)
        self.one.result(self.ann.ask(Say(text="next")))
        assert [text for _, text in self.one.log()] == ["kept", "lost?", "next"]

    def test_lines_are_not_said_twice_over_a_loss(self) -> None:
        self.one.result(self.ann.ask(Say(text="hi", ref="7")))
        self.loses(self.saved)
        self.one.result(self.ann.ask(Say(text="hi", ref="7")))
        assert [text for _, text in self.one.log()] == ["kept", "hi"]

    def test_who_has_left_does_not_come_back_by_a_loss(self) -> None:
        self.two.result(self.bob.leave())
        self.loses(self.saved)
        self.two.pass_time(21)
        self.one.pass_time(21)
        assert self.here(self.one) == ["ann"]

    def test_a_nick_that_went_to_another_is_theirs(self) -> None:
        self.two.wire.cut = True
        self.loses()
        taken = self.one.join("bob")
        taken.attach(Ear())
        self.two.wire.cut = False
        self.two.watch.back()
        self.two.turn()
        assert self.bob.over
        assert self.here(self.two) == ["ann", "bob"]
        assert taken.nick == "bob"

    def test_whoever_dies_after_a_loss_is_still_adopted(self) -> None:
        self.loses()
        self.one.dies()
        self.two.pass_time(NOTICED)
        self.two.pass_time(21)
        assert self.here(self.two) == ["bob"]

    def test_who_was_stood_for_is_stood_for_again_without_a_trace_in_the_room(self) -> None:
        again, _ = self.comes_back(self.two, self.ann)
        self.loses(self.saved)
        self.ann.detach(self.tab)
        self.one.pass_time(21)
        assert not again.over
        assert self.here(self.two) == ["ann", "bob"]

    def test_a_room_that_was_opened_anew_meanwhile_is_another(self) -> None:
        self.one.wire.cut = True
        self.two.wire.cut = True
        three = Flow(self.one)
        self.loses()
        three.open()
        for flow in (self.one, self.two):
            flow.wire.cut = False
            flow.watch.back()
            flow.turn()
        assert self.ann.over
        assert self.here(self.one) == []
        assert self.one.log() == []
