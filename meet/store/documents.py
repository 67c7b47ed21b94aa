"""What stands in the documents of the CouchDB store, and under which ids.

===========================  ====================================================================
id                           document
===========================  ====================================================================
``meet``                     says which version of this table the database was written by
``log!room!epoch``           there is such a log
``entry!room!epoch!number``  an entry: ``body`` is the event as it was numbered, the rest is read out
                             of it; or ``gone``, where that piece of talk was removed
``about!room!epoch!number``  the same once more, if it is what a list of rooms is made of
``rest!room!epoch!number``   the same once more, if it is neither that nor talk
``grave!room!epoch``         the log was forgotten, ``buried`` seconds since 1970
===========================  ====================================================================

The law: an entry's id is made of its room, epoch and number alone, so that it is there once however
often it comes, and so that whatever else was to stand there is noticed by CouchDB itself.  All numbers
have as many digits, so the order of ids is theirs, and a page is one step into it in an archive of any
size.

Talk by its time is found by a view (`design`), which holds no words.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, unquote

import msgspec

from meet.events import Closed, Extended, Opened, Position, Retitled
from meet.interfaces import Record
from meet.store.kinds import TALK, kind_of
from meet.wire import decode_event

VERSION = 1
"""Of the ids, the fields and the views; a database of another version is left alone."""

MARKER, DESIGN = "meet", "_design/meet"
LOG, ENTRY, ABOUT, REST, GRAVE = "log", "entry", "about", "rest", "grave"

TIMES = "times"
"""The view."""

NUMBER_MOST = 10**18 - 1
"""The greatest number that a position can have."""

_DIGITS = 18
_ABOUT = {kind.__name__.lower() for kind in (Opened, Retitled, Extended, Closed)}
# JSON can hold these, and its parsers have had their own mind about them: NUL, and the characters that are none.
_DOUBTFUL = re.compile(
    "[\x00\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
_MAP = """function (doc) {
  var words = doc._id.split("!");
  if (doc.talk) emit([words[1] + "!" + words[2], doc.at], null);
}"""

Log = tuple[str, str]
"""Room and epoch."""


class View(msgspec.Struct):
    """One view of a design document: a function in CouchDB's JavaScript."""

    map: str


class Document(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"id": "_id", "rev": "_rev", "deleted": "_deleted"},
):
    """Any document of the store's; a field that it has no use for is empty and is not written."""

    id: str
    rev: str = ""
    deleted: bool = False
    version: object = 0
    buried: int = 0
    gone: bool = False
    talk: bool = False
    kind: str = ""
    at: str = ""
    body: str = ""
    base64: str = ""
    language: str = ""
    views: dict[str, View] = {}


def name(what: str, log: Log, number: int | None = None) -> str:
    """The id of a document of ``log``, with its number where it has one."""
    # The exclamation mark comes before all that stands in names, so that ``b`` is listed before ``b-2``.
    words = f"{what}!{name_of(log)}"
    return words if number is None else f"{words}!{number:0{_DIGITS}d}"


def name_of(log: Log) -> str:
    """The part of an id, and of a view's key, that says which log."""
    return f"{quote(log[0], safe='')}!{quote(log[1], safe='')}"


def span(log: Log, after: int = 0, before: int = NUMBER_MOST + 1, what: str = ENTRY) -> tuple[str, str]:
    """The least and the greatest id of an entry numbered between ``after`` and ``before``, both left out."""
    return name(what, log, after + 1), name(what, log, max(before - 1, 0))


def whole(what: str) -> tuple[str, str]:
    """An id before, and one behind, all documents of one sort."""
    return f"{what}!", f'{what}"'


def after(key: str) -> str:
    """The least id behind the id ``key``."""
    return f"{key}!"


def before(key: str) -> str:
    """The greatest id of the same log before the id ``key`` of an entry."""
    start, _, number = key.rpartition("!")
    return f"{start}!{int(number) - 1:0{_DIGITS}d}" if int(number) else f"{start}!"


def log_of(key: str) -> Log:
    """Room and epoch out of an id."""
    _, room, epoch, *_ = key.split("!")
    return unquote(room), unquote(epoch)


def number_of(key: str) -> int:
    """The number out of an id."""
    return int(key.rpartition("!")[2])


def document(record: Record) -> Document:
    """The document of an entry."""
    kind = kind_of(record.body)
    text, encoded = _written(record.body)
    return Document(
        id=name(ENTRY, (record.room, record.position.epoch), record.position.seq),
        talk=kind in TALK,
        kind=kind,
        at=decode_event(record.body).at,
        body=text,
        base64=encoded,
    )


def _written(body: bytes) -> tuple[str, str]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or _DOUBTFUL.search(text):
        return "", base64.b64encode(body).decode()
    return text, ""


def body_of(held: Document) -> bytes:
    """The event of an entry's document, byte for byte."""
    return base64.b64decode(held.base64) if held.base64 else held.body.encode()


def numbered(held: Document) -> tuple[Position, bytes]:
    """The entry of a document."""
    return Position(log_of(held.id)[1], number_of(held.id)), body_of(held)


def once_more(held: Document) -> Document | None:
    """The second document of an entry that is no talk; None for all others."""
    if held.talk or held.gone or not held.id.startswith(f"{ENTRY}!"):
        return None
    what = ABOUT if held.kind in _ABOUT else REST
    return msgspec.structs.replace(held, id=name(what, log_of(held.id), number_of(held.id)), rev="")


def removed(log: Log, number: int) -> Document:
    """What stands in the place of a piece of talk that was removed."""
    return Document(id=name(ENTRY, log, number), gone=True)


def same(one: Document, other: Document) -> bool:
    """Whether both say the same."""
    return (one.body, one.base64, one.gone) == (other.body, other.base64, other.gone)


def settled(mine: Document, there: Document | None, *, replace: bool) -> Document | None:
    """What must be written so that ``mine`` is where ``there`` is; None if nothing.

    What comes later takes the place of what was there, if ``replace``; but talk that was removed does not come
    back, and nothing but talk is removed.
    """
    if there is None:
        return mine
    stays = (mine.gone and not there.talk) or (mine.talk and there.gone)
    if same(mine, there) or stays or not (replace or mine.gone):
        return None
    return msgspec.structs.replace(mine, rev=there.rev)


def marker() -> Document:
    """The document that says whose database this is."""
    return Document(id=MARKER, version=VERSION)


def design() -> Document:
    """The document that has the view.

    CouchDB's order of texts in its keys is that of a language, so a log's name is only ever asked for whole.
    """
    return Document(id=DESIGN, language="javascript", views={TIMES: View(_MAP)})
