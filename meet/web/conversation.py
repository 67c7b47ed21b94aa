"""One WebSocket's talk with a room, without the WebSocket: texts in, texts out.

It comes in first; what the client sends meanwhile waits, bounded and in order.  Asks are
decided in the order in which they came, only so many at a time: while more wait, nothing
is read, so who sends fast is slowed and not refused.  A refusal answers the one ask; a
client that sends nonsense, or too much, is told goodbye by name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meet import wire
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import Position
from meet.feed import Feed, Since
from meet.house import House
from meet.interfaces import IListener
from meet.limits import Bucket
from meet.session import Session
from meet.web import views
from meet.web.formats import SOCKET, frame

_UNDER_WAY = 32
"""Asks that are decided at a time: half of what a session takes, which may have two connections."""

_WAITING = 4096
"""Messages that may wait: more than come in the one piece that is read before reading pauses."""

_MINUTE = 60.0
_COMMANDS_SPAN = 30.0
_WITHIN = 5
"""Seconds over which those who are told to come again should spread."""

REFUSED = Goodbye("refused", 4100, "You were not let in.", False)
"""How a connection ends that was refused before its welcome."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a handshake asks for.  With neither nick nor token it is a lurker's."""

    room: str
    address: str
    nick: str
    token: str
    host_key: str
    after: Position | None


def goodbye_object(goodbye: Goodbye) -> dict[str, Any]:
    """A goodbye as clients get it."""
    told: dict[str, Any] = {"kind": "goodbye", "name": goodbye.name, "again": goodbye.again, "detail": goodbye.text}
    if goodbye.again:
        told["within"] = _WITHIN
    return told


