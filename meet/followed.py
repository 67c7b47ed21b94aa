"""One room that follows a source: which posts stand in it, how many more may come, what was left out.

The law: what is decided here without the room's law is only what to leave out; everything else is
asked of the room like anybody's wish.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from meet.commands import Command, Note, Relay, Spend, Withdraw
from meet.events import Entry, Removed, Said
from meet.feed import Feed
from meet.limits import Bucket, Limits
from meet.moments import seconds
from meet.posts import Post

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

POSTS_SPAN = 10.0
"""Seconds over which posts are counted, and after which the room is told what was left out."""

_UNDER_WAY = 100
"""Posts of one room that may wait for the broker; more are left out, as in a flood."""


class FollowedRoom:
    """A room in which posts of the source ``name`` may stand.

    ``release`` lets go of its feed; ``ask`` asks the room, and fires with whether it was granted.
    """

    def __init__(
        self,
        feed: Feed,
        release: Callable[[], None],
        clock: IReactorTime,
        limits: Limits,
        name: str,
        ask: Callable[[Command], Deferred[bool]],
    ) -> None:
        self.feed = feed
        self._release = release
        self._clock = clock
        self._name = name
        self._ask = ask
        self._bucket = Bucket(limits.posts_per_source, POSTS_SPAN)
        self._most = limits.entries_in_tail
        # The posts of this source by their ids, each with its number; None while on its way, or gone.
        self._posts: dict[str, int | None] = {}
        # Withdrawn before they were heard to stand.
        self._withdrawn: set[str] = set()
        self._under_way = 0
        self._left_out = 0
        self._telling: IDelayedCall | None = None
        for item in feed.tail:
            self.heard(item)

    @property
    def words(self) -> tuple[str, ...]:
        """What it follows."""
        return self.feed.room.voices.words

    @property
    def paused(self) -> bool:
        """Whether its host lets nothing come in for now."""
        return self.feed.room.voices.choices.paused

    def newest(self, source: str) -> float:
        """When the newest post that stands here was written, in seconds since 1970; 0 if none does."""
        at = (_seconds(said.post.at) for item in self.feed.tail if (said := self._mine(item)) and said.post)
        return max(at, default=0.0)

    def knows(self, post: str) -> bool:
        """Whether the post of this id stands here, is on its way, or was removed."""
        return post in self._posts

    def heard(self, item: Entry) -> None:
        """Something became true in the room."""
        said = self._mine(item)
        if said is not None and said.post is not None:
            self._note_post(said.post.id, item.position.seq)
            if said.post.id in self._withdrawn:
                self._ask(Withdraw(number=item.position.seq))
        elif isinstance(item.event, Removed):
            for post, number in self._posts.items():
                if number == item.event.number:
                    # Its id stays known, so that it does not come back.
                    self._posts[post] = None
                    return

    def take(self, post: Post) -> None:
        """Let ``post`` stand in the room, if it is new, wanted and not one too many."""
        before = self._posts.get(post.was) if post.was else None
        edited = post.was == post.id
        if before is not None:
            self._ask(Withdraw(number=before))
        elif post.was in self._posts and post.was:
            # It was removed, or is on its way still: its edit would bring it back.
            return
        if (post.id in self._posts and not (edited and before is not None)) or not self.feed.room.voices.wants(post):
            return
        if self._under_way >= _UNDER_WAY or not self._bucket.take(self._clock.seconds()):
            self._leave_out()
            return
        self._note_post(post.id, None)
        self._under_way += 1
        self._ask(Relay(post=post)).addCallback(self._relayed, post.id)

    def withdraw(self, posts: Collection[str]) -> None:
        """The posts of these ids were deleted where they were written."""
        for post in posts:
            number = self._posts.get(post, 0)
            if number is None:
                self._withdrawn.add(post)
            elif number:
                self._ask(Withdraw(number=number))

    def silence(self, author: str) -> None:
        """Let nothing stand that ``author`` (`meet.posts.author_id`) wrote."""
        for item in list(self.feed.tail):
            said = self._mine(item)
            if said is not None and said.by == author:
                self._ask(Withdraw(number=item.position.seq))

    def note(self, text: str, hosts: bool = False) -> None:
        """Tell the room, or its hosts alone, something of the source."""
        self._ask(Note(source=self._name, text=text, hosts=hosts))

    def spend(self, day: str, count: int) -> None:
        """Remember in the room what its posts of ``day`` have come to."""
        if count and self.feed.room.voices.spent.get(self._name) != (day, count):
            self._ask(Spend(source=self._name, day=day, count=count))

    def stop(self) -> None:
        """Nothing more comes of this process.  What was left out until now is told at once."""
        if self._telling is not None:
            self._telling.cancel()
            self._tell()
        self._release()

    def _mine(self, item: Entry) -> Said | None:
        event = item.event
        return event if isinstance(event, Said) and event.post is not None and event.via == self._name else None

    def _note_post(self, post: str, number: int | None) -> None:
        self._posts.pop(post, None)
        self._posts[post] = number
        while len(self._posts) > self._most:
            del self._posts[next(iter(self._posts))]

    def _relayed(self, granted: bool, post: str) -> None:
        self._under_way -= 1
        self._withdrawn.discard(post)
        if not granted and self._posts.get(post, 0) is None:
            # It may be told again, as after the broker was away.
            del self._posts[post]

    def _leave_out(self) -> None:
        self._left_out += 1
        if self._telling is None:
            self._telling = self._clock.callLater(POSTS_SPAN, self._tell)

    def _tell(self) -> None:
        self._telling = None
        count, self._left_out = self._left_out, 0
        posts = "1 post was" if count == 1 else f"{count} posts were"
        self.note(f"{posts} left out in the last {POSTS_SPAN:.0f} seconds: more came than can be read.")


def _seconds(at: str) -> float:
    try:
        return seconds(at)
    except (ValueError, OverflowError):
        return 0.0
