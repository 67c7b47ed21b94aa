"""Each record once, wholly or not at all."""

from __future__ import annotations

from django.db import transaction

from meet.errors import Refused
from meet.events import Position
from meet.rasputin.models import Line, SetAside, Told
from meet.rasputin.observing import RECEIVERS, Heard, observe
from meet.rasputin.telling import LONGEST_BODY, BrokenReceiver, readable, set_aside, tell, tell_again
from meet.rasputin.testing import RasputinTestCase
from tests.rasputin.test_keeping import line

HERE = Position("k3q", 12)


class Telling(RasputinTestCase):
    def setUp(self) -> None:
        super().setUp()
        before = dict(RECEIVERS)
        self.addCleanup(lambda: (RECEIVERS.clear(), RECEIVERS.update(before)))
        self.heard: list[str] = []
        self.broken = True

        @observe("said")
        def good(heard: Heard) -> None:
            self.heard.append(heard.fields["text"])

        @observe("said")
        def bad(heard: Heard) -> None:
            if self.broken:
                raise ZeroDivisionError("no")

    def test_a_record_that_comes_twice_is_told_once(self) -> None:
        self.broken = False
        assert tell(line("hi", HERE), keep=True)
        assert not tell(line("hi", HERE), keep=True)
        assert self.heard == ["hi"]

    def test_a_receiver_that_raises_undoes_it_all(self) -> None:
        with self.assertRaises(BrokenReceiver) as raised:
            tell(line("hi", HERE), keep=True)
        assert raised.exception.name.endswith("bad")
        assert (Line.objects.count(), Told.objects.count()) == (0, 0)

    def test_one_that_is_given_up_is_left_out(self) -> None:
        for tries in (1, 2):
            with self.assertRaises(BrokenReceiver) as raised:
                tell(line("hi", HERE), keep=True)
            aside = set_aside(line("hi", HERE), raised.exception, 2)
            assert (aside.tries, aside.given_up) == (tries, tries == 2)
            assert "ZeroDivisionError: no" in aside.error
        self.heard.clear()
        assert tell(line("hi", HERE), keep=True)
        assert self.heard == ["hi"]
        assert Line.objects.get().text == "hi"
        assert SetAside.objects.get().given_up

    def test_what_was_given_up_can_be_told_again(self) -> None:
        with self.assertRaises(BrokenReceiver) as raised:
            tell(line("hi", HERE), keep=True)
        row = set_aside(line("hi", HERE), raised.exception, 1)
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            tell_again(row)
        assert SetAside.objects.count() == 1
        self.broken = False
        tell_again(row)
        assert SetAside.objects.count() == 0
        row.receiver = "nobody.knows"
        with self.assertRaisesRegex(LookupError, "nobody.knows"):
            tell_again(row)

    def test_one_that_recovers_leaves_nothing_behind(self) -> None:
        with self.assertRaises(BrokenReceiver) as raised:
            tell(line("hi", HERE), keep=True)
        set_aside(line("hi", HERE), raised.exception, 5)
        self.broken = False
        tell(line("hi", HERE), keep=True)
        assert SetAside.objects.count() == 0

    def test_kinds_of_a_newer_meet_pass(self) -> None:
        newer: list[str] = []
        observe("sung")(lambda heard: newer.append(heard.fields["song"]))
        self.publish("algebra", {"kind": "sung", "at": "", "song": "la"})
        assert newer == ["la"]

    def test_nothing_is_kept_if_the_site_does_not_want_it(self) -> None:
        self.broken = False
        tell(line("hi", HERE), keep=False)
        assert (self.heard, Line.objects.count()) == (["hi"], 0)


class Readable(RasputinTestCase):
    def test_what_is_no_event_is_refused(self) -> None:
        for body in (b"hi", b"[]", b"\xff", b"{}", b'{"kind":7}', b"[" * 100_000, b'{"kind":"' + b"x" * LONGEST_BODY):
            with self.assertRaises(Refused):
                readable("algebra", HERE, body)
        assert readable("algebra", HERE, b'{"kind":"new"}').kind == "new"
