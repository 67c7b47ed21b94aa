"""Which receivers want what."""

from __future__ import annotations

from django.test import SimpleTestCase

from meet.events import Position, Said, Unknown
from meet.rasputin.observing import RECEIVERS, Heard, observe

LINE = Heard("class-7", Position("k3q", 12), b'{"kind":"said","at":"","by":"p7","nick":"ann","via":"web","text":"hi"}')
NEWER = Heard("class-7", Position("k3q", 13), b'{"kind":"sung","at":"","song":"la"}')


class Receivers(SimpleTestCase):
    def setUp(self) -> None:
        before = dict(RECEIVERS)
        self.addCleanup(lambda: (RECEIVERS.clear(), RECEIVERS.update(before)))

    def wants(self, heard: Heard, *kinds: str, room: str = "*") -> bool:
        observe(*kinds, room=room)(self.wants)
        return list(RECEIVERS.values())[-1].wants(heard)

    def test_by_kind_and_by_room(self) -> None:
        assert self.wants(LINE)
        assert self.wants(LINE, "said", "closed")
        assert not self.wants(LINE, "closed")
        assert self.wants(LINE, room="class-7")
        assert self.wants(LINE, "said", room="class-*")
        assert not self.wants(LINE, "said", room="algebra")

    def test_a_kind_that_is_newer_can_be_observed(self) -> None:
        assert self.wants(NEWER, "sung")
        assert isinstance(NEWER.event, Unknown)
        assert NEWER.fields["song"] == "la"

    def test_an_event_is_an_object(self) -> None:
        assert isinstance(LINE.event, Said)
        assert LINE.event.text == "hi"

    def test_a_receiver_is_known_by_where_it_stands_and_stays_a_function(self) -> None:
        def note(heard: Heard) -> str:
            return heard.room

        assert observe("said")(note)(LINE) == "class-7"
        where = f"{__name__}.Receivers.{self._testMethodName}.<locals>.note"
        assert where in RECEIVERS