@implementer(IListener)
class Conversation:
    """``write`` takes bytes for the connection; ``close`` ends it after what was written;
    ``pause`` is told True when nothing more should be read from it for now, and False after.
    """

    log = Logger()
    format = SOCKET
    skips = ""

    __slots__ = (
        "_asks",
        "_bad",
        "_close",
        "_feed",
        "_house",
        "_over",
        "_pause",
        "_paused",
        "_session",
        "_under_way",
        "_visit",
        "_waiting",
        "_working",
        "_write",
        "heard",
    )

    def __init__(
        self,
        house: House,
        visit: Visit,
        write: Callable[[bytes], None],
        close: Callable[[Goodbye], None],
        pause: Callable[[bool], None],
    ) -> None:
        self._house = house
        self._visit: Visit | None = visit
        self._write = write
        # `IListener.heard`, without a step between: whoever is gone listens to nothing.
        self.heard = write
        self._close = close
        self._pause = pause
        self._paused = False
        self._feed: Feed | None = None
        self._session: Session | None = None
        # What follows is made when the first message comes: most people read.
        self._waiting: deque[bytes] | None = None
        self._bad: Bucket | None = None
        self._asks: Bucket | None = None
        self._under_way = 0
        self._working = False
        self._over = False

    def begin(self) -> None:
        """Come in; once, before all else."""
        visit, self._visit = self._visit, None
        assert visit is not None
        Deferred.fromCoroutine(self._enter(visit)).addErrback(self._broken)

    def count(self) -> None:
        """Count a frame, of whatever kind: a ping, or a piece of a message, costs us as much as an ask."""
        if self._over:
            return
        if self._asks is None:
            self._asks = Bucket(self._house.limits.commands_per_connection, _COMMANDS_SPAN)
        if not self._asks.take(self._house.clock.seconds()):
            self.end(GOODBYES["too-fast"])

    def take(self, payload: bytes) -> None:
        """Take one text from the client."""
        if self._over:
            return
        if self._waiting is None:
            if self._may_take() and not self._working:
                self._take(payload)
                return
            self._waiting = deque()
        if len(self._waiting) >= _WAITING:
            self.end(GOODBYES["too-fast"])
        else:
            self._waiting.append(payload)
            self._work()

    def take_binary(self) -> None:
        """The client sent bytes that are no text."""
        if not self._over:
            self._refuse(Refused("bad-input", "Messages are texts, not binary."), "", bad=True)

    def ended(self, goodbye: Goodbye) -> None:
        """As `IListener` says."""
        self.end(goodbye)

    def end(self, goodbye: Goodbye) -> None:
        """Say ``goodbye`` and close; the place is kept as for any lost connection."""
        if self._over:
            return
        self._tell(goodbye_object(goodbye))
        self._close(goodbye)
        self.gone()

    def gone(self) -> None:
        """The connection is lost, or as good as lost."""
        if self._over:
            return
        self._over = True
        self._waiting = None
        if self._paused:
            # The other side's close must still be read.
            self._paused = False
            self._pause(False)
        if self._session is not None:
            self._session.detach(self)
        elif self._feed is not None:
            self._house.hub.ignore(self._feed.name, self)

    async def _enter(self, visit: Visit) -> None:
        try:
            feed, since = await self._come_in(visit)
        except Refused as refused:
            self._turn_away(refused)
            return
        except Unavailable as away:
            self._turn_away(Refused("unavailable", str(away) or "A part of Meet is away. Try again in a moment."))
            return
        if since is None:
            return
        self._feed = feed
        now = self._house.clock.seconds()
        self._tell(views.welcome(feed, self._house.limits, now, self._session, since))
        self._work()

    async def _come_in(self, visit: Visit) -> tuple[Feed, Since | None]:
        hub = self._house.hub
        if visit.nick or visit.token:
            session = await self._house.sessions.join(
                visit.room,
                via="web",
                address=visit.address,
                nick=visit.nick,
                token=visit.token,
                host_key=visit.host_key,
            )
            if self._over:
                # The connection was lost meanwhile: joining has begun the time of grace.
                return session.feed, None
            since = session.attach(self, visit.after)
            self._session = session
            return session.feed, since
        since = await hub.listen(visit.room, self, visit.after)
        if self._over:
            hub.ignore(visit.room, self)
            return await hub.feed(visit.room), None
        return await hub.feed(visit.room), since

    def _turn_away(self, refused: Refused) -> None:
        if self._over:
            return
        self._tell({"kind": "refused", "ref": "", "code": refused.code, "detail": refused.detail})
        self._close(REFUSED)
        self.gone()

    def _work(self) -> None:
        """Take what waits, as far as it can be decided now."""
        if self._working:
            return
        self._working = True
        while self._waiting and self._may_take():
            self._take(self._waiting.popleft())
        self._working = False
        if not self._waiting:
            self._waiting = None
        paused = self._waiting is not None and not self._over
        if paused != self._paused:
            self._paused = paused
            self._pause(paused)

    def _may_take(self) -> bool:
        return self._feed is not None and self._under_way < _UNDER_WAY and not self._over

    def _take(self, payload: bytes) -> None:
        try:
            asked = wire.asked(payload, self._house.clock.seconds())
        except Refused as refused:
            bad = refused.code in ("bad-input", "unknown-ask")
            self._refuse(refused, wire.refused_ref(payload), bad=bad)
            return
        match asked.ask:
            case wire.Beat():
                self._tell({"kind": "beat"})
            case wire.Who():
                assert self._feed is not None
                self._tell({"kind": "who", "names": views.nicks(self._feed)})
            case command:
                if self._session is None:
                    self._refuse(Refused("not-here", "You only listen. Come in with a nick first."), asked.ref)
                    return
                self._under_way += 1
                asking = self._session.ask(command)
                asking.addCallbacks(self._decided, self._not_granted, errbackArgs=(asked.ref,))
                asking.addErrback(self._broken)

    def _decided(self, result: object) -> None:
        self._under_way -= 1
        self._work()

    def _not_granted(self, failure: Failure, ref: str) -> None:
        refused = failure.value
        if not isinstance(refused, Refused):
            self._broken(failure)
        else:
            self._refuse(refused, ref)
        self._decided(None)

    def _refuse(self, refused: Refused, ref: str, *, bad: bool = False) -> None:
        ref = ref[: self._house.limits.characters_in_ref]
        self._tell({"kind": "refused", "ref": ref, "code": refused.code, "detail": refused.detail})
        if not bad:
            return
        if self._bad is None:
            self._bad = Bucket(self._house.limits.bad_input_per_connection, _MINUTE)
        if not self._bad.take(self._house.clock.seconds()):
            self.end(GOODBYES["bad-input"])

    def _tell(self, value: object) -> None:
        if not self._over:
            self._write(frame(wire.encode(value)))

    def _broken(self, failure: Failure) -> None:
        self.log.failure("A conversation broke", failure)
        self.end(GOODBYES["internal"])
