"""The seams: what somebody else may write by writing one file, and what each promises.

Each has one contract test class in ``tests/contracts/`` that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zope.interface import Attribute, Interface

from meet.errors import Goodbye
from meet.events import Entry, Position
from meet.look import Look, Numbered
from meet.posts import Post

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Record(NamedTuple):
    """One entry as the journal tells it."""

    room: str
    position: Position
    body: bytes


class Kept(NamedTuple):
    """One log as a store lists it; the last three are moments (`meet.moments`).

    Empty is what nothing recorded says: ``closed`` while the room is open, all of them while its
    opening is not recorded.
    """

    room: str
    epoch: str
    title: str
    opened: str
    ends: str
    closed: str


class Found(NamedTuple):
    """A page of a search: ``talk``, oldest first; all numbers from ``down_to`` on were looked at.

    The next page is what lies before ``down_to``; 0 says that there is none.
    """

    talk: Numbered
    down_to: int


class Observer(NamedTuple):
    """A name under which the journal is kept.

    ``behind`` is how many records it has yet to take, about; ``away`` how many seconds ago it was
    last there, 0 while some process tells it.
    """

    name: str
    behind: int
    away: float


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


@dataclass(frozen=True, slots=True)
class Status:
    """Whether Meet takes lines: ``text`` is a sentence for people, ``away`` whether it does not."""

    away: bool
    text: str


Hear = Callable[[Position, bytes], None]
Observe = Callable[[Sequence[Record]], "Deferred[None]"]
Stop = Callable[[], "Deferred[None]"]


class IWatch(Interface):
    """What one process is told by its broker: of the broker itself, and of processes that ended."""

    def away(reason: str) -> None:
        """The broker cannot be reached, for ``reason``, a sentence: asks fail until `back`."""

    def back() -> None:
        """The broker is here again, and every attendance holds again.

        Entries that were told meanwhile were not heard here.  The broker may have lost the
        newest of what it held, or all of it; also told once when it is found empty at the start.
        """

    def orphaned(room: str, keys: Sequence[str], seen: float) -> Deferred[None]:
        """A process that held ``keys`` in ``room`` is gone; those whose they are were last there at ``seen``.

        That (in seconds since 1970) is when it was last alive; of those who had not come back to it
        after an earlier end, when they were last there before that.  The keys are this process's to
        hold now, and it is the only one that is told.
        """


class IBroker(Interface):
    """Numbers, remembers and carries entries between processes.

    Every method may fail with `meet.errors.Unavailable` when the broker is away, and then
    nothing was accepted; an ask that was on its way may have been accepted all the same, and
    is safe to make again with its ``once``.
    """

    def start() -> Deferred[None]:
        """Open what the broker needs; fires when it can be used.  May raise at once, with a
        `ValueError` of one sentence, for what an operator must mend.
        """

    def stop() -> Deferred[None]:
        """Finish what is under way, then close.  Fires when all that was accepted is kept.

        Leases are given up, and what this process held is another's to hold at once.
        """

    def watch(watcher: IWatch) -> Deferred[None]:
        """Tell ``watcher`` from now on; once a process, after `start`.  Fires when this process is known.

        What earlier processes held and nobody took over is told as `IWatch.orphaned`.
        """

    def probe() -> Deferred[None]:
        """Send something through all that an entry goes through, from numbering to hearing.

        Fires when it has come back to this process; fails with `Unavailable`, whose sentence
        says which part did not do its work.
        """

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
        instead: Numbered = (),
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
        ``erase`` takes the talk at that earlier position out of tail and journal; ``instead``
        puts these bodies in the place of the talk at those positions, as far as it is still there.

        Fires with the position once the entry can no longer be lost by this broker.  This
        process may hear it before or after that.  Publishes of one process to one room are
        numbered in the order in which they were made.

        Taking a key by a ``claim`` makes this process hold it too (`hold`), and forgetting it
        by one needs that it is held here, or nowhere.
        """

    def hold(room: str, key: str, owner: str, away: float | None = None) -> Deferred[bool]:
        """Note that this process stands for ``owner``'s ``key`` in ``room``, beside others that do.

        ``away`` is since when ``owner`` has not been there (seconds since 1970), for `IWatch.orphaned`;
        None: they are there.  What others who stand for them know of it goes before that.  Fires with
        False, and holds nothing, if the key is not theirs.
        """

    def let_go(room: str, key: str, owner: str) -> Deferred[bool]:
        """Stand for ``owner``'s ``key`` no longer here; fires with whether no process does now."""

    def lease(name: str, gained: Callable[[], None], lost: Callable[[], None]) -> Stop:
        """Take part in the work called ``name``, which one process at a time does.

        ``gained()`` is called when it is this process's turn, ``lost()`` when it no longer is,
        before another one's begins unless this process was stopped meanwhile.  When the one
        that does the work ends or dies, another has its turn within 15 seconds.  Returns a
        function that gives it up, whose Deferred fires when the broker knows.
        """

    def read(room: str) -> Deferred[Look]:
        """Fires with one atomic look at the room, at least as new as anything heard of it."""

    def attend(room: str, hear: Hear) -> Deferred[None]:
        """Call ``hear(position, body)`` for every entry of ``room`` from now on.

        Fires when the attendance holds: what is published after that is heard, and some that
        was published just before may be.  Live telling is in order, at most once; numbers make
        loss visible and `read` restores it.  One attendance a room and process.
        """

    def neglect(room: str) -> None:
        """End the attendance of ``room``; ``hear`` is not called again."""

    def journal(observer: str, observe: Observe) -> Deferred[Stop]:
        """Tell every entry of every room to the durable ``observer``, at least once.

        ``observe(records)`` gets one or more, in order within each room, from the oldest that
        this observer's name has not acknowledged; when its Deferred fires they are
        acknowledged, and only then the next batch comes.  When it fails, the same records
        come again after a pause of 1 to 30 seconds.  A name new to the broker hears what the
        broker still holds.  Fires with a function that stops it, whose Deferred fires when
        the batch under way has ended.  Observers do not wait for each other.  Processes that
        journal under one name share the rooms among them: each room is told to one at a time,
        and what one has left when it ends or dies, another gets within 15 seconds.
        """

    def observers() -> Deferred[Sequence[Observer]]:
        """Fires with every name under which the journal is kept, in order; what a name has not
        acknowledged is held until it is back, or `dismiss` ed.
        """

    def dismiss(observer: str) -> Deferred[bool]:
        """Forget the name ``observer``, so that nothing is kept for it any more.

        Fires with whether there was such a name.  Fails as `Taken`, with a sentence, while some
        process tells it.  Should one do so again, it is new to the broker.
        """

    def rooms() -> Deferred[Sequence[str]]:
        """Fires with the name of every room that the broker remembers."""

    def restore(room: str, known: Look, renewed: bytes) -> Deferred[bool]:
        """Give back what the broker has lost of ``room``, out of what somebody still knows of it.

        ``known.last`` and the rest tell of one log.  If the broker holds all of ``known``, or a
        log that does not come from it, nothing happens and it fires with False.  Otherwise the
        room goes on in a new epoch, which holds what either side remembers, under the same
        numbers; a second entry of a number that another has gets a new one.  ``renewed`` (a
        `meet.events.Renewed`) is numbered above all of them, as a ruling, told and journaled;
        entries of ``known`` that the broker lacked are journaled behind it.
        """

    def drop(room: str, body: bytes, *, under: Position | None = None) -> Deferred[None]:
        """Delete all that is remembered of ``room``, the journal's unheard entries of it too,
        so that no file holds its words when it fires.

        ``body`` (a `meet.events.Forgotten`) gets the room's next number, is told to those who
        attend and to the journal, and is itself not remembered.  Afterwards the name is
        unknown: an opening begins a new epoch.  Of an unknown room: nothing happens.  If
        ``under`` is given and is not the position of the room's newest ruling, nothing happens
        but that it fails as `Stale`: the name may have gone to another room since.
        """


