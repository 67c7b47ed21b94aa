"""Records as a recorder hands them to a store, for tests."""

from __future__ import annotations

from meet.events import Event, Expired, Forgotten, Opened, Position, Renewed, Said
from meet.interfaces import Record
from meet.moments import moment
from meet.posts import Media, Provenance
from meet.wire import bare, encode

START = 1_795_000_000.0


def record(seq: int, event: Event, room: str = "algebra", epoch: str = "k3q") -> Record:
    return Record(room, Position(epoch, seq), encode(event))


def opened(seq: int = 1, title: str = "Algebra", room: str = "algebra", epoch: str = "k3q") -> Record:
    ends = moment(START + 3600)
    event = Opened(at=moment(START), name=room, title=title, ends=ends, limit=140, lock="l" * 16)
    return record(seq, event, room, epoch)


def said(seq: int, text: str, nick: str = "ann", room: str = "algebra", epoch: str = "k3q") -> Record:
    event = Said(at=moment(START + seq), by="p" * 16, nick=nick, via="web", text=text, ref=f"r{seq}")
    return record(seq, event, room, epoch)


def post(seq: int, text: str, expires: float | None, epoch: str = "k3q") -> Record:
    """A line that was written elsewhere, whose words must be gone ``expires`` seconds after `START`."""
    event = Said(
        at=moment(START + seq),
        by=f"twitter:{seq}",
        nick=text,
        via="twitter",
        text=text,
        post=Provenance(
            id=f"{seq}00",
            handle=text,
            at=moment(START),
            link=f"https://x.com/i/status/{seq}00",
            media=(Media(link=f"https://pics.example/{text}"),),
            warning=text,
            expires="" if expires is None else moment(START + expires),
        ),
    )
    return record(seq, event, epoch=epoch)


def expired(seq: int, before: float, epoch: str = "k3q") -> Record:
    return record(seq, Expired(at=moment(START), until=moment(START + before)), epoch=epoch)


def bared(*records: Record) -> list[tuple[Position, bytes]]:
    return [(each.position, bare(each.body)) for each in records]


def forgotten(seq: int, room: str = "algebra", epoch: str = "k3q") -> Record:
    return record(seq, Forgotten(at=moment(START)), room, epoch)


def renewed(seq: int, epoch: str = "new", was: str = "k3q", before: tuple[str, ...] = ()) -> Record:
    return record(seq, Renewed(at=moment(START), was=was, before=before), epoch=epoch)


def pieces(*records: Record) -> list[tuple[Position, bytes]]:
    return [(each.position, each.body) for each in records]
