"""One connection of the line door: lines in, wishes up, lines down.

A connection is in one of these states::

    greeted --/join--> in a room --/leave, another /join--> greeted or in the next room
       |                   |
       '--- silent ---.    '-- room closed, slow, Meet stopping --.
                      v                                           v
                 goodbye told ------ taken, or too late ------> gone

The law: lines are taken one after the other, in the order in which they came; while one is
under way, or too many came at once, the others wait and no more is read.  Whoever is in a
room may be silent for ever; TCP itself finds out whether they are still there.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meet import moderation
from meet.commands import Rename
from meet.errors import GOODBYES, Goodbye, Refused, Unavailable
from meet.events import who_key
from meet.house import House
from meet.interfaces import IListener
from meet.limits import Bucket
from meet.line import dialogue
from meet.line.dialogue import Ask, Begin, Depart, Enter, Explain, Followed, HangUp, Moderate, Names, Wish
from meet.line.formats import LineFormat
from meet.line.reader import Reader
from meet.names import nick as checked_nick
from meet.names import room_name
from meet.session import Session
from meet.writer import Writer

if TYPE_CHECKING:
    from meet.line import LineGateway

VIA = "line"
LAST_WORDS = 2.0
"""Seconds that the other side has to take the goodbye before the connection is cut."""

_WAITING = 32
"""Lines that may wait their turn before reading pauses."""

_COMMANDS_SPAN = 30.0
_BAD_INPUT_SPAN = 60.0
_BAD_INPUT = frozenset({"bad-input", "unknown-ask"})
"""The refusals that a broken client earns, rather than somebody who does not get their wish."""


@implementer(IListener)
class Ear:
    """What hears ``session``'s room for one connection."""

    skips = ""

    def __init__(self, session: Session, form: LineFormat, writer: Writer, end: Callable[[Ear, Goodbye], None]) -> None:
        self.session = session
        self.format = form
        # As `IListener` says, without a step between.
        self.heard = writer.write
        self._end = end

    def ended(self, goodbye: Goodbye) -> None:
        """The stay in the room is over."""
        self._end(self, goodbye)


