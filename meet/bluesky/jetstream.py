"""Bluesky as a source: one connection for all that is followed, and a name for every author.

The law: a post is told once; after a break it goes on a little before where it stopped; nobody is
quoted here who does not want to be read by those without an account.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from meet.backoff import Backoff
from meet.bluesky import posts
from meet.bluesky.connection import Connection, connect
from meet.bluesky.directory import Directory
from meet.bluesky.posts import Deleted, Renamed, Reposted, Silenced, Written
from meet.bluesky.profiles import AT_ONCE, Profile
from meet.bluesky.reposts import AT_ONCE as ORIGINALS_AT_ONCE
from meet.bluesky.reposts import again
from meet.errors import Unavailable
from meet.interfaces import IAudience, ISource
from meet.posts import Post

GATHERING = 1.0
"""Seconds in which what is posted again is gathered, before Bluesky is asked what it says."""

REMEMBERED = 20_000
"""Posts that are known to have been told."""

WAITING = 2_000
"""Posts that wait for the names of their authors; the oldest go first."""

OVERLAP = 5_000_000
"""µs that are heard again after a break: hosts number events by clocks of their own."""

BREAK = 3600.0
"""Seconds of a break that are caught up at most."""

_AT_ONCE = 60.0
"""Seconds after `Bluesky.start` in which what is followed is followed from the beginning asked for."""

_AHEAD = 60.0
"""Seconds that Bluesky's clock may be ahead of ours."""


