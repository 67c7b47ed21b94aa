"""What is left of a room, or of one who spoke there, wherever it is looked for; and a receipt of it.

The law: it counts, and tells no words.  A receipt says of each place what was found there, or why
that place could not be looked at; only where every place was looked at and had nothing does it
say that nothing is left.

Files are looked through byte by byte for what an entry looks like there: its room and log, and soon
after them a moment or an event.  That is so in each form in which Meet keeps entries, also in what
a database has left of a row that it deleted.  Besides, for words that are given.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from meet.carrying import records
from meet.events import Event, Said
from meet.interfaces import IBroker, IStore, Record
from meet.names import skeleton
from meet.wire import decode_event

WORDS_MOST = 32
"""Texts that files are looked through for, the longest of those that were deleted."""

_WORDS_LEAST = 12  # characters; what is shorter, others say as well
_CHUNK = 4 * 1024 * 1024
_OVERLAP = 64 * 1024
_LOGS = 100
_MOMENT = rb"2\d{3}-\d\d-\d\dT[\d:.]{8,12}Z"


class Place(NamedTuple):
    """One place that was looked at: how much was ``found`` there, None if it could not be looked at."""

    where: str
    found: int | None
    told: str = ""

    def line(self) -> str:
        """The place as a line of a receipt."""
        match self.found:
            case None:
                result = "not looked at"
            case 0:
                result = "nothing"
            case count:
                result = f"found: {count}"
        return f"{self.where}: {result}{f' ({self.told})' if self.told else ''}"


class Receipt(NamedTuple):
    """What was looked for, when, and what each place had."""

    what: str
    at: str
    places: Sequence[Place]

    @property
    def clean(self) -> bool:
        """Whether every place was looked at, and has nothing."""
        return bool(self.places) and all(place.found == 0 for place in self.places)

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.clean:
            return "Nothing is left."
        if any(place.found for place in self.places):
            return "Something is left."
        return "Nothing was found, but not every place could be looked at."

    def text(self) -> str:
        """The receipt, whose last line is the SHA-256 of all bytes before it."""
        lines = [f"Receipt of {self.at}", self.what, *(place.line() for place in self.places), self.verdict]
        body = "".join(f"{line}\n" for line in lines)
        return f"{body}sha256 {hashlib.sha256(body.encode()).hexdigest()}"


def is_line_of(event: Event, nick: str) -> bool:
    """Whether ``event`` is a line, of whoever goes by ``nick`` or ``@handle``; of anybody if that is empty."""
    if not isinstance(event, Said):
        return False
    if not nick:
        return True
    names = [event.nick] if event.post is None else [event.nick, event.post.handle]
    return skeleton(nick.removeprefix("@")) in map(skeleton, names)


async def broker_lines(broker: IBroker, room: str, nick: str) -> list[Record]:
    """The lines of ``nick`` that ``broker`` remembers of ``room``; without a nick all that it remembers of it."""
    look = await broker.read(room)
    held = [*look.kept, *look.tail] if not nick else look.tail
    return [Record(room, at, body) for at, body in held if not nick or is_line_of(decode_event(body), nick)]


async def logs(store: IStore, room: str) -> list[str]:
    """The epoch of each log that ``store`` has of ``room``."""
    found: list[str] = []
    while page := await store.rooms((room, found[-1] if found else ""), _LOGS):
        mine = [each.epoch for each in page if each.room == room]
        found += mine
        if len(mine) < len(page):
            break
    return found


async def store_lines(store: IStore, room: str, nick: str) -> AsyncIterator[Record]:
    """The lines of ``nick`` that ``store`` has of ``room``; without a nick all that it has of it."""
    for epoch in await logs(store, room):
        async for record in records(store, room, epoch):
            if not nick or is_line_of(decode_event(record.body), nick):
                yield record


def samples(lines: Iterable[Record]) -> list[str]:
    """What files are looked through for, when ``lines`` were deleted: the longest texts among them."""
    texts = {event.text for line in lines if isinstance(event := decode_event(line.body), Said)}
    return sorted((text for text in texts if len(text) >= _WORDS_LEAST), key=lambda text: (-len(text), text))[
        :WORDS_MOST
    ]


def pattern(room: str, nick: str = "", others: Iterable[str] = ()) -> re.Pattern[bytes]:
    """What an entry of ``room``, or a line of ``nick`` there, looks like in any file of Meet's.

    ``others`` are names of rooms, so that one which ends like this one is not taken for it.
    """
    longer = {other.removesuffix(room) for other in others if other.endswith(room) and other != room}
    behind = b"".join(b"(?<!%s)" % re.escape(each.encode()) for each in sorted(longer))
    begin = behind + re.escape(room.encode()) + rb"[\s\S]{0,3}?[0-9a-z]{1,16}[\s\S]{0,32}?"
    if not nick:
        return re.compile(begin + rb'(?:%s|\{"kind")' % _MOMENT)
    name = re.escape(nick.encode())
    # Between two columns stands nothing, or the length of what comes, which is no letter for so short ones.
    row = rb"said[^a-z]{0,2}%s[^a-z]{0,2}[0-9a-z]{16}[^a-z]{0,2}%s[^a-z]{0,2}[a-z]" % (_MOMENT, name)
    line = rb'"said","at":"[^"]{0,32}","by":"[^"]{0,64}","nick":"%s"' % name
    return re.compile(begin + rb"[\s\S]{0,16}?(?:%s|%s)" % (row, line), re.IGNORECASE)


def in_file(path: Path, entries: re.Pattern[bytes], words: Sequence[str]) -> int:
    """How often the file at ``path`` has one of ``entries`` or of ``words``, at least.  Raises `OSError`."""
    texts = {form for word in words for form in (word.encode(), json.dumps(word, ensure_ascii=False)[1:-1].encode())}
    count = 0
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            held = rest + chunk
            fresh = len(rest)
            count += sum(1 for match in entries.finditer(held) if match.end() > fresh)
            count += sum(held.find(text, max(0, fresh - len(text) + 1)) >= 0 for text in texts)
            rest = held[-_OVERLAP:]
    return count


def in_files(paths: Iterable[Path], entries: re.Pattern[bytes], words: Sequence[str]) -> list[Place]:
    """Each of ``paths`` as a place."""
    places = []
    for path in paths:
        try:
            found = in_file(path, entries, words)
            places.append(Place(f"  {path}", found, f"{path.stat().st_size:,} bytes"))
        except FileNotFoundError:
            # A journal that the database has taken away meanwhile.
            continue
        except OSError as error:
            places.append(Place(f"  {path}", None, error.strerror or str(error)))
    return places


async def room_names(store: IStore) -> set[str]:
    """The names of all rooms in ``store``."""
    after = ("", "")
    found: set[str] = set()
    while page := await store.rooms(after, _LOGS):
        after = page[-1].room, page[-1].epoch
        found.update(each.room for each in page)
    return found


def shown(url: str) -> str:
    """``url`` without a password."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", url)
