"""A room, or what one who spoke there has said, is deleted because somebody asked for it.

The law: first where entries are numbered, so that nothing can come after it that does not know; then
in each store, by what the journal tells them too.  What is done twice changes nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meet.commands import Erase
from meet.errors import Stale, Unavailable
from meet.events import Forgotten, Position, Removed
from meet.feed import Feed
from meet.interfaces import IBroker, IStore, Record
from meet.limits import Limits
from meet.moments import moment
from meet.receipt import logs
from meet.wire import encode

_TRIES = 5


async def erase_room(broker: IBroker, stores: Sequence[IStore], room: str, now: float) -> None:
    """Delete all of ``room`` from ``broker`` and ``stores``; ``now`` is in seconds since 1970."""
    await broker.drop(room, encode(Forgotten(at=moment(now))))
    for store in stores:
        for epoch in await logs(store, room):
            await store.delete(room, epoch)


async def erase_lines(
    broker: IBroker, stores: Sequence[IStore], lines: Iterable[Record], limits: Limits, now: float
) -> int:
    """Delete ``lines``, all of one room, from ``broker`` and ``stores``; returns how many there were."""
    wanted: dict[tuple[str, str], set[int]] = {}
    for line in lines:
        wanted.setdefault((line.room, line.position.epoch), set()).add(line.position.seq)
    removals: list[Record] = []
    for (room, epoch), numbers in wanted.items():
        for number in sorted(numbers):
            removed = await _removed(broker, room, Position(epoch, number), limits, now)
            removals.append(removed or await _removed_late(stores, room, Position(epoch, number), len(removals), now))
    for store in stores:
        await store.record(removals)
    return len(removals)


async def _removed(broker: IBroker, room: str, line: Position, limits: Limits, now: float) -> Record | None:
    """Let the removal of ``line`` be numbered; the entry that says so, None if that log is known no more."""
    for _ in range(_TRIES):
        feed = Feed(room, limits)
        feed.restore(await broker.read(room))
        if feed.last is None or feed.last.epoch != line.epoch:
            return None
        event = feed.room.decide(Erase(number=line.seq), "", now)
        guards = feed.room.guards(event)
        body = encode(event)
        try:
            at = await broker.publish(room, body, under=guards.under, erase=guards.erase)
        except Stale:
            continue
        return Record(room, at, body)
    raise Unavailable(f"The room {room} changes too often to delete from it: try again.")


async def _removed_late(stores: Sequence[IStore], room: str, line: Position, done: int, now: float) -> Record:
    # The broker has forgotten that log, so its numbers are given to nobody any more.
    newest = [(await store.memory(room, line.epoch, 0)).last for store in stores]
    last = max((each.seq for each in newest if each is not None), default=line.seq)
    removed = Removed(at=moment(now), number=line.seq, because="operator")
    return Record(room, Position(line.epoch, last + 1 + done), encode(removed))
