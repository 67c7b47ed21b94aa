"""What a terminal sends, byte by byte, as lines of text.

The law: any bytes whatever, cut anywhere, give the same lines, and never more of a line
is remembered than its bound.  Understood are LF, CR LF and telnet's CR NUL (RFC 854),
backspace and delete, and telnet's commands, which are answered or dropped but never text.
"""

from __future__ import annotations

import re
from enum import Enum

from meet.errors import Refused

_LF, _CR, _NUL = 0x0A, 0x0D, 0x00
_ERASERS = (0x08, 0x7F)

# Telnet's commands (RFC 854); those with an option after them stand above `_WILL`.
_SE, _ERASE_CHARACTER, _ERASE_LINE, _SB, _WILL, _DO, _IAC = 240, 247, 248, 250, 251, 253, 255
_REFUSALS = {_WILL: 254, _DO: 252}
_INTERRUPTS = (244, _ERASE_LINE)

_OPTIONS = 256
"""Options declined to one connection; telnet has no more of them."""

_SPECIAL = re.compile(rb"[\x00\n\r\x08\x7f\xff]")
# What arrow keys and coloured output send (ECMA-48 control sequences).
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[A-Z])")


class _State(Enum):
    TEXT = "text"
    COMMAND = "after IAC"
    OPTION = "after IAC and WILL, WONT, DO or DONT"
    PARAMETERS = "after IAC SB"
    PARAMETERS_COMMAND = "after IAC within parameters"


class Reader:
    """One connection's bytes; a line has at most ``most`` bytes.

    ``crlf`` says whether the other side ends its lines with CR LF, and so wants ours.
    """

    __slots__ = ("_after_cr", "_buffer", "_command", "_declined", "_most", "_overlong", "_reply", "_state", "crlf")

    def __init__(self, most: int) -> None:
        self.crlf = False
        self._most = most
        self._buffer = bytearray()
        self._overlong = False
        self._after_cr = False
        self._state = _State.TEXT
        self._command = 0
        self._reply = bytearray()
        self._declined = 0

    @property
    def begun(self) -> bytes:
        """The line that has begun and not ended yet."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[str | Refused]:
        """Take some bytes; return the lines that have ended, or why one cannot be taken."""
        lines: list[str | Refused] = []
        place = 0
        while place < len(data):
            if self._state is _State.TEXT:
                # In one piece up to the next byte that means something: a flood costs little.
                special = _SPECIAL.search(data, place)
                end = special.start() if special else len(data)
                if end > place:
                    self._after_cr = False
                    self._text(data[place:end])
                    place = end
                    continue
            self._byte(data[place], lines)
            place += 1
        return lines

    def reply(self) -> bytes:
        """What telnet is to be answered since the last call: every option is declined."""
        reply, self._reply = bytes(self._reply), bytearray()
        return reply

    def _byte(self, byte: int, lines: list[str | Refused]) -> None:
        after_cr, self._after_cr = self._after_cr, False
        if self._state is not _State.TEXT:
            self._telnet(byte)
        elif byte == _IAC:
            self._state = _State.COMMAND
        elif byte in (_LF, _CR):
            # An LF after a CR is the second half of an end that was taken already.
            if byte == _CR or not after_cr:
                self._after_cr = self.crlf = byte == _CR
                lines.append(self._line())
        elif byte in _ERASERS:
            self._erase()
        elif not after_cr:
            self._text(bytes((byte,)))

    def _text(self, run: bytes) -> None:
        room = self._most - len(self._buffer)
        self._buffer += run[:room]
        self._overlong = self._overlong or len(run) > room

    def _erase(self) -> None:
        """Take back one character, which in UTF-8 may be several bytes."""
        while self._buffer and self._buffer.pop() & 0xC0 == 0x80:
            pass

    def _line(self) -> str | Refused:
        raw, self._buffer = bytes(self._buffer), bytearray()
        overlong, self._overlong = self._overlong, False
        if overlong:
            return Refused("too-long", f"A line has at most {self._most} bytes here.")
        try:
            return _SEQUENCE.sub("", raw.decode())
        except UnicodeDecodeError:
            return Refused("bad-input", "That line is not text in UTF-8.")

    def _telnet(self, byte: int) -> None:
        match self._state:
            case _State.COMMAND if byte >= _WILL and byte != _IAC:
                self._command = byte
                self._state = _State.OPTION
            case _State.COMMAND if byte == _SB:
                self._state = _State.PARAMETERS
            case _State.COMMAND:
                self._state = _State.TEXT
                if byte == _IAC:
                    self._text(bytes((byte,)))
                elif byte == _ERASE_CHARACTER:
                    self._erase()
                elif byte in _INTERRUPTS:
                    self._buffer.clear()
                    self._overlong = False
            case _State.OPTION:
                self._state = _State.TEXT
                # A telnet client whose user has pressed Ctrl-C shows nothing more until its
                # request is answered (DO TIMING-MARK, RFC 860).
                refusal = _REFUSALS.get(self._command)
                if refusal is not None and self._declined < _OPTIONS:
                    self._declined += 1
                    self._reply += bytes((_IAC, refusal, byte))
            case _State.PARAMETERS if byte == _IAC:
                self._state = _State.PARAMETERS_COMMAND
            case _State.PARAMETERS_COMMAND:
                self._state = _State.TEXT if byte == _SE else _State.PARAMETERS