@implementer(IHalfCloseableProtocol)
class LineProtocol(Protocol):
    """One connection.  `gone` fires once, when it has been lost."""

    log = Logger()
    transport: Any

    def __init__(self, house: House, gateway: LineGateway) -> None:
        self.gone: Deferred[None] = Deferred()
        self._house = house
        self._gateway = gateway
        self._reader = Reader(house.limits.bytes_in_line)
        self._lines: deque[str | Refused] = deque()
        self._first = True
        self._working = False
        self._paused = False
        self._input_over = False
        self._ending = False
        self._lost = False
        self._ear: Ear | None = None
        self._commands = Bucket(house.limits.commands_per_connection, _COMMANDS_SPAN)
        self._mistakes = Bucket(house.limits.bad_input_per_connection, _BAD_INPUT_SPAN)
        self._go_on: IDelayedCall | None = None
        self._silence: IDelayedCall | None = None
        self._cut: IDelayedCall | None = None
        self._disconnected: Callable[[], None] | None = None
        self._address = ""

    # Twisted calls.

    def connectionMade(self) -> None:
        """Greet, unless there are too many from this address."""
        self._address = getattr(self.transport.getPeer(), "host", "")
        self._writer = Writer(self.transport, self._house.clock, self._house.limits, self._fell_behind)
        self._gateway.came(self)
        self._watch_the_line()
        try:
            self._disconnected = self._house.admission.connect(self._address)
        except Refused as refused:
            self._end(dialogue.refusal(refused))
            return
        self._tell(dialogue.GREETING)
        self._listen_for_life()

    def dataReceived(self, data: bytes) -> None:
        """Take some bytes, however they were cut."""
        if self._ending:
            return
        if self._first and not self._reader.begun and dialogue.greets_as_tls(data):
            self._end(dialogue.NOT_TLS)
            return
        lines = self._reader.feed(data)
        self._writer.write(self._reader.reply())
        self._lines.extend(lines)
        if lines:
            self._listen_for_life()
        self._work()

    def readConnectionLost(self) -> None:
        """The other side will send nothing more: what it sent is done, then it has hung up."""
        self._input_over = True
        self._work()

    def writeConnectionLost(self) -> None:
        """Nothing can be told any more."""
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone; a place in a room is kept for a while."""
        self._lost = self._ending = True
        self._lines.clear()
        self._writer.close()
        for call in (self._go_on, self._silence, self._cut):
            if call is not None and call.active():
                call.cancel()
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.session.detach(ear)
        if self._disconnected is not None:
            self._disconnected()
        self._gateway.went(self)
        self.gone.callback(None)

    # The end.

    def say_goodbye(self, goodbye: Goodbye) -> None:
        """Tell ``goodbye`` and end the connection; the place in the room is kept for a while."""
        self._end(dialogue.goodbye(goodbye))

    def _end(self, *last: str) -> None:
        if self._ending:
            return
        self._hear_the_rest()
        self._ending = True
        self._lines.clear()
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.session.detach(ear)
        self._writer.close()
        if last:
            self.transport.write(self._format.lines(*last))
        # Who has stopped reading would never take the goodbye, nor free the connection.
        self._cut = self._house.clock.callLater(LAST_WORDS, self._abort)
        self.transport.loseConnection()

    def _abort(self) -> None:
        self.transport.abortConnection()

    def _fell_behind(self) -> None:
        self.say_goodbye(GOODBYES["slow"])

    def _stay_ended(self, ear: Ear, goodbye: Goodbye) -> None:
        if ear is not self._ear:
            return
        if goodbye.name == "left":
            self._ear = None
            self._tell(dialogue.left(ear.session.room))
            self._listen_for_life()
        else:
            self.say_goodbye(goodbye)

    def _fell_silent(self) -> None:
        if self._working:
            self._listen_for_life()
        elif self._ear is None:
            self.say_goodbye(GOODBYES["idle"])

    def _listen_for_life(self) -> None:
        """From here on, silence of someone who is in no room is measured."""
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        if not self._ending:
            self._silence = self._house.clock.callLater(self._house.limits.seconds_idle, self._fell_silent)

    def _watch_the_line(self) -> None:
        """Let TCP end a connection whose other side is gone without a word."""
        transport = self.transport
        if not ITCPTransport.providedBy(self.transport):
            return
        transport.setTcpKeepAlive(True)
        handle = transport.getHandle()
        if not isinstance(handle, socket.socket) or handle.family not in (socket.AF_INET, socket.AF_INET6):
            return
        idle = self._house.limits.seconds_idle
        for option, value in (
            ("TCP_KEEPIDLE", idle),
            ("TCP_KEEPINTVL", 10),
            ("TCP_KEEPCNT", 3),
            # Unanswered data switches the probes off; this bounds the wait for its answer.
            ("TCP_USER_TIMEOUT", idle * 1000),
        ):
            if hasattr(socket, option):
                handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    # Lines in.

    def _work(self) -> None:
        """Take the lines that wait, unless that is under way already."""
        if self._working or self._lost or (self._go_on is not None and self._go_on.active()):
            self._pace()
            return
        self._working = True
        Deferred.fromCoroutine(self._take_lines()).addErrback(self._broke)

    async def _take_lines(self) -> None:
        try:
            while self._lines and not self._ending:
                now = self._house.clock.seconds()
                if not self._commands.take(now):
                    self._go_on = self._house.clock.callLater(self._commands.wait(now), self._work)
                    break
                self._pace()
                await self._take(self._lines.popleft(), now)
            if self._input_over and not self._lines:
                self._end()
        finally:
            self._working = False
            self._pace()

    def _pace(self) -> None:
        """Read more only if there is room for it, so that the other side feels the pace."""
        pausing = len(self._lines) >= _WAITING
        if pausing != self._paused and not self._ending:
            self._paused = pausing
            if pausing:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    async def _take(self, line: str | Refused, now: float) -> None:
        if line == "":
            # Somebody has only pressed Enter.
            return
        first, self._first = self._first, False
        try:
            if isinstance(line, Refused):
                raise line
            if first and dialogue.greets_as_http(line):
                self._end(dialogue.not_http(self._house.public_url))
                return
            await self._grant(dialogue.understand(line, now))
        except Refused as refused:
            self._refuse(refused, now, broken=isinstance(line, Refused))
        except Unavailable as away:
            self._tell(dialogue.refusal(Refused("unavailable", str(away))))

    def _refuse(self, refused: Refused, now: float, broken: bool) -> None:
        self._tell(dialogue.refusal(refused))
        if (broken or refused.code in _BAD_INPUT) and not self._mistakes.take(now):
            self.say_goodbye(GOODBYES["bad-input"])

    def _broke(self, failure: Failure) -> None:
        self.log.failure("A line could not be taken", failure)
        self.say_goodbye(GOODBYES["internal"])

    # Wishes up.

    async def _grant(self, wish: Wish) -> None:
        match wish:
            case Enter(room, nick, host_key):
                await self._enter(room, nick, host_key)
            case Begin():
                await self._begin(wish)
            case Explain():
                self._tell(*dialogue.HELP)
            case HangUp():
                await self._hang_up()
            case Ask(command, receipt):
                session = self._here().session
                await session.ask(command)
                if isinstance(command, Rename):
                    self._gateway.renamed(session, self._address)
                if receipt:
                    self._tell(receipt)
            case Moderate(make):
                session = self._here().session
                await session.ask(make(session.feed))
            case Followed():
                self._tell(f"-- {moderation.told(self._here().session.feed.room)}")
            case Names():
                self._tell(dialogue.who(self._here().session.feed.room, self._house.limits.names_in_here))
            case Depart():
                await self._here().session.leave()

    def _here(self) -> Ear:
        if self._ear is None:
            raise Refused("not-here", dialogue.NOT_IN_A_ROOM)
        return self._ear

    async def _begin(self, wish: Begin) -> None:
        sessions = self._house.sessions
        room, host_key = await sessions.open(wish.room, address=self._address, ends=wish.ends, title=wish.title)
        feed = await self._house.hub.feed(room)
        self._tell(*dialogue.opened(feed.room, host_key, self._house.clock.seconds()))
        if wish.nick:
            await self._enter(room, wish.nick, host_key)

    async def _enter(self, name: str, nick: str, host_key: str) -> None:
        room = room_name(name)
        nick = checked_nick(nick)
        before = self._ear
        if before is not None and before.session.room == room:
            await self._enter_again(before.session, nick, host_key)
            return
        session = await self._gateway.bring_in(room, nick, self._address, host_key)
        if self._ending:
            # Lost on the way in: the place is kept as for any connection that is lost.
            return
        if before is not None and self._ear is before:
            await before.session.leave()
            if self._ending:
                return
        self._gateway.check_free(session, nick)
        self._ear = ear = Ear(session, self._format, self._writer, self._stay_ended)
        self._tell(*dialogue.came_in(session.feed.room, self._house.clock.seconds()))
        missed = session.attach(ear)
        self._writer.write(b"".join(self._format.entry(room, item) for item in missed.entries))

    async def _enter_again(self, session: Session, nick: str, host_key: str) -> None:
        if who_key(nick) != who_key(session.nick):
            raise Refused("nick-taken", f"You are here already, as {session.nick}. Go by another nick by /nick {nick}.")
        if host_key:
            await self._house.sessions.join(
                session.room, via=VIA, address=self._address, token=session.token, host_key=host_key
            )
        self._tell(*dialogue.came_in(session.feed.room, self._house.clock.seconds()))

    async def _hang_up(self) -> None:
        """Leave, then end the connection; where leaving fails, the place runs out by itself."""
        ear, self._ear = self._ear, None
        if ear is None:
            self._end(dialogue.BYE)
            return
        last = dialogue.left(ear.session.room)
        try:
            await ear.session.leave()
        except Refused as refused:
            last = dialogue.refusal(refused)
        finally:
            ear.session.detach(ear)
        self._end(last)

    # Lines down.

    @property
    def _format(self) -> LineFormat:
        return LineFormat("\r\n" if self._reader.crlf else "\n")

    def _tell(self, *lines: str) -> None:
        if not self._ending:
            self._hear_the_rest()
            self._writer.write(self._format.lines(*lines))

    def _hear_the_rest(self) -> None:
        """Hear what waits for the end of this turn, so that an answer comes after what went before."""
        if self._ear is not None:
            self._ear.session.catch_up(self._ear)
