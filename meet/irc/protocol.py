"""One IRC connection: bytes and bounds, in order, with an end to everything.

The law: what one client sends, however much and whatever it is, is held to the bounds of
`meet.limits`, is carried out line by line in its order, and costs nobody else anything.  A
client that sends too fast is not read from until it may go on.  Only what it says in rooms
need not wait for what it said before: the broker numbers that in the order of asking.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meet.errors import GOODBYES, Goodbye, Refused
from meet.house import House
from meet.irc import numerics
from meet.irc.actions import Conversation
from meet.irc.client import Client, Server
from meet.irc.dialogue import Dialogue
from meet.irc.message import BYTES_IN_LINE, BYTES_IN_TAGS, read, write
from meet.irc.visits import Visits
from meet.limits import Bucket
from meet.writer import Writer

_COMMANDS_SPAN = 30.0
_BAD_SPAN = 60.0
_WAITING = 64
"""Lines that may wait for their turn before nothing more is read."""

_UNDER_WAY = 32
"""Lines to rooms that are on their way at a time: half of what a session takes."""

_TO_ROOMS = (b"PRIVMSG ", b"NOTICE ")

_FAR_BEYOND = 8
"""Times ``commands-per-connection`` that may come in one piece before it is a flood."""

_HTTP = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_SIGN_OF_LIFE = 5.0
"""Seconds for a connection to answer when somebody else asks for its place."""

_LAST_WORDS = 5.0
"""Seconds for the last bytes to go out before a connection is cut."""


@implementer(IHalfCloseableProtocol)
class Connection(Protocol):
    """One client.  ``admit`` counts it in; ``gone`` once it has been told goodbye or is lost."""

    log = Logger()
    transport: Any

    def __init__(self, house: House, server: Server, visits: Visits, ended: Any) -> None:
        self.client = Client(server, _nowhere)
        self.write: Callable[[bytes], None] = _nowhere
        """Sends whole lines; nothing happens once the connection has ended."""
        self.address = ""
        self.gone = False
        self._house = house
        self._visits = visits
        self._ended = ended
        self._dialogue = Dialogue(self.client)
        self._writer: Writer | None = None
        self._admitted: Any = None
        self._lines: deque[bytes | None] = deque()
        self._buffer = b""
        self._discarding = False
        self._busy = False
        self._under_way = 0
        self._pumping = False
        self._paused = False
        self._input_over = False
        self._commands = Bucket(house.limits.commands_per_connection, _COMMANDS_SPAN)
        self._bad = Bucket(house.limits.bad_input_per_connection, _BAD_SPAN)
        self._last_heard = 0.0
        self._pinged = False
        self._life: IDelayedCall | None = None
        self._registration: IDelayedCall | None = None
        self._turn: IDelayedCall | None = None
        self._cut: IDelayedCall | None = None
        self._challenges: list[Deferred[bool]] = []
        self._challenge: IDelayedCall | None = None

    # Twisted calls these.

    def connectionMade(self) -> None:
        """Admit the client, or refuse it."""
        clock, limits = self._house.clock, self._house.limits
        self.address = getattr(self.transport.getPeer(), "host", "")
        self._writer = Writer(self.transport, clock, limits, lambda: self.end(GOODBYES["slow"]))
        # Without a step between: this is what a line costs.
        self.write = self.client.write = self._writer.write
        try:
            self._admitted = self._house.admission.connect(self.address)
        except Refused as refused:
            self._finish(refused.detail)
            return
        self._last_heard = clock.seconds()
        self._registration = clock.callLater(limits.seconds_to_register, self._not_registered)
        self._life = clock.callLater(limits.seconds_idle / 2, self._check_life)

    def dataReceived(self, data: bytes) -> None:
        """Take what came, in whatever pieces."""
        if self.gone:
            return
        self._last_heard = self._house.clock.seconds()
        self._pinged = False
        self._answer_challenges(silent=False)
        self._split(data)
        most = self._house.limits.commands_per_connection * _FAR_BEYOND
        if most and len(self._lines) > most:
            self.end(GOODBYES["too-fast"])
            return
        self._pump()

    def readConnectionLost(self) -> None:
        """The client will send nothing more: what it sent is carried out, then it is gone."""
        self._input_over = True
        self._answer_challenges(silent=True)
        self._pump()

    def writeConnectionLost(self) -> None:
        """The client takes nothing more."""
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The places in rooms are kept for the grace time."""
        self._stop()
        if self._cut is not None and self._cut.active():
            self._cut.cancel()
        if self._admitted is not None:
            self._admitted()
            self._admitted = None
        self._ended(self)

    # Others call these.

    def end(self, goodbye: Goodbye) -> None:
        """Say goodbye and end the connection; places in rooms are kept for the grace time."""
        self._finish(goodbye.text)

    def challenge(self) -> Deferred[bool]:
        """Fires with True if the client is gone, or says nothing for 5 seconds; False if it lives."""
        if self.gone or self._input_over:
            return succeed(True)
        if self._paused:
            # It has sent more than was read.
            return succeed(False)
        answer: Deferred[bool] = Deferred()
        self._challenges.append(answer)
        if self._challenge is None:
            self._challenge = self._house.clock.callLater(_SIGN_OF_LIFE, self._answer_challenges, True)
            self.client.send("PING", text=self.client.server.name)
        return answer

    # Bytes to lines.

    def _split(self, data: bytes) -> None:
        """Cut into lines; one that is too long becomes None, and nothing of it is kept."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            line, self._buffer = self._buffer + piece, b""
            if self._discarding:
                self._discarding = False
                continue
            line = line.rstrip(b"\r")
            if line.strip(b" "):
                self._lines.append(line if _fits(line) else None)
        if self._discarding:
            return
        self._buffer += rest
        if len(self._buffer) > BYTES_IN_TAGS + BYTES_IN_LINE:
            self._buffer, self._discarding = b"", True
            self._lines.append(None)

    def _pump(self) -> None:
        """Carry out lines until one must wait, then read more or not."""
        if self._pumping:
            return
        self._pumping = True
        clock = self._house.clock
        try:
            while self._lines and self._may_begin(self._lines[0]) and not self.gone and self._turn is None:
                if not self._commands.take(clock.seconds()):
                    self._turn = clock.callLater(self._commands.wait(clock.seconds()), self._go_on)
                    break
                self._carry_out(self._lines.popleft())
        finally:
            self._pumping = False
        if self.gone:
            return
        if self._input_over:
            if not self._lines and not self._busy and not self._under_way:
                self._finish("Goodbye.")
            return
        full = self._turn is not None or len(self._lines) > _WAITING
        if full and not self._paused:
            self._paused = True
            self.transport.pauseProducing()
        elif self._paused and not full:
            self._paused = False
            self.transport.resumeProducing()

    def _may_begin(self, line: bytes | None) -> bool:
        """Whether ``line`` can be carried out beside what is under way."""
        if self._busy:
            return False
        return self._under_way < _UNDER_WAY if _is_to_room(line) else not self._under_way

    def _go_on(self) -> None:
        self._turn = None
        self._pump()

    def _carry_out(self, line: bytes | None) -> None:
        client = self.client
        if line is None:
            client.numeric(numerics.ERR_INPUTTOOLONG, text="That line is too long.")
            self._count_bad()
            return
        try:
            text = line.decode()
        except UnicodeDecodeError:
            words = line.partition(b" ")[0].decode("ascii", "replace")
            command = words if words.isascii() and words.isalpha() else "*"
            client.send("FAIL", command.upper(), "INVALID_UTF8", text="Meet takes only UTF-8. That line was not taken.")
            self._count_bad()
            return
        message = read(text)
        if message.command in _HTTP and not self.client.registered:
            # A page can make a browser send lines here in the body of a request.
            self.end(GOODBYES["bad-input"])
            return
        if not self._dialogue.knows(message.command):
            self._count_bad()
        if self.gone:
            return
        if _is_to_room(line):
            self._under_way += 1
        else:
            self._busy = True
        conversation = self._converse(self._dialogue.take(message)).addErrback(self._broken)
        conversation.addCallback(self._carried_out, _is_to_room(line))

    @inlineCallbacks
    def _converse(self, conversation: Conversation) -> Generator[Deferred[Any], Any, None]:
        """Play a conversation to its end, or to the connection's."""
        try:
            action = next(conversation)
            while not self.gone:
                try:
                    answer = yield self._visits.perform(self, action)
                except Refused as refused:
                    action = conversation.throw(refused)
                else:
                    action = conversation.send(answer)
        except StopIteration:
            return
        conversation.close()

    def _carried_out(self, result: None, to_room: bool) -> None:
        if to_room:
            self._under_way -= 1
        else:
            self._busy = False
        if self.client.finished:
            self._finish("Goodbye.")
            return
        if self.client.registered and self._registration is not None:
            self._cancel("_registration")
        if not self.gone:
            self._pump()

    def _broken(self, failure: Failure) -> None:
        self.log.failure("A command on IRC broke", failure)
        self.end(GOODBYES["internal"])

    def _count_bad(self) -> None:
        if not self._bad.take(self._house.clock.seconds()):
            self.end(GOODBYES["bad-input"])

    # Time.

    def _not_registered(self) -> None:
        self._registration = None
        self.end(GOODBYES["idle"])

    def _check_life(self) -> None:
        """Ask for a sign of life after half the idle time, and end it after the whole."""
        clock, idle = self._house.clock, self._house.limits.seconds_idle
        silent = clock.seconds() - self._last_heard
        if self._paused:
            # What it sends is not read, so its silence is ours.
            self._last_heard = clock.seconds()
        elif silent >= idle:
            self._life = None
            self.end(GOODBYES["idle"])
            return
        elif silent >= idle / 2 and not self._pinged:
            self._pinged = True
            self.client.send("PING", text=self.client.server.name)
        due = idle if self._pinged else idle / 2
        self._life = clock.callLater(max(0.01, self._last_heard + due - clock.seconds()), self._check_life)

    def _answer_challenges(self, silent: bool) -> None:
        self._cancel("_challenge")
        challenges, self._challenges = self._challenges, []
        for answer in challenges:
            answer.callback(silent)

    # The end.

    def _finish(self, text: str) -> None:
        """Send ERROR, and end the connection once that is out."""
        if self.gone:
            return
        # Clients know this line by its first word.
        self.write(write("ERROR", text=text))
        self._stop()
        self._cut = self._house.clock.callLater(_LAST_WORDS, self._abort)
        self.transport.loseConnection()

    def _stop(self) -> None:
        self.gone = True
        for name in ("_registration", "_life", "_turn"):
            self._cancel(name)
        self._lines.clear()
        self._buffer = b""
        if self._paused and not self._input_over:
            # An ending transport must read, or it never learns that the other side has gone.
            self._paused = False
            self.transport.resumeProducing()
        if self._writer is not None:
            self._writer.close()
        self._visits.stop(self)
        self._answer_challenges(silent=True)

    def _abort(self) -> None:
        self._cut = None
        self.transport.abortConnection()

    def _cancel(self, name: str) -> None:
        call: IDelayedCall | None = getattr(self, name)
        setattr(self, name, None)
        if call is not None and call.active():
            call.cancel()


def _is_to_room(line: bytes | None) -> bool:
    """Whether ``line`` says something in a room, and no more than that."""
    return line is not None and line[:8].upper().startswith(_TO_ROOMS)


def _nowhere(data: bytes) -> None:
    """Where lines go before there is a connection."""


def _fits(line: bytes) -> bool:
    """Whether a line without its end is within IRC's two bounds."""
    if line.startswith(b"@"):
        tags, _, line = line.partition(b" ")
        if len(tags) + 1 > BYTES_IN_TAGS:
            return False
    return len(line) <= BYTES_IN_LINE - 2
