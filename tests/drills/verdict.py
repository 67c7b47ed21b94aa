"""What was said, heard and stored, compared.

A line is (nick, text); nobody says the same text twice.  The store's order is the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

Line = tuple[str, str]


@dataclass(frozen=True)
class Ear:
    """What one client heard, in order of hearing, without what it was shown again.

    ``before`` counts the lines that stood before it came in and was not shown.
    """

    name: str
    door: str
    heard: Sequence[Line]
    returns: int = 0
    shown_again: int = 0
    history_reloaded: int = 0


@dataclass(frozen=True)
class Row:
    """One client, or the store: how much it has, and what is wrong with it."""

    name: str
    door: str
    heard: int
    lost: tuple[Line, ...]
    twice: tuple[Line, ...]
    disordered: tuple[Line, ...]
    unknown: tuple[Line, ...] = ()
    returns: int = 0
    shown_again: int = 0
    history_reloaded: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.disordered or self.unknown)


@dataclass(frozen=True)
class Posts:
    """What came of the posts of one source, each of which has a number.

    ``given``: those that its API gives, at once or when it is asked again; ``stands``: what stands in the
    store, in order; ``left_out``: how many the room was told not to have; ``under_way``: how many may be
    lost on a connection that breaks, because nobody gives them again.
    """

    source: str
    written: int
    given: Set[int]
    stands: Sequence[int]
    left_out: int = 0
    under_way: int = 0

    @property
    def lost(self) -> int:
        """How many were given, do not stand, and were not told to be left out."""
        return len(self.given - set(self.stands)) - self.left_out

    @property
    def twice(self) -> int:
        """How many stand more than once."""
        return len(self.stands) - len(set(self.stands))

    @property
    def sound(self) -> bool:
        """Whether all that was given stands once, or was left out and told."""
        return not self.twice and 0 <= self.lost <= self.under_way


@dataclass(frozen=True)
class Verdict:
    """How a drill ended."""

    said: int
    accepted: int
    rows: Sequence[Row] = field(default_factory=tuple)
    posts: Sequence[Posts] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing accepted was lost, doubled or out of order, anywhere."""
        return all(row.sound for row in self.rows) and all(posts.sound for posts in self.posts)


def judge(
    said: Set[Line],
    accepted: Set[Line],
    stored: Sequence[Line],
    ears: Sequence[Ear],
    outside: Set[Line] = frozenset(),
    posts: Sequence[Posts] = (),
) -> Verdict:
    """Compare: the store with what was accepted, and everybody who listened with the store.

    Nobody may have heard what is not stored.  What was said and not accepted may stand, but then
    it stands for everybody.  What was written ``outside`` may stand, too, in any order; what has
    come of it is judged by ``posts``.
    """
    place = {line: number for number, line in reversed(list(enumerate(stored)))}
    of_store = Row(
        "store",
        "",
        len(stored),
        lost=tuple(sorted(accepted - set(stored))),
        twice=_twice(stored),
        disordered=_disordered_speakers([line for line in stored if line not in outside]),
        unknown=tuple(sorted(set(stored) - said - outside)),
    )
    rows = [of_store, *(_row(ear, stored, accepted, place) for ear in ears)]
    return Verdict(len(said), len(accepted), rows, posts)


def _row(ear: Ear, stored: Sequence[Line], accepted: Set[Line], place: Mapping[Line, int]) -> Row:
    heard = set(ear.heard)
    return Row(
        ear.name,
        ear.door,
        len(heard),
        lost=tuple(line for line in dict.fromkeys([*stored, *sorted(accepted)]) if line not in heard),
        twice=_twice(ear.heard),
        disordered=_disordered(ear.heard, place),
        unknown=tuple(line for line in ear.heard if line not in place),
        returns=ear.returns,
        shown_again=ear.shown_again,
        history_reloaded=ear.history_reloaded,
    )


def _twice(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(line for line, count in Counter(lines).items() if count > 1)


def _disordered(heard: Sequence[Line], place: Mapping[Line, int]) -> tuple[Line, ...]:
    """Lines that came after one that stands behind them."""
    furthest = -1
    wrong = []
    for line in heard:
        at = place.get(line)
        if at is None:
            continue
        if at < furthest:
            wrong.append(line)
        furthest = max(furthest, at)
    return tuple(wrong)


def _disordered_speakers(stored: Sequence[Line]) -> tuple[Line, ...]:
    """Lines of one speaker that stand behind a later one of the same; the texts end in a number."""
    newest: dict[str, int] = {}
    wrong = []
    for nick, text in stored:
        number = int(text.rsplit(" ", 1)[-1])
        if number < newest.get(nick, 0):
            wrong.append((nick, text))
        newest[nick] = max(newest.get(nick, 0), number)
    return tuple(wrong)


def table(verdict: Verdict) -> list[str]:
    """The verdict as lines of text."""
    head = f"{'':14}{'heard':>7}{'lost':>6}{'twice':>7}{'out of order':>14}{'never said':>12}"
    head += f"{'came back':>11}{'reloaded':>10}{'shown again':>13}"
    lines = [f"said {verdict.said}, accepted {verdict.accepted}", head]
    for row in verdict.rows:
        name = f"{row.name} ({row.door})" if row.door else row.name
        counts = f"{row.heard:>7}{len(row.lost):>6}{len(row.twice):>7}{len(row.disordered):>14}{len(row.unknown):>12}"
        back = f"{row.returns:>11}{row.history_reloaded:>10}{row.shown_again:>13}" if row.door else ""
        lines.append(f"{name:14}{counts}{back}")
    if verdict.posts:
        lines.append(f"{'posts of':14}{'written':>9}{'given':>8}{'stand':>8}{'left out':>10}{'lost':>6}{'twice':>7}")
    for posts in verdict.posts:
        counts = f"{posts.written:>9}{len(posts.given):>8}{len(posts.stands):>8}{posts.left_out:>10}"
        lines.append(f"{posts.source:14}{counts}{posts.lost:>6}{posts.twice:>7}")
    for row in verdict.rows:
        for what in ("lost", "twice", "disordered", "unknown"):
            found: tuple[Line, ...] = getattr(row, what)
            if found:
                some = ", ".join(text for _, text in found[:8])
                lines.append(f"  {row.name}: {what}: {some}{' …' if len(found) > 8 else ''}")
    return lines
