"""The form in which an archive travels: JSON lines with a version and a checksum.

::

    {"meet":"export","version":1}
    ["algebra","k3q.1",{"kind":"opened",…}]
    ["algebra","k3q.2",{"kind":"said",…}]
    {"entries":2,"sha256":"9f86…"}

A line is a room, a position and the event, byte for byte as it was numbered; what is no JSON
object stands there in base64, as a text.  The last line counts the entries, and ``sha256`` is
of all bytes before it.  Every line ends with one LF.

The law: it is written and read a line at a time, so that no archive is too large.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from meet.errors import Refused
from meet.interfaces import Record
from meet.wire import encode, position

VERSION = 1

LINE_MOST = 64 * 1024 * 1024
"""Bytes; a line that is longer is no entry."""

_HEAD = {"meet": "export", "version": VERSION}
_anything = msgspec.json.Decoder()


class _Foot(msgspec.Struct):
    entries: int
    sha256: str


_row = msgspec.json.Decoder(tuple[str, str, msgspec.Raw])
_foot = msgspec.json.Decoder(_Foot)


class Writing:
    """Writes an export; ``entries`` counts those that were written."""

    def __init__(self) -> None:
        self.entries = 0
        self._sum = hashlib.sha256()

    def head(self) -> bytes:
        """The first line."""
        return self._summed(encode(_HEAD) + b"\n")

    def line(self, record: Record) -> bytes:
        """The line of one entry."""
        self.entries += 1
        return self._summed(row(record))

    def foot(self) -> bytes:
        """The last line."""
        return encode(_Foot(self.entries, self._sum.hexdigest())) + b"\n"

    def _summed(self, line: bytes) -> bytes:
        self._sum.update(line)
        return line


class Reading:
    """Reads an export, a line at a time; ``entries`` counts those that were read."""

    def __init__(self) -> None:
        self.entries = 0
        self._lines = 0
        self._sum = hashlib.sha256()
        self._ended = False

    def line(self, data: bytes) -> Record | None:
        """The entry of one line, its LF included, or None for the first and the last.

        Raises `ValueError` with one sentence for what is none.
        """
        self._lines += 1
        if self._ended:
            raise self._wrong("something stands behind the last line")
        if not data.endswith(b"\n"):
            raise self._wrong("it ends in the middle of a line")
        if self._lines == 1:
            self._check_head(data)
        elif data.startswith(b"{"):
            self._check_foot(data)
            return None
        self._sum.update(data)
        if self._lines == 1:
            return None
        self.entries += 1
        try:
            return read_row(data)
        except ValueError:
            raise self._wrong("that is no entry") from None

    def end(self) -> None:
        """There are no more lines; raises `ValueError` with one sentence if some are missing."""
        if not self._ended:
            raise ValueError(f"The export has no last line: it was cut off after {self.entries} entries.")

    def _check_head(self, data: bytes) -> None:
        try:
            head = _anything.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            head = None
        if not isinstance(head, dict) or head.get("meet") != "export":
            raise self._wrong("this is no export of Meet")
        if head.get("version") != VERSION:
            raise self._wrong("it was written by a newer version of Meet")

    def _check_foot(self, data: bytes) -> None:
        try:
            foot = _foot.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._wrong("that is no entry") from None
        if (foot.entries, foot.sha256) != (self.entries, self._sum.hexdigest()):
            raise self._wrong("the checksum is not that of what stands before it")
        self._ended = True

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"Line {self._lines} of the export cannot be read: {what}.")


def row(record: Record) -> bytes:
    """One entry as a line."""
    body = record.body if _stands_as_it_is(record.body) else encode(base64.b64encode(record.body).decode())
    return b"[%s,%s,%s]\n" % (encode(record.room), encode(str(record.position)), body)


def read_row(data: bytes) -> Record:
    """The entry of a line; raises `ValueError` if it is none."""
    try:
        room, place, raw = _row.decode(data)
        body = bytes(raw)
        if body.startswith(b'"'):
            body = base64.b64decode(_anything.decode(body), validate=True)
        elif not body.startswith(b"{"):
            raise ValueError("no event")
        return Record(room, position(place), body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused, binascii.Error) as error:
        raise ValueError("no entry") from error


def _stands_as_it_is(body: bytes) -> bool:
    if not body.startswith(b"{") or not body.endswith(b"}") or b"\n" in body or b"\r" in body:
        return False
    try:
        _anything.decode(body)
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
