"""What one process asks of another's archive, written in MessagePack, in frames that begin with their length.

::

    [7, "history", ["algebra", ["k3q", 41], 50]]            the question: a number of the asker's, what, and with what
    [7, true, [[["k3q", 39], b"{…}"], [["k3q", 40], b"{…}"]]]    its answer
    [7, false, "The archive does not answer."]              or why there is none, in a sentence

The law: each part of a question has a bound.  Questions and their answers are those of
`meet.interfaces.IStore`, all but its beginning and its end; entries go byte for byte as they were recorded.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import msgspec

from meet.events import Position
from meet.interfaces import Found, Kept, Record
from meet.look import Look, Numbered

QUESTION_MOST = 80 * 1024 * 1024
"""Bytes of a question: an import records 4 MB at once, and the line that goes beyond them."""

ANSWER_MOST = 64 * 1024 * 1024
"""Bytes of an answer: the memory of a room whose tail is as long as the longest lines allow is some 20 MB."""

PAGE_MOST = 100_000
"""Entries that may be asked for at once."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=PAGE_MOST)]
_Seq = Annotated[int, msgspec.Meta(ge=0)]


class Question(NamedTuple):
    """``number`` is the asker's, ``what`` a method of `IStore`, ``given`` what it is called with."""

    number: int
    what: str
    given: list[Any]


class Answer(NamedTuple):
    """To the question of that ``number``: what it fired with, or a sentence if it is not ``known``."""

    number: int
    known: bool
    answer: Any


_GIVEN: dict[str, Any] = {
    "record": tuple[list[Record]],
    "delete": tuple[str, str],
    "living": tuple[()],
    "memory": tuple[str, str, _Count],
    "history": tuple[str, Position, _Count],
    "transcript": tuple[str, str, _Seq, _Count],
    "rooms": tuple[tuple[str, str], _Count],
    "entries": tuple[str, str, _Seq, _Count],
    "since": tuple[str, str, str, _Count],
    "search": tuple[str, Position, str, _Count],
}
"""What may be asked, and with what."""

_ANSWERS: dict[str, Any] = {
    "record": None,
    "delete": None,
    "living": list[tuple[str, str]],
    "memory": Look,
    "history": Numbered,
    "transcript": Numbered,
    "rooms": list[Kept],
    "entries": Numbered,
    "since": Numbered,
    "search": Found,
}


def written(frame: Question | Answer) -> bytes:
    """The bytes of a question or an answer."""
    return msgspec.msgpack.encode(frame)


def read_question(data: bytes) -> Question:
    """The question; raises `ValueError` if it is none.  With what it is asked is not looked at yet."""
    return msgspec.msgpack.decode(data, type=Question)


def given(question: Question) -> tuple[Any, ...]:
    """With what it is asked, as `IStore` takes it; raises `ValueError` with a sentence if that cannot be asked."""
    if question.what not in _GIVEN:
        raise ValueError("That cannot be asked of an archive by this version of Meet.")
    try:
        return tuple(msgspec.convert(question.given, _GIVEN[question.what]))
    except msgspec.ValidationError:
        raise ValueError("The archive cannot be asked like that.") from None


def read_answer(data: bytes) -> Answer:
    """The answer; raises `ValueError` if it is none.  What it says is not looked at yet."""
    return msgspec.msgpack.decode(data, type=Answer)


def understood(what: str, answer: Any) -> Any:
    """What the question ``what`` was answered with, as `IStore` has it; raises `ValueError` if it cannot be that."""
    return msgspec.convert(answer, _ANSWERS[what])
