"""Names for new rooms: what is free that is like one that is taken."""

from __future__ import annotations

from meet import names
from meet.errors import Unavailable
from meet.house import House
from meet.web.asking import apart

_TRIES = 8
"""How many names are looked at: each may cost a reading."""


async def free_names(house: House, name: str, count: int = 2) -> list[str]:
    """Up to ``count`` names like ``name`` (which can be one) that no room has now."""
    room = names.room_name(name)
    found: list[str] = []
    for number in range(2, 2 + _TRIES):
        end = f"-{number}"
        candidate = room[: names.ROOM_LENGTH - len(end)].rstrip("-") + end
        try:
            feed = await apart(house.hub.feed(candidate))
        except Unavailable:
            break
        if not feed.room.exists:
            found.append(candidate)
            if len(found) == count:
                break
    return found
