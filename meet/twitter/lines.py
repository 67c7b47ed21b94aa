"""Bytes as they arrive, made lines again.  Pure.

The law: where the bytes were split makes no difference, and a line that is too long costs itself
alone.  Empty lines are X's keep-alive and are left out: that something came is all that they say.
"""

from __future__ import annotations

LONGEST_LINE = 1024 * 1024
"""Bytes of a line without its end; the longest post with all that hangs on it has some 100 KiB."""


class Lines:
    """Puts one connection's bytes together; ``dropped`` counts the lines that were too long."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self.dropped = 0
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, data: bytes) -> list[bytes]:
        """The lines that end within ``data``, without their ends (LF or CR LF) and without empty ones."""
        *ends, rest = data.split(b"\n")
        lines = []
        for end in ends:
            self._keep(end)
            if self._size > self._longest:
                self.dropped += 1
            elif line := b"".join(self._pieces).removesuffix(b"\r"):
                lines.append(line)
            self._pieces, self._size = [], 0
        self._keep(rest)
        return lines

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._longest:
            self._pieces = []
        elif piece:
            self._pieces.append(piece)
