"""What is asked of one room: each ask is one script.

The law: a room is changed by one script, whole or not at all, and Redis's order is the room's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime

from meet.broker.redis.reading import ledger_of, restored_words
from meet.broker.redis.scripts import DROP, HOLD, PUBLISH, READ, RESTORE, WEIGH, WHOLE
from meet.broker.redis.servers import Servers, first_of
from meet.bus import Word, look_of, published, room_keys, till, to_publish, to_read
from meet.errors import Stale, Unavailable
from meet.events import Forgotten, Position, new_epoch
from meet.keys import ROOM, SHARDS, Names, shard_of
from meet.limits import Limits
from meet.look import Look, Numbered, lineage
from meet.moments import DAY
from meet.wire import decode_event

_GRAVE = 7 * DAY * 1000
"""Milliseconds for which a dropped log is known, so that nobody brings it back."""

_RESTORES = 20
"""How often a room that is talked in meanwhile is looked at anew, to give back what it lost."""

_WEIGHED = 50
"""Rooms that are weighed in one go."""

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
        instead: Numbered = (),
    ) -> Deferred[Position]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        shard = shard_of(room)
        asked = to_publish(
            self._names,
            room,
            body,
            under=under,
            key=key,
            forget=forget,
            ruling=ruling,
            claim=claim,
            once=once,
            erase=erase,
            instead=instead,
            process=self._process,
            epoch=self._epoch(),
            limits=self._limits,
        )
        numbered = PUBLISH.run(self._servers, shard, *asked)
        numbered.addCallback(self._numbered, room, key, forget, claim)
        return numbered.addCallback(self._copied, shard) if self._wait else numbered

    def _copied(self, position: Position, shard: int) -> Deferred[Position]:
        def enough(copies: int) -> Position:
            if copies < self._wait:
                raise Unavailable("Redis could not copy this to another server in time. Ask again.")
            return position

        return self._servers.copied(shard, self._wait).addCallback(enough)

    def _numbered(
        self, answer: bytes, room: str, key: str | None, forget: bool, claim: tuple[str, str] | None
    ) -> Position:
        position = published(answer)
        if key is not None and claim is not None and claim[0] == key:
            if forget:
                self.held.pop((room, key), None)
            else:
                self.held[room, key] = claim[1]
        return position

    def hold(self, room: str, key: str, owner: str, away: float | None = None) -> Deferred[bool]:
        """As `IBroker` says."""
        since = "" if away is None else f"{away:.3f}"
        return self._stand("hold", room, key, owner, since).addCallback(self._holds, room, key, owner)

    def _holds(self, held: bool, room: str, key: str, owner: str) -> bool:
        if held:
            self.held[room, key] = owner
        return held

    def let_go(self, room: str, key: str, owner: str) -> Deferred[bool]:
        """As `IBroker` says."""
        self.held.pop((room, key), None)
        return self._stand("let go", room, key, owner)

    def _stand(self, what: str, room: str, key: str, owner: str, away: str = "") -> Deferred[bool]:
        if not self.open:
            return fail(closed())
        shard = shard_of(room)
        keys = [self._names.room(shard, kind, room) for kind in ("owners", "holders", "head")]
        return HOLD.run(self._servers, shard, keys, [what, key, owner, self._process, away]).addCallback(bool)

    def drop(self, room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """As `IBroker` says; asked again of a room that is unknown, it goes on with what the first did not end."""
        if not self.open:
            return fail(closed())
        return Deferred.fromCoroutine(self._drop(room, body, under))

    async def _drop(self, room: str, body: bytes, under: Position | None) -> None:
        shard, names = shard_of(room), self._names
        keys = room_keys(names, room)
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
        """As `IBroker` says; a log that was dropped is not brought back."""
        if not self.open:
            return fail(closed())
        if known.last is None:
            return succeed(False)
        return Deferred.fromCoroutine(self._restore(room, known, known.last.epoch, renewed))

    async def _restore(self, room: str, known: Look, log: str, renewed: bytes) -> bool:
        shard, names = shard_of(room), self._names
        keys = [*room_keys(names, room), names.room(shard, "grave", room)]
        for _ in range(_RESTORES):
            whole = await WHOLE.run(self._servers, shard, keys[:3], [])
            ledger, places = ledger_of(whole, self._epoch(), self._limits)
            restored = ledger.restored(known, renewed, self._epoch(), self._clock.seconds())
            if restored is None:
                return False
            after = restored.ledger
            events = [decode_event(row.body) for row in after.rows]
            stays = till((event for event in events if event.key is not None), self._limits)
            if stays is None:
                # Nothing says until when: as long as any room may live.
                stays = round(1000 * (self._clock.seconds() + self._limits.longest_life))
            former = lineage(after.look())
            words: list[Word] = [room, log, str(ledger.look().last or ""), after.epoch, after.last, after.floor]
            words += ["".join(f" {epoch}" for epoch in former) + " ", names.channel(room), names.wake, shard]
            words += [stays, 1000 * self._limits.once_kept]
            words += restored_words(restored, places, lambda once: names.once(shard, room, once))
            answer = await RESTORE.run(self._servers, shard, keys, words)
            if answer != 0:
                return bool(answer == 1)
        raise Unavailable("Too much is changing in this room to bring back what it lost.")

    def read(self, room: str) -> Deferred[Look]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        asked = to_read(self._names, room)
        return READ.run(self._servers, shard_of(room), *asked).addCallback(look_of)

    def rooms(self) -> Deferred[Sequence[str]]:
        """As `IBroker` says."""
        if not self.open:
            return fail(closed())
        asked = [self._servers.ask(shard, "ZRANGE", self._names.of(shard, "rooms"), 0, -1) for shard in range(SHARDS)]
        gathered = gatherResults(asked, consumeErrors=True).addErrback(first_of)
        return gathered.addCallback(lambda found: [room.decode() for rooms in found for room in rooms])

    def sizes(self) -> Deferred[Mapping[str, int]]:
        """As `meet.interfaces.IMeasured` says; what waits in the journal is not a room's."""
        return self.rooms().addCallback(self._weigh)

    def _weigh(self, rooms: Sequence[str]) -> Deferred[Mapping[str, int]]:
        shards: dict[int, list[str]] = {}
        for room in rooms:
            shards.setdefault(shard_of(room), []).append(room)
        # So few at a time that nobody's line waits for them.
        batches = [
            (shard, those[first : first + _WEIGHED])
            for shard, those in shards.items()
            for first in range(0, len(those), _WEIGHED)
        ]
        asked = [
            WEIGH.run(
                self._servers,
                shard,
                [self._names.room(shard, what, room) for room in those for what in ROOM],
                [len(ROOM)],
            )
            for shard, those in batches
        ]
        weighed = gatherResults(asked, consumeErrors=True).addErrback(first_of)
        return weighed.addCallback(
            lambda found: {
                room: size
                for (_, those), sizes in zip(batches, found, strict=True)
                for room, size in zip(those, sizes, strict=True)
            }
        )

    def _epoch(self) -> str:
        return new_epoch(self._clock.seconds(), self._random(3))


def closed() -> Unavailable:
    """Why nothing can be asked before the start and after the end."""
    return Unavailable("The broker is not running; come again.")
