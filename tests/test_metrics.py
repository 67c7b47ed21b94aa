"""Metrics: what happened is counted, and written as Prometheus reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from meet.commands import Say
from meet.errors import REFUSALS, Unavailable
from meet.health import Health
from meet.interfaces import IBroker, IMeasured
from meet.metrics import Metric, Metrics, write
from tests.flow import Ear, Flow

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)\Z')


def samples(text: bytes) -> dict[str, float]:
    """The values in ``text``; fails on what is not the exposition format."""
    found: dict[str, float] = {}
    helped: list[str] = []
    typed: list[str] = []
    for line in text.decode().splitlines():
        if line.startswith("# HELP "):
            helped.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[3] in ("gauge", "counter")
            typed.append(line.split()[2])
        else:
            match = SAMPLE.match(line)
            assert match, line
            assert match[1] == typed[-1] == helped[-1]
            found[line.rpartition(" ")[0]] = float(match[3])
    assert text.endswith(b"\n")
    assert len(helped) == len(set(helped))
    return found


class MetricsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flow = Flow()
        self.health = Health(self.flow.clock, {"broker": lambda: succeed(None)})
        self.metrics = Metrics(self.flow.broker, self.flow.hub, self.flow.sessions, self.health)

    def read(self) -> dict[str, float]:
        reading = Deferred.fromCoroutine(self.metrics.text())
        self.flow.clock.advance(3)
        return samples(self.successResultOf(reading))

    def test_what_happens_is_counted(self) -> None:
        self.flow.open()
        ann, bob = self.flow.join("ann"), self.flow.join("bob")
        ann.attach(Ear())
        bob.attach(Ear())
        self.flow.pass_time(1)
        before = self.read()
        self.flow.result(ann.ask(Say(text="hi")))
        assert self.flow.refusal(ann.ask(Say(text=""))).code == "empty"
        after = self.read()
        assert after["meet_people"] == 2
        assert after["meet_rooms"] == 1
        assert after["meet_entries_heard_total"] - before["meet_entries_heard_total"] == 1
        assert after["meet_deliveries_total"] - before["meet_deliveries_total"] == 2
        assert after["meet_asks_total"] - before["meet_asks_total"] == 2
        assert before["meet_asks_total"] == 3
        assert after['meet_refusals_total{code="empty"}'] == 1

    def test_every_refusal_has_its_series_from_the_beginning(self) -> None:
        found = self.read()
        assert {f'meet_refusals_total{{code="{code}"}}' for code in REFUSALS} <= set(found)

    def test_health_is_told(self) -> None:
        assert self.read()["meet_ready"] == 0
        self.health.begin()
        found = self.read()
        assert found["meet_ready"] == 1
        assert found['meet_part_ready{part="broker"}'] == 1

    def test_a_broker_that_can_says_how_much_it_holds(self) -> None:
        assert "meet_broker_bytes" not in self.read()
        sizes: dict[str, int] = {f"room-{number}": number for number in range(100)}
        self.measured(succeed(sizes))
        found = self.read()
        assert found["meet_broker_bytes"] == sum(range(100))
        assert found["meet_broker_rooms"] == 100
        told = [name for name in found if name.startswith("meet_room_bytes")]
        assert len(told) == 20
        assert found['meet_room_bytes{room="room-99"}'] == 99

    def test_a_broker_that_is_away_or_slow_is_left_out(self) -> None:
        for answer in (fail(Unavailable("away")), Deferred()):
            self.measured(answer)
            found = self.read()
            assert "meet_broker_bytes" not in found
            assert "meet_people" in found

    def test_observers_are_told_by_name(self) -> None:
        stop = self.flow.result(self.flow.broker.journal("recorder", lambda records: succeed(None)))
        self.flow.result(self.flow.broker.journal("stuck", lambda records: fail(OSError("stuck"))))
        self.flow.result(stop())
        self.flow.open()
        self.flow.pass_time(100)
        found = self.read()
        assert found['meet_observer_behind{observer="recorder"}'] == 1
        assert found['meet_observer_behind{observer="stuck"}'] == 1
        assert found['meet_observer_away_seconds{observer="recorder"}'] == 100
        assert found['meet_observer_away_seconds{observer="stuck"}'] == 0

    def test_observers_of_a_broker_that_is_away_are_left_out(self) -> None:
        self.flow.result(self.flow.broker.stop())
        assert not [name for name in self.read() if "observer" in name]

    def test_labels_are_escaped(self) -> None:
        metric = Metric("meet_x", "gauge", "About x.", [({"room": 'a"b\\c\nd'}, 1)])
        assert list(samples(write([metric]))) == ['meet_x{room="a\\"b\\\\c\\nd"}']

    def measured(self, answer: Deferred[Mapping[str, int]]) -> None:
        directlyProvides(self.flow.broker, IBroker, IMeasured)
        self.flow.broker.sizes = lambda: answer  # type: ignore[attr-defined]
