"""Law 2: nothing untrue is ever numbered, whatever becomes of processes and of the lines between them.

Three processes serve one room over one broker.  Each decides on its own view, however old.
What it publishes arrives later, or never; what it is told arrives late, twice or not at
all; it crashes at any moment, and people and sources come again by another process.
Hypothesis looks for an order of these in which one of the following does not hold:

* no entry is numbered that the law forbids at its number;
* no nick has two holders, and no ``ref`` is said twice by one participant;
* a feed that stands at a number has the room of that number, however it got there;
* who listens in one process is told every line once and in order, and of comings and
  goings enough to know who is here.

A broker without one of its guards must fail: then the search is known to have teeth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from meet import names
from meet.commands import Close, Command, Extend, GiveUp, Join, Leave, Open, Rename, Retitle, Say
from meet.errors import Refused, Stale, Taken
from meet.events import (
    Closed,
    Entry,
    Event,
    Extended,
    Forgotten,
    Joined,
    Left,
    Opened,
    Position,
    Renamed,
    Retitled,
    Said,
    who_key,
)
from meet.feed import Feed, Look
from meet.limits import Limits
from meet.moments import moment, seconds
from meet.room import Guards, Room
from meet.wire import encode, entry
from tests.model_broker import LedgerBroker, ModelBroker, OneRoom

LIMITS = Limits().but({"entries-in-tail": 6})
NOON = 1_795_521_600.0
HOST_KEY = "the key of the house"
PROCESSES = 3
IDS = ("id-ann", "id-bob", "id-cy")
NICKS = ("Ann", "ann", "Bob", "ｂｏｂ", "Cy")


Wish = Callable[[float], Command]
"""What somebody asks for when they do so at some moment."""

WISHES: st.SearchStrategy[Wish] = st.one_of(
    st.builds(
        lambda nick, key: lambda now: Join(nick=nick, via="web", host_key=key),
        st.sampled_from(NICKS),
        st.sampled_from(["", "", HOST_KEY]),
    ),
    st.builds(
        lambda text, ref: lambda now: Say(text=text, ref=ref),
        st.sampled_from(["hi", "a longer one"]),
        st.sampled_from(["", "1", "2"]),
    ),
    st.builds(lambda nick: lambda now: Rename(nick=nick), st.sampled_from(NICKS)),
    st.builds(lambda nick: lambda now: GiveUp(nick=nick), st.sampled_from(NICKS)),
    st.builds(lambda life: lambda now: Extend(ends=now + life), st.sampled_from([60, 120])),
    st.sampled_from([Leave(), Retitle(title="Sets"), Close()]).map(lambda command: lambda now: command),
)


class LawBroken(AssertionError):
    """Something was numbered, told or believed that is not so."""


def held(room: Room) -> dict[str, str]:
    """Who holds which nick."""
    return {key: person.id for key, person in room.people.held()}


def unlawful(room: Room, ask: Command, who: str, event: Event) -> str:
    """Why ``event`` may not be numbered next in ``room``; empty if it may.

    The law in other words than `Room.decide`.  A renaming by one who has just left is
    lawful where the same participant could come in under that nick.
    """
    now = seconds(event.at)
    person = room.people.person(who)
    host = person is not None and person.host
    if isinstance(event, Opened):
        return "opened twice" if room.exists else ""
    if not room.exists or room.closed:
        return "the room is not open"
    if isinstance(event, Closed) and event.because == "time":
        return "" if now >= room.ends else "its time has not come"
    if now >= room.ends:
        return "its time has come"
    match event:
        case Said():
            holder = room.people.holder(who_key(event.nick))
            if holder is None or holder.id != who:
                return "said under a nick that is not the speaker's"
            if len(event.text) > room.limit:
                return "a line beyond the limit"
        case Joined() | Renamed():
            holder = room.people.holder(event.key)
            if holder is not None and holder.id != who:
                return "a nick with two holders"
            if event.host != (host or (isinstance(ask, Join) and ask.host_key == HOST_KEY)):
                return "host without right, or right lost"
        case Left():
            holder = room.people.holder(event.key)
            if holder is None or holder.id != who:
                return "left under a nick that is not theirs"
        case Retitled() | Extended() | Closed():
            if not host:
                return "only for hosts"
    return ""


@dataclass
class Ask:
    """An ask that was granted on some view, on its way to the broker."""

    who: str
    command: Command
    event: Event
    guards: Guards
    tries: int = 0


@dataclass(eq=False)
class Process:
    """One process: its view, what is on its way to it and from it, what it told its listeners."""

    feed: Feed = field(default_factory=lambda: Feed("algebra", LIMITS))
    loaded: bool = False
    look: Look | None = None
    inbox: deque[tuple[Position, bytes]] = field(default_factory=deque)
    asks: deque[Ask] = field(default_factory=deque)
    began: Position | None = None
    told: list[Position] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)


class House(RuleBasedStateMachine):
    """Several processes, one broker, and everything that can come between them."""

    def __init__(self, broker: OneRoom) -> None:
        super().__init__()
        self.broker = broker
        self.now = NOON
        self.oracle = Room("algebra", LIMITS)
        self.states: dict[Position | None, tuple[object, ...]] = {None: self.oracle.state}
        self.log: list[Entry] = []
        self.lost: list[Ask] = []
        self.broken = False
        self.processes = [Process() for _ in range(PROCESSES)]
        for process in self.processes:
            self._begin(process)

    # Asking.

    @initialize(life=st.sampled_from([60, 120]), host=st.booleans())
    def open_with_two(self, life: int, host: bool) -> None:
        first = self.processes[0]
        self._settle(first)
        self._ask(first, IDS[0], Open(title="", ends=self.now + life, limit=10, lock=names.digest(HOST_KEY)))
        self._arrive(first)
        self._settle(first)
        self._ask(first, IDS[0], Join(nick="Ann", via="web", host_key=HOST_KEY if host else ""))
        self._ask(first, IDS[1], Join(nick="Bob", via="irc"))
        while first.asks:
            self._arrive(first)
        for process in self.processes:
            self._settle(process)

    @rule(at=st.integers(0, PROCESSES - 1), limit=st.sampled_from([3, 10]))
    def open(self, at: int, limit: int) -> None:
        self._ask(
            self.processes[at],
            "",
            Open(title="", ends=self.now + 60, limit=limit, lock=names.digest(HOST_KEY)),
        )

    @rule(at=st.integers(0, PROCESSES - 1), who=st.sampled_from(IDS), wish=WISHES)
    def ask(self, at: int, who: str, wish: Wish) -> None:
        self._ask(self.processes[at], who, wish(self.now))

    @rule(
        at=st.integers(0, PROCESSES - 1), who=st.sampled_from(IDS), other=st.sampled_from(IDS), one=WISHES, two=WISHES
    )
    def two_processes_are_asked_at_once(self, at: int, who: str, other: str, one: Wish, two: Wish) -> None:
        slow, fast = self.processes[at], self.processes[at - 1]
        self._ask(slow, who, one(self.now))
        self._ask(fast, other, two(self.now))
        while fast.asks:
            self._arrive(fast)

    # What time, lines and processes do.

    @precondition(lambda self: self.now < NOON + 200)
    @rule(by=st.sampled_from([1, 30]))
    def time_passes(self, by: int) -> None:
        self.now += by

    @rule(at=st.integers(0, PROCESSES - 1))
    def an_ask_arrives(self, at: int) -> None:
        self._arrive(self.processes[at])

    @rule(at=st.integers(0, PROCESSES - 1), count=st.integers(1, 4))
    def entries_arrive(self, at: int, count: int) -> None:
        process = self.processes[at]
        for _ in range(count):
            # Hearing that the room is deleted empties it.
            if process.inbox:
                self._hear(process, *process.inbox.popleft())

    @rule(at=st.integers(0, PROCESSES - 1))
    def an_entry_arrives_twice(self, at: int) -> None:
        process = self.processes[at]
        if process.inbox:
            self._hear(process, *process.inbox[0])

    @rule(at=st.integers(0, PROCESSES - 1))
    def an_entry_is_late(self, at: int) -> None:
        self.processes[at].inbox.rotate(-1)

    @rule(at=st.integers(0, PROCESSES - 1), count=st.integers(1, 4))
    def entries_are_lost(self, at: int, count: int) -> None:
        inbox = self.processes[at].inbox
        for _ in range(min(count, len(inbox))):
            inbox.popleft()

    @rule(at=st.integers(0, PROCESSES - 1))
    def a_look_is_asked_for(self, at: int) -> None:
        self._look(self.processes[at])

    @rule(at=st.integers(0, PROCESSES - 1))
    def a_look_arrives(self, at: int) -> None:
        self._restore(self.processes[at])

    @rule(at=st.integers(0, PROCESSES - 1))
    def all_is_heard(self, at: int) -> None:
        self._settle(self.processes[at])

    @rule(at=st.integers(0, PROCESSES - 1))
    def a_process_crashes_and_begins_again(self, at: int) -> None:
        self._begin(self.processes[at])

    @precondition(lambda self: self.lost)
    @rule(arrives=st.booleans())
    def an_ask_of_a_dead_process_arrives_or_not(self, arrives: bool) -> None:
        ask = self.lost.pop(0)
        if arrives:
            self._number(ask)

    @precondition(lambda self: self.oracle.closed)
    @rule()
    def the_room_is_forgotten(self) -> None:
        position = self.broker.drop()
        self.oracle = Room("algebra", LIMITS)
        self._tell(position, encode(Forgotten(at=moment(self.now))))

    # What must hold.

    @invariant()
    def every_view_is_the_room_of_its_number(self) -> None:
        for process in self.processes:
            if process.loaded and process.feed.room.state != self.states[process.feed.last]:
                self._broken(f"At {process.feed.last} one room is not as the log made it.")

    @invariant()
    def every_listener_knows_who_is_here_and_what_was_said(self) -> None:
        for process in self.processes:
            last = process.feed.last
            if not process.loaded or last is None:
                continue
            if process.shown != held(process.feed.room):
                self._broken("Listeners believe that others are here than are.")
            since = process.began.seq if process.began is not None else 0
            said = [
                item.position
                for item in self.log
                if item.position.epoch == last.epoch
                and since < item.position.seq <= last.seq
                and item.event.key is None
            ]
            if process.told != said:
                self._broken(f"Listeners were told {process.told}, and said was {said}.")

    def teardown(self) -> None:
        if self.broken:
            return
        # A room that several have heard by different ways is one room in the end.
        for process in self.processes:
            self._settle(process)
        self.every_view_is_the_room_of_its_number()
        self.every_listener_knows_who_is_here_and_what_was_said()
        first, *others = [process.feed for process in self.processes]
        if any(other.state != first.state for other in others):
            self._broken("Two feeds that heard the same are not equal.")
        if first.room.state != self.oracle.state or list(first.room.people) != list(self.oracle.people):
            self._broken("The room at the end is not what the whole log makes.")

    def _broken(self, why: str) -> NoReturn:
        self.broken = True
        raise LawBroken(why)

    # One process.

    def _begin(self, process: Process) -> None:
        """Let ``process`` begin anew, knowing nothing; what it had asked may still arrive."""
        self.lost.extend(process.asks)
        process.feed = Feed("algebra", LIMITS)
        process.loaded = False
        process.look = None
        process.inbox.clear()
        process.asks.clear()
        process.began = None
        process.told.clear()
        process.shown.clear()
        self._look(process)

    def _ask(self, process: Process, who: str, command: Command, tries: int = 0) -> None:
        if not process.loaded:
            return
        room = process.feed.room
        try:
            event = room.decide(command, who, self.now)
        except Refused:
            return
        process.asks.append(Ask(who, command, event, room.guards(event), tries))

    def _arrive(self, process: Process) -> None:
        if not process.asks:
            return
        ask = process.asks.popleft()
        if not self._number(ask) and ask.tries < 3:
            self._look(process)
            self._settle(process)
            self._ask(process, ask.who, ask.command, ask.tries + 1)

    def _look(self, process: Process) -> None:
        if process.look is None:
            process.look = self.broker.read()

    def _restore(self, process: Process) -> None:
        look, process.look = process.look, None
        if look is None:
            return
        feed = process.feed
        caught = feed.restore(look)
        if self._forgotten(process, caught.entries):
            return
        if not process.loaded or caught.anew:
            process.told.clear()
            process.began = feed.last
            process.shown = held(feed.room)
        else:
            self._show(process, caught.entries)
        process.loaded = process.loaded or not feed.hole
        if feed.hole:
            self._look(process)

    def _hear(self, process: Process, position: Position, body: bytes) -> None:
        entries = process.feed.hear(position, body)
        if self._forgotten(process, entries):
            return
        self._show(process, entries)
        if process.feed.hole:
            self._look(process)

    def _forgotten(self, process: Process, entries: list[Entry]) -> bool:
        """The hub lets go of a room that was deleted, and reads it anew when it is asked for."""
        forgotten = any(isinstance(item.event, Forgotten) for item in entries)
        if forgotten:
            self._begin(process)
        return forgotten

    def _show(self, process: Process, entries: list[Entry]) -> None:
        for item in entries:
            match item.event:
                case Joined() | Renamed() as event:
                    if process.shown.get(event.key, event.by) != event.by:
                        self._broken("Listeners were told that a nick was taken, and not that it had been free.")
                    process.shown[event.key] = event.by
                case Left() as event:
                    if process.shown.pop(event.key, "") != event.by:
                        self._broken("Listeners were told of the leaving of one who was not here.")
                case Closed():
                    process.shown.clear()
                case event if event.key is None:
                    process.told.append(item.position)

    def _settle(self, process: Process) -> None:
        """Let all that is on its way arrive, and look until nothing is missing."""
        while process.inbox:
            self._hear(process, *process.inbox.popleft())
        for _ in range(6):
            self._restore(process)
            self._look(process)
            if process.loaded and not process.feed.hole:
                self._restore(process)
                return
        self._broken("Looking does not come to an end.")

    # The broker.

    def _number(self, ask: Ask) -> bool:
        """Let ``ask`` come to the broker; False if a guard was in its way."""
        try:
            position, new = self.broker.publish(encode(ask.event), ask.guards, self.now)
        except (Stale, Taken):
            return False
        if not new:
            self._was_said(position, ask)
            return True
        if why := unlawful(self.oracle, ask.command, ask.who, ask.event):
            self._broken(f"{position} {ask.event}: {why}.")
        item = entry(position, encode(ask.event))
        if isinstance(item.event, Said) and item.event.ref:
            for other in self.log:
                said = other.event
                if (
                    isinstance(said, Said)
                    and other.position.epoch == position.epoch
                    and (said.by, said.ref) == (item.event.by, item.event.ref)
                ):
                    self._broken(f"{other.position} and {position} are one line, said twice.")
        self.log.append(item)
        self.oracle.apply(item)
        self.states[position] = self.oracle.state
        self._tell(position, item.body)
        return True

    def _was_said(self, position: Position, ask: Ask) -> None:
        said = next(item.event for item in self.log if item.position == position)
        asked = ask.command
        if not (isinstance(said, Said) and isinstance(asked, Say) and (said.by, said.ref) == (ask.who, asked.ref)):
            self._broken("The answer to a repeated ask is another's line.")

    def _tell(self, position: Position, body: bytes) -> None:
        for process in self.processes:
            process.inbox.append((position, body))


def search(broker: Callable[[], OneRoom], **changes: object) -> None:
    """Look for a history that breaks the law; raises `LawBroken` with it."""
    run_state_machine_as_test(
        lambda: House(broker()),
        settings=settings(stateful_step_count=50, database=None, **changes),
    )


class Heart(SynchronousTestCase):
    def test_the_law_holds_by_the_promise_of_a_broker(self) -> None:
        search(lambda: ModelBroker(LIMITS), max_examples=300)

    def test_the_law_holds_by_the_ledger(self) -> None:
        search(lambda: LedgerBroker(LIMITS), max_examples=300)


class Teeth(SynchronousTestCase):
    """Without any one guard of the broker's, the search finds a history that breaks the law."""

    def bites(self, without: str) -> str:
        with pytest.raises(LawBroken) as broken:
            search(
                lambda: ModelBroker(LIMITS, without),
                max_examples=3000,
                derandomize=True,
                phases=[Phase.generate],
            )
        return str(broken.value)

    def test_without_under_an_old_law_is_followed(self) -> None:
        self.bites("under")

    def test_without_claim_somebody_speaks_who_may_not(self) -> None:
        self.bites("claim")

    def test_without_once_a_line_is_said_twice(self) -> None:
        assert "said twice" in self.bites("once")
