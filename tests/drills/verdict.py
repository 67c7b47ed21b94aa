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
class Verdict:
    """How a drill ended."""

    said: int
    accepted: int
    rows: Sequence[Row] = field(default_factory=tuple)

    @property
    def sound(self) -> bool:
        """Whether nothing accepted was lost, doubled or out of order, anywhere."""
        return all(row.sound for row in self.rows)


def judge(said: Set[Line], accepted: Set[Line], stored: Sequence[Line], ears: Sequence[Ear]) -> Verdict:
    """Compare: the store with what was accepted, and everybody who listened with the store.

    Nobody may have heard what is not stored.  What was said and not accepted may stand, but then
    it stands for everybody.
    """
    place = {line: number for number, line in reversed(list(enumerate(stored)))}
    of_store = Row(
        "store",
        "",
        len(stored),
        lost=tuple(sorted(accepted - set(stored))),
        twice=_twice(stored),
        disordered=_disordered_speakers(stored),
        unknown=tuple(sorted(set(stored) - said)),
    )
    return Verdict(len(said), len(accepted), [of_store, *(_row(ear, stored, accepted, place) for ear in ears)])


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
    for row in verdict.rows:
        for what in ("lost", "twice", "disordered", "unknown"):
            found: tuple[Line, ...] = getattr(row, what)
            if found:
                some = ", ".join(text for _, text in found[:8])
                lines.append(f"  {row.name}: {what}: {some}{' …' if len(found) > 8 else ''}")
    return lines
