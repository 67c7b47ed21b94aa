"""Processes that end and a broker that loses what it held, in any order, over real parts and a clock.

Three processes serve one room.  People come, speak, take other nicks, lose their connections
and come back by another process; processes die or drain, and others start; the broker falls
back to what it held some time before, or to nothing.  Hypothesis looks for an order of these
in which one of the following does not hold:

* a line that was accepted is in the log as long as a process that had it lives;
* no line is there twice, and lines of one person are in their order;
* one nick is held by one participant, and everybody who has a session is in the room;
* whoever has none is gone when the grace time is over, and nobody is told to have left twice.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Rename, Say
from meet.errors import Refused
from meet.events import Position, Said
from meet.names import digest
from meet.session import Session
from meet.wire import decode_event
from tests.flow import Ear, Flow

PROCESSES = 3
PEOPLE = ("ann", "bob", "cy")
DAY = 24 * 3600.0


class Person:
    """Somebody with a token of their own, and the connection that they have, if any."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.token = f"the token of {name}"
        self.at = -1
        self.session: Session | None = None
        self.ear: Ear | None = None


class Town(RuleBasedStateMachine):
    """Several processes, one room, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        first = Flow(once_kept=int(DAY)).watching()
        self.flows = [first, *(Flow(first, once_kept=int(DAY)).watching() for _ in range(PROCESSES - 1))]
        first.open("algebra", ends=first.now + DAY)
        self.people = {name: Person(name) for name in PEOPLE}
        self.said = 0
        # What each process has accepted, or heard from others.
        self.known: list[set[str]] = [set() for _ in self.flows]
        self.saved: list[Any] = [first.broker.save()]
        for flow in self.flows:
            self._settle(flow)

    # People.

    @rule(name=st.sampled_from(PEOPLE), at=st.integers(0, PROCESSES - 1))
    def comes(self, name: str, at: int) -> None:
        person = self.people[name]
        self._cut(person)
        flow = self.flows[at]
        joined = flow.sessions.join("algebra", via="web", address="", nick=name, token=person.token)
        codes: list[str] = []
        joined.addErrback(lambda failure: codes.append(failure.value.code))
        person.session = flow.result(joined)
        if codes:
            # Somebody else goes by that nick now.
            assert codes == ["nick-taken"]
            return
        person.at, person.ear = at, Ear()
        person.session.attach(person.ear)

    @rule(name=st.sampled_from(PEOPLE), again=st.booleans())
    def speaks(self, name: str, again: bool) -> None:
        person = self.people[name]
        if person.session is None or person.session.over:
            return
        self.said += 0 if again and self.said else 1
        ref = f"{name}-{self.said}"
        asked = person.session.ask(Say(text=ref, ref=ref))
        asked.addErrback(lambda failure: failure.value.code)
        answer = self.flows[person.at].result(asked)
        if isinstance(answer, Position):
            self.known[person.at].add(ref)
        else:
            assert answer in ("nick-taken", "not-here", "too-fast"), answer

    @rule(name=st.sampled_from(PEOPLE), nick=st.sampled_from(["ann", "bob", "dan"]))
    def goes_by_another_nick(self, name: str, nick: str) -> None:
        person = self.people[name]
        if person.session is not None and not person.session.over:
            asked = person.session.ask(Rename(nick=nick))
            asked.addErrback(lambda failure: failure.trap(Refused))
            self.flows[person.at].turn()

    @rule(name=st.sampled_from(PEOPLE))
    def loses_the_connection(self, name: str) -> None:
        self._cut(self.people[name])

    # Processes and the broker.

    @rule(at=st.integers(0, PROCESSES - 1), kill=st.booleans())
    def a_process_ends_and_another_starts(self, at: int, kill: bool) -> None:
        flow = self.flows[at]
        beside = self.flows[at - 1]
        if kill:
            flow.dies()
        else:
            flow.drains()
        for person in self.people.values():
            if person.at == at:
                person.session, person.ear, person.at = None, None, -1
        self.flows[at] = Flow(beside, once_kept=int(DAY)).watching()
        self.known[at] = set()
        self._settle(self.flows[at])

    @rule(seconds=st.sampled_from([1.0, 12.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        self.flows[0].pass_time(seconds)

    @rule()
    def a_replica_is_up_to_date(self) -> None:
        self.saved.append(self.flows[0].broker.save())

    @precondition(lambda self: len(self.saved) > 1)
    @rule(back=st.integers(1, 3))
    def the_broker_falls_back(self, back: int) -> None:
        self.flows[0].broker.fall_back(self.saved[-min(back, len(self.saved))])
        self.flows[0].turn()
        self.saved = self.saved[:1]

    @rule()
    def the_broker_is_emptied(self) -> None:
        self.flows[0].broker.fall_back()
        self.flows[0].turn()
        self.saved = self.saved[:1]

    # What must hold.

    @invariant()
    def what_was_accepted_is_there_once(self) -> None:
        self.flows[0].turn()
        lines = self._lines()
        assert len(lines) == len(set(lines)), f"twice: {lines}"
        for at, known in enumerate(self.known):
            lost = known - set(lines)
            assert not lost, f"process {at} knew {lost}"
            known.update(lines)
        for name in PEOPLE:
            numbers = [int(line.rpartition("-")[2]) for line in lines if line.startswith(f"{name}-")]
            assert numbers == sorted(numbers), lines

    @invariant()
    def who_has_a_connection_is_here(self) -> None:
        for person in self.people.values():
            if person.session is not None and not person.session.over:
                room = self.flows[person.at].result(self.flows[person.at].hub.feed("algebra")).room
                here = room.people.person(digest(person.token))
                assert here is not None, f"{person.name} is not in the room"

    def teardown(self) -> None:
        for flow in self.flows:
            self._settle(flow)
        for _ in range(8):
            self.flows[0].pass_time(10)
        here = {each.id for each in self.flows[0].result(self.flows[0].hub.feed("algebra")).room.people}
        connected = {
            digest(person.token)
            for person in self.people.values()
            if person.session is not None and not person.session.over
        }
        assert here == connected, "ghosts, or people who are missing"
        states = [flow.result(flow.hub.feed("algebra")).state for flow in self.flows]
        assert states[0] == states[1] == states[2]

    def _cut(self, person: Person) -> None:
        if person.session is not None and person.ear is not None:
            person.session.detach(person.ear)
        person.session, person.ear, person.at = None, None, -1

    def _settle(self, flow: Flow) -> None:
        """Let the process attend the room, as one does that somebody listens in."""
        flow.result(flow.hub.listen("algebra", Ear()))
        flow.hub.hold("algebra")

    def _lines(self) -> list[str]:
        look = self.flows[0].result(self.flows[0].broker.read("algebra"))
        events = [decode_event(body) for _, body in look.tail]
        return [event.text for event in events if isinstance(event, Said)]


class Losses(SynchronousTestCase):
    def test_nothing_that_a_living_process_knows_is_lost(self) -> None:
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Town,
            settings=settings(max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck)),
        )
