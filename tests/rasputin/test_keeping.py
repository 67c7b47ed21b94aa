"""Rooms and lines as they are kept, and how they go."""

from __future__ import annotations

from meet.commands import Extend, Remove, Retitle
from meet.events import Expired, Position, Renewed, Said
from meet.posts import Provenance
from meet.rasputin.models import Line, Room, SetAside, Told
from meet.rasputin.observing import Heard
from meet.rasputin.telling import tell
from meet.rasputin.testing import RasputinTestCase
from meet.wire import encode

AT = "2026-11-24T14:05:09.120Z"


def line(text: str, position: Position) -> Heard:
    return Heard("algebra", position, encode(Said(at=AT, by="p7", nick="ann", via="web", text=text)))


class Keeping(RasputinTestCase):
    def lines(self) -> list[str]:
        return list(Line.objects.order_by("number").values_list("text", flat=True))

    def test_a_room_and_what_is_said_in_it(self) -> None:
        self.open("algebra", title="Algebra")
        self.said("algebra", "ann", "hi")
        self.said("algebra", "bob", "hello 👋🏽")
        room = Room.objects.get()
        assert (room.name, room.title, room.limit, room.closed) == ("algebra", "Algebra", 140, None)
        assert [(each.nick, each.text) for each in room.lines.all()] == [("ann", "hi"), ("bob", "hello 👋🏽")]
        assert room.opened_by("key")
        assert not room.opened_by("another")
        assert list(Room.objects.with_key("key")) == [room]

    def test_what_a_host_changes(self) -> None:
        from meet.commands import Join

        self.open("algebra")
        self.happens("algebra", Join(nick="ann", via="web", host_key="key"), "ann")
        self.happens("algebra", Retitle(title="Groups"), "ann")
        before = Room.objects.get().ends
        self.happens("algebra", Extend(ends=before.timestamp() + 60), "ann")
        room = Room.objects.get()
        assert (room.title, (room.ends - before).total_seconds()) == ("Groups", 60)
        self.closed("algebra")
        room = Room.objects.get()
        assert room.closed is not None
        assert room.because == "host"
        assert list(Room.objects.open()) == []

    def test_what_meet_deletes_is_deleted(self) -> None:
        self.open("algebra")
        self.said("algebra", "ann", "a secret")
        SetAside.objects.create(room="algebra", epoch="test", number=3, body="a secret", receiver="x")
        self.bus.drop("algebra")
        self.deliver()
        assert [model.objects.count() for model in (Room, Line, SetAside)] == [0, 0, 0]
        assert Told.objects.filter(room="algebra").count() == 0

    def test_a_line_that_a_host_removes_is_deleted_and_so_is_what_could_not_be_told_of_it(self) -> None:
        from meet.commands import Join

        self.open("algebra")
        self.happens("algebra", Join(nick="ann", via="web", host_key="key"), "ann")
        self.said("algebra", "bob", "rude")
        self.said("algebra", "bob", "kind")
        number = Line.objects.get(text="rude").number
        epoch = Room.objects.get().epoch
        SetAside.objects.create(room="algebra", epoch=epoch, number=number, body="rude", receiver="x")
        self.happens("algebra", Remove(number=number), "ann")
        assert self.lines() == ["kind"]
        assert SetAside.objects.count() == 0

    def test_of_a_post_whose_words_must_go_the_link_is_kept_and_they_go_from_what_could_not_be_told(self) -> None:
        link = "https://x.com/i/status/9"
        post = Provenance(id="9", handle="dora", at=AT, link=link, expires="2026-11-25T14:05:09.120Z")
        body = encode(Said(at=AT, by="twitter:7", nick="Dora", via="twitter", text="words", post=post))
        tell(Heard("algebra", Position("old", 2), body), keep=True)
        assert self.lines() == [f"post on X {link}"]
        SetAside.objects.create(room="algebra", epoch="old", number=2, body=body.decode(), receiver="x")
        for number, until in ((3, "2026-11-25T14:05:09.119Z"), (4, "2026-11-25T14:05:09.120Z")):
            assert "words" in SetAside.objects.get().body
            tell(Heard("algebra", Position("old", number), encode(Expired(at=AT, until=until))), keep=True)
        aside = SetAside.objects.get().body
        assert link in aside
        assert "words" not in aside

    def test_a_room_that_goes_on_in_another_log_is_one_room_and_nothing_is_told_twice(self) -> None:
        tell(line("one", Position("old", 2)), keep=True)
        tell(line("two", Position("old", 3)), keep=True)
        renewed = encode(Renewed(at=AT, was="old"))
        assert tell(Heard("algebra", Position("new", 5), renewed), keep=True)
        assert not tell(line("two", Position("new", 3)), keep=True)
        assert tell(line("lost before", Position("new", 4)), keep=True)
        assert Room.objects.get().epoch == "new"
        assert self.lines() == ["one", "two", "lost before"]

    def test_a_room_that_was_open_before_the_site_heard_anything(self) -> None:
        tell(line("late", Position("old", 700)), keep=True)
        assert (Room.objects.get().name, self.lines()) == ("algebra", ["late"])

    def test_moments_that_cannot_be_read_stop_nothing(self) -> None:
        body = encode(Said(at="soon", by="p" * 100, nick="n" * 50, via="v" * 50, text="hi"))
        tell(Heard("algebra", Position("old", 1), body), keep=True)
        assert self.lines() == ["hi"]
