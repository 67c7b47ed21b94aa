"""What is kept, as people read it."""

from __future__ import annotations

from django.core.management import call_command
from django.test import override_settings

from meet.rasputin.models import Line, Outgoing, Room, SetAside, Told
from meet.rasputin.testing import RasputinTestCase


class Models(RasputinTestCase):
    def test_the_tables_are_what_the_migrations_make(self) -> None:
        call_command("makemigrations", "rasputin", check=True, dry_run=True, verbosity=0)

    def test_each_says_what_it_is(self) -> None:
        self.open("algebra")
        self.said("algebra", "ann", "hi")
        assert str(Room.objects.get()) == "algebra"
        assert str(Line.objects.get()) == "<ann> hi"
        assert str(Told.objects.last()) == "algebra test.3"
        aside = SetAside(room="algebra", epoch="k3q", number=7, receiver="site.note")
        assert str(aside) == "algebra k3q.7: site.note"
        assert str(Outgoing(room="algebra", command='{"ask":"close"}')) == "close in algebra"

    def test_a_room_is_linked_to_meet(self) -> None:
        self.open("algebra")
        with override_settings(RASPUTIN={"BROKER": "redis://x", "URL": "https://meet.example/"}):
            assert Room.objects.get().url == "https://meet.example/algebra"
