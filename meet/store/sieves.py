"""A search passes over what cannot have its words: a sieve for each block of a log.

A search finds parts of words, in every language alike (`meet.search`), which the text indices of
PostgreSQL and MariaDB do not.  So Meet has one of its own, the same in each database: for `BLOCK` numbers
that are behind the newest, a bitmap has a bit for each three letters that stand side by side in what was said
there, and for each two of which one is not ASCII.  Where a bit of a word is missing, none of the block is read.

The law: a sieve says no only where there is nothing.  A block without one is read, so it costs a little
time and no answer if there is none; whoever changes talk makes the block's sieve anew or takes it away.
It holds no words, and what it is made of cannot be read out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from meet.events import Position, Said
from meet.search import folded, words_of
from meet.store.tables import ENTRIES, SIEVES
from meet.wire import decode_event

BLOCK = 256
"""Numbers that share a sieve."""

SHAKEN = 2048
"""Sieves that one page of a search looks at, at most."""

_AT_ONCE = 256
_BITS_EACH = 8  # so one in nine of what a block does not have passes by mistake
_LINE = Said.__name__.lower()
# Made once: to put a question together takes SQLAlchemy longer than a database to answer it.
_LAST_MADE = select(func.max(SIEVES.c.block)).where(
    SIEVES.c.room == bindparam("of_room"), SIEVES.c.epoch == bindparam("of_epoch")
)


def sieve(texts: Iterable[str]) -> bytes:
    """The sieve of ``texts``, as `meet.search.folded` has them."""
    grams = _grams("\n".join(texts))
    bits = bytearray(max(1, len(grams) * _BITS_EACH // 8))
    for mark in map(_mark, grams):
        at = mark % (len(bits) * 8)
        bits[at >> 3] |= 1 << (at & 7)
    return bytes(bits)


def marks_of(words: str) -> list[int]:
    """What the sieve of a text must have in which ``words`` are to be found."""
    return [_mark(gram) for gram in _grams(" ".join(words_of(words)))]


def may_have(bits: bytes, marks: Iterable[int]) -> bool:
    """Whether what ``bits`` is the sieve of may have all of ``marks``."""
    size = len(bits) * 8
    return all(bits[at >> 3] >> (at & 7) & 1 for at in (mark % size for mark in marks))


def ranges(connection: Connection, room: str, before: Position, words: str) -> Iterator[tuple[int, int]]:
    """The numbers before ``before`` that may have ``words``, from the newest: each with the one that ends them.

    Ranges that follow each other may touch.  The last is empty where there was more to look at than is looked at
    for one page: its number is how far it came.
    """
    marks = marks_of(words)
    mine = and_(SIEVES.c.room == room, SIEVES.c.epoch == before.epoch)
    end = before.seq
    for _ in range(SHAKEN // _AT_ONCE):
        page = connection.execute(
            select(SIEVES.c.block, SIEVES.c.sieve)
            .where(mine, SIEVES.c.block <= (end - 1) // BLOCK)
            .order_by(SIEVES.c.block.desc())
            .limit(_AT_ONCE)
        ).all()
        for block, bits in page:
            begin = block * BLOCK
            if begin + BLOCK < end:
                yield begin + BLOCK, end
            if may_have(bytes(bits), marks):
                yield begin, min(begin + BLOCK, end)
            end = begin
        if len(page) < _AT_ONCE:
            if end > 0:
                yield 0, end
            return
    yield end, end


def make(connection: Connection, room: str, epoch: str, numbers: Iterable[int]) -> None:
    """Make the sieves of the blocks in which talk of these ``numbers`` came or went, all but the newest block's.

    Also that of the block before them, where it has none since it was the newest one.
    """
    blocks = {number // BLOCK for number in numbers}
    if not blocks:
        return
    last = connection.execute(_LAST_MADE, {"of_room": room, "of_epoch": epoch}).scalar()
    if len(blocks) == 1 and min(blocks) == (0 if last is None else last + 1):
        # As nearly always: the block goes on that is the newest, and the one before it has its sieve.
        return
    mine = and_(ENTRIES.c.room == room, ENTRIES.c.epoch == epoch)
    made = and_(SIEVES.c.room == room, SIEVES.c.epoch == epoch)
    last_of_all = (newest(connection, mine) or 0) // BLOCK
    if last is None or last < min(blocks) - 1:
        before = and_(mine, ENTRIES.c.seq < min(blocks) * BLOCK)
        former = newest(connection, before)
        if former is not None and (last is None or former // BLOCK > last):
            blocks.add(former // BLOCK)
    for block in sorted(blocks):
        if last is not None and block <= last:
            connection.execute(delete(SIEVES).where(made, SIEVES.c.block == block))
        if block < last_of_all:
            within = and_(mine, ENTRIES.c.seq >= block * BLOCK, ENTRIES.c.seq < (block + 1) * BLOCK)
            bodies = connection.execute(select(ENTRIES.c.body).where(within, ENTRIES.c.kind == _LINE)).all()
            lines = [event for (body,) in bodies if isinstance(event := decode_event(bytes(body)), Said)]
            row = {"room": room, "epoch": epoch, "block": block, "sieve": sieve(folded(e.text, e.nick) for e in lines)}
            connection.execute(SIEVES.insert(), row)


def newest(connection: Connection, which: Any) -> int | None:
    """The highest number of the entries that are ``which``, all of one log."""
    # PostgreSQL that knows nothing of the table yet looks for a maximum in all of the log.
    return connection.execute(select(ENTRIES.c.seq).where(which).order_by(ENTRIES.c.seq.desc()).limit(1)).scalar()


def move(connection: Connection, room: str, former: str, epoch: str, there: Iterable[int]) -> None:
    """Take the sieves of the log ``former`` over for ``epoch``, which had entries of the numbers ``there``."""
    theirs = and_(SIEVES.c.room == room, SIEVES.c.epoch == former)
    mine = and_(SIEVES.c.room == room, SIEVES.c.epoch == epoch)
    for block in {number // BLOCK for number in there}:
        connection.execute(delete(SIEVES).where(theirs | mine, SIEVES.c.block == block))
    connection.execute(update(SIEVES).where(theirs).values(epoch=epoch))


def drop(connection: Connection, room: str, epoch: str) -> None:
    """Take the sieves of a log away."""
    connection.execute(delete(SIEVES).where(SIEVES.c.room == room, SIEVES.c.epoch == epoch))


def _mark(gram: str) -> int:
    return crc32(gram.encode("utf-8", "surrogatepass"))


def _grams(text: str) -> set[str]:
    """The groups of letters of which ``text`` is to have the marks, each within one word."""
    # Without a step in Python for each letter: a busy room has a thousand of them every second.  And of words
    # that come again, as most do, only once.
    text = "\n".join(set(text.split()))
    groups: set[tuple[str, ...]] = set(zip(text, text[1:], text[2:], strict=False))
    if not text.isascii():
        groups.update(pair for pair in set(pairwise(text)) if not "".join(pair).isascii())
    return {gram for gram in map("".join, groups) if gram.split() == [gram]}
