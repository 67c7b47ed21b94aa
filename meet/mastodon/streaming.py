"""Mastodon as a source: of each instance one stream for each hashtag that is followed.

The law: a status is told once in each of its editions, whichever instance told it first; what was
written during a break is asked for once the next stream is open, so that nothing falls between.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from meet.backoff import Backoff
from meet.interfaces import IAudience, ISource
from meet.mastodon import posts
from meet.mastodon.api import AT_ONCE, Api, Away, Stream
from meet.mastodon.posts import Status
from meet.mastodon.sse import Event
from meet.moments import seconds

REMEMBERED = 20_000
"""Statuses that are known to have been told."""

TAGS = 20
"""Hashtags that are followed on an instance at once: each is a connection."""

_PAGES = 10
"""Looks at a timeline after a break, each of `AT_ONCE` statuses."""


@implementer(ISource)
class Mastodon:
    """Posts from the instances that ``apis`` ask; ``chance()`` in [0, 1) spreads the waits."""

    name = posts.SOURCE
    costs = False
    log = Logger()

    def __init__(self, apis: Sequence[Api], reactor: Any, chance: Callable[[], float]) -> None:
        self._apis = apis
        self._reactor = reactor
        self._chance = chance
        self._audience: IAudience | None = None
        self._since = 0.0
        self._words: frozenset[str] = frozenset()
        self._flows: dict[tuple[str, str], bool] = {}
        self._flowing: bool | None = None
        self._works: dict[tuple[str, str], _Work] = {}
        self._shut: set[str] = set()
        # By its uri the edition of each status that was told last; by instance and id its uri.
        self._told: OrderedDict[str, str] = OrderedDict()
        self._uris: OrderedDict[tuple[str, str], str] = OrderedDict()

    def start(self, audience: IAudience, since: float) -> None:
        """As `ISource` says.  An instance can say what was written lately."""
        self._audience = audience
        self._since = since
        self._flows.clear()
        self._flowing = None
        self._shut.clear()

    def follow(self, words: Collection[str]) -> None:
        """As `ISource` says.  Authors cannot be followed: an instance streams hashtags only."""
        tags = sorted(word for word in words if word.startswith("#"))
        self._words = frozenset(tags[:TAGS])
        for word in sorted(words):
            if word.count("@") == 2:
                self._refuse(word, f"Of Mastodon only hashtags can be followed, not authors like {word}.")
        for word in tags[TAGS:]:
            self._refuse(word, f"Of Mastodon {TAGS} hashtags are followed already; {word} has no place.")
        wanted = {(api.address, word): api for api in self._apis for word in tags[:TAGS]}
        for key in [key for key in self._works if key not in wanted]:
            self._works.pop(key).stop()
            self._flows.pop(key, None)
        for key, api in wanted.items():
            if key not in self._works and api.address not in self._shut:
                self._works[key] = _Work(self, api, key[1])
        self._tell_flow("")

    def stop(self) -> Deferred[None]:
        """As `ISource` says."""
        self._audience = None
        works = list(self._works.values())
        self._works.clear()
        return DeferredList([work.stop() for work in works], consumeErrors=True).addCallback(lambda _: None)

    # What the works tell.

    async def listen(self, work: _Work) -> None:
        """Hear ``work``'s hashtag on its instance until it is stopped, or its token is no good."""
        backoff = Backoff(2.0, 300.0)
        key = (work.api.address, work.word)
        while True:
            began = self._reactor.seconds()
            wait = 0.0
            try:
                why = await self._hear(work)
                backoff.lived(self._reactor.seconds() - began)
            except Away as away:
                why = str(away)
                if away.final:
                    self._shut_out(work.api, why)
                    return
                wait = away.reset
            if work.stopped:
                return
            self._flow(key, False, f"{work.api.host} cannot be reached at the moment.")
            wait = max(wait, backoff.wait(self._chance()))
            self.log.warn(
                "{host}, {word}: {why} The next try is in {wait:.1f} seconds.",
                host=work.api.host,
                word=work.word,
                why=why,
                wait=wait,
            )
            await deferLater(self._reactor, wait, lambda: None)

    async def _hear(self, work: _Work) -> str:
        work.begin()
        stream = work.stream = await work.api.stream(work.word[1:], lambda event: self._heard(work, event))
        try:
            self._flow((work.api.address, work.word), True, "Posts from Mastodon come.")
            await self._catch_up(work)
            work.caught_up()
            return await _until(stream.ended)
        finally:
            stream.close("It is not needed any more.")

    async def _catch_up(self, work: _Work) -> None:
        """Tell what was written while there was no stream, oldest first."""
        if not work.newest:
            await self._look_back(work)
            return
        for _ in range(_PAGES):
            before = work.newest
            found = self._read(work, await work.api.timeline(work.word[1:], work.newest))
            for status in found.statuses:
                self._tell(work, status)
                work.reached(status.local)
            if found.last or work.newest == before:
                return

    async def _look_back(self, work: _Work) -> None:
        """The same of one that was never listened to: from the beginning that was asked for."""
        statuses: list[Status] = []
        oldest = ""
        for _ in range(_PAGES):
            found = self._read(work, await work.api.timeline(work.word[1:], "", oldest))
            statuses = [*found.statuses, *statuses]
            if found.last or not found.statuses or seconds(statuses[0].post.at) < self._since:
                break
            oldest = statuses[0].local
        for status in statuses:
            if seconds(status.post.at) >= self._since:
                self._tell(work, status)
            work.reached(status.local)

    def _read(self, work: _Work, page: Sequence[Any]) -> _Page:
        statuses = [posts.status(told, work.api.host, self._words) for told in reversed(page)]
        return _Page([status for status in statuses if status is not None], len(page) < AT_ONCE)

    def _heard(self, work: _Work, event: Event) -> None:
        if event.name in ("update", "status.update"):
            status = posts.read(event.data, work.api.host, self._words)
            if status is not None:
                self._tell(work, status)
        elif event.name == "delete" and self._audience is not None:
            local = posts.deleted(event.data)
            uri = self._uris.pop((work.api.address, local), "")
            if uri:
                edition = self._told.get(uri, "")
                self._audience.withdrawn({uri, f"{uri}#{edition}" if edition else uri})
            elif gone := posts.written_there(self._audience.standing(0.0), work.api.host, local):
                # An earlier process has told it.
                self._audience.withdrawn(gone)

    def _tell(self, work: _Work, status: Status) -> None:
        work.saw(status.local)
        self._uris[work.api.address, status.local] = status.uri
        known = self._told.get(status.uri)
        if self._audience is None or (known is not None and status.edition <= known):
            return
        post = status.post
        if status.edition:
            was = f"{status.uri}#{known}" if known else status.uri
            post = msgspec.structs.replace(post, was=was)
        self._told[status.uri] = status.edition
        self._told.move_to_end(status.uri)
        for memory in (self._told, self._uris):
            while len(memory) > REMEMBERED:
                memory.popitem(last=False)
        self._audience.posted(post, status.words | {work.word})

    def _shut_out(self, api: Api, why: str) -> None:
        """Ask this instance no more: it would answer the same until an operator has done something."""
        if api.address not in self._shut:
            self.log.critical("{why} {host} is followed no more until Meet is restarted.", why=why, host=api.host)
        self._shut.add(api.address)
        for key in [key for key in self._works if key[0] == api.address]:
            self._flows[key] = False
        self._tell_flow(f"{api.host} lets nothing through at the moment.")

    def _flow(self, key: tuple[str, str], flows: bool, text: str) -> None:
        self._flows[key] = flows
        self._tell_flow(text)

    def _tell_flow(self, text: str) -> None:
        """Posts come while every stream does."""
        flows = all(self._flows.values())
        if self._audience is not None and self._flows and flows is not self._flowing:
            self._flowing = flows
            self._audience.flowing(flows, text or "Posts from Mastodon come.")

    def _refuse(self, word: str, reason: str) -> None:
        if self._audience is not None:
            self._audience.refused(word, reason)