@implementer(ISource)
class Bluesky:
    """Posts from Bluesky, and with ``reposts`` what is posted again of them.

    ``hosts`` are asked in turn, ``chance()`` in [0, 1) spreads the waits.
    """

    name = posts.SOURCE
    costs = False
    log = Logger()

    def __init__(
        self,
        hosts: Sequence[str],
        directory: Directory,
        reactor: Any,
        chance: Callable[[], float],
        *,
        reposts: bool = True,
    ) -> None:
        self._hosts = hosts
        self._collections = (posts.COLLECTION, posts.REPOSTS) if reposts else (posts.COLLECTION,)
        self._directory = directory
        self._reactor = reactor
        self._chance = chance
        self._audience: IAudience | None = None
        self._connection: Connection | None = None
        # The posts that were told, with the words that they have.
        self._told: OrderedDict[str, frozenset[str]] = OrderedDict()
        # As which posts a post was told again.
        self._told_again: OrderedDict[str, list[str]] = OrderedDict()
        self._clear()

    def _clear(self) -> None:
        self._words: frozenset[str] = frozenset()
        self._tags: frozenset[str] = frozenset()
        # By the author's DID, the words that they are followed by; and the same DIDs as bytes.
        self._authors: dict[str, frozenset[str]] = {}
        self._dids: frozenset[bytes] = frozenset()
        self._waiting: OrderedDict[str, list[Written]] = OrderedDict()
        self._waiting_count = 0
        # What was posted again, by the post that it is, until that is known.
        self._unknown: OrderedDict[str, list[Reposted]] = OrderedDict()
        self._works: dict[str, Deferred[None]] = {}
        self._cursor = 0
        self._started = 0.0
        self._followed = False
        self._flowing: bool | None = None

    def start(self, audience: IAudience, since: float) -> None:
        """As `ISource` says.  Jetstream can say what was written in the last hours."""
        self._clear()
        self._audience = audience
        self._started = self._reactor.seconds()
        self._cursor = max(0, int(since * 1e6))

    def follow(self, words: Collection[str]) -> None:
        """As `ISource` says.

        An author is followed by a handle, ``@ann.bsky.social``; those of other networks are not
        looked for.
        """
        now = self._reactor.seconds()
        if words and not self._words and (self._followed or now - self._started > _AT_ONCE):
            self._cursor = int(now * 1e6)
        self._followed = self._followed or bool(words)
        self._words = frozenset(words)
        self._tags = frozenset(word for word in words if word.startswith("#"))
        self._know({did: kept for did, old in self._authors.items() if (kept := old & self._words)})
        self._cancel("resolve")
        known = frozenset[str]().union(*self._authors.values())
        handles = sorted(word[1:] for word in self._words - self._tags - known if "@" not in word[1:])
        if handles:
            self._begin("resolve", self._resolve(handles))
        self._turn()

    def stop(self) -> Deferred[None]:
        """As `ISource` says."""
        self._audience = None
        works = list(self._works.values())
        for what in list(self._works):
            self._cancel(what)
        closing = [*works, self._directory.close()]
        if self._connection is not None:
            closed: Deferred[None] = Deferred()
            self._connection.ended.addBoth(lambda _: closed.callback(None))
            self._connection.close("Nothing is followed from here any more.")
            closing.append(closed)
        self._waiting.clear()
        self._unknown.clear()
        return DeferredList(closing, consumeErrors=True).addCallback(lambda _: None)

    # What runs beside.

    def _begin(self, what: str, work: Any) -> None:
        done: Deferred[None] = Deferred.fromCoroutine(work)
        if done.called:
            done.addErrback(self._broke)
            return
        self._works[what] = done
        done.addBoth(self._ended, what, done).addErrback(self._broke)

    def _ended(self, result: Any, what: str, done: Deferred[None]) -> Any:
        if self._works.get(what) is done:
            del self._works[what]
        return result

    def _cancel(self, what: str) -> None:
        work = self._works.pop(what, None)
        if work is not None:
            work.cancel()

    def _broke(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self.log.failure("The source of posts from Bluesky broke", failure)

    async def _wait_out(self, away: Unavailable, backoff: Backoff) -> None:
        """Say that something is ``away``, and wait until it may be asked again."""
        wait = backoff.wait(self._chance())
        self.log.warn("{why} The next try is in {wait:.1f} seconds.", why=str(away), wait=wait)
        await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        await deferLater(self._reactor, seconds, lambda: None)

    # Listening.

    def _turn(self) -> None:
        """Listen if anything is followed, otherwise do not."""
        if self._audience is None:
            return
        if not self._tags and not self._authors:
            if self._connection is not None:
                self._connection.close("Nothing is followed any more.")
            elif not self._words:
                self._cancel("listen")
        elif "listen" not in self._works:
            self._begin("listen", self._listen())

    async def _listen(self) -> None:
        backoff = Backoff(1.0, 60.0)
        turn = stuck = 0
        while self._audience is not None and (self._tags or self._authors):
            cursor = self._begin_at()
            began = self._reactor.seconds()
            connection: Connection | None = None
            try:
                host = self._hosts[turn % len(self._hosts)]
                connection = await connect(self._reactor, host, cursor, self._heard, self._collections)
                self._connection = connection
                before = self._cursor
                why = await self._until_ended(connection)
                stuck = 0 if self._cursor > before else stuck + 1
                backoff.lived(self._reactor.seconds() - began)
            except Unavailable as away:
                why = str(away)
            if self._audience is None or not (self._tags or self._authors):
                return
            if connection is not None and connection.closing:
                # Nothing was followed for a moment.
                continue
            if stuck > len(self._hosts):
                # Something that every host tells there ends every connection.
                self._cursor = stuck = 0
            turn += 1
            wait = backoff.wait(self._chance())
            self.log.warn("{why} The next try is in {wait:.1f} seconds.", why=why, wait=wait)
            self._say(False, "Bluesky cannot be reached at the moment.")
            await self._sleep(wait)

    async def _until_ended(self, connection: Connection) -> str:
        ended: Deferred[str] = Deferred()

        def over(why: str) -> str:
            if self._connection is connection:
                self._connection = None
            if not ended.called:
                ended.callback(why)
            return why

        connection.ended.addCallback(over)
        return await ended

    def _begin_at(self) -> int:
        """From when on events are wanted: 0 is now."""
        if not self._cursor:
            return 0
        earliest = int((self._reactor.seconds() - BREAK) * 1e6)
        return max(self._cursor - OVERLAP, earliest, 1)

    def _heard(self, data: bytes) -> None:
        if self._audience is None:
            return
        seen = posts.glance(data, bool(self._tags), self._dids, self._told)
        happening = posts.read(data, self._tags, self._authors) if seen.worth else None
        time = seen.time or (happening.time if happening is not None else 0)
        if self._cursor < time <= (self._reactor.seconds() + _AHEAD) * 1e6:
            self._cursor = time
        if self._flowing is not True:
            self._say(True, "Posts from Bluesky come.")
        match happening:
            case Written():
                self._written(happening)
            case Reposted():
                self._reposted(happening)
            case Deleted(id=post, author=author):
                self._drop(author, post)
                self._audience.withdrawn((post, *self._gone(post)))
            case Silenced(author=author):
                self._directory.forget(author)
                self._drop(author)
                self._audience.silenced(author)
                whose = f"at://{author}/"
                for post in [post for post in (*self._told_again, *self._unknown) if post.startswith(whose)]:
                    self._audience.withdrawn(self._gone(post))
            case Renamed(author=author):
                self._directory.forget(author)

    # What is posted again.

    def _reposted(self, reposted: Reposted) -> None:
        words = (reposted.words | self._told.get(reposted.subject, frozenset())) & self._words
        if not words or reposted.id in self._told:
            return
        self._unknown.setdefault(reposted.subject, []).append(reposted._replace(words=words))
        while len(self._unknown) > WAITING:
            self._unknown.popitem(last=False)
        if "originals" not in self._works:
            self._begin("originals", self._learn_originals())

    async def _learn_originals(self) -> None:
        """Ask what the posts say that were posted again, until all are known."""
        backoff = Backoff(1.0, 60.0)
        while self._unknown:
            # What many post again is asked for once.
            await self._sleep(GATHERING)
            asked = list(self._unknown)[:ORIGINALS_AT_ONCE]
            try:
                found = await self._directory.originals(asked)
            except Unavailable as away:
                if self._audience is None:
                    return
                await self._wait_out(away, backoff)
                continue
            for subject in asked:
                for reposted in self._unknown.pop(subject, []):
                    if subject in found:
                        self._note_again(subject, reposted.id)
                        self._written(Written(again(reposted, found[subject]), reposted.words, reposted.time))

    def _note_again(self, subject: str, post: str) -> None:
        self._told_again.setdefault(subject, []).append(post)
        while len(self._told_again) > REMEMBERED:
            self._told_again.popitem(last=False)

    def _gone(self, post: str) -> Sequence[str]:
        """As what ``post``, which is gone, was told again; what waits for its words is told no more."""
        self._unknown.pop(post, None)
        return self._told_again.pop(post, [])

    # Names.

    def _written(self, written: Written) -> None:
        post = written.post
        if post.id in self._told:
            return
        self._told[post.id] = written.words
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        profile = self._directory.known(post.author)
        if profile is not None:
            self._tell(written, profile)
            return
        self._waiting.setdefault(post.author, []).append(written)
        self._waiting_count += 1
        while self._waiting_count > WAITING:
            self._waiting_count -= len(self._waiting.popitem(last=False)[1])
        if "names" not in self._works:
            self._begin("names", self._name())

    async def _name(self) -> None:
        """Ask who they are whose posts wait, until none does."""
        backoff = Backoff(1.0, 60.0)
        while self._waiting:
            authors = list(self._waiting)[:AT_ONCE]
            try:
                found = {profile.author: profile for profile in await self._directory.look_up(authors)}
            except Unavailable as away:
                if self._audience is None:
                    return
                await self._wait_out(away, backoff)
                continue
            for author in authors:
                waited = self._waiting.pop(author, [])
                self._waiting_count -= len(waited)
                for written in waited:
                    # Whom Bluesky does not know has gone meanwhile.
                    if author in found:
                        self._tell(written, found[author])

    def _tell(self, written: Written, profile: Profile) -> None:
        words = written.words & self._words
        if profile.hidden or not words or self._audience is None:
            return
        post: Post = msgspec.structs.replace(
            written.post,
            name=profile.name,
            handle=profile.handle,
            sensitive=written.post.sensitive or profile.sensitive,
        )
        self._audience.posted(post, words)

    def _drop(self, author: str, post: str = "") -> None:
        """Forget what waits for the name of ``author``: ``post``, or all of it."""
        waited = self._waiting.pop(author, [])
        kept = [written for written in waited if post and written.post.id != post]
        self._waiting_count -= len(waited) - len(kept)
        if kept:
            self._waiting[author] = kept

    async def _resolve(self, handles: list[str]) -> None:
        """Find out whose ``handles`` these are, and follow them."""
        for handle in [handle for handle in handles if "." not in handle]:
            self._refuse(handle, f"On Bluesky a handle has its domain, like @{handle}.bsky.social.")
        asked = [handle for handle in handles if "." in handle]
        backoff = Backoff(1.0, 60.0)
        words = self._words
        while asked:
            batch = asked[:AT_ONCE]
            try:
                found = {profile.handle.casefold(): profile for profile in await self._directory.look_up(batch)}
            except Unavailable as away:
                if self._audience is None or self._words is not words:
                    return
                await self._wait_out(away, backoff)
                continue
            asked = asked[AT_ONCE:]
            authors = dict(self._authors)
            for handle in batch:
                profile = found.get(handle)
                if profile is None:
                    self._refuse(handle, f"There is nobody called @{handle} on Bluesky.")
                elif profile.hidden:
                    self._refuse(handle, f"@{handle} wants to be read only by people who are logged in to Bluesky.")
                else:
                    authors[profile.author] = authors.get(profile.author, frozenset()) | {f"@{handle}"}
            self._know(authors)
            self._turn()

    def _know(self, authors: dict[str, frozenset[str]]) -> None:
        self._authors = authors
        self._dids = frozenset(did.encode() for did in authors)

    def _refuse(self, handle: str, reason: str) -> None:
        if self._audience is not None:
            self._audience.refused(f"@{handle}", reason)

    def _say(self, flows: bool, text: str) -> None:
        if self._audience is not None and flows is not self._flowing:
            self._flowing = flows
            self._audience.flowing(flows, text)
