"""What may be asked for."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Command, Join, Leave, Open, Say
from meet.limits import Limits
from meet.posts import Post
from meet.room import Room

POST = Post(source="x", id="1", author="7", name="Ann", handle="ann", at="", text="hi", link="https://x.example/1")
OF_POSTS = {
    "number": 1,
    "words": ("#a",),
    "author": "x:7",
    "source": "x",
    "post": POST,
    "day": "2026-11-24",
    "count": 1,
    "before": 0.0,
}


class Commands(SynchronousTestCase):
    def test_what_need_not_be_said_has_a_plain_meaning(self) -> None:
        assert Leave().because == "left"
        assert Join(nick="Ann", via="web").host_key == ""
        assert Say(text="hi").ref == ""

    def test_what_was_asked_does_not_change(self) -> None:
        with pytest.raises(AttributeError):
            Say(text="hi").text = "ho"  # type: ignore[misc]

    def test_the_same_wish_is_equal(self) -> None:
        assert Say(text="hi", ref="7") == Say(text="hi", ref="7") != Say(text="hi")

    def test_a_room_answers_every_command(self) -> None:
        kinds = set(Command.__subclasses__())
        assert Open in kinds
        for kind in kinds - {Open}:
            values = {"nick": "Ann", "via": "web", "text": "hi", "title": "A", "ends": 0.0, "host": False, **OF_POSTS}
            command = kind(**{name: values[name] for name in kind.__struct_fields__ if name in values})
            with pytest.raises(Exception, match="There is no room algebra"):
                Room("algebra", Limits()).decide(command, "id-ann", 0.0)
