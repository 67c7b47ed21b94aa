"""What became true in a room: the vocabulary that travels, is kept and is recorded.

An event says by its class where it is remembered:

* without a ``key`` it is *talk*: remembered in order, bounded, as the room's tail;
* with one it is *state*: only the newest for each key counts; one that ``forgets`` drops
  its key;
* a state event that is a ``ruling`` changes what may be asked: how the room is, and who
  its hosts are.

On the wire an event is a flat JSON object; ``kind`` is the class's name in lower case.
Readers ignore keys and kinds that they do not know.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, NamedTuple

import msgspec

from meet.names import digest, skeleton
from meet.posts import SOURCES, Provenance

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Position(NamedTuple):
    """Where an event stands in its room: a log's epoch, and the number in that log.

    Only positions of one epoch can be compared.
    """

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower, omit_defaults=True):
    """Something that became true; ``at`` is a moment for display, order is the position."""

    forgets: ClassVar[bool] = False
    at: str

    @property
    def ruling(self) -> bool:
        """Whether this changes what may be asked of the room."""
        return False

    @property
    def key(self) -> str | None:
        """What this event is the newest word on, or None for talk."""
        return None

    @property
    def once(self) -> str | None:
        """What is true only once in a room however often it is asked for, or None."""
        return None


class Presence(Event, frozen=True, kw_only=True, tag=None):
    """An event about who is here; told to people as a digest, not one by one.

    ``host`` says whether they hold the host key: from now on, or until they left.
    """

    by: str
    nick: str
    host: bool = False

    @property
    def key(self) -> str:
        """The nick's own key: who holds it, holds the nick in the whole system."""
        return who_key(self.nick)

    @property
    def ruling(self) -> bool:
        """The coming and going of hosts decides what may be asked."""
        return self.host


class Opened(Event, frozen=True, kw_only=True):
    """The room began.  ``lock`` is the digest of the host key, ``limit`` characters a line."""

    name: str
    title: str
    ends: str
    limit: int
    lock: str

    @property
    def key(self) -> str:
        """One opening a log."""
        return "opened"

    @property
    def ruling(self) -> bool:
        """Before it nothing may be asked."""
        return True


class Joined(Presence, frozen=True, kw_only=True):
    """A participant came in ``via`` a door, or is known again after a break."""

    via: str


class Renamed(Presence, frozen=True, kw_only=True):
    """A participant now has ``nick``; the old one, ``was``, is given up by a `Left`.

    Where both are the same nick, only its spelling or the right to host has changed.
    """

    was: str
    via: str


class Left(Presence, frozen=True, kw_only=True):
    """A nick was given up; ``because`` is ``left``, ``lost``, ``renamed`` or ``kicked``."""

    forgets: ClassVar[bool] = True
    because: str = "left"
    via: str = ""


class Said(Event, frozen=True, kw_only=True):
    """A line of talk; ``ref`` is the author's own mark, said once however often asked.

    A line that was written elsewhere has a ``post``; ``via`` is its source then, ``by`` the author's
    id there (`meet.posts.author_id`), ``nick`` the name that they go by, and ``text`` may have several lines.
    """

    by: str
    nick: str
    via: str
    text: str
    ref: str = ""
    post: Provenance | None = None

    @property
    def once(self) -> str | None:
        """The same participant's same ``ref``; of a post its id, and its words if they were edited under it."""
        if self.post is not None:
            edited = f":{digest(self.text)}" if self.post.was == self.post.id else ""
            return f"{self.via}:{self.post.id}{edited}"
        return f"{self.by}:{self.ref}" if self.ref else None

    @property
    def is_bare(self) -> bool:
        """Whether this is what stays of a post whose words had to go."""
        return self.post is not None and not self.nick

    @property
    def shown(self) -> str:
        """Its text; of what is bare, that there is a post to go and read."""
        return f"post on {SOURCES.get(self.via, self.via)}" if self.is_bare else self.text

    def lasting(self) -> Said:
        """What of it may be kept for ever: what is `bare`, if its words must go at some time."""
        return self.bare() if self.post is not None and self.post.expires else self

    def bare(self) -> Said:
        """What may stay of a post whose words must go: its id and its link, by whom and when."""
        if self.post is None:
            return self
        post = Provenance(id=self.post.id, handle="", at=self.post.at, link=self.post.link)
        return Said(at=self.at, by=self.by, nick="", via=self.via, text="", post=post)


class Removed(Event, frozen=True, kw_only=True):
    """The talk of that ``number`` in this log is to be seen no more, and its words are erased.

    ``because`` is ``host``, who then has ``by`` and ``nick``, ``source``: it was deleted where it
    was written, ``operator``: whoever runs Meet was asked to (`meet.erasing`), or ``renewed``: it
    stands under another number since the broker lost something, which only the journal is told.
    """

    number: int
    because: str
    by: str = ""
    nick: str = ""


