"""A participant outlives their connection for a while, leaves once, and is held to the pace."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Join, Leave, Rename, Retitle, Say
from meet.errors import GOODBYES, Refused
from tests.flow import Ear, Flow


class SessionTestCase(SynchronousTestCase):
    """The room algebra is open; ``lurker`` hears it all."""

    def setUp(self) -> None:
        self.flow = Flow()
        self.host_key = self.flow.open()
        self.lurker = Ear()
        self.flow.result(self.flow.hub.listen("algebra", self.lurker))

    def heard(self) -> str:
        """What the lurker heard since the last call, without the digests."""
        self.flow.turn()
        pieces, self.lurker.pieces = self.lurker.pieces, []
        return "".join(f"{piece};" for piece in "".join(pieces).split(";") if piece and not piece.startswith("["))


class ComingTests(SessionTestCase):
    def test_who_joins_gets_a_token_and_is_told_once(self) -> None:
        ann, bob = self.flow.join("ann"), self.flow.join("bob")
        assert ann.token
        assert ann.token != bob.token
        assert self.heard() == "+ann;+bob;"
        assert self.flow.sessions.find("algebra", ann.token) is ann
        assert self.flow.sessions.find("algebra", "x" * 24) is None

    def test_a_token_brings_back_within_the_grace_time(self) -> None:
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        position = self.flow.result(ann.ask(Say(text="1")))
        ann.detach(ear)
        bob = self.flow.join("bob")
        bob.attach(Ear())
        self.flow.result(bob.ask(Say(text="2")))
        self.flow.pass_time(19)
        assert self.heard() == "+ann;ann:1;+bob;bob:2;"
        back = self.flow.result(self.flow.sessions.resume("algebra", ann.token))
        assert back is ann
        since = back.attach(Ear(), position)
        assert since.resumed
        assert [item.event.text for item in since.entries] == ["2"]
        self.flow.pass_time(1000)
        assert self.heard() == ""
        assert self.flow.nicks() == ["ann", "bob"]

    def test_who_does_not_come_back_has_left_once(self) -> None:
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        ann.detach(ear)
        ann.detach(ear)
        self.flow.pass_time(20)
        self.flow.pass_time(1000)
        assert self.heard() == "+ann;-ann(lost);"
        assert ann.over
        assert self.flow.refusal(self.flow.sessions.resume("algebra", ann.token)).code == "no-session"

    def test_who_is_given_a_place_and_never_attaches_leaves_too(self) -> None:
        self.flow.join("ann")
        self.flow.pass_time(21)
        assert self.heard() == "+ann;-ann(lost);"

    def test_who_comes_by_single_requests_has_longer(self) -> None:
        self.flow.join("ann", via="api")
        self.flow.pass_time(290)
        assert self.heard() == "+ann;"
        self.flow.pass_time(20)
        assert self.heard() == "-ann(lost);"

    def test_two_tabs_are_one_participant(self) -> None:
        ann, tabs = self.flow.join("ann"), [Ear(), Ear()]
        for tab in tabs:
            self.flow.result(self.flow.sessions.resume("algebra", ann.token)).attach(tab)
        ann.detach(tabs[0])
        self.flow.pass_time(100)
        assert self.heard() == "+ann;"
        assert list(ann.listeners) == [tabs[1]]

    def test_joining_twice_at_once_with_one_token_is_told_once(self) -> None:
        joining = [
            self.flow.sessions.join("algebra", via="web", address="192.0.2.1", nick="ann", token="a" * 20)
            for _ in range(5)
        ]
        sessions = [self.flow.result(each) for each in joining]
        assert all(session is sessions[0] for session in sessions)
        assert self.heard() == "+ann;"
        assert len(self.flow.sessions) == 1

    def test_a_nick_is_held_by_one(self) -> None:
        self.flow.join("Ann")
        refused = self.flow.refusal(self.flow.sessions.join("algebra", via="irc", address="192.0.2.1", nick="ａｎｎ"))
        assert refused.code == "nick-taken"
        assert self.flow.nicks() == ["Ann"]

    def test_a_room_that_is_not_there(self) -> None:
        join = self.flow.sessions.join
        cases = [
            (join("biology", via="web", address="192.0.2.1", nick="ann"), "no-room"),
            (join("biology", via="web", address="192.0.2.1", token="a" * 20), "no-room"),
            (join("algebra", via="web", address="192.0.2.1"), "no-session"),
            (join("algebra", via="web", address="192.0.2.1", token="short"), "bad-input"),
            (join("algebra", via="web", address="192.0.2.1", nick="ann", token="x" * 129), "bad-input"),
            (join("***", via="web", address="192.0.2.1", nick="ann"), "bad-name"),
            (join("algebra", via="web", address="192.0.2.1", nick="a b"), "bad-nick"),
        ]
        assert [self.flow.refusal(asked).code for asked, _ in cases] == [code for _, code in cases]

    def test_a_broker_that_is_away_refuses(self) -> None:
        flow = Flow(self.flow)
        flow.wire.cut = True
        asked = flow.sessions.join("algebra", via="web", address="192.0.2.1", nick="ann")
        assert flow.refusal(asked).code == "unavailable"

    def test_joins_from_one_address_are_bounded(self) -> None:
        flow = Flow(joins_per_address=3)
        flow.open()
        for number in range(3):
            flow.join(f"ann{number}")
        asked = flow.sessions.join("algebra", via="web", address="192.0.2.1", nick="ann9")
        assert flow.refusal(asked).code == "too-fast"
        flow.result(flow.sessions.join("algebra", via="web", address="192.0.2.2", nick="ann9"))


class SayingTests(SessionTestCase):
    def test_asks_are_decided_in_order(self) -> None:
        ann = self.flow.join("ann")
        asked = [ann.ask(Say(text="1")), ann.ask(Rename(nick="anna")), ann.ask(Say(text="2"))]
        positions = [self.flow.result(each) for each in asked]
        assert positions == sorted(positions)
        assert self.heard() == "+ann;ann:1;Renamed;-ann(renamed);anna:2;"

    def test_a_ref_is_said_once(self) -> None:
        ann = self.flow.join("ann")
        positions = {self.flow.result(ann.ask(Say(text="hi", ref="7"))) for _ in range(3)}
        assert len(positions) == 1
        assert self.heard() == "+ann;ann:hi;"
        bob = self.flow.join("bob")
        self.flow.result(bob.ask(Say(text="hi too", ref="7")))
        assert self.heard() == "+bob;bob:hi too;"

    def test_a_ref_asked_again_is_answered_however_late_and_often(self) -> None:
        ann = self.flow.join("ann")
        position = self.flow.result(ann.ask(Say(text="hi", ref="7")))
        self.flow.clock.advance(2 * self.flow.limits.once_kept)
        asked = [ann.ask(Say(text="hi", ref="7")) for _ in range(2 * self.flow.limits.says_per_participant)]
        assert {self.flow.result(each) for each in asked} == {position}
        assert len(self.flow.log()) == 1

    def test_too_many_lines_are_refused_until_time_has_passed(self) -> None:
        ann = self.flow.join("ann")
        for number in range(20):
            self.flow.result(ann.ask(Say(text=str(number))))
        refused = self.flow.refusal(ann.ask(Say(text="20")))
        assert (refused.code, refused.detail) == ("too-fast", "That was too fast: 20 lines in 10 seconds are enough.")
        self.flow.pass_time(1)
        self.flow.result(ann.ask(Say(text="21")))
        assert len(self.flow.log()) == 21

    def test_too_many_asks_at_once_are_refused(self) -> None:
        flow = Flow(says_per_participant=0)
        flow.open()
        ann = flow.join("ann")
        asked = [ann.ask(Say(text=str(number))) for number in range(520)]
        assert [flow.refusal(each).code for each in asked[512:]] == ["too-fast"] * 8
        assert len(flow.log()) == 512

    def test_the_host_key_makes_a_host(self) -> None:
        ann = self.flow.join("ann")
        assert self.flow.refusal(ann.ask(Close())).code == "not-host"
        wrong = self.flow.sessions.join(
            "algebra", via="web", address="192.0.2.1", token=ann.token, host_key="let me in"
        )
        assert self.flow.refusal(wrong).code == "wrong-key"
        again = self.flow.join("", token=ann.token, host_key=self.host_key)
        assert again is ann
        assert ann.person is not None
        assert ann.person.host
        self.flow.result(ann.ask(Retitle(title="Algebra II")))
        assert self.heard() == "+ann;Renamed;Retitled;"

    def test_another_nick_frees_the_old_one(self) -> None:
        ann = self.flow.join("ann")
        self.flow.result(ann.ask(Rename(nick="anna")))
        assert ann.nick == "anna"
        self.flow.join("ann", token="b" * 20)
        assert self.flow.nicks() == ["anna", "ann"]
        assert self.flow.refusal(ann.ask(Rename(nick="ANN"))).code == "nick-taken"
        assert ann.nick == "anna"

    def test_another_spelling_keeps_the_nick(self) -> None:
        ann = self.flow.join("ann")
        self.flow.result(ann.ask(Rename(nick="Ann")))
        assert self.flow.nicks() == ["Ann"]
        assert self.heard() == "+ann;Renamed;"


class LeavingTests(SessionTestCase):
    def test_leaving_is_told_once(self) -> None:
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        first, second = ann.leave(), ann.ask(Leave())
        self.flow.result(first)
        assert self.flow.refusal(second).code == "not-here"
        self.flow.pass_time(100)
        assert self.heard() == "+ann;-ann(left);"
        assert ear.ends == ["left"]
        assert self.flow.refusal(ann.ask(Say(text="hi"))).code == "not-here"
        with pytest.raises(Refused):
            ann.attach(Ear())

    def test_what_was_asked_before_is_said_before(self) -> None:
        ann = self.flow.join("ann")
        said = [ann.ask(Say(text=str(number))) for number in range(5)]
        left = ann.ask(Leave())
        late = ann.ask(Say(text="late"))
        for each in said:
            self.flow.result(each)
        self.flow.result(left)
        assert self.flow.refusal(late).code == "not-here"
        assert self.heard() == "+ann;ann:0;ann:1;ann:2;ann:3;ann:4;-ann(left);"

    def test_a_leaving_that_the_broker_could_not_take_is_tried_again(self) -> None:
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        ann.detach(ear)
        self.flow.wire.cut = True
        self.flow.pass_time(60)
        assert not ann.over
        self.flow.wire.cut = False
        self.flow.pass_time(6)
        assert ann.over
        assert self.heard() == "+ann;-ann(lost);"

    def test_who_is_back_while_the_broker_was_away_stays(self) -> None:
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        ann.detach(ear)
        self.flow.wire.cut = True
        self.flow.pass_time(21)
        ann.attach(ear)
        self.flow.wire.cut = False
        self.flow.pass_time(100)
        assert self.heard() == "+ann;"

    def test_the_same_nick_can_come_again(self) -> None:
        ann = self.flow.join("ann")
        self.flow.result(ann.leave())
        again = self.flow.join("ann")
        assert again.id != ann.id
        assert self.heard() == "+ann;-ann(left);+ann;"

    def test_a_nick_given_up_half_is_given_up_whole_on_leaving(self) -> None:
        """The process was cut off between the new nick's taking and the old one's giving up."""
        ann = self.flow.join("ann")
        self.flow.result(self.flow.hub.ask("algebra", ann.id, Rename(nick="anna")))
        self.flow.result(ann.leave())
        assert self.heard() == "+ann;Renamed;-ann(renamed);-anna(left);"
        assert list(ann.feed.room.people.held()) == []

    def test_left_elsewhere_ends_the_session_here(self) -> None:
        there = Flow(self.flow)
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        there.result(there.result(there.sessions.resume("algebra", ann.token)).leave())
        self.flow.turn()
        assert ear.ends == ["left"]
        assert len(self.flow.sessions) == 0

    def test_the_closing_ends_all_sessions_once(self) -> None:
        ears = [Ear() for _ in range(3)]
        for number, ear in enumerate(ears):
            self.flow.join(f"ann{number}").attach(ear)
        host = self.flow.join("bob", host_key=self.host_key)
        self.flow.result(host.ask(Close()))
        self.flow.pass_time(100)
        assert [ear.ends for ear in ears] == [["room-closed"]] * 3
        assert self.lurker.ends == ["room-closed"]
        assert len(self.flow.sessions) == 0
        assert "lost" not in self.heard()

    def test_stopping_tells_the_room_nothing(self) -> None:
        ann, ear = self.flow.join("ann"), Ear()
        ann.attach(ear)
        self.flow.sessions.stop(GOODBYES["shutting-down"])
        self.flow.pass_time(100)
        assert ear.ends == ["shutting-down"]
        assert self.heard() == "+ann;"
        assert self.flow.nicks() == ["ann"]


class OpeningTests(SynchronousTestCase):
    def test_the_opener_alone_gets_the_key(self) -> None:
        flow = Flow()
        room, key = flow.result(flow.sessions.open("Linear Algebra", address="192.0.2.1", ends=flow.now + 3600))
        assert room == "linear-algebra"
        ann = flow.join("ann", room, host_key=key)
        assert ann.person is not None
        assert ann.person.host
        look = flow.result(flow.broker.read(room))
        assert all(key.encode() not in body for _, body in [*look.kept, *look.tail])

    def test_refused(self) -> None:
        flow = Flow(rooms_per_address=2)

        def opening(name: str, hours: float = 1) -> str:
            asked = flow.sessions.open(name, address="192.0.2.1", ends=flow.now + hours * 3600)
            return flow.refusal(asked).code

        assert opening("---") == "bad-name"
        assert opening("algebra", hours=24 * 400) == "bad-life"
        flow.open("biology")
        assert opening("chemistry") == "too-fast"
        other = flow.sessions.open("biology", address="192.0.2.2", ends=flow.now + 3600)
        assert flow.refusal(other).code == "room-exists"

    def test_who_joins_again_by_a_late_join_is_refused_another_nick(self) -> None:
        flow = Flow()
        flow.open()
        ann = flow.join("ann")
        asked = flow.hub.ask("algebra", ann.id, Join(nick="bob", via="web"))
        assert flow.refusal(asked).detail == "You are here already, as ann."
