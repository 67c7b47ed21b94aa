"""Rooms that nobody has in memory come back out of the archive, by one process, and no others do."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Retitle, Say
from meet.errors import Unavailable
from meet.look import Look
from meet.moments import HOUR
from meet.restorer import AFTER_THE_LIVING, Restorer
from tests.flow import Flow, NoArchive


class Archive(NoArchive):
    """An archive that was told every room as it was when `recorded` was called."""

    def __init__(self) -> None:
        self.logs: dict[str, Look] = {}
        self.away = False

    def living(self):
        logs = [(room, look.last.epoch) for room, look in self.logs.items()]
        return fail(Unavailable("The archive is away.")) if self.away else succeed(logs)

    def memory(self, room: str, epoch: str, count: int) -> Deferred[Look]:
        return succeed(self.logs[room])


class Restoring(SynchronousTestCase):
    def setUp(self) -> None:
        self.archive = Archive()
        self.flow = Flow()
        self.host_key = self.flow.open()
        self.ann = self.flow.join("ann", host_key=self.host_key)
        self.flow.result(self.ann.ask(Say(text="one")))
        self.recorded()
        self.flow.dies()
        self.flow = self.starts(self.flow)

    def recorded(self) -> None:
        room = self.flow.result(self.flow.hub.feed("algebra"))
        self.archive.logs["algebra"] = room.memory()

    def starts(self, beside: Flow) -> Flow:
        flow = Flow(beside).watching()
        flow.restorer = Restorer(flow.broker, self.archive, flow.clock, flow.limits)  # type: ignore[attr-defined]
        flow.watch.back_again.append(flow.restorer.look)  # type: ignore[attr-defined]
        flow.restorer.startService()  # type: ignore[attr-defined]
        flow.turn()
        return flow

    def loses(self, saved: object = None) -> None:
        self.flow.broker.fall_back(saved)  # type: ignore[arg-type]
        self.flow.pass_time(AFTER_THE_LIVING)

    def lines(self) -> list[str]:
        return [text for _, text in self.flow.log()]

    def look(self) -> Look:
        look: Look = self.flow.result(self.flow.broker.read("algebra"))
        return look

    def test_a_broker_that_was_emptied_has_the_room_back(self) -> None:
        self.loses()
        assert self.lines() == ["one"]
        room = self.flow.result(self.flow.hub.feed("algebra")).room
        assert (room.title, room.lock != "", len(room.people)) == ("algebra", True, 0)
        assert self.flow.join("ann", host_key=self.host_key).person.host

    def test_a_broker_that_is_behind_the_archive_has_what_it_lacks(self) -> None:
        saved = self.flow.broker.save()
        bob = self.flow.join("bob")
        self.flow.result(bob.ask(Say(text="two")))
        self.recorded()
        self.flow.dies()
        self.flow = self.starts(self.flow)
        self.flow.pass_time(15)
        self.loses(saved)
        assert self.lines() == ["one", "two"]

    def test_it_looks_when_its_turn_comes(self) -> None:
        self.flow.pass_time(AFTER_THE_LIVING)
        self.flow.watch.back_again.clear()
        self.loses()
        assert self.lines() == []
        other = self.starts(self.flow)
        other.pass_time(AFTER_THE_LIVING)
        assert self.lines() == []
        self.flow.result(self.flow.restorer.stopService())  # type: ignore[attr-defined]
        other.pass_time(AFTER_THE_LIVING)
        assert self.lines() == ["one"]

    def test_what_processes_know_is_given_back_first_and_stays(self) -> None:
        bob = self.flow.join("bob")
        self.flow.result(bob.ask(Say(text="not recorded")))
        self.flow.pass_time(AFTER_THE_LIVING)
        self.loses()
        epoch = self.look().last.epoch
        assert self.lines() == ["one", "not recorded"]
        self.flow.pass_time(100)
        assert self.look().last.epoch == epoch

    def test_a_broker_that_has_lost_nothing_is_left_alone(self) -> None:
        before = self.look()
        self.flow.watch.back()
        self.flow.pass_time(AFTER_THE_LIVING)
        assert self.look() == before

    def test_a_room_whose_time_is_long_over_stays_gone(self) -> None:
        self.flow.pass_time(HOUR + self.flow.limits.grace)
        self.loses()
        assert self.flow.result(self.flow.broker.rooms()) == []

    def test_a_room_that_was_closed_comes_back_closed_and_in_its_grace_only(self) -> None:
        host = self.flow.join("bob", host_key=self.host_key)
        self.flow.result(host.ask(Retitle(title="Sets")))
        self.flow.result(host.ask(Close()))
        self.recorded()
        self.flow.pass_time(100)
        self.loses()
        assert self.flow.result(self.flow.hub.feed("algebra")).room.closed == "host"
        self.flow.pass_time(self.flow.limits.grace)
        self.loses()
        assert self.flow.result(self.flow.broker.rooms()) == []

    def test_an_archive_that_is_away_is_asked_again(self) -> None:
        self.archive.away = True
        self.loses()
        self.flow.pass_time(10)
        self.archive.away = False
        self.flow.pass_time(30)
        assert self.lines() == ["one"]

    def test_a_process_that_dies_over_it_is_followed_by_another(self) -> None:
        other = self.starts(self.flow)
        self.flow.broker.fall_back()
        self.flow.turn()
        self.flow.dies()
        other.pass_time(15)
        other.pass_time(AFTER_THE_LIVING)
        self.flow = other
        assert self.lines() == ["one"]

    def test_nothing_is_left_behind_when_it_ends(self) -> None:
        self.flow.watch.back()
        self.flow.turn()
        self.flow.result(self.flow.restorer.stopService())  # type: ignore[attr-defined]
        told: Callable[[], None] = self.flow.restorer.look  # type: ignore[attr-defined]
        told()
        self.loses()
        self.flow.pass_time(1000)
        assert self.lines() == []
