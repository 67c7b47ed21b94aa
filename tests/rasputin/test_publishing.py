"""What a view publishes is sent with its commit, once, also if Meet is away then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import transaction

from meet.errors import Refused
from meet.rasputin.models import Line, Outgoing, Room
from meet.rasputin.publishing import close_room, extend, live_room, open_room, retitle, say, send_waiting
from meet.rasputin.testing import RasputinTestCase


class Publishing(RasputinTestCase):
    def test_nothing_is_sent_before_the_commit(self) -> None:
        with self.committed():
            open_room("algebra", title="Algebra")
            assert self.bus.entries == []
            assert Outgoing.objects.count() == 1
        assert Room.objects.get().title == "Algebra"
        assert Outgoing.objects.count() == 0

    def test_what_is_rolled_back_is_never_sent(self) -> None:
        with self.committed(), self.assertRaises(ZeroDivisionError), transaction.atomic():
            open_room("algebra")
            raise ZeroDivisionError
        assert (self.bus.entries, Outgoing.objects.count()) == ([], 0)

    def test_a_room_from_its_opening_to_its_end(self) -> None:
        with self.committed():
            opening = open_room("My Lesson", hours=2, limit=200)
        assert opening.room == "my-lesson"
        key = opening.host_key
        with self.committed():
            line = say("my-lesson", "Welcome.", nick="Teacher")
        assert line.position == "test.3"
        with self.committed():
            retitle("my-lesson", "Algebra", host_key=key)
            extend("my-lesson", datetime.now(UTC) + timedelta(hours=5), host_key=key)
            close_room("my-lesson", host_key=key)
        room = Room.objects.get()
        assert (room.title, room.because, room.limit) == ("Algebra", "host", 200)
        assert room.opened_by(key)
        assert [(each.nick, each.text) for each in Line.objects.all()] == [("Teacher", "Welcome.")]

    def test_what_cannot_be_sent_waits_and_is_said_once(self) -> None:
        self.open("algebra")
        self.bus.away = True
        with self.captureOnCommitCallbacks(execute=True):
            first = say("algebra", "one")
            say("algebra", "two")
        assert (first.tries, first.code) == (1, "")
        assert "away" in first.detail
        assert send_waiting() == 0
        self.bus.away = False
        assert send_waiting() == 2
        self.deliver()
        assert list(Line.objects.values_list("text", flat=True)) == ["one", "two"]
        assert Outgoing.objects.count() == 0

    def test_what_meet_refuses_is_kept_with_its_reason_and_not_asked_again(self) -> None:
        with self.committed():
            outgoing = say("nowhere", "hi")
        assert (outgoing.code, outgoing.position) == ("no-room", "")
        row = Outgoing.objects.get()
        assert (row.code, row.kind) == ("no-room", "say")
        assert "nowhere" in row.detail
        assert send_waiting() == 0

    def test_a_host_key_is_kept_no_longer_than_it_is_needed(self) -> None:
        with self.committed():
            close_room("nowhere", host_key="key")
        assert Outgoing.objects.get().host_key == ""

    def test_a_name_that_no_room_can_have_is_refused_at_once(self) -> None:
        with self.assertRaises(Refused):
            open_room("?")
        assert Outgoing.objects.count() == 0

    def test_a_room_as_it_is_now(self) -> None:
        self.open("algebra")
        self.said("algebra", "ann", "hi")
        assert [person.nick for person in live_room("algebra").people] == ["ann"]
        assert not live_room("nowhere").exists
