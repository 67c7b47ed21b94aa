"""One worker among others, on the real Redis."""

from __future__ import annotations

import re
from pathlib import Path

from django.test import SimpleTestCase

import meet
from meet.bus import PATIENCE
from meet.errors import Unavailable
from meet.keys import SHARDS, shard_of
from meet.rasputin import journal as module
from meet.rasputin.connection import connect
from meet.rasputin.journal import Journal
from tests.rasputin.ground import BusCase, heard_in, said, server
from tests.servers.redis import Redis

ROOMS = [f"room{each}" for each in range(8)]


class Time:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Telling(BusCase):
    def test_everything_in_order_within_a_room_and_only_until_it_is_acknowledged(self) -> None:
        journal = self.journal()
        journal.begin()
        for room in ROOMS:
            self.open(room)
            for each in range(3):
                self.say(f"{room} {each}", room)
        journal.wait()
        told = self.all(journal)
        for room in ROOMS:
            assert said([each for each in told if each.room == room]) == [f"{room} {each}" for each in range(3)]
        assert self.all(journal) == []
        again = self.journal()
        journal.end()
        again.begin()
        assert self.all(again) == []

    def test_what_was_not_acknowledged_comes_again_to_whoever_takes_over(self) -> None:
        first = self.journal()
        first.begin()
        self.open()
        self.say("one")
        first.wait()
        batch = first.take()
        assert batch is not None
        first.acknowledge(batch, [number for number, heard in batch.records if heard and heard.kind != "said"])
        first.end()
        second = self.journal()
        second.begin()
        assert said(self.all(second)) == ["one"]

    def test_what_rooms_remember_is_told_to_who_is_new(self) -> None:
        self.open()
        self.say("before")
        journal = self.journal()
        journal.begin()
        self.say("after")
        journal.wait()
        told = self.all(journal)
        assert told[0].kind == "opened"
        assert said(told) == ["before", "after"]
        journal.end()
        again = self.journal()
        again.begin()
        assert self.all(again) == []

    def test_several_share_the_work_and_a_dead_ones_goes_to_the_others(self) -> None:
        one, two = self.journal(), self.journal()
        one.begin()
        two.begin()
        one.pulse()
        two.pulse()
        assert len(one._shards) == len(two._shards) == SHARDS // 2
        assert not set(one._shards) & set(two._shards)
        for room in ROOMS:
            self.open(room)
        # The first says nothing for longer than the others wait.
        alive = self.names.house("alive")
        self.client.zincrby(alive, -1000 * (PATIENCE + 1), one._process)
        two.pulse()
        assert len(two._shards) == SHARDS
        assert {each.room for each in self.all(two)} == set(ROOMS)
        stale = one.take()
        while stale is not None:
            assert heard_in(stale) == []
            stale = one.take()
        assert one._shards.keys().isdisjoint({shard_of(room) for room in ROOMS})

    def test_what_could_not_be_dealt_with_rests_and_others_do_not(self) -> None:
        time = Time()
        journal = self.journal(now=time)
        journal.begin()
        for room in ("algebra", "botany"):
            self.open(room)
        journal.wait()
        first = journal.take()
        assert first is not None
        journal.again(first, 5)
        (other,) = [each.room for each in self.all(journal)]
        assert {other, heard_in(first)[0].room} == {"algebra", "botany"}
        assert journal.take() is None
        time.now += 6
        assert self.all(journal) == heard_in(first)

    def test_what_is_no_record_is_counted_and_passed_over(self) -> None:
        journal = self.journal()
        journal.begin()
        self.open()
        stream = self.names.of(shard_of("algebra"), "journal")
        for fields in (
            {"x": "y"},
            {"r": "algebra", "p": "nowhere", "b": "{}"},
            {"r": "algebra", "p": "k.1", "b": "hi"},
        ):
            self.client.xadd(stream, fields)
        self.client.xadd(stream, {"r": "algebra", "p": "k.2", "b": '{"kind":"said","text":"' + "x" * 70_000 + '"}'})
        self.say("goes on")
        journal.wait()
        assert said(self.all(journal)) == ["goes on"]
        assert journal.refused == 4

    def test_a_name_is_seen_by_the_operator(self) -> None:
        journal = self.journal("my-site")
        journal.begin()
        assert self.client.hexists(self.names.house("seen"), "my-site")


class Losing(BusCase):
    def test_a_redis_that_is_away_or_emptied(self) -> None:
        with Redis() as own:
            from meet.address import read_address

            journal = Journal(connect(read_address(own.url)), self.names, "site", Time())
            journal.begin()
            own.stop()
            with self.assertRaises(Unavailable):
                journal.pulse()
            own.start()
            self.client = connect(read_address(own.url))
            with self.assertRaises(Unavailable):
                while True:
                    journal.take()
                    journal.pulse()
                    assert journal._ready
            journal.begin()
            from meet.rasputin.bus import RedisBus
            from tests.rasputin.ground import LIMITS

            self.bus = RedisBus(self.client, self.names, LIMITS)
            self.open()
            journal.wait()
            assert [each.kind for each in self.all(journal)] == ["opened"]
            journal.end()


class Scripts(SimpleTestCase):
    def test_the_keys_are_those_of_the_script(self) -> None:
        text = (Path(meet.__file__).parent / "broker" / "redis" / "pulse.lua").read_text()
        found = re.search(r"^local ([\w, ]+) = unpack\(KEYS\)", text, re.MULTILINE)
        assert found is not None
        assert tuple(found[1].split(", ")) == module._HOUSE
        assert server().running