class IMeasured(Interface):
    """A broker that can say how much it holds, which none has to."""

    def sizes() -> Deferred[Mapping[str, int]]:
        """Fires with the bytes that the broker holds of each room, about; may fail with `Unavailable`."""


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

        Presence is not kept.  A `meet.events.Forgotten` deletes what the room's epoch held, from the
        files too.  A `meet.events.Removed` deletes the talk of its number, a `meet.events.Expired` puts
        what `meet.wire.bare` leaves of them in the place of all posts whose words had to be gone by then,
        also of those that come after it.  A `meet.events.Renewed` moves what is recorded of the epoch
        before into its own.  Fires when all of it is durable.
        """

    def living() -> Deferred[Sequence[tuple[str, str]]]:
        """Fires with room and epoch of every log that is recorded and not forgotten."""

    def memory(room: str, epoch: str, count: int) -> Deferred[Look]:
        """Fires with the log as it is recorded: its newest number and ruling, its state but
        for presence, the newest ``count`` pieces of talk; for `IBroker.restore`.
        """

    def history(room: str, before: Position, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        """Fires with the newest ``count`` pieces of talk before ``before`` in its epoch, oldest first."""

    def transcript(room: str, epoch: str, after: int, count: int) -> Deferred[Sequence[tuple[Position, bytes]]]:
        """Fires with the oldest ``count`` pieces of talk numbered above ``after``, oldest first."""

    def rooms(after: tuple[str, str], count: int) -> Deferred[Sequence[Kept]]:
        """Fires with the first ``count`` logs behind ``after``, a room and its epoch, in the order of
        their characters; ("", "") is before the first.  Listed is what has an entry.
        """

    def entries(room: str, epoch: str, after: int, count: int) -> Deferred[Numbered]:
        """Fires with the oldest ``count`` entries of any kind numbered above ``after``, oldest first,
        byte for byte as they were recorded: what an export is made of.
        """

    def since(room: str, epoch: str, at: str, count: int) -> Deferred[Numbered]:
        """Fires with a page of talk that begins with the earliest of the moment ``at`` or later, and
        goes on in the order of numbers, ``count`` at most.
        """

    def search(room: str, before: Position, words: str, count: int) -> Deferred[Found]:
        """Fires with the newest ``count`` pieces of talk before ``before`` in its epoch that have each
        of ``words`` (`meet.search`).  One page reads no more than `meet.search.REACH` pieces, so that
        it takes no longer in a longer room; what it knows to have none of them it may pass over.
        """

    def delete(room: str, epoch: str) -> Deferred[None]:
        """Delete a log as a `meet.events.Forgotten` does, files included; what comes late is not kept."""


class IOnDisk(Interface):
    """A store that can say where its bytes are, which none has to."""

    def files() -> Deferred[Sequence[Path]]:
        """Fires with the files that hold what is recorded, as far as they are on this machine and can be read.

        Those of a database of the store's own can be asked for before `IStore.start`.
        """

    def wipe() -> Deferred[None]:
        """Leave no byte in those files of what was deleted; fires when that is so, however long it takes.

        Nobody may record or read meanwhile.  A store whose files have no such bytes anyway fires at once.
        """


class IFormat(Interface):
    """How entries are written for one kind of listener.

    Formats compare equal where they write the same bytes: each is asked once a turn for
    each entry, however many listen.
    """

    def entry(room: str, entry: Entry) -> bytes:
        """The bytes for one entry; empty if this kind of listener is not told it."""

    def here(room: str, here: Here) -> bytes:
        """The bytes for a digest of presence; empty if this kind of listener is not told it."""

    def status(room: str, status: Status) -> bytes:
        """The bytes that say whether lines are taken; empty if this kind of listener is not told it."""


class IListener(Interface):
    """Anything in this process that is told entries.

    A listener never publishes from `heard`, and returns at once.
    """

    format = Attribute("The `IFormat` of the bytes it wants.")
    skips = Attribute("The id of a participant whose own entries it is not told, or ''.")

    def heard(data: bytes) -> None:
        """Take the entries of one turn, written in its format and joined.

        Where it is the `write` of a `meet.writer.Writer` itself, no step is between.
        """

    def ended(goodbye: Goodbye) -> None:
        """Nothing more will be told."""


class IGateway(Interface):
    """A front-end: it owns listening ports, decodes to commands, encodes entries."""

    def stop_accepting() -> Deferred[None]:
        """Close the listening ports; those who are in stay."""

    def say_goodbye(goodbye: Goodbye) -> Deferred[None]:
        """Tell everybody, end every connection, and fire when the last is gone."""


class IAudience(Interface):
    """Whoever a source tells what it hears.  Every method returns at once."""

    def posted(post: Post, words: Collection[str]) -> None:
        """``post`` was written, or edited, and has these of the ``words`` that are followed."""

    def withdrawn(posts: Collection[str]) -> None:
        """The posts of these ids were deleted where they were written."""

    def silenced(author: str) -> None:
        """The author of this id is gone or hidden there, with all that they wrote."""

    def standing(since: float) -> Collection[str]:
        """The ids of the posts known to stand in rooms that came there at ``since`` (seconds since 1970) or later."""

    def refused(word: str, reason: str) -> None:
        """``word`` is not followed, for ``reason``, a sentence for the hosts who asked for it."""

    def flowing(flows: bool, text: str) -> None:
        """Whether posts come, as far as is known; ``text`` is a sentence for people that says why not."""


class ISource(Interface):
    """Brings outside speech in: one upstream connection for all that is followed.

    A module is named by its word: ``--follow bluesky`` takes ``meet.bluesky``, a dotted word is
    imported as it stands.  It has ``source(reactor, settings)``, which returns one of these or
    raises a `ValueError` of one sentence for what an operator must mend, and ``SETTINGS``: a mapping
    of each setting's name to its default and a sentence about it.
    """

    name = Attribute("The word that marks its posts, at most 24 characters of a-z, 0-9 and -.")
    costs = Attribute("Whether each post that it tells costs the operator money.")

    def start(audience: IAudience, since: float) -> None:
        """Begin, telling ``audience`` what was written from ``since`` on (seconds since 1970), as
        far as the source can still say; what is told twice does no harm.  Nothing is connected
        while nothing is followed.
        """

    def follow(words: Collection[str]) -> None:
        """From now on follow these words (`meet.posts.word`) and no others."""

    def stop() -> Deferred[None]:
        """Tell no more; fires when the upstream connection is closed."""
