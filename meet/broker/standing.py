"""Which process stands for which key of which room; any number of them may, beside each other."""

from __future__ import annotations

from collections.abc import Hashable


class Standing:
    """Who stands for what.  ``who`` is whatever names a process."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, set[Hashable]]] = {}
        # Since when those have not been there whom a process that ended left behind.
        self._away: dict[tuple[str, str], float] = {}

    def copy(self) -> Standing:
        """As things stand, for looking back at."""
        other = Standing()
        other._rooms = {room: {key: set(who) for key, who in keys.items()} for room, keys in self._rooms.items()}
        other._away = dict(self._away)
        return other

    def everybody(self) -> set[Hashable]:
        """All who stand for somebody."""
        return {who for keys in self._rooms.values() for standing in keys.values() for who in standing}

    def stand(self, room: str, key: str, who: Hashable, away: float | None = None) -> None:
        """``who`` stands for ``key``, beside others that do.

        ``away`` is since when nobody has been there whose key it is, unless others know it
        already; None: somebody is there.
        """
        standing = self._rooms.setdefault(room, {}).setdefault(key, set())
        if away is None:
            self._away.pop((room, key), None)
        elif not standing:
            self._away[room, key] = away
        standing.add(who)

    def may_forget(self, room: str, key: str, who: Hashable) -> bool:
        """Whether ``who`` stands for ``key``, or nobody does."""
        standing = self._rooms.get(room, {}).get(key)
        return not standing or who in standing

    def let_go(self, room: str, key: str, who: Hashable) -> bool:
        """``who`` no longer stands for ``key``; whether nobody does now."""
        standing = self._rooms.get(room, {}).get(key, set())
        standing.discard(who)
        if not standing:
            self.forget(room, key)
        return not standing

    def forget(self, room: str, key: str) -> None:
        """There is no such key any more."""
        self._away.pop((room, key), None)
        keys = self._rooms.get(room, {})
        keys.pop(key, None)
        if not keys:
            self._rooms.pop(room, None)

    def drop(self, room: str) -> None:
        """There is no such room any more."""
        for key in self._rooms.pop(room, {}):
            self._away.pop((room, key), None)

    def gone(self, who: Hashable, seen: float) -> dict[tuple[str, float], list[str]]:
        """``who`` has ended at ``seen``; the keys for which nobody stands now, by room and by
        when those were last there whose keys they are.
        """
        left: dict[tuple[str, float], list[str]] = {}
        for room, keys in list(self._rooms.items()):
            for key in [key for key, standing in keys.items() if who in standing]:
                last = self._away.get((room, key), seen)
                if self.let_go(room, key, who):
                    left.setdefault((room, last), []).append(key)
        return left
