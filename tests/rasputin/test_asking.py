"""A site speaks by Meet's rules, and leaves nobody behind."""

from __future__ import annotations

import time

from django.test import SimpleTestCase

from meet.commands import Close, Extend, Join, Open, Retitle, Say
from meet.errors import Refused, Taken, Unavailable
from meet.events import Event, Position
from meet.limits import Limits
from meet.names import digest
from meet.rasputin.asking import Asker, ask, command_of, feed_of, words_of
from meet.rasputin.testing import MemoryBus
from meet.room import Guards

LIMITS = Limits()
SITE = Asker("Site", "a token")
HOST = Asker("Site", "a token", "key")


class Asking(SimpleTestCase):
    def setUp(self) -> None:
        self.bus = MemoryBus()
        self.ask(Open(title="", ends=time.time() + 3600, limit=140, lock=digest("key")))

    def ask(self, command: object, asker: Asker = SITE) -> Position:
        return ask(self.bus, LIMITS, "algebra", command, asker, time.time())  # type: ignore[arg-type]

    def kinds(self) -> list[str]:
        return [heard.kind for heard in self.bus.entries]

    def test_it_comes_in_says_its_line_and_leaves(self) -> None:
        self.ask(Say(text="Ten minutes left."))
        assert self.kinds() == ["opened", "joined", "said", "left"]
        line = self.bus.entries[2]
        assert (line.fields["nick"], line.fields["via"], line.fields["by"]) == ("Site", "site", digest("a token"))
        assert list(feed_of(self.bus, "algebra", LIMITS).room.people) == []

    def test_asked_again_it_is_said_once(self) -> None:
        first = self.ask(Say(text="hi", ref="7"))
        assert self.ask(Say(text="hi", ref="7")) == first
        assert self.kinds().count("said") == 1

    def test_opened_again_it_is_the_same_room(self) -> None:
        assert self.ask(Open(title="", ends=time.time() + 3600, limit=140, lock=digest("key"))) == Position("test", 1)
        with self.assertRaisesRegex(Refused, "room-exists"):
            self.ask(Open(title="", ends=time.time() + 3600, limit=140, lock=digest("another")))

    def test_a_host_key_makes_a_host(self) -> None:
        with self.assertRaisesRegex(Refused, "not-host"):
            self.ask(Close())
        self.ask(Retitle(title="Groups"), HOST)
        self.ask(Extend(ends=time.time() + 7200), HOST)
        self.ask(Close(), HOST)
        assert feed_of(self.bus, "algebra", LIMITS).room.closed == "host"
        with self.assertRaisesRegex(Refused, "room-closed"):
            self.ask(Say(text="hi"))

    def test_a_wrong_key_and_a_refused_line_leave_nobody_behind(self) -> None:
        with self.assertRaisesRegex(Refused, "wrong-key"):
            self.ask(Close(), Asker("Site", "a token", "guess"))
        with self.assertRaisesRegex(Refused, "too-long"):
            self.ask(Say(text="x" * 141))
        assert list(feed_of(self.bus, "algebra", LIMITS).room.people) == []

    def test_a_nick_that_is_taken_is_refused(self) -> None:
        feed = feed_of(self.bus, "algebra", LIMITS)
        event = feed.room.decide(Join(nick="SITE", via="web"), "p7", time.time())
        self.bus.publish("algebra", event, feed.room.guards(event))
        with self.assertRaisesRegex(Refused, "nick-taken"):
            self.ask(Say(text="hi"))

    def test_two_that_speak_at_once_under_one_nick(self) -> None:
        """Another view of the same site leaves while this one is about to speak."""
        publish = self.bus.publish
        before: list[Event] = []

        def interrupted(room: str, event: Event, guards: Guards) -> Position:
            if type(event).__name__ == "Said" and not before:
                before.append(event)
                raise Taken("The other view has just left.")
            return publish(room, event, guards)

        self.bus.publish = interrupted  # type: ignore[method-assign]
        self.ask(Say(text="hi"))
        assert self.kinds().count("said") == 1

    def test_one_that_died_in_between_is_still_there_and_leaves_with_the_next_line(self) -> None:
        feed = feed_of(self.bus, "algebra", LIMITS)
        event = feed.room.decide(Join(nick="Site", via="site"), SITE.id, time.time())
        self.bus.publish("algebra", event, feed.room.guards(event))
        self.ask(Say(text="hi"))
        assert self.kinds() == ["opened", "joined", "said", "left"]

    def test_a_room_that_changes_all_the_time_is_given_up(self) -> None:
        def stale(*_words: object) -> Position:
            raise Taken("Again.")

        self.bus.publish = stale  # type: ignore[method-assign]
        with self.assertRaises(Unavailable):
            self.ask(Say(text="hi"))

    def test_a_command_is_kept_as_text(self) -> None:
        for command in (
            Open(title="A", ends=1.5, limit=140, lock="l"),
            Say(text="hi", ref="7"),
            Retitle(title="B"),
            Extend(ends=2.5),
            Close(),
        ):
            assert command_of(words_of(command)) == command
