"""Which process stands for which key of which room; any number of them may, beside each other."""

from __future__ import annotations

from collections.abc import Hashable


class Standing:
    """Who stands for what.  ``who`` is whatever names a process."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, set[Hashable]]] = {}

    def copy(self) -> Standing:
        """As things stand, for looking back at."""
        other = Standing()
        other._rooms = {room: {key: set(who) for key, who in keys.items()} for room, keys in self._rooms.items()}
        return other

    def everybody(self) -> set[Hashable]:
        """All who stand for somebody."""
        return {who for keys in self._rooms.values() for standing in keys.values() for who in standing}

    def stand(self, room: str, key: str, who: Hashable) -> None:
        """``who`` stands for ``key``, beside others that do."""
        self._rooms.setdefault(room, {}).setdefault(key, set()).add(who)

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
        keys = self._rooms.get(room, {})
        keys.pop(key, None)
        if not keys:
            self._rooms.pop(room, None)

    def drop(self, room: str) -> None:
        """There is no such room any more."""
        self._rooms.pop(room, None)

    def gone(self, who: Hashable) -> dict[str, list[str]]:
        """``who`` has ended; the keys for which nobody stands now, by room."""
        left: dict[str, list[str]] = {}
        for room, keys in list(self._rooms.items()):
            mine = [key for key, standing in keys.items() if who in standing]
            alone = [key for key in mine if self.let_go(room, key, who)]
            if alone:
                left[room] = alone
        return left
