"""One room that follows a source: which posts stand in it, how many more may come, what was left out.

The law: what is decided here without the room's law is only what to leave out; everything else is
asked of the room like anybody's wish.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from meet.commands import Command, Note, Relay, Spend, Withdraw
from meet.events import Entry, Position, Removed, Said
from meet.feed import Feed
from meet.limits import Bucket, Limits
from meet.moments import seconds
from meet.posts import Post, author_id

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

POSTS_SPAN = 10.0
"""Seconds over which posts are counted, and after which the room is told what was left out."""

KNOWN_MOST = 10_000
"""Pieces of talk that an archive is asked for, and posts of one room that are known: 2 MB."""

_UNDER_WAY = 100
"""Posts of one room that may wait for the broker; more are left out, as in a flood."""


class _Known(NamedTuple):
    """One post: its number in the room (None while on its way, or gone), when it came and by whom."""

    number: int | None
    came: float
    by: str


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
        # The posts of this source by their ids, and the ids of those that stand by their numbers.
        self._posts: dict[str, _Known] = {}
        self._ids: dict[int, str] = {}
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

    @property
    def passed(self) -> Position | None:
        """What lies before it has left the tail, and may be in an archive; None if nothing has."""
        floor = self.feed.memory().floor
        return None if self.feed.last is None or not floor else Position(self.feed.last.epoch, floor + 1)

    def recall(self, talk: Sequence[Entry]) -> None:
        """Learn of ``talk``, oldest first, that has left the tail: its posts can still be withdrawn."""
        newer, self._posts = self._posts, {}
        for item in talk:
            self._note_said(item)
        for post, known in newer.items():
            # One that was told again is on its way for nothing.
            if known.number is not None or post not in self._posts:
                self._note_post(post, known)

    def standing(self, since: float) -> list[str]:
        """The ids of the posts that stand here and came at ``since`` or later."""
        return [post for post, known in self._posts.items() if known.number is not None and known.came >= since]

    def knows(self, post: str) -> bool:
        """Whether the post of this id stands here, is on its way, or was removed."""
        return post in self._posts

    def heard(self, item: Entry) -> None:
        """Something became true in the room."""
        if isinstance(item.event, Removed) and (post := self._ids.pop(item.event.number, "")):
            # Its id stays known, so that it does not come back.
            self._posts[post] = self._posts[post]._replace(number=None)
        elif (post := self._note_said(item)) in self._withdrawn:
            self._ask(Withdraw(number=item.position.seq))

    def take(self, post: Post) -> None:
        """Let ``post`` stand in the room, if it is new, wanted and not one too many."""
        before = self._number(post.was) if post.was else None
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
        self._note_post(post.id, _Known(None, self._clock.seconds(), author_id(self._name, post.author)))
        self._under_way += 1
        self._ask(Relay(post=post)).addCallback(self._relayed, post.id)

    def withdraw(self, posts: Collection[str]) -> None:
        """The posts of these ids were deleted where they were written."""
        for post in posts:
            if (number := self._number(post)) is not None:
                self._ask(Withdraw(number=number))
            elif post in self._posts:
                self._withdrawn.add(post)

    def silence(self, author: str) -> None:
        """Let nothing stand that ``author`` (`meet.posts.author_id`) wrote."""
        for known in list(self._posts.values()):
            if known.by == author and known.number is not None:
                self._ask(Withdraw(number=known.number))

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

    def _note_said(self, item: Entry) -> str:
        """The id of the post that ``item`` is, which is known from now on; empty if it is none."""
        said = self._mine(item)
        if said is None or said.post is None:
            return ""
        self._note_post(said.post.id, _Known(item.position.seq, _seconds(said.at), said.by))
        return said.post.id

    def _note_post(self, post: str, known: _Known) -> None:
        self._forget(post)
        self._posts[post] = known
        if known.number is not None:
            self._ids[known.number] = post
        while len(self._posts) > KNOWN_MOST:
            self._forget(next(iter(self._posts)))

    def _forget(self, post: str) -> None:
        known = self._posts.pop(post, None)
        if known is not None and known.number is not None:
            self._ids.pop(known.number, None)

    def _number(self, post: str) -> int | None:
        known = self._posts.get(post)
        return None if known is None else known.number

    def _relayed(self, granted: bool, post: str) -> None:
        self._under_way -= 1
        self._withdrawn.discard(post)
        if not granted and self._number(post) is None:
            # It may be told again, as after the broker was away.
            self._forget(post)

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
