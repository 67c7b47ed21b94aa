"""The following: brings what a source hears to the rooms that follow it.

For each source one process of all does it, by a lease of the broker::

    lease gained --> every room is looked at, the journal tells of the others --> source.start
    source --posted--> words --> rooms --choices, budget, bucket--> hub.ask(Relay) --> as any line
    lease lost   --> source.stop; another process begins where the newest post stands

The law: a source knows words and no rooms; what it does, or fails to do, costs nobody else
anything; and nobody's own line ever waits for a post.  What a room follows is state of the room,
so it is learnt from the broker alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredSemaphore, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.budget import Budget, next_day
from meet.commands import Command
from meet.errands import Errands
from meet.errors import Unavailable
from meet.events import Blocked, Chosen, Closed, Entry, Followed, Forgotten, Position
from meet.followed import KNOWN_MOST, FollowedRoom
from meet.hub import Hub
from meet.interfaces import IAudience, IBroker, ISource, IStore, Record
from meet.limits import Limits
from meet.posts import Post, author_id
from meet.recorder import FollowingInTurn, pause
from meet.wire import entry

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

BEFORE = 60.0
"""Seconds before its beginning from which a source is asked for posts, if none is known here."""

BEFORE_MOST = 900.0
"""And at most, if one is: nobody reads what is older."""

_LOOKS_AT_ONCE = 8
_PAGE = 1000
_PATIENCE = 30.0
"""Pieces of talk that an archive is asked for at once, and seconds until one that is away is asked again."""

_SAVED_EACH = 10
"""Paid posts of a room after which their count is written down in it: so many are forgotten with a process at most."""

_SAVED_AFTER = 1.0
"""And seconds after which, for all that have come by then: each process of the room hears of each count."""

_QUIET = 60.0
"""Seconds that a source may be away before hosts are told."""


def source_for(word: str, reactor: Any, settings: Mapping[str, str]) -> ISource:
    """The source that ``word`` names: a module of Meet's, or with a dot in it any module.

    Raises `ValueError` with one sentence if there is none, it lacks a setting or has no such one.
    """
    name = word if "." in word else f"meet.{word}"
    try:
        module = import_module(name)
        make, known = module.source, module.SETTINGS
    except (ImportError, AttributeError, ValueError):
        raise ValueError(f"There is no source called {word}.") from None
    for setting in settings:
        if setting not in known:
            raise ValueError(f"The source {word} has no setting {setting}; it has {', '.join(known) or 'none'}.")
    chosen = {setting: default for setting, (default, _) in known.items()}
    source: ISource = make(reactor, {**chosen, **settings})
    return source


@implementer(IAudience)
class Follower(FollowingInTurn):
    """What follows one source, if it is this process's turn.

    What has left a room's tail is looked for in the ``archive``, if this process has it at hand.
    """

    log = Logger()

    def __init__(
        self,
        source: ISource,
        broker: IBroker,
        hub: Hub,
        clock: IReactorTime,
        limits: Limits,
        archive: IStore | None = None,
    ) -> None:
        super().__init__(broker, clock, f"source-{source.name}", self._hear, f"source:{source.name}")
        self.source = source
        self.name: str = source.name
        self._hub = hub
        self._archive = archive
        self._limits = limits
        bounded = limits.paid_posts or limits.paid_posts_per_room
        self._budget = Budget(limits) if source.costs and bounded else None
        self._rooms: dict[str, FollowedRoom] = {}
        self._by_word: dict[str, set[str]] = {}
        self._words: frozenset[str] = frozenset()
        self._refused: dict[str, str] = {}
        # They outlast the lease, so that what was heard before the broker went away is not lost with it.
        self._errands: dict[str, Errands] = {}
        self._looks = DeferredSemaphore(_LOOKS_AT_ONCE)
        self._started = False
        self._failures = 0
        self._timers: dict[str, IDelayedCall] = {}
        hub.follow(self._told)

    def stopService(self) -> Deferred[None]:
        """As `FollowingInTurn` says; what the broker has not taken by now is lost."""
        stopped = super().stopService()
        for errands in list(self._errands.values()):
            errands.stop()
        return stopped

    def _rest(self) -> Deferred[None]:
        started, self._started = self._started, False
        self._at_work = False
        heard_last = self.end()
        while self._timers:
            self._timers.popitem()[1].cancel()
        for room in list(self._rooms):
            self._drop(room)
        self._words = frozenset()
        self._refused.clear()
        if not started:
            return heard_last
        stopped = maybeDeferred(self.source.stop).addErrback(self._of_source)
        return stopped.addCallback(lambda _: heard_last)

    def _survey(self) -> None:
        """Look at every room, then begin."""
        self._timers.pop("survey", None)
        Deferred.fromCoroutine(self._look_at_all()).addErrback(self._not_surveyed)

    async def _look_at_all(self) -> None:
        for room in await self._broker.rooms():
            if not self._at_work:
                return
            await self._looks.run(self._look, room)
        self._failures = 0
        self._begin_source()

    def _not_surveyed(self, failure: Failure) -> None:
        if not isinstance(failure.value, Unavailable):
            self._bug(failure)
        self._again("survey", self._survey)

    def _begin_source(self) -> None:
        """Start the source, from the newest post that is known in any room."""
        self._timers.pop("begin", None)
        if not self._at_work or self._started:
            return
        now = self._clock.seconds()
        newest = max((room.newest(self.name) for room in self._rooms.values()), default=0.0)
        since = max(newest, now - BEFORE_MOST) if newest else now - BEFORE
        try:
            self.source.start(self, min(since, now))
        except Exception:
            self.log.failure("The source {source} could not be started", source=self.name)
            self._again("begin", self._begin_source)
            return
        self._started = True
        self.log.info("This process follows {source}.", source=self.name)
        self._follow()

    def _again(self, what: str, do: Callable[[], None]) -> None:
        self._failures += 1
        if self._at_work and what not in self._timers:
            self._timers[what] = self._clock.callLater(pause(self._failures), do)

    # Rooms and words.

    def _hear(self, records: Sequence[Record]) -> Deferred[None]:
        # What an attended room follows is told by the hub; here the others begin to.
        for room in dict.fromkeys(record.room for record in records if b'"kind":"followed"' in record.body):
            if room not in self._rooms:
                self._looks.run(self._look, room).addErrback(self._not_looked, room)
        return succeed(None)

    async def _look_into(self, room: str) -> None:
        feed = await self._hub.feed(room)
        if not self._at_work or room in self._rooms or feed.room.closed or not feed.room.voices.words:
            return
        self._rooms[room] = FollowedRoom(
            feed, self._hub.hold(room), self._clock, self._limits, self.name, lambda command: self._ask(room, command)
        )
        if self._budget is not None and (counted := feed.room.voices.spent.get(self.name)) is not None:
            self._budget.know(room, *counted, self._clock.seconds())
        self._follow()
        self._recall(room)

    def _recall(self, room: str) -> None:
        """Learn which posts of ``room`` only archives have, so that what is deleted there is removed there too."""
        self._timers.pop(f"recall:{room}", None)
        known = self._rooms.get(room)
        if known is not None and self._archive is not None and (passed := known.passed) is not None:
            asked = Deferred.fromCoroutine(self._read_archive(self._archive, room, passed))
            asked.addCallback(self._recalled, room, known).addErrback(self._not_recalled, room)

    async def _read_archive(self, archive: IStore, room: str, before: Position) -> list[Entry]:
        talk: list[Entry] = []
        while len(talk) < KNOWN_MOST:
            page = await archive.history(room, before, _PAGE)
            talk[:0] = [entry(position, body) for position, body in page]
            if len(page) < _PAGE:
                break
            before = page[0][0]
        return talk

    def _recalled(self, talk: list[Entry], room: str, known: FollowedRoom) -> None:
        if self._rooms.get(room) is known:
            known.recall(talk)

    def _not_recalled(self, failure: Failure, room: str) -> None:
        if not isinstance(failure.value, Unavailable):
            self._bug(failure)
        elif room in self._rooms:
            self._timers[f"recall:{room}"] = self._clock.callLater(_PATIENCE, self._recall, room)

    def _look(self, room: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self._look_into(room))

    def _not_looked(self, failure: Failure, room: str) -> None:
        if not isinstance(failure.value, Unavailable):
            self._bug(failure)
        elif self._at_work and (name := f"look:{room}") not in self._timers:
            self._timers[name] = self._clock.callLater(pause(1), self._look_again, room)

    def _look_again(self, room: str) -> None:
        self._timers.pop(f"look:{room}", None)
        self._looks.run(self._look, room).addErrback(self._not_looked, room)

    def _told(self, room: str, entries: Sequence[Entry]) -> None:
        """Something became true in a room of this process."""
        if not self._at_work:
            return
        known = self._rooms.get(room)
        if known is None:
            if any(isinstance(item.event, Followed) and item.event.words for item in entries):
                self._looks.run(self._look, room).addErrback(self._not_looked, room)
            return
        changed = False
        for item in entries:
            known.heard(item)
            event = item.event
            if isinstance(event, Blocked) and not event.lifted:
                known.silence(event.author)
            changed = changed or isinstance(event, Followed | Chosen | Closed | Forgotten)
        if changed:
            voices = known.feed.room.voices
            if not voices.words or known.feed.room.closed or isinstance(entries[-1].event, Forgotten):
                self._drop(room)
            for word in set(self._refused) - set().union(*(each.words for each in self._rooms.values())):
                del self._refused[word]
            for word in voices.words:
                if word in self._refused:
                    known.note(self._refused[word], hosts=True)
            self._follow()

    def _drop(self, room: str) -> None:
        known = self._rooms.pop(room, None)
        if known is not None:
            self._save(room, known)
            known.stop()

    def _follow(self) -> None:
        """Tell the source which words are wanted now, if they are others."""
        now = self._clock.seconds()
        by_word: dict[str, set[str]] = {}
        for name, room in self._rooms.items():
            if room.paused or (self._budget is not None and self._budget.spent(name, now)):
                continue
            for word in room.words:
                by_word.setdefault(word, set()).add(name)
        self._by_word = by_word
        words = frozenset(by_word)
        if words == self._words or not self._started:
            return
        self._words = words
        try:
            self.source.follow(words)
        except Exception:
            self.log.failure("The source {source} could not be told what to follow", source=self.name)

    # What the source tells.

    def posted(self, post: Post, words: Collection[str]) -> None:
        """As `IAudience` says."""
        self._safely(self._posted, post, words)

    def withdrawn(self, posts: Collection[str]) -> None:
        """As `IAudience` says."""
        for room in list(self._rooms.values()):
            self._safely(room.withdraw, posts)

    def standing(self, since: float) -> Collection[str]:
        """As `IAudience` says."""
        return dict.fromkeys(post for room in self._rooms.values() for post in room.standing(since))

    def silenced(self, author: str) -> None:
        """As `IAudience` says."""
        for room in list(self._rooms.values()):
            self._safely(room.silence, author_id(self.name, author))

    def refused(self, word: str, reason: str) -> None:
        """As `IAudience` says."""
        if self._refused.get(word) == reason:
            return
        self._refused[word] = reason
        for room in self._rooms.values():
            if word in room.words:
                self._safely(room.note, reason, True)

    def flowing(self, flows: bool, text: str) -> None:
        """As `IAudience` says.  Hosts are told if it does not within a minute; rooms take no notice."""
        timer = self._timers.pop("quiet", None)
        if timer is not None and timer.active():
            timer.cancel()
        if flows:
            self.log.info("{source} flows.", source=self.name)
        elif self._at_work:
            self.log.warn("{source} does not flow: {text}", source=self.name, text=text)
            self._timers["quiet"] = self._clock.callLater(_QUIET, self._tell_quiet, text)

    def _tell_quiet(self, text: str) -> None:
        self._timers.pop("quiet", None)
        for room in self._rooms.values():
            room.note(text, hosts=True)

    def _posted(self, post: Post, words: Collection[str]) -> None:
        if not self._at_work:
            return
        names = set().union(*(self._by_word.get(word, ()) for word in words))
        if self._budget is not None:
            # A post is paid for once a day, however often it is told.
            self._pay(self._budget, [name for name in names if not self._rooms[name].knows(post.id)])
        for name in names:
            room = self._rooms.get(name)
            if room is not None:
                room.take(post)

    def _pay(self, budget: Budget, names: Collection[str]) -> None:
        if not names:
            return
        now = self._clock.seconds()
        before = {name for name in self._rooms if not budget.spent(name, now)}
        budget.pay(names, now)
        over = [name for name in before if budget.spent(name, now)]
        for name in names:
            if name in over:
                self._save(name, self._rooms[name])
            elif budget.count(name, now)[1] % _SAVED_EACH == 0 and (timer := f"save:{name}") not in self._timers:
                self._timers[timer] = self._clock.callLater(_SAVED_AFTER, self._save_later, name)
        if over:
            for name in over:
                self._rooms[name].note(budget.spent(name, now))
            self._follow()
            if "day" not in self._timers:
                self._timers["day"] = self._clock.callLater(next_day(now) + 1, self._next_day)

    def _next_day(self) -> None:
        self._timers.pop("day", None)
        self._follow()

    def _save_later(self, name: str) -> None:
        del self._timers[f"save:{name}"]
        if name in self._rooms:
            self._save(name, self._rooms[name])

    def _save(self, name: str, room: FollowedRoom) -> None:
        if self._budget is not None:
            room.spend(*self._budget.count(name, self._clock.seconds()))

    def _safely(self, do: Callable[..., None], *arguments: Any) -> None:
        """What goes wrong here is none of the source's business."""
        try:
            do(*arguments)
        except Exception:
            self.log.failure("What {source} told could not be taken", source=self.name)

    def _ask(self, room: str, command: Command) -> Deferred[bool]:
        """Ask ``room``, again if the broker is away; fires with whether it was granted, and never fails."""
        errands = self._errands.get(room)
        if errands is None:
            who = f"source:{self.name}"
            errands = Errands(lambda command: self._hub.ask(room, who, command), self._clock, self._bug)
            self._errands[room] = errands
        return errands.ask(command).addCallback(self._asked, room)

    def _asked(self, granted: bool, room: str) -> bool:
        errands = self._errands.get(room)
        if errands is not None and not errands:
            del self._errands[room]
        return granted

    def _of_source(self, failure: Failure) -> None:
        self.log.failure("The source {source} did not end well", failure, source=self.name)

    def _bug(self, failure: Failure) -> None:
        self.log.failure("What follows {source} broke", failure, source=self.name)
