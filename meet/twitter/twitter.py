"""X as a source: its rules kept as the words are, one stream, and no word of it that is not to be told.

The law: nothing is connected while nothing is followed; a stream is closed before the next is
opened; each post is told once.  Two tasks, each a coroutine that is there while there is work:

* the *rules*: brings what X has to what is followed, again until it is so;
* the *stream*: opens it, and again whenever it ends, as `meet.twitter.backoff` has it.

What an operator must mend ends both, with one sentence in the log.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.interfaces import IAudience, ISource
from meet.moments import DAY
from meet.twitter import tweets
from meet.twitter.api import IDS_AT_ONCE, RULES_AT_ONCE, Api, Failed
from meet.twitter.backoff import PROVEN, Backoff, Cause
from meet.twitter.rules import Rule, plan, words_of
from meet.twitter.stream import Stream

REMEMBERED = 20_000
"""Ids of posts that were told, so that none is told twice."""

GATHERING = 1.0
"""Seconds between two changes of the rules, so that hosts who change many words cost few questions."""

FLOWS = "Posts from X come."
PAUSED = "Posts from X do not come at the moment; Meet goes on trying."
OVER = "Posts from X do not come: whoever runs this Meet has to see to its app."


@implementer(ISource)
class Twitter:
    """Tells what X's stream tells.  ``chance()`` is from 0 to 1.

    ``most``, ``tag`` and ``reposts`` are those of `meet.twitter.rules.plan`; every ``look_again``
    seconds (0: never) posts of the last day are looked up again.
    """

    name = tweets.SOURCE
    costs = True
    log = Logger()

    def __init__(
        self,
        api: Api,
        clock: IReactorTime,
        chance: Callable[[], float],
        *,
        most: int,
        tag: str,
        reposts: bool,
        look_again: float,
    ) -> None:
        self._api = api
        self._clock = clock
        self._chance = chance
        self._most = most
        self._tag = tag
        self._reposts = reposts
        self._look_again = look_again
        self._audience: IAudience | None = None
        self._over = False
        self._words: dict[str, None] = {}
        self._held: list[Rule] | None = None
        self._changed = False
        self._refused: set[str] = set()
        self._flow = ""
        self._ruling: Deferred[None] | None = None
        self._listening: Deferred[None] | None = None
        self._looking: Deferred[None] | None = None
        self._closing = False
        self._stream: Stream | None = None
        self._said: tweets.Ended | None = None
        self._told: OrderedDict[str, None] = OrderedDict()
        self._look: IDelayedCall | None = None

    def start(self, audience: IAudience, since: float) -> None:
        """Begin, with the token as it is now.

        X gives nothing back of what was before, so ``since`` changes nothing.
        """
        try:
            self._api.renew()
        except ValueError as why:
            self.log.error("{why} The one of before is used.", why=why)
        self._audience = audience
        self._over = False
        self._held = None
        self._changed = bool(self._words)
        self._refused.clear()
        self._flow = ""
        self._wait_to_look()
        self._renew()

    def follow(self, words: Collection[str]) -> None:
        """Follow these words and no others; those that were there already keep their place among the rules."""
        new = sorted(set(words) - self._words.keys())
        kept = [word for word in self._words if word in words]
        if not new and len(kept) == len(self._words):
            return
        self._words = dict.fromkeys([*kept, *new])
        self._refused &= self._words.keys()
        self._changed = True
        if not self._words:
            self._stop_listening()
        self._renew()

    def stop(self) -> Deferred[None]:
        """Tell no more; the rules stay, for whoever follows next."""
        self._audience = None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        ending = [self._stop_listening()]
        for task in (self._ruling, self._looking):
            if task is not None:
                ending.append(_after(task))
                task.cancel()
        return gatherResults(ending).addCallback(lambda _: None)

    # The rules.

    def _renew(self) -> None:
        if self._audience is not None and not self._over and self._changed and self._ruling is None:
            self._ruling = self._task(self._rule, "The rules of X")
            self._ruling.addCallback(lambda _: self._ruled())

    def _ruled(self) -> None:
        self._ruling = None
        self._renew()

    async def _rule(self) -> None:
        backoff = Backoff()
        while self._changed and self._audience is not None and not self._over:
            self._changed = False
            try:
                await self._bring_rules()
            except Failed as failed:
                self._changed = True
                self._held = None
                if self._give_up(failed) or self._audience is None:
                    return
                backoff = backoff.failed(failed.cause)
                self.log.warn("The rules of X cannot be changed yet. {why}", why=failed.why)
                if self._stream is None:
                    self._flows(PAUSED)
                await self._sleep(backoff.wait(self._clock.seconds(), failed.reset, self._chance()))
            else:
                backoff = Backoff()
                self._listen()
                await self._sleep(GATHERING)

    async def _bring_rules(self) -> None:
        if self._held is None:
            self._held = await self._api.rules()
        held = self._held
        change = plan(self._words, held, most=self._most, tag=self._tag, reposts=self._reposts)
        if change.delete_first:
            await self._delete(change.delete)
        refused = change.refused | await self._add(change.add)
        if not change.delete_first:
            await self._delete(change.delete)
        for word, why in refused.items():
            if word in self._words and word not in self._refused and self._audience is not None:
                self._refused.add(word)
                self._audience.refused(word, why)
        self._refused &= refused.keys()

    async def _delete(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), RULES_AT_ONCE):
            gone = ids[start : start + RULES_AT_ONCE]
            await self._api.delete(gone)
            self._held = [rule for rule in self._held or [] if rule.id not in gone]

    async def _add(self, values: Sequence[str]) -> dict[str, str]:
        refused: dict[str, str] = {}
        for start in range(0, len(values), RULES_AT_ONCE):
            answer = await self._api.add(values[start : start + RULES_AT_ONCE], self._tag)
            new = {rule.id for rule in answer.rules}
            self._held = [rule for rule in self._held or [] if rule.id not in new] + list(answer.rules)
            for value, why in answer.refused.items():
                refused |= dict.fromkeys(words_of(value, self._reposts), why)
        return refused

    # The stream.

    def _listen(self) -> None:
        """Have a stream if there is something to tell, and none otherwise."""
        wanted = any(self._words_told(rule) for rule in self._held or [])
        if not wanted:
            self._stop_listening()
        elif self._listening is None:
            self._listening = self._task(self._keep_listening, "The stream of X")
            self._listening.addCallback(lambda _: self._listened())

    def _listened(self) -> None:
        self._listening = None
        if self._closing:
            self._closing = False
            # Words may have come while the last stream was being closed.
            if self._audience is not None and not self._over:
                self._listen()

    def _stop_listening(self) -> Deferred[None]:
        if self._listening is None:
            return succeed(None)
        self._closing = True
        ended = _after(self._listening)
        if self._stream is not None:
            self._stream.close("Nothing is followed.")
        else:
            self._listening.cancel()
        return ended

    async def _keep_listening(self) -> None:
        backoff = Backoff()
        freed = False
        while not self._closing:
            failed, lived = await self._hear_stream()
            if self._closing or self._give_up(failed):
                return
            if lived >= PROVEN:
                freed = False
            if failed.crowded and not freed:
                # It is our own dead one, unless somebody else uses the app: so this is done only once.
                freed = True
                failed = await self._free(failed)
                if self._closing:
                    return
            if failed.status == 409:
                self._held = None
                self._changed = True
                self._renew()
            backoff = backoff.failed(failed.cause, lived)
            wait = backoff.wait(self._clock.seconds(), failed.reset, self._chance())
            self.log.warn("{why} Again in {wait:.1f} s.", why=failed.why, wait=wait)
            if wait > 1.0:
                self._flows(PAUSED)
            await self._sleep(wait)

    async def _hear_stream(self) -> tuple[Failed, float]:
        """Open one stream and hear it to its end; why there is none any more, and how long it lived."""
        self._said = None
        try:
            stream = await self._api.open(self._heard)
        except Failed as failed:
            return failed, 0.0
        began = self._clock.seconds()
        self._stream = stream
        self._flows(FLOWS)
        try:
            why = await stream.done
        finally:
            self._stream = None
        crowded = self._said is not None and self._said.crowded
        lost = Failed(why, Cause.LIMIT if crowded else Cause.LOST, crowded=crowded)
        return lost, self._clock.seconds() - began

    async def _free(self, crowded: Failed) -> Failed:
        try:
            await self._api.free()
        except Failed as failed:
            self.log.warn("The other connection to X cannot be ended. {why}", why=failed.why)
            return crowded
        return Failed("X had a connection of this app that was dead, and has ended it.", Cause.AWAY)

    def _heard(self, line: bytes) -> None:
        said = tweets.read(line)
        if isinstance(said, tweets.Ended):
            self._said = said
            if self._stream is not None:
                self._stream.close(f"X ends the stream. It says: {said.why}")
        elif said is not None and self._audience is not None:
            self._tell(said, self._audience)

    def _tell(self, told: tweets.Told, audience: IAudience) -> None:
        post = told.post
        if post.id in self._told:
            return
        words = told.words & self._words.keys()
        if not words:
            # X sees a word where we do not: its rule says which, if it has no other.
            by_rule = [self._words_told(rule) for rule in self._held or [] if rule.id in told.rules]
            words = frozenset(word for each in by_rule if len(each) == 1 for word in each)
        if not words:
            # Rules of others tell their posts on this stream too.
            return
        for known in (*told.earlier, post.id):
            # An older version that comes late is told no more.
            self._told[known] = None
            self._told.move_to_end(known)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        audience.posted(post, words)

    def _words_told(self, rule: Rule) -> list[str]:
        return [word for word in words_of(rule.value, self._reposts) if word in self._words]

    # Looking again.

    def _wait_to_look(self) -> None:
        if self._look_again and self._audience is not None and self._look is None:
            self._look = self._clock.callLater(self._look_again, self._look_now)

    def _look_now(self) -> None:
        self._look = None
        if not self._over:
            self._looking = self._task(self._look_up, "Looking posts of X up again")
            self._looking.addCallback(lambda _: self._looked())

    def _looked(self) -> None:
        self._looking = None
        self._wait_to_look()

    async def _look_up(self) -> None:
        ids = list(self._audience.standing(self._clock.seconds() - DAY)) if self._audience is not None else []
        try:
            for start in range(0, len(ids), IDS_AT_ONCE):
                gone = await self._api.missing(ids[start : start + IDS_AT_ONCE])
                if gone and self._audience is not None:
                    self._audience.withdrawn(gone)
        except Failed as failed:
            if failed.status == 403:
                # It is a question of its own, which a plan may lack.
                self._look_again = 0.0
                self.log.error("Posts of X are looked up no more. {why}", why=failed.why)
            elif not self._give_up(failed):
                self.log.warn("Posts of X cannot be looked up again now. {why}", why=failed.why)

    # Both.

    def _give_up(self, failed: Failed) -> bool:
        """End everything if an operator has to mend it; whether that is so."""
        if failed.final and not self._over and self._audience is not None:
            self._over = True
            self.log.error("Posts from X do not come any more. {why}", why=failed.why)
            self._flows(OVER)
            self._stop_listening()
        return failed.final

    def _flows(self, text: str) -> None:
        if text != self._flow and self._audience is not None:
            self._flow = text
            self._audience.flowing(text == FLOWS, text)

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds, lambda: None)

    def _task(self, work: Callable[[], Coroutine[Any, Any, None]], what: str) -> Deferred[None]:
        task = Deferred.fromCoroutine(work())

        def broken(failure: Failure) -> None:
            if not failure.check(CancelledError):
                self.log.failure("{what} broke", failure=failure, what=what)

        return task.addErrback(broken)


def _after(task: Deferred[None]) -> Deferred[None]:
    """Fires when ``task`` has, and leaves it alone."""
    ended: Deferred[None] = Deferred()
    task.addBoth(lambda _: ended.callback(None))
    return ended
