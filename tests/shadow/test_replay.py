"""What production did happens again, behind masks, at a real web door."""

from __future__ import annotations

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.web.client import Agent

from meet.events import Closed, Event, Extended, Joined, Left, Opened, Position, Renamed, Retitled, Said
from meet.shadow import replay as module
from meet.shadow.candidate import Candidate
from meet.shadow.masks import Masks
from meet.shadow.replay import Replay
from meet.shadow.report import Report
from meet.wire import encode
from tests.web.case import WebCase

AT = "2026-11-24T14:05:09.120Z"


def said(text: str, by: str = "p1", nick: str = "ann") -> Said:
    return Said(at=AT, by=by, nick=nick, via="web", text=text)


class Replaying(WebCase):
    speed = 1.0

    async def setUp(self) -> None:
        await super().setUp()
        self.masks = Masks(b"salt")
        self.report = Report()
        self.candidate = Candidate(self.url, HTTPClient(Agent(reactor)))
        self.begin(1.0)
        self.number = 0

    def begin(self, speed: float) -> None:
        self.replay = Replay(self.candidate, self.masks, self.report, reactor, speed)  # type: ignore[arg-type]

    async def tearDown(self) -> None:
        self.candidate.close()
        await super().tearDown()

    def happens(self, *events: Event, room: str = "algebra", skip: int = 0) -> None:
        for event in events:
            self.number += 1 + skip
            self.replay.heard(room, Position("k3q", self.number), encode(event))

    async def room(self, copy: int = 0) -> tuple[str, list[str]]:
        """What the candidate has of it: title and lines."""
        feed = await self.hub.feed(self.masks.room("algebra", copy))
        return feed.room.title, [item.event.text for item in feed.tail if isinstance(item.event, Said)]

    async def test_a_conversation(self) -> None:
        self.happens(
            Opened(at=AT, name="algebra", title="Algebra", ends="2030-01-01T00:00:00Z", limit=20, lock="l"),
            Joined(at=AT, by="p1", nick="ann", via="web", host=True),
            said("hello you"),
            Joined(at=AT, by="p2", nick="bob", via="irc"),
            Renamed(at=AT, by="p2", nick="rob", was="bob", via="irc"),
            Left(at=AT, by="p2", nick="bob", because="renamed", via="irc"),
            said("Grüße", "p2", "rob"),
            Retitled(at=AT, by="p1", nick="ann", title="Groups"),
            Left(at=AT, by="p2", nick="rob", because="left", via="irc"),
        )
        await self.replay.settled()
        title, lines = await self.room()
        assert title == "xxxxxx"
        assert sorted(lines) == ["xxxxx xxx", "xxжжx"]
        feed = await self.hub.feed(self.masks.room("algebra", 0))
        assert [(person.nick, person.host) for person in feed.room.people] == [(self.masks.nick("ann"), True)]
        self.happens(Closed(at=AT, because="host", by="p1", nick="ann"))
        await self.replay.settled()
        assert feed.room.closed == "host"
        told = self.report.told()
        assert (told["rooms"], told["joins"], told["lines"], told["heard"], told["refused"]) == (1, 2, 2, 2, {})

    async def test_a_room_that_was_open_before(self) -> None:
        self.happens(Left(at=AT, by="p9", nick="eve"), said("x" * 300), Extended(at=AT, by="p1", nick="a", ends=AT))
        await self.replay.settled()
        assert (await self.room())[1] == ["x" * 300]
        # An end in the past is refused there, and that is told.
        assert self.report.refused == {"bad-life": 1}
        assert not self.report.content

    async def test_three_times_as_much(self) -> None:
        self.begin(3.0)
        self.happens(said("one"), said("two"))
        await self.replay.settled()
        for copy in range(3):
            assert (await self.room(copy))[1] == ["xxx", "xxx"]
        assert self.report.told()["heard"] == 6

    async def test_a_share_of_the_rooms(self) -> None:
        self.begin(0.5)
        for each in range(20):
            self.happens(said("hi"), room=f"room{each}")
        await self.replay.settled()
        wanted = sum(self.masks.share(f"room{each}") < 0.5 for each in range(20))
        assert 0 < self.report.told()["rooms"] == wanted < 20

    async def test_what_production_did_not_tell_us_is_counted(self) -> None:
        self.happens(said("one"))
        self.happens(said("two"), skip=4)
        await self.replay.settled()
        assert self.report.counts["missed"] == 4

    async def test_what_is_too_much_is_left_out(self) -> None:
        self.patch(module, "ON_THE_WAY", 2)
        self.happens(*(said(f"{each}") for each in range(5)))
        await self.replay.settled()
        assert (self.report.counts["left-out"], self.report.told()["heard"]) == (3, 2)

    async def test_a_candidate_that_is_away(self) -> None:
        nobody = Candidate("http://127.0.0.1:1", HTTPClient(Agent(reactor, connectTimeout=2)))
        self.replay = Replay(nobody, self.masks, self.report, reactor)  # type: ignore[arg-type]
        self.happens(said("one"))
        await self.replay.settled()
        assert self.report.refused == {"failed": 2}
