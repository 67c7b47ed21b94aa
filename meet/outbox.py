"""The batched way down: what a room's listeners are told in one reactor turn goes out at once.

Entries are collected until the turn ends, written once for each format, joined, and handed
to each listener in one piece.  Fan-out never waits, and a listener that raises is removed
and costs nobody else anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meet.errors import GOODBYES, Goodbye
from meet.events import Entry
from meet.interfaces import Here, IFormat, IListener, Status

Told = Entry | Here | Status
"""What listeners are told."""


class _Audience:
    __slots__ = ("by_format", "waiting")

    def __init__(self) -> None:
        self.by_format: dict[IFormat, dict[IListener, None]] = {}
        self.waiting: list[Told] = []


class Outbox:
    """The listeners of this process, by room and format.  ``delivered`` counts entries, for each who was told."""

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.delivered = 0
        self._clock = clock
        self._rooms: dict[str, _Audience] = {}
        self._due: set[str] = set()
        self._call: IDelayedCall | None = None

    def listeners(self, room: str) -> Iterator[IListener]:
        """Everybody who listens to ``room``."""
        audience = self._rooms.get(room)
        if audience is not None:
            for listeners in list(audience.by_format.values()):
                yield from list(listeners)

    def add(self, room: str, listener: IListener) -> None:
        """Tell ``listener`` what is put from now on, and nothing that was put before."""
        self.flush(room)
        audience = self._rooms.setdefault(room, _Audience())
        audience.by_format.setdefault(listener.format, {})[listener] = None

    def remove(self, room: str, listener: IListener) -> bool:
        """Tell ``listener`` nothing more; say whether it listened."""
        audience = self._rooms.get(room)
        listeners = audience.by_format.get(listener.format) if audience is not None else None
        if audience is None or listeners is None or listener not in listeners:
            return False
        del listeners[listener]
        if not listeners:
            del audience.by_format[listener.format]
            if not audience.by_format:
                del self._rooms[room]
        return True

    def put(self, room: str, told: Sequence[Told]) -> None:
        """Tell the room's listeners when this reactor turn ends, in this order."""
        audience = self._rooms.get(room)
        if audience is None or not told:
            return
        audience.waiting.extend(told)
        self._due.add(room)
        if self._call is None:
            self._call = self._clock.callLater(0, self._flush)

    def flush(self, room: str) -> None:
        """Tell the room's listeners what waits, without waiting for the turn's end."""
        audience = self._rooms.get(room)
        if audience is None or not audience.waiting:
            return
        waiting, audience.waiting = audience.waiting, []
        authors = {by for item in waiting if (by := _author(item))}
        for form, listeners in list(audience.by_format.items()):
            try:
                pieces = [(_author(item), _write(form, room, item)) for item in waiting]
            except Exception:
                self.log.failure("A format broke and its listeners were removed", form=type(form).__name__)
                for listener in list(listeners):
                    self._dismiss(room, listener, GOODBYES["internal"])
                continue
            whole = b"".join(piece for _, piece in pieces)
            if not whole:
                continue
            self.delivered += len(listeners) * sum(1 for _, piece in pieces if piece)
            for listener in list(listeners):
                data = whole
                if listener.skips in authors:
                    data = b"".join(piece for by, piece in pieces if by != listener.skips)
                    if not data:
                        continue
                try:
                    listener.heard(data)
                except Exception:
                    self.log.failure("A listener broke and was removed", listener=type(listener).__name__)
                    self._dismiss(room, listener, GOODBYES["internal"])

    def tell(self, room: str, listener: IListener, told: Told) -> None:
        """Tell one listener alone, if it still listens."""
        audience = self._rooms.get(room)
        if audience is not None and listener in audience.by_format.get(listener.format, {}):
            try:
                data = _write(listener.format, room, told)
                if data:
                    listener.heard(data)
            except Exception:
                self.log.failure("A listener broke and was removed", listener=type(listener).__name__)
                self._dismiss(room, listener, GOODBYES["internal"])

    def end(self, room: str, goodbye: Goodbye) -> None:
        """Tell what is waiting, then take everybody off the room with ``goodbye``."""
        self.flush(room)
        for listener in list(self.listeners(room)):
            self._dismiss(room, listener, goodbye)

    def rooms(self) -> list[str]:
        """Every room that somebody listens to."""
        return list(self._rooms)

    def _flush(self) -> None:
        self._call = None
        due, self._due = self._due, set()
        for room in due:
            self.flush(room)

    def _dismiss(self, room: str, listener: IListener, goodbye: Goodbye) -> None:
        self.remove(room, listener)
        try:
            listener.ended(goodbye)
        except Exception:
            self.log.failure("A listener broke at its end", listener=type(listener).__name__)


def _author(item: Told) -> str:
    return getattr(item.event, "by", "") if isinstance(item, Entry) else ""


def _write(form: IFormat, room: str, item: Told) -> bytes:
    match item:
        case Here():
            return form.here(room, item)
        case Status():
            return form.status(room, item)
        case _:
            return form.entry(room, item)
