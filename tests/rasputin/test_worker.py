"""The durable worker on the real Redis and a real database."""

from __future__ import annotations

import os
import signal
from typing import Any
from unittest import mock

from django.db import OperationalError

from meet.errors import Unavailable
from meet.rasputin import bus as buses
from meet.rasputin.journal import Journal
from meet.rasputin.models import Line, Outgoing, Room, SetAside
from meet.rasputin.observing import Heard, observe
from meet.rasputin.publishing import say
from meet.rasputin.testing import MemoryBus
from meet.rasputin.worker import Worker
from tests.rasputin.ground import BusCase


class Working(BusCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(buses.using(self.bus))

    def once(self, journal: Journal | None = None, tries: int = 2, **wishes: Any) -> Worker:
        worker = Worker(journal or self.journal(), keep=True, tries=tries, **wishes)
        worker.run(once=True)
        return worker

    def lines(self) -> list[str]:
        return list(Line.objects.order_by("number").values_list("text", flat=True))

    def test_it_catches_up_and_ends(self) -> None:
        self.once()
        self.open()
        texts = [f"line {each}" for each in range(120)]
        self.talk(*texts)
        worker = self.once()
        assert self.lines() == texts
        assert worker.told == 122
        assert self.once().told == 0

    def test_a_receiver_that_raises_for_a_while_gets_it_in_the_end(self) -> None:
        heard: list[str] = []
        failures = [ValueError("not now")]

        @observe("said")
        def note(told: Heard) -> None:
            if failures:
                raise failures.pop()
            heard.append(told.fields["text"])

        self.once()
        self.open()
        self.say("one")
        self.say("two")
        self.once()
        assert (heard, self.lines()) == ([], [])
        assert SetAside.objects.get().tries == 1
        self.once()
        assert heard == self.lines() == ["one", "two"]
        assert SetAside.objects.count() == 0

    def test_one_that_never_takes_it_is_set_aside_and_the_rest_goes_on(self) -> None:
        heard: list[str] = []

        @observe("said")
        def note(told: Heard) -> None:
            if told.fields["text"] == "poison":
                raise ValueError("never")
            heard.append(told.fields["text"])

        self.once()
        self.open()
        for text in ("one", "poison", "two"):
            self.say(text)
        self.once()
        self.once()
        assert heard == ["one", "two"]
        assert self.lines() == ["one", "poison", "two"]
        aside = SetAside.objects.get()
        assert (aside.given_up, aside.tries) == (True, 2)
        assert "ValueError: never" in aside.error

    def test_sigterm_lets_the_batch_end_and_leaves_its_share_to_others(self) -> None:
        def end(told: Heard) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        self.once()
        self.open()
        self.say("one")
        observe("said")(end)
        before = signal.getsignal(signal.SIGTERM)
        Worker(self.journal(), keep=True, tries=2).run()
        assert self.lines() == ["one"]
        assert signal.getsignal(signal.SIGTERM) == before
        assert self.client.hgetall(self.names.house("shares")) == {}

    def test_sigterm_wakes_one_that_waits(self) -> None:
        journal = self.journal()
        wait = journal.wait

        def waiting() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            wait()

        journal.wait = waiting  # type: ignore[method-assign]
        Worker(journal, keep=True, tries=2).run()

    def test_a_database_that_is_away_loses_nothing_and_gives_nothing_up(self) -> None:
        self.once()
        self.open()
        self.say("one")
        slept: list[float] = []
        journal = self.journal()
        with mock.patch("meet.rasputin.worker.tell", side_effect=[OperationalError("away")] * 3):
            self.assertRaises((OperationalError, StopIteration), self.once, journal, sleep=slept.append)
        assert len(slept) == 2
        assert (SetAside.objects.count(), self.lines()) == (0, [])
        self.once()
        assert self.lines() == ["one"]

    def test_a_bus_that_is_away_is_waited_for(self) -> None:
        journal = self.journal()
        slept: list[float] = []
        with mock.patch.object(journal, "begin", side_effect=Unavailable("gone")):
            self.assertRaises(Unavailable, self.once, journal, sleep=slept.append)
        assert len(slept) == 2

    def test_what_a_view_could_not_send_is_sent(self) -> None:
        self.open()
        away = MemoryBus()
        away.away = True
        with buses.using(away), self.captureOnCommitCallbacks(execute=True):
            say("algebra", "late")
        assert Outgoing.objects.count() == 1
        self.once()
        self.once()
        assert self.lines() == ["late"]
        assert Outgoing.objects.count() == 0
        assert Room.objects.get().name == "algebra"
