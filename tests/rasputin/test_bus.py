"""What a site publishes is what Meet reads."""

from __future__ import annotations

from meet.errors import Unavailable
from meet.rasputin.asking import feed_of
from meet.rasputin.bus import RedisBus, current, using
from meet.rasputin.testing import MemoryBus
from tests.rasputin.ground import LIMITS, BusCase, said, server


class Publishing(BusCase):
    def test_a_channel_hears_it_and_the_room_remembers_it(self) -> None:
        ear = self.client.pubsub(ignore_subscribe_messages=True)
        ear.subscribe(self.names.channel("algebra"))
        self.open()
        position = self.say("hi")
        heard: list[bytes] = []
        for message in ear.listen():
            heard.append(message["data"])
            if b'"left"' in heard[-1]:
                break
        ear.close()
        assert [data.split(b" ", 1)[0].decode() for data in heard if b'"said"' in data] == [str(position)]
        assert [each.body for each in feed_of(self.bus, "algebra", LIMITS).tail] == [
            data.split(b" ", 1)[1] for data in heard if b'"said"' in data
        ]

    def test_a_copy_that_is_wanted_and_missing_is_told(self) -> None:
        careful = RedisBus(self.client, self.names, LIMITS, wait=1)
        self.open()
        self.bus = careful
        with self.assertRaisesRegex(Unavailable, "could not copy"):
            self.say("hi")

    def test_another_bus_for_a_while(self) -> None:
        memory = MemoryBus()
        with using(memory):
            assert current() is memory
        assert isinstance(current(), RedisBus)


class Observing(BusCase):
    def test_what_is_published_is_journaled(self) -> None:
        journal = self.journal()
        journal.begin()
        self.open()
        self.say("hi")
        journal.wait()
        assert said(self.all(journal)) == ["hi"]
        assert server().running