class Expired(Event, frozen=True, kw_only=True):
    """The words of all posts that could be kept ``until`` that moment at most are gone; ids and links stay."""

    until: str

    @property
    def key(self) -> str:
        """The newest moment counts."""
        return "expired"


class Followed(Event, frozen=True, kw_only=True):
    """The room follows these ``words`` (`meet.posts.word`) elsewhere, and no others."""

    by: str
    nick: str
    words: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The newest words count."""
        return "follow"

    @property
    def ruling(self) -> bool:
        """It decides whether a post may come in."""
        return True


class Chosen(Event, frozen=True, kw_only=True):
    """Which posts come in: ``reposts``, ``quotes``, ``sensitive`` ones; none while ``paused``."""

    by: str
    nick: str
    reposts: bool
    quotes: bool
    sensitive: bool
    paused: bool

    @property
    def key(self) -> str:
        """The newest choices count."""
        return "choices"

    @property
    def ruling(self) -> bool:
        """It decides whether a post may come in."""
        return True


class Blocked(Event, frozen=True, kw_only=True):
    """Nothing of ``author`` (`meet.posts.author_id`), who goes by ``name``, comes in; unless it is ``lifted``."""

    by: str
    nick: str
    author: str
    name: str = ""
    lifted: bool = False

    @property
    def key(self) -> str:
        """The newest word on each author counts."""
        return f"block:{self.author}"

    @property
    def ruling(self) -> bool:
        """It decides whether a post may come in."""
        return True


class Noted(Event, frozen=True, kw_only=True):
    """Something to know of the source ``via``: a sentence for people, or for ``hosts`` alone."""

    via: str
    text: str
    hosts: bool = False

    @property
    def key(self) -> str:
        """The newest note of each source counts."""
        return f"note:{self.via}"


class Spent(Event, frozen=True, kw_only=True):
    """So many posts of the source ``via``, which cost money, have come for the room on ``day``."""

    via: str
    day: str
    count: int

    @property
    def key(self) -> str:
        """The newest count of each source counts."""
        return f"spent:{self.via}"


class Retitled(Event, frozen=True, kw_only=True):
    """The room has a new title."""

    by: str
    nick: str
    title: str
    via: str = ""

    @property
    def key(self) -> str:
        """The newest title counts."""
        return "title"


class Extended(Event, frozen=True, kw_only=True):
    """The room ends at another time."""

    by: str
    nick: str
    ends: str

    @property
    def key(self) -> str:
        """The newest end counts."""
        return "ends"

    @property
    def ruling(self) -> bool:
        """It decides until when anything may be asked."""
        return True


class Closed(Event, frozen=True, kw_only=True):
    """The room ended; ``because`` is ``time`` or ``host``; only a host has ``by`` and ``nick``.

    Nothing is said after it.
    """

    because: str
    by: str = ""
    nick: str = ""

    @property
    def key(self) -> str:
        """A room closes once."""
        return "closed"

    @property
    def ruling(self) -> bool:
        """After it nothing may be asked."""
        return True


class Renewed(Event, frozen=True, kw_only=True):
    """The room goes on in a new log, because the broker had lost some of the one before, ``was``.

    ``before`` are the logs before that one, the newest first.
    """

    was: str
    before: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The newest log counts."""
        return "renewed"

    @property
    def ruling(self) -> bool:
        """Nothing that was decided on the former log stands."""
        return True


class Forgotten(Event, frozen=True, kw_only=True):
    """All that the room held was deleted; only the journal's observers hear of it."""


class Unknown(Event, frozen=True, kw_only=True):
    """An event of a kind that this version does not know; it is passed on untouched."""


class Entry(NamedTuple):
    """A position and an event: the one object that travels.

    ``body`` is the event's JSON exactly as it was numbered.
    """

    position: Position
    event: Event
    body: bytes


KINDS: tuple[type[Event], ...] = (
    Opened,
    Joined,
    Renamed,
    Left,
    Said,
    Removed,
    Expired,
    Retitled,
    Extended,
    Closed,
    Followed,
    Chosen,
    Blocked,
    Noted,
    Spent,
    Renewed,
    Forgotten,
)
"""Every kind that this version knows."""


@lru_cache(maxsize=4096)
def who_key(nick: str) -> str:
    """The key under which a nick is held."""
    # Kept: every line is said under the nick of one who is there.
    return "who:" + skeleton(nick)


def new_epoch(now: float, random: bytes) -> str:
    """A name for a log begun at ``now``: at most 16 of ``0-9 a-z``, never given before.

    ``random``, of 3 bytes, tells logs apart that begin in the same second.
    """
    number = (max(0, int(now)) << 24) + int.from_bytes(random[:3], "big")
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
