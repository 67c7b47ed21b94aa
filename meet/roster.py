"""Who is here: the people of one room, by the nicks they hold.

One person may hold two nicks for a moment: `Renamed` takes the new one before `Left`
gives up the old.  The newest counts as theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meet.events import Joined, Left, Position, Renamed


class Participant(NamedTuple):
    """One who is here: ``id`` is the digest of their token, ``via`` the door they came by."""

    id: str
    nick: str
    via: str
    host: bool
    since: Position


class Roster:
    """The people of one room.  Every change is an event; the same events give the same roster."""

    __slots__ = ("_by_key", "_keys")

    def __init__(self) -> None:
        self._by_key: dict[str, Participant] = {}
        self._keys: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Participant]:
        """Everybody once, under their newest nick, in the order in which they took it."""
        newest = (self._by_key[keys[-1]] for keys in self._keys.values())
        return iter(sorted(newest, key=_since))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Roster) and self._by_key == other._by_key

    __hash__ = None  # type: ignore[assignment]  # it changes

    def person(self, identity: str) -> Participant | None:
        """The participant with this id, under their newest nick."""
        keys = self._keys.get(identity)
        return self._by_key[keys[-1]] if keys else None

    def holder(self, key: str) -> Participant | None:
        """Who holds the nick with this key (`meet.events.who_key`)."""
        return self._by_key.get(key)

    def held(self) -> Iterator[tuple[str, Participant]]:
        """Every key that is held, and by whom: also a nick that its holder no longer uses."""
        return iter(self._by_key.items())

    def nicks(self, identity: str) -> list[Participant]:
        """The participant with this id, once under each nick they hold, the newest last."""
        return [self._by_key[key] for key in self._keys.get(identity, ())]

    def skeletons(self) -> frozenset[str]:
        """Every nick that is held, as it is compared."""
        return frozenset(key.removeprefix("who:") for key in self._by_key)

    def came(self, event: Joined | Renamed, position: Position) -> None:
        """``event.by`` now holds ``event.nick``."""
        key = event.key
        self._drop(key)
        self._by_key[key] = Participant(event.by, event.nick, event.via, event.host, position)
        self._keys.setdefault(event.by, []).append(key)

    def went(self, event: Left) -> None:
        """``event.nick`` is free again."""
        self._drop(event.key)

    def clear(self) -> None:
        """Everybody is gone."""
        self._by_key.clear()
        self._keys.clear()

    def _drop(self, key: str) -> None:
        gone = self._by_key.pop(key, None)
        if gone is not None:
            keys = self._keys[gone.id]
            keys.remove(key)
            if not keys:
                del self._keys[gone.id]


def _since(person: Participant) -> int:
    return person.since.seq
