"""The nodes of a Redis Cluster: which of them has which shard, as they themselves say.

The law: a shard is asked of its node; whatever a node says of another one is followed, and
when any of them is lost all are asked anew until every shard has its node again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from txredisapi import ResponseError

from meet.address import Address
from meet.broker.redis.link import Link, Lost
from meet.broker.redis.reaching import AnyOf, greeting, node_endpoint
from meet.broker.redis.servers import ELSEWHERE, first_word, not_now
from meet.bus import Word
from meet.errors import Unavailable
from meet.keys import HOUSE, slot_of, tag_of

_REFRESH = 0.5
"""Seconds between two looks at which node has what, while it is not clear."""

_REDIRECTIONS = 5
"""How often one ask follows a Cluster that moves its shard about."""

Place = tuple[str, int]


class Cluster:
    """All nodes of one; ``up()`` is called when every shard can be asked, ``down(reason)`` when not."""

    log = Logger()

    def __init__(
        self,
        address: Address,
        scripts: Sequence[bytes],
        reactor: Any,
        random: Callable[[int], bytes],
        up: Callable[[], None],
        down: Callable[[str], None],
    ) -> None:
        self._address = address
        self._scripts = scripts
        self._reactor = reactor
        self._random = random
        self._up = up
        self._down = down
        self._links: dict[Place, Link] = {}
        self._owners: dict[int, Place] = {}
        self._slots = {shard: slot_of(tag_of(shard)) for shard in range(HOUSE + 1)}
        self._whole = False
        self._looking = False
        self._looks = 0
        self._later: IDelayedCall | None = None
        self._stopped = False

    def ask(self, shard: int, *words: Word) -> Deferred[Any]:
        """As `Servers` says."""
        return self._ask(self._owners.get(shard), shard, words, _REDIRECTIONS, asking=False)

    def copied(self, shard: int, copies: int) -> Deferred[int]:
        """As `Servers` says."""
        place = self._owners.get(shard)
        if place is None:
            return fail(_not_whole())
        return self._reach(place).copied(copies).addErrback(not_now)

    def listening_endpoint(self) -> IStreamClientEndpoint:
        """As `Servers` says."""
        return AnyOf(lambda: [*self._links, *self._address.places], self._address, self._reactor)

    def start(self) -> None:
        """As `Servers` says."""
        for place in self._address.places:
            self._reach(place)

    def stop(self) -> Deferred[Any]:
        """As `Servers` says."""
        self._stopped = True
        if self._later is not None and self._later.active():
            self._later.cancel()
        return gatherResults([link.stop() for link in self._links.values()])

    def _ask(
        self, place: Place | None, shard: int, words: Sequence[Word], times: int, *, asking: bool
    ) -> Deferred[Any]:
        if place is None or not times or self._stopped:
            return fail(_not_whole())
        link = self._reach(place)
        if link.new:
            # A node that has joined just now: nobody need be refused for that.
            return link.ready().addCallback(lambda _: self._ask(place, shard, words, times, asking=asking))
        if asking:
            link.ask("ASKING").addErrback(_ignore)
        return link.ask(*words).addErrback(self._refused, place, shard, words, times)

    def _refused(
        self, failure: Failure, asked: Place, shard: int, words: Sequence[Word], times: int
    ) -> Deferred[Any] | Failure:
        word = first_word(failure)
        if word in ("MOVED", "ASK"):
            host, _, port = str(failure.value).split()[2].rpartition(":")
            place = (_host(host, asked), int(port))
            if word == "MOVED":
                self._reach(place)
                self._owners[shard] = place
                self._refresh()
            return self._ask(place, shard, words, times - 1, asking=word == "ASK")
        if word in ELSEWHERE or word == "CLUSTERDOWN" or failure.check(Lost):
            self._refresh()
        return not_now(failure)

    def _reach(self, place: Place) -> Link:
        link = self._links.get(place)
        if link is None:
            link = self._links[place] = Link(
                node_endpoint(self._address, place, self._reactor),
                greeting(self._address, master=False),
                self._scripts,
                self._reactor,
                self._random,
                self._reached,
                self._lost,
            )
            link.start()
        return link

    def _lost(self, reason: str) -> None:
        if any(self._links[place].line is None for place in set(self._owners.values())):
            self._whole = False
        if not self._whole:
            self._down(reason)
        self._refresh()

    def _reached(self) -> None:
        # It may be the last one that was waited for.
        self._refresh(_REFRESH / 5 if self._whole else 0)

    def _refresh(self, soon: float = _REFRESH / 5) -> None:
        if self._looking or self._stopped:
            return
        if self._later is None or not self._later.active():
            self._later = self._reactor.callLater(soon, self._look)
        elif self._later.getTime() > self._reactor.seconds() + soon:
            self._later.reset(soon)

    def _look(self) -> None:
        self._later = None
        self._looking = True
        Deferred.fromCoroutine(self._ask_around()).addErrback(self._broken)

    async def _ask_around(self) -> None:
        """Learn from the first node that answers which node has which shard.

        Each time another one is asked first: one may be cut off from the others, and know only former things.
        """
        try:
            places = [place for place, link in self._links.items() if link.line is not None]
            first = self._looks % max(1, len(places))
            self._looks += 1
            for place in (*places[first:], *places[:first]):
                try:
                    ranges = await self._links[place].ask("CLUSTER", "SLOTS")
                except ResponseError as refused:
                    if not self._whole:
                        self._down(f"{refused}.")
                    continue
                except Unavailable:
                    continue
                if self._learn(ranges, place):
                    break
        finally:
            self._looking = False
        whole = len(self._owners) == len(self._slots) and all(
            self._links[place].line is not None for place in set(self._owners.values())
        )
        if whole and not self._whole:
            self._whole = True
            self._up()
        elif not whole and not self._stopped and (self._later is None or not self._later.active()):
            self._later = self._reactor.callLater(_REFRESH, self._look)

    def _learn(self, ranges: Sequence[Any], asked: Place) -> bool:
        owners = {}
        for first, last, master, *_ in ranges:
            place = (_host((master[0] or b"").decode(), asked), int(master[1]))
            owners.update({shard: place for shard, slot in self._slots.items() if first <= slot <= last})
        if self._stopped or len(owners) < len(self._slots):
            return False
        self._owners = owners
        needed = {*owners.values(), *self._address.places}
        for place in needed:
            self._reach(place)
        for place, link in list(self._links.items()):
            if place not in needed and link.line is None and not link.new:
                # A node that has left is not knocked at for ever.
                del self._links[place]
                link.stop()
        return True

    def _broken(self, failure: Failure) -> None:
        self.log.failure("The nodes of the Redis Cluster could not be asked", failure)
        if not self._stopped:
            self._later = self._reactor.callLater(_REFRESH, self._look)


def _host(said: str, asked: Place) -> str:
    """A node that has not been told its own name says nothing, or a question mark: it is where it was asked."""
    return asked[0] if said in ("", "?") else said


def _not_whole() -> Unavailable:
    return Unavailable("The Redis Cluster is not whole. Try again in a moment.")


def _ignore(_failure: Failure) -> None:
    """The ask behind it tells."""
