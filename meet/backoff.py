"""How long to wait before somebody else's server is asked again."""

from __future__ import annotations

STEADY = 60.0
"""Seconds of life after which a connection has proved that all is well again."""


class Backoff:
    """Waits that double from ``first`` to ``most`` seconds while connections fail."""

    def __init__(self, first: float, most: float) -> None:
        self.first = first
        self.most = most
        self._next = first

    def lived(self, seconds: float) -> None:
        """A connection has lived for so long."""
        if seconds >= STEADY:
            self._next = self.first

    def wait(self, chance: float) -> float:
        """The seconds to wait now; ``chance`` in [0, 1) spreads those who lost the same server.

        It is at least half of what has doubled, and never more than all of it.
        """
        whole = self._next
        self._next = min(whole * 2, self.most)
        return whole * (0.5 + chance / 2)
