"""Every bound in Meet, with its reason: one table.

Each field of `Limits` is one limit.  Its name on the command line (``--limit name=value``)
and in the ``[limits]`` table of a configuration file is the field's name with hyphens; 0
switches off a limit whose row says so.  The manual's table is held to this one by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from meet.moments import DAY, HOUR


def _limit(value: int, unit: str, reason: str, *, off: bool = True) -> Any:
    return field(default=value, metadata={"unit": unit, "reason": reason, "off": off})


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that one Meet holds its users to."""

    # What a room holds.
    characters_in_line: int = _limit(140, "characters", "TodaysMeet's length: one thought, read at a glance", off=False)
    characters_in_line_most: int = _limit(
        500, "characters", "fits one IRC line of 512 bytes in most scripts", off=False
    )
    characters_in_ref: int = _limit(64, "characters", "room for a UUID and a prefix", off=False)
    entries_in_tail: int = _limit(1000, "entries", "an hour of busy talk, ~200 KB a live room", off=False)
    entries_on_joining: int = _limit(50, "entries", "10 KB: two seconds at 50 kbit/s", off=False)
    entries_in_page: int = _limit(200, "entries", "one page of history, answered in one piece", off=False)
    characters_in_post: int = _limit(
        4000, "characters", "a long post in full; of a longer one the beginning", off=False
    )
    words_to_follow: int = _limit(5, "words", "a hashtag, its misspellings and the speakers", off=False)
    authors_blocked: int = _limit(500, "authors", "50 KB of state in each process that has the room", off=False)
    people_in_room: int = _limit(20_000, "people", "a keynote's hall; memory of one process")
    names_in_here: int = _limit(200, "people", "above it only the count is sent; names are asked for", off=False)
    # How long things last.
    shortest_life: int = _limit(60, "seconds", "shorter cannot be told before it is over", off=False)
    longest_life: int = _limit(366 * DAY, "seconds", "a year; nothing is kept for ever", off=False)
    grace: int = _limit(HOUR, "seconds", "time to read or print a closed room before it is deleted", off=False)
    session_grace: int = _limit(20, "seconds", "a lift, a tunnel, a reload: the nick stays yours", off=False)
    request_session_idle: int = _limit(
        300, "seconds", "one who comes by single requests has no connection that could be seen to end", off=False
    )
    once_kept: int = _limit(300, "seconds", "how long a line asked again with its ref is known", off=False)
    feed_linger: int = _limit(60, "seconds", "a room nobody listens to stays in memory this long", off=False)
    observer_away: int = _limit(
        HOUR, "seconds", "longer than any upgrade: what is kept for a name that never comes back fills the broker"
    )
    # What one participant may do.
    says_per_participant: int = _limit(20, "lines in 10 s", "faster than fingers, slower than a paste of a book")
    # What comes in from elsewhere.
    posts_per_source: int = _limit(50, "posts in 10 s", "five a second in one room: more than can be read")
    paid_posts_per_room: int = _limit(500, "posts a day", "of a source that costs: some $2.50 a room at X's prices")
    paid_posts: int = _limit(5000, "posts a day", "of a source that costs, in all rooms: some $25 at X's prices")
    # What one address may do: a school or a conference is one address.
    connections_per_address: int = _limit(5000, "connections", "a conference behind one address, not a flood")
    joins_per_address: int = _limit(600, "joins in 10 s", "a hall that comes in at once; a restart lets all back")
    rooms_per_address: int = _limit(60, "rooms in an hour", "every class of a school's lesson")
    # What a door takes.
    bytes_in_frame: int = _limit(16_384, "bytes", "a line of 500 characters escaped four times over", off=False)
    bytes_in_line: int = _limit(8_192, "bytes", "the line door's line; IRC has 512 and 4,094 of tags", off=False)
    bytes_in_body: int = _limit(16_384, "bytes", "an HTTP request body: a form or a command", off=False)
    bytes_unsent: int = _limit(262_144, "bytes", "a connection that is this far behind is ended as slow", off=False)
    seconds_unsent: int = _limit(30, "seconds", "and so is one that has taken nothing for this long", off=False)
    seconds_to_request: int = _limit(20, "seconds", "to send one whole HTTP request", off=False)
    seconds_to_register: int = _limit(
        60, "seconds", "to finish a WebSocket handshake or an IRC registration", off=False
    )
    seconds_idle: int = _limit(
        120, "seconds", "silence after which a connection is asked for a sign of life", off=False
    )
    seconds_to_poll: int = _limit(55, "seconds", "the longest wait of a long-poll: under a proxy's 60", off=False)
    bad_input_per_connection: int = _limit(20, "refusals in a minute", "a broken client, not a typing error")
    commands_per_connection: int = _limit(120, "commands in 30 s", "an IRC client that rejoins ten rooms sends 40")

    def but(self, changes: Mapping[str, int]) -> Limits:
        """These limits with some changed, by the names that people use (with hyphens).

        Raises `ValueError` with one sentence for an unknown name, a negative value, or 0
        where a limit cannot be off.
        """
        known = {limit_name(row.name): row for row in fields(self)}
        values = {row.name: getattr(self, row.name) for row in known.values()}
        for name, value in changes.items():
            row = known.get(name)
            if row is None:
                raise ValueError(f"There is no limit called {name}.")
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"The limit {name} must be a whole number, not {value!r}.")
            if value == 0 and not row.metadata["off"]:
                raise ValueError(f"The limit {name} cannot be switched off.")
            values[row.name] = value
        return Limits(**values)


def limit_name(field_name: str) -> str:
    """The name that people use for the limit in ``field_name``."""
    return field_name.replace("_", "-")


class Bucket:
    """A token bucket: ``size`` at once, refilled evenly over ``span`` seconds.

    ``size`` 0 lets everything pass.
    """

    __slots__ = ("_at", "_left", "size", "span")

    def __init__(self, size: int, span: float) -> None:
        self.size = size
        self.span = span
        self._left = float(size)
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Take one at ``now`` (seconds); False if none is left."""
        if not self.size:
            return True
        self._refill(now)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def wait(self, now: float) -> float:
        """Seconds from ``now`` until one can be taken."""
        if not self.size:
            return 0.0
        self._refill(now)
        return max(0.0, (1 - self._left) * self.span / self.size)

    def full(self, now: float) -> bool:
        """Whether nothing was taken lately, so that forgetting the bucket changes nothing."""
        self._refill(now)
        return self._left >= self.size

    def _refill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._left = min(float(self.size), self._left + (now - self._at) * self.size / self.span)
        self._at = now