class _Page(NamedTuple):
    """Statuses of a timeline, oldest first; ``last``: there are no more of them."""

    statuses: list[Status]
    last: bool


class _Work:
    """One hashtag on one instance.

    ``newest`` is the id, as the instance has it, of the status up to which all were seen.  What a
    stream tells while the gap before it is being filled is ahead of that.
    """

    def __init__(self, source: Mastodon, api: Api, word: str) -> None:
        self.api = api
        self.word = word
        self.newest = ""
        self._ahead = ""
        self._whole = False
        self.stream: Stream | None = None
        self.stopped = False
        self._source = source
        self._done: Deferred[None] = Deferred.fromCoroutine(source.listen(self)).addErrback(self._broke)

    def begin(self) -> None:
        """From now on there is a gap before what a stream tells."""
        self._whole = False

    def saw(self, local: str) -> None:
        """The instance has a status of this id."""
        self._ahead = _later(self._ahead, local)
        if self._whole:
            self.newest = self._ahead

    def reached(self, local: str) -> None:
        """All up to the status of this id were seen."""
        self.newest = _later(self.newest, local)

    def caught_up(self) -> None:
        """There is no gap any more."""
        self._whole = True
        self.newest = _later(self.newest, self._ahead)

    def stop(self) -> Deferred[Any]:
        """Hear it no more; fires when the stream is closed."""
        self.stopped = True
        self._done.cancel()
        if self.stream is None:
            return self._done
        self.stream.close("It is not needed any more.")
        return DeferredList([self._done, _until(self.stream.ended)], consumeErrors=True)

    def _broke(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self._source.log.failure("The source of posts from Mastodon broke", failure)


def _later(one: str, other: str) -> str:
    """The later of two ids, which are numbers that grow, written without zeros before."""
    return max(one, other, key=lambda local: (len(local), local))


def _until(ended: Deferred[str]) -> Deferred[str]:
    """A Deferred of its own, which may be cancelled, for ``ended``."""
    waiting: Deferred[str] = Deferred()

    def over(why: str) -> str:
        if not waiting.called:
            waiting.callback(why)
        return why

    ended.addCallback(over)
    return waiting
