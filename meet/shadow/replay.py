"""What production did, done again: in each room, and for each participant in their order.

The law: production's time is the shadow's.  Nothing is held back to be done later; when too much is on
its way, what comes is left out and counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meet.events import Closed, Event, Extended, Joined, Left, Opened, Position, Renamed, Retitled, Said
from meet.shadow.candidate import Candidate, Denied
from meet.shadow.masks import Masks
from meet.shadow.report import Report
from meet.wire import decode_event

ON_THE_WAY = 10_000
"""Things under way; with more, what comes is left out."""

_LONGEST_LINE = 500
"""Characters for a room whose opening was not heard."""

Step = Callable[[], Awaitable[object]]


class _Person:
    """A participant: what they have yet to do, the token under which they do it, and whether they are a host."""

    def __init__(self) -> None:
        self.steps: deque[Step] = deque()
        self.busy = False
        self.token = ""
        self.host = False


class _Room:
    """A room of the candidate."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.host_key = ""
        self.people: dict[str, _Person] = {}
        self.opening: Deferred[None] = succeed(None)


class Replay:
    """Does what is `heard` again at ``candidate``, ``speed`` times.

    So many copies there are of each room; of what is left behind the point, so large a share of the rooms has one more.
    """

    log = Logger()

    def __init__(
        self, candidate: Candidate, masks: Masks, report: Report, clock: IReactorTime, speed: float = 1.0
    ) -> None:
        self.under_way = 0
        self._candidate = candidate
        self._masks = masks
        self._report = report
        self._clock = clock
        self._speed = speed
        self._rooms: dict[str, _Room] = {}
        self._last: dict[str, Position] = {}
        self._settled: Deferred[None] | None = None

    def heard(self, room: str, position: Position, body: bytes) -> None:
        """Production told this just now."""
        last = self._last.get(room)
        if last is not None and last.epoch == position.epoch and position.seq > last.seq + 1:
            self._report.counts["missed"] += position.seq - last.seq - 1
        self._last[room] = position
        event = decode_event(body)
        copies = int(self._speed) + (self._masks.share(room) < self._speed % 1)
        for copy in range(copies):
            self._again(self._masks.room(room, copy), position, event)

    def settled(self) -> Deferred[None]:
        """Fires when nothing is under way any more, and all that was said has been heard."""
        self._settled = Deferred()
        self._look()
        return self._settled

    def _look(self) -> None:
        settled = self._settled
        if settled is not None and not settled.called and not self.under_way and not self._report.waiting:
            settled.callback(None)

    def _again(self, name: str, position: Position, event: Event) -> None:
        room = self._rooms.get(name)
        if room is None or isinstance(event, Opened):
            if isinstance(event, Closed | Left):
                return
            room = self._rooms[name] = _Room(name)
            room.opening = self._open(room, event)
        match event:
            case Said():
                self._say(room, position, event)
            case Joined():
                self._do(room, event.by, lambda: self._join(room, event.by, event.nick, event.host))
            case Renamed(was=was, nick=nick) if was != nick:
                self._do(room, event.by, self._asking(room, event, {"ask": "rename", "nick": self._masks.nick(nick)}))
            case Left(because="left" | "lost"):
                self._do(room, event.by, lambda: self._leave(room, event.by))
            case Retitled(title=title):
                title = self._masks.text(title)
                self._do(room, event.by, self._asking(room, event, {"ask": "retitle", "title": title}, host=True))
            case Extended(ends=ends):
                self._do(room, event.by, self._asking(room, event, {"ask": "extend", "ends": ends}, host=True))
            case Closed(because="host"):
                self._do(room, event.by, self._asking(room, event, {"ask": "close"}, host=True))

    def _open(self, room: _Room, event: Event) -> Deferred[None]:
        limit = event.limit if isinstance(event, Opened) else _LONGEST_LINE
        title = self._masks.text(event.title) if isinstance(event, Opened) else ""

        async def opening() -> None:
            self._report.counts["rooms"] += 1
            room.host_key = await self._candidate.open(room.name, title, limit)
            await self._candidate.listen(room.name, lambda told: self._told(room, told))

        return Deferred.fromCoroutine(opening()).addErrback(self._not_done)

    def _told(self, room: _Room, event: dict[str, Any]) -> None:
        if event.get("kind") == "said":
            self._report.heard(room.name, event.get("ref", ""), event["text"], self._clock.seconds())
            self._look()

    def _say(self, room: _Room, position: Position, said: Said) -> None:
        since, ref, text = self._clock.seconds(), str(position), self._masks.text(said.text)

        async def saying() -> None:
            self._report.asked(room.name, ref, text, said.by, since)
            try:
                token = await self._join(room, said.by, said.nick, host=False)
                await self._candidate.ask(room.name, token, {"ask": "say", "text": text, "ref": ref})
            except Denied as denied:
                self._report.granted_not(room.name, ref, denied.code)

        self._do(room, said.by, saying)

    async def _join(self, room: _Room, by: str, nick: str, host: bool) -> str:
        person = room.people.setdefault(by, _Person())
        if not person.token or (host and not person.host):
            self._report.counts["joins"] += not person.token
            person.host = person.host or host
            key = room.host_key if person.host else ""
            person.token = await self._candidate.join(room.name, self._masks.nick(nick or by), key, person.token)
        return person.token

    async def _leave(self, room: _Room, by: str) -> None:
        person = room.people[by]
        if person.token:
            token, person.token = person.token, ""
            await self._candidate.leave(room.name, token)

    def _asking(self, room: _Room, event: Any, ask: dict[str, Any], *, host: bool = False) -> Step:
        async def asking() -> None:
            token = await self._join(room, event.by, event.nick, host)
            await self._candidate.ask(room.name, token, ask)

        return asking

    def _do(self, room: _Room, by: str, step: Step) -> None:
        if self.under_way >= ON_THE_WAY:
            self._report.counts["left-out"] += 1
            return
        self.under_way += 1
        person = room.people.setdefault(by, _Person())
        person.steps.append(step)
        if not person.busy:
            person.busy = True
            Deferred.fromCoroutine(self._work(room, person)).addErrback(self._not_done)

    async def _work(self, room: _Room, person: _Person) -> None:
        opened: Deferred[None] = Deferred()
        room.opening.addBoth(lambda _: opened.callback(None))
        await opened
        while person.steps:
            step = person.steps.popleft()
            try:
                await step()
            except Denied as denied:
                self._report.refused[denied.code] += 1
            finally:
                self.under_way -= 1
        person.busy = False
        self._look()

    def _not_done(self, failure: Any) -> None:
        denied = failure.value
        if isinstance(denied, Denied):
            self._report.refused[denied.code] += 1
        else:
            self._report.counts["failed"] += 1
            self.log.failure("Something could not be done again", failure)
