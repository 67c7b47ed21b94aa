"""One room that follows a source: what is new, what is left out, what is on its way."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Command, Note, Relay, Withdraw
from meet.events import Entry, Followed, Position, Removed, Said
from meet.feed import Feed
from meet.followed import FollowedRoom
from meet.limits import Limits
from meet.moments import moment
from meet.posts import Post, Provenance
from meet.wire import encode
from tests.stories import NOON, opened


class Rooms(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOON)
        self.feed = Feed("algebra", Limits())
        self.feed.hole = False
        self.asked: list[Command] = []
        self.answer: Deferred[bool] | None = None
        for event in (opened(), Followed(at=moment(NOON), by="i", nick="Ann", words=("#pycon",))):
            self.numbered(event)
        limits = Limits().but({"posts-per-source": 2})
        self.room = FollowedRoom(self.feed, lambda: None, self.clock, limits, "square", self.ask)

    def numbered(self, event: object) -> Entry:
        seq = self.feed.last.seq + 1 if self.feed.last else 1
        (item,) = self.feed.hear(Position("k3q", seq), encode(event))
        return item

    def ask(self, command: Command) -> Deferred[bool]:
        self.asked.append(command)
        return self.answer or succeed(True)

    def post(self, number: int, **but: str) -> Post:
        at = moment(NOON + number)
        values = {"source": "square", "id": str(number), "author": "d", "name": "D", "handle": "d", "at": at}
        return Post(**values | {"text": "hi", "link": "https://l"} | but)

    def stands(self, number: int) -> Entry:
        post = Provenance(id=str(number), handle="d", at=moment(NOON + number), link="https://l")
        item = self.numbered(Said(at=moment(NOON), by="square:d", nick="D", via="square", text="hi", post=post))
        self.room.heard(item)
        return item

    def test_the_newest_is_by_when_it_was_written(self) -> None:
        assert self.room.newest("square") == 0
        self.stands(3)
        self.stands(1)
        assert self.room.newest("square") == NOON + 3

    def test_one_that_stands_is_not_asked_for(self) -> None:
        self.stands(3)
        self.room.take(self.post(3))
        assert self.asked == []

    def test_more_than_the_bucket_holds_is_left_out_and_told_once(self) -> None:
        for number in range(5):
            self.room.take(self.post(number))
        assert [type(each) for each in self.asked] == [Relay, Relay]
        self.clock.advance(10)
        told = self.asked[-1]
        assert isinstance(told, Note)
        assert told.text == "3 posts were left out in the last 10 seconds: more came than can be read."
        self.clock.advance(20)
        assert self.asked[-1] is told

    def test_what_was_left_out_is_told_when_nothing_more_comes(self) -> None:
        for number in range(3):
            self.room.take(self.post(number))
        self.room.stop()
        assert isinstance(self.asked[-1], Note)
        assert self.asked[-1].text.startswith("1 post was left out")
        assert self.clock.getDelayedCalls() == []

    def test_one_that_was_refused_may_come_again(self) -> None:
        self.answer = succeed(False)
        self.room.take(self.post(3))
        self.answer = None
        self.room.take(self.post(3))
        assert [type(each) for each in self.asked] == [Relay, Relay]

    def test_one_withdrawn_on_its_way_is_withdrawn_as_soon_as_it_stands(self) -> None:
        self.answer = Deferred()
        self.room.take(self.post(3))
        self.room.withdraw(["3"])
        item = self.stands(3)
        assert self.asked[-1] == Withdraw(number=item.position.seq)

    def test_what_an_archive_knows_is_older_than_all_that_stands(self) -> None:
        old = Provenance(id="1", handle="d", at=moment(NOON), link="https://l")
        said = Said(at=moment(NOON), by="square:d", nick="D", via="square", text="hi", post=old)
        newer = self.stands(2)
        self.room.recall([Entry(Position("k3q", 1), said, encode(said))])
        assert self.room.standing(0) == ["1", "2"]
        self.room.take(self.post(1))
        assert self.asked == []
        self.room.withdraw(["1"])
        assert self.asked == [Withdraw(number=1)]
        self.room.heard(self.numbered(Removed(at="", number=newer.position.seq, because="host")))
        self.room.withdraw(["2"])
        assert len(self.asked) == 1

    def test_an_edit_takes_the_place_of_what_stands(self) -> None:
        item = self.stands(3)
        edit = self.post(4, was="3", text="better")
        self.room.take(edit)
        assert self.asked == [Withdraw(number=item.position.seq), Relay(post=edit)]
