"""``python -m tests.standins.directed FOLDER``: all three in a process of their own, which do as they are told.

Prints the settings of each source as one line of JSON; the tokens stand in the folder.  Each line
that it reads is a word and its arguments, as a JSON array; each answer is a line too:

=========================  ===========================================================================
``talk EACH``              posts on each of the three, one every so many seconds; 0 ends it
``flood SOURCE RATE``      so many posts a second of that one besides; 0 ends it
``cut``, ``mend``          everybody is disconnected and nobody can come; they can again
``grant TOKEN``            X takes this token from now on, and ends who came with another
``rules``                  what X is asked for
``count``                  of each source the numbers of its posts, and of those that its stream has told
=========================  ===========================================================================

A post's text is its source, the hashtag and a number: ``twitter #drill 17``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall, react
from twisted.protocols.basic import LineOnlyReceiver

from tests.servers.program import free_port
from tests.standins.bluesky import Bluesky
from tests.standins.mastodon import Mastodon
from tests.standins.twitter import TOKEN, Twitter

TAG = "drill"
SIGN_OF_LIFE = 5.0
"""Seconds between two of them."""

TURNS = 50
"""Pieces of a second in which a flood comes."""


class Directed:
    """The three, and what they have written."""

    def __init__(self, reactor: Any, folder: Path) -> None:
        self._reactor = reactor
        self._folder = folder
        self.twitter = Twitter()
        self.mastodon = Mastodon(reactor)
        self.bluesky = Bluesky(reactor)
        self._ports = {name: free_port() for name in ("twitter", "mastodon", "bluesky", "profiles")}
        self._port: Any = None
        self._numbers = {name: count(1) for name in ("twitter", "mastodon", "bluesky")}
        self._written: dict[str, list[int]] = {name: [] for name in self._numbers}
        self._told: dict[str, list[int]] = {name: [] for name in self._numbers}
        self._talking = LoopingCall(self._talk)
        self._flooding: LoopingCall | None = None
        self._life = LoopingCall(self._alive)

    async def start(self) -> dict[str, dict[str, str]]:
        """Listen; the settings of the sources."""
        await self._listen()
        self._life.start(SIGN_OF_LIFE)
        for name, token in (("twitter", TOKEN), ("mastodon", f"{self.mastodon.address} {self.mastodon.token}")):
            (self._folder / f"{name}.token").write_text(token + "\n")
        return {
            "twitter": {
                "url": f"http://127.0.0.1:{self._ports['twitter']}",
                "token-file": str(self._folder / "twitter.token"),
            },
            "mastodon": {
                "instances": self.mastodon.address,
                "token-file": str(self._folder / "mastodon.token"),
            },
            "bluesky": {"hosts": self.bluesky.host, "profiles": self.bluesky.api},
        }

    async def _listen(self) -> None:
        endpoint = TCP4ServerEndpoint(self._reactor, self._ports["twitter"], interface="127.0.0.1")
        self._port = await endpoint.listen(self.twitter.site())
        await self.mastodon.start(port=self._ports["mastodon"])
        await self.bluesky.start(jetstream=self._ports["bluesky"], api=self._ports["profiles"])

    # What it is told to do.

    def talk(self, each: float) -> None:
        """See above, and so with the others."""
        if self._talking.running:
            self._talking.stop()
        if each:
            self._talking.start(each)

    def flood(self, source: str, rate: int) -> None:
        if self._flooding is not None:
            self._flooding.stop()
            self._flooding = None
        if rate:
            self._flooding = LoopingCall.withCount(lambda turns: self._gush(source, turns * rate // TURNS))
            self._flooding.start(1 / TURNS)

    async def cut(self) -> None:
        await self._port.stopListening()
        if self.twitter.connected:
            self.twitter.cut()
        await self.mastodon.stop()
        await self.bluesky.stop()

    async def mend(self) -> None:
        await self._listen()

    def grant(self, token: str) -> None:
        self.twitter.token = token
        if self.twitter.connected:
            self.twitter.cut()

    def rules(self) -> list[str]:
        return sorted(rule["value"] for rule in self.twitter.rules.values())

    def count(self) -> dict[str, dict[str, list[int]]]:
        return {name: {"written": self._written[name], "told": self._told[name]} for name in self._written}

    # What they do by themselves.

    def _alive(self) -> None:
        if self.twitter.connected:
            self.twitter.alive()
        self.mastodon.thump()
        self.bluesky.say("bo.bsky.social", "It rains again.")

    def _talk(self) -> None:
        for source in self._numbers:
            self._write(source)

    def _gush(self, source: str, posts: int) -> None:
        for _ in range(posts):
            self._write(source)

    def _write(self, source: str) -> None:
        number = next(self._numbers[source])
        text = f"{source} #{TAG} {number}"
        self._written[source].append(number)
        if source == "twitter":
            # Whoever takes less than is told gets less: X keeps nothing for anybody.
            heard = self.twitter.connected and not self.twitter.full and bool(self.twitter.matching(text, "tina"))
            if heard:
                self.twitter.tell(text, "tina")
        elif source == "mastodon":
            heard = bool(self.mastodon.streams)
            self.mastodon.say(text, TAG)
        else:
            heard = bool(self.bluesky.streams)
            self.bluesky.say("ann.example.org", text, f"#{TAG}")
        if heard:
            self._told[source].append(number)


class Orders(LineOnlyReceiver):
    """Reads what to do, one after the other, and answers each."""

    delimiter = b"\n"

    def __init__(self, directed: Directed, over: Callable[[], None]) -> None:
        self._directed = directed
        self._over = over

    def lineReceived(self, line: bytes) -> None:
        """One order."""
        word, *rest = json.loads(line)
        Deferred.fromCoroutine(self._obey(word, rest)).addErrback(self._broken)

    async def _obey(self, word: str, rest: list[Any]) -> None:
        answer = getattr(self._directed, word)(*rest)
        if hasattr(answer, "__await__"):
            answer = await answer
        self.sendLine(json.dumps(answer).encode())

    def _broken(self, failure: Any) -> None:
        failure.printTraceback(sys.stderr)
        self._over()

    def connectionLost(self, reason: Any = None) -> None:
        """Whoever gave the orders is gone."""
        self._over()


def main(reactor: Any, folder: str) -> Deferred[None]:
    """Serve until nobody gives orders any more."""
    return Deferred.fromCoroutine(_serve(reactor, Path(folder)))


async def _serve(reactor: Any, folder: Path) -> None:
    directed = Directed(reactor, folder)
    settings = await directed.start()
    over: Deferred[None] = Deferred()
    orders = Orders(directed, lambda: None if over.called else over.callback(None))
    StandardIO(orders, reactor=reactor)
    orders.sendLine(json.dumps(settings).encode())
    await over


if __name__ == "__main__":
    react(main, sys.argv[1:])
