"""The seams: what somebody else may write by writing one file, and what each promises.

Each has one contract test class in ``tests/contracts/`` that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from zope.interface import Attribute, Interface

from meet.errors import Goodbye
from meet.events import Entry, Position
from meet.feed import Look

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Record(NamedTuple):
    """One entry as the journal tells it."""

    room: str
    position: Position
    body: bytes


@dataclass(frozen=True, slots=True)
class Here:
    """A digest of comings and goings: ``count`` are here now, ``came`` and ``went`` since the last.

    The lists are nicks.  Who goes by another one went as the old and came as the new, and is
    listed as that pair in ``renamed`` too.  All are empty in a room above ``names-in-here``
    people.
    """

    count: int
    came: Sequence[str]
    went: Sequence[str]
    renamed: Sequence[tuple[str, str]] = ()


Hear = Callable[[Position, bytes], None]
Observe = Callable[[Sequence[Record]], "Deferred[None]"]


class IBroker(Interface):
    """Numbers, remembers and carries entries between processes.

    Every method may fail with `meet.errors.Unavailable` when the broker is away, and then
    nothing was accepted.
    """

    def start() -> Deferred[None]:
        """Open what the broker needs; fires when it can be used.  May raise at once, with a
        `ValueError` of one sentence, for what an operator must mend.
        """

    def stop() -> Deferred[None]:
        """Finish what is under way, then close.  Fires when all that was accepted is kept."""

    def secret() -> Deferred[bytes]:
        """Fires with 32 bytes that only the processes of this broker know; always the same."""

    def publish(
        room: str,
        body: bytes,
        *,
        under: Position | None,
        key: str | None = None,
        forget: bool = False,
        ruling: bool = False,
        claim: tuple[str, str] | None = None,
        once: str | None = None,
        erase: Position | None = None,
    ) -> Deferred[Position]:
        """Number, remember, journal and send ``body`` in one atomic step, behind its guards.

        * ``once``: if the same was published in this room in the last 5 minutes, nothing is
          published and the earlier position is the answer.  Checked first.
        * ``under`` must be the position of the room's newest ruling (None: there is none),
          or it fails as `Stale`.
        * ``claim=(key, owner)``: for an entry that remembers its own key, that key must be
          free or ``owner``'s, and is ``owner``'s afterwards; for every other entry, one that
          forgets included, it must be ``owner``'s.  Otherwise it fails as `Taken`.

        Without a ``key`` the entry is remembered in the tail, with one as the newest for that
        key; ``forget`` drops the key and its owner; a ``ruling`` moves the law to this entry;
        ``erase`` takes the talk at that earlier position out of tail and journal.

        Fires with the position once the entry can no longer be lost by this broker; nobody
        hears it earlier.  Publishes of one process to one room are numbered in the order in
        which they were made.
        """

    def read(room: str) -> Deferred[Look]:
        """Fires with one atomic look at the room, at least as new as anything heard of it."""

    def attend(room: str, hear: Hear) -> Deferred[None]:
        """Call ``hear(position, body)`` for every entry of ``room`` from now on.

        Fires when the attendance holds: what is published after that is heard.  Live telling
        is in order, at most once; numbers make loss visible and `read` restores it.  One
        attendance a room and process.
        """

    def neglect(room: str) -> None:
        """End the attendance of ``room``; ``hear`` is not called again."""

    def journal(observer: str, observe: Observe) -> Deferred[Callable[[], Deferred[None]]]:
        """Tell every entry of every room to the durable ``observer``, at least once.

        ``observe(records)`` gets one or more, in order within each room, from the oldest that
        this observer's name has not acknowledged; when its Deferred fires they are
        acknowledged, and only then the next batch comes.  When it fails, the same records
        come again after a pause of 1 to 30 seconds.  A name new to the broker hears what the
        broker still holds.  Fires with a function that stops it, whose Deferred fires when
        the batch under way has ended.  Observers do not wait for each other.
        """

    def rooms() -> Deferred[Sequence[str]]:
        """Fires with the name of every room that the broker remembers."""

    def drop(room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """Delete all that is remembered of ``room``, the journal's unheard entries of it too,
        so that no file holds its words when it fires.

        ``body`` (a `meet.events.Forgotten`) gets the room's next number, is told to those who
        attend and to the journal, and is itself not remembered.  Afterwards the name is
        unknown: an opening begins a new epoch.  Of an unknown room: nothing happens.  If
        ``under`` is given and is not the position of the room's newest ruling, nothing happens
        but that it fails as `Stale`: the name may have gone to another room since.
        """


class IStore(Interface):
    """The only thing that knows the canonical database: rooms and their transcripts.

    Every method may fail with `meet.errors.Unavailable`.
    """

    def start() -> Deferred[None]:
        """Open the database and bring its tables up to date; fires when it can be used."""

    def stop() -> Deferred[None]:
        """Finish what is under way, then close."""

    def record(records: Sequence[Record]) -> Deferred[None]:
        """Keep ``records``, each once however often it comes (by room, epoch and number).

        Presence is not kept.  A `meet.events.Forgotten` deletes what the room's epoch held,
        from the files too.  Fires when all of it is durable.
        """

    def history(room: str, before: Position, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        """Fires with the newest ``count`` pieces of talk before ``before`` in its epoch, oldest first."""

    def transcript(room: str, epoch: str, after: int, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        """Fires with the oldest ``count`` pieces of talk numbered above ``after``, oldest first."""


class IFormat(Interface):
    """How entries are written for one kind of listener.

    Formats compare equal where they write the same bytes: each is asked once a turn for
    each entry, however many listen.
    """

    def entry(room: str, entry: Entry) -> bytes:
        """The bytes for one entry; empty if this kind of listener is not told it."""

    def here(room: str, here: Here) -> bytes:
        """The bytes for a digest of presence; empty if this kind of listener is not told it."""


class IListener(Interface):
    """Anything in this process that is told entries.

    A listener never publishes from `heard`, and returns at once.
    """

    format = Attribute("The `IFormat` of the bytes it wants.")
    skips = Attribute("The id of a participant whose own entries it is not told, or ''.")

    def heard(data: bytes) -> None:
        """Take the entries of one turn, written in its format and joined."""

    def ended(goodbye: Goodbye) -> None:
        """Nothing more will be told."""


class IGateway(Interface):
    """A front-end: it owns listening ports, decodes to commands, encodes entries."""

    def stop_accepting() -> Deferred[None]:
        """Close the listening ports; those who are in stay."""

    def say_goodbye(goodbye: Goodbye) -> Deferred[None]:
        """Tell everybody, end every connection, and fire when the last is gone."""
