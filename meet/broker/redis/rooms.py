"""What is asked of one room: each ask is one script.

The law: a room is changed by one script, whole or not at all, and Redis's order is the room's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime

from meet.broker.ledger import new_epoch
from meet.broker.redis.link import Word
from meet.broker.redis.names import ROOM, SHARDS, Names, shard_of
from meet.broker.redis.reading import look_of, ordered, position_of, state_words, talk_words, till
from meet.broker.redis.scripts import DROP, HOLD, PUBLISH, READ, RESTORE
from meet.broker.redis.servers import Servers, first_of
from meet.errors import Stale, Taken, Unavailable
from meet.events import Forgotten, Position
from meet.feed import Look
from meet.limits import Limits
from meet.moments import DAY
from meet.wire import decode_event

_COPYING = 1000
"""Milliseconds in which the servers of ``wait`` must have an entry."""

_GRAVE = 7 * DAY * 1000
"""Milliseconds for which a dropped log is known, so that nobody brings it back."""

_PAGE = 500
"""Records of a journal looked at in one go."""


class Rooms:
    """The rooms of one Redis, asked by ``process``; ``wait`` servers must have a copy of what is published."""

    def __init__(
        self,
        servers: Servers,
        names: Names,
        process: str,
        wait: int,
        clock: IReactorTime,
        random: Callable[[int], bytes],
        limits: Limits,
    ) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.open = False
        self._servers = servers
        self._names = names
        self._process = process
        self._wait = wait
        self._clock = clock
        self._random = random
        self._limits = limits

    def publish(
        self,
        room: str,
        body: bytes,
        *,
        under: Position | None,
        key: str | None = None,
        forget: bool = False,
        ruling: bool = False,
        claim: tuple[str, str] | None = None,
        once: str | None = None,
        erase: Position | None = None,
    ) -> Deferred[Position]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        shard, names = shard_of(room), self._names
        keys = self._keys(shard, room)
        if once is not None:
            keys.append(names.once(shard, room, once))
        claimed, owner = claim or ("", "")
        flags = ("k" if key is not None else "") + ("f" if forget else "") + ("r" if ruling else "")
        stays = till([decode_event(body)], self._limits) if ruling else None
        published = PUBLISH.run(
            self._servers,
            shard,
            keys,
            [
                room,
                body,
                str(under) if under is not None else "",
                key or "",
                flags + ("c" if claim is not None else ""),
                claimed,
                owner,
                self._process,
                self._epoch(),
                self._limits.entries_in_tail,
                names.channel(room),
                names.wake,
                shard,
                "" if stays is None else stays,
                str(erase) if erase is not None else "",
                1000 * self._limits.once_kept,
            ],
        )
        if self._wait:
            copied = self._servers.ask(shard, "WAIT", self._wait, _COPYING)
            published.addCallback(self._copied, copied)
        return published.addCallback(self._numbered, room, key, forget, claim)

    def _copied(self, answer: bytes, copied: Deferred[int]) -> Deferred[bytes]:
        def enough(copies: int) -> bytes:
            if copies < self._wait and answer not in (b"stale", b"taken"):
                raise Unavailable("Redis could not copy this to another server in time. Ask again.")
            return answer

        return copied.addCallback(enough)

    def _numbered(
        self, answer: bytes, room: str, key: str | None, forget: bool, claim: tuple[str, str] | None
    ) -> Position:
        if answer == b"stale":
            raise Stale("A ruling was numbered since.")
        if answer == b"taken":
            raise Taken("That belongs to somebody else.")
        if key is not None and claim is not None and claim[0] == key:
            if forget:
                self.held.pop((room, key), None)
            else:
                self.held[room, key] = claim[1]
        return position_of(answer.removeprefix(b"="))

    def hold(self, room: str, key: str, owner: str) -> Deferred[bool]:
        """As `IBroker` says."""
        return self._stand("hold", room, key, owner).addCallback(self._holds, room, key, owner)

    def _holds(self, held: bool, room: str, key: str, owner: str) -> bool:
        if held:
            self.held[room, key] = owner
        return held

    def let_go(self, room: str, key: str, owner: str) -> Deferred[bool]:
        """As `IBroker` says."""
        self.held.pop((room, key), None)
        return self._stand("let go", room, key, owner)

    def _stand(self, what: str, room: str, key: str, owner: str) -> Deferred[bool]:
        if not self.open:
            return fail(closed())
        shard = shard_of(room)
        keys = [self._names.room(shard, kind, room) for kind in ("owners", "holders", "head")]
        return HOLD.run(self._servers, shard, keys, [what, key, owner, self._process]).addCallback(bool)

    def drop(self, room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """As `IBroker` says; asked again of a room that is unknown, it goes on with what the first did not end."""
        if not self.open:
            return fail(closed())
        return Deferred.fromCoroutine(self._drop(room, body, under))

    async def _drop(self, room: str, body: bytes, under: Position | None) -> None:
        shard, names = shard_of(room), self._names
        keys = self._keys(shard, room)
        keys += [names.room(shard, "grave", room), names.of(shard, "wiping")]
        words: list[Word] = [
            room,
            body,
            str(under) if under is not None else "",
            names.channel(room),
            names.wake,
            shard,
            _GRAVE,
        ]
        answer = await DROP.run(self._servers, shard, keys, words)
        if answer == b"stale":
            raise Stale("The room has changed since.")
        upto = answer[1]
        if upto:
            await self._wipe(shard, room, upto)

    async def _wipe(self, shard: int, room: str, upto: bytes) -> None:
        """Delete the words of ``room`` from the journal, up to its end there."""
        journal = self._names.of(shard, "journal")
        since: bytes | str = "-"
        while page := await self._servers.ask(shard, "XRANGE", journal, since, upto, "COUNT", _PAGE):
            words = [
                number
                for number, fields in page
                if fields[1] == room.encode() and number != upto and not isinstance(decode_event(fields[5]), Forgotten)
            ]
            if words:
                await self._servers.ask(shard, "XDEL", journal, *words)
            since = b"(" + page[-1][0]
        await self._servers.ask(shard, "HDEL", self._names.of(shard, "wiping"), room)

    def restore(self, room: str, known: Look, renewed: bytes) -> Deferred[bool]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        if known.last is None:
            return succeed(False)
        shard, names = shard_of(room), self._names
        keys = self._keys(shard, room)
        keys.append(names.room(shard, "grave", room))
        state = state_words(known)
        talk = talk_words(known, lambda once: names.once(shard, room, once))
        stays = till(ordered(known), self._limits)
        if stays is None:
            # Nothing says until when: as long as any room may live.
            stays = round(1000 * (self._clock.seconds() + self._limits.longest_life))
        words: list[Word] = [
            room,
            renewed,
            self._epoch(),
            known.last.epoch,
            known.last.seq,
            known.floor,
            names.channel(room),
        ]
        words += [names.wake, shard, self._limits.entries_in_tail, stays, 1000 * self._limits.once_kept]
        words += [len(state) // 3, len(talk) // 3, *state, *talk]
        return RESTORE.run(self._servers, shard, keys, words).addCallback(bool)

    def read(self, room: str) -> Deferred[Look]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        shard = shard_of(room)
        keys = [self._names.room(shard, what, room) for what in ("head", "tail", "kept")]
        return READ.run(self._servers, shard, keys, []).addCallback(look_of)

    def rooms(self) -> Deferred[Sequence[str]]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        asked = [self._servers.ask(shard, "ZRANGE", self._names.of(shard, "rooms"), 0, -1) for shard in range(SHARDS)]
        gathered = gatherResults(asked, consumeErrors=True).addErrback(first_of)
        return gathered.addCallback(lambda found: [room.decode() for rooms in found for room in rooms])

    def _keys(self, shard: int, room: str) -> list[Word]:
        """The keys that every script begins with that changes a room."""
        keys: list[Word] = [self._names.room(shard, what, room) for what in ROOM]
        return keys + [self._names.of(shard, what) for what in ("journal", "asleep", "rooms")]

    def _epoch(self) -> str:
        return new_epoch(self._clock.seconds(), self._random(3))


def closed() -> Unavailable:
    """Why nothing can be asked before the start and after the end."""
    return Unavailable("The broker is not running; come again.")
