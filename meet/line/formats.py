"""How a room is told at the line door: one line of text an entry.

::

    12:30 <ann> What somebody said
    -- bob came in
    -- bob left
    -- ann calls the room Algebra II now

The law: what a listener of one kind is written is the same for all of them, so that it is
written once.  Times are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import implementer

from meet.events import Chosen, Closed, Entry, Extended, Followed, Noted, Retitled, Said
from meet.interfaces import Here, IFormat, Status
from meet.moments import day_time, seconds
from meet.names import one_line, voice
from meet.posts import Provenance

_NAMED = 5
"""So many people are named in one line of comings or goings, the others counted."""


@implementer(IFormat)
@dataclass(frozen=True, slots=True)
class LineFormat:
    """Lines that end as ``end`` says: in the manner in which the other side ends its own."""

    end: str = "\n"

    def entry(self, room: str, entry: Entry) -> bytes:
        """The line for one entry; presence is told by `here` instead."""
        match entry.event:
            case Said(post=Provenance() as post) as said:
                warned = f"[{post.warning}] " if post.warning else ""
                words = " ".join(part for part in (one_line(said.shown), post.link) if part)
                line = f"{said.at[11:16]} <{voice(post.handle, said.via)}> {warned}{words}"
            case Followed(words=()) as followed:
                line = f"-- {followed.nick} lets the room follow nothing outside"
            case Followed() as followed:
                line = f"-- {followed.nick} lets the room follow {' '.join(followed.words)}"
            case Chosen() as chosen:
                state = "paused" if chosen.paused else "on"
                line = f"-- {chosen.nick} has set voices from outside: {state}"
            case Noted() as noted:
                line = f"-- {noted.via}: {noted.text}"
            case Said() as said:
                # A moment has one fixed form, so the hour and minute stand in one place.
                line = f"{said.at[11:16]} <{said.nick}> {said.text}"
            case Retitled() as retitled:
                line = f"-- {retitled.nick} calls the room {retitled.title} now"
            case Extended() as extended:
                ends = day_time(seconds(extended.ends), seconds(extended.at))
                line = f"-- {extended.nick} lets the room end {ends} UTC"
            case Closed(because="host"):
                line = "-- the host closed the room"
            case Closed():
                line = "-- the time of the room is over"
            case _:
                return b""
        return self.lines(line)

    def here(self, room: str, here: Here) -> bytes:
        """A line for those who came, one for those who left, one for each new nick; in a large room none."""
        olds, news = {was for was, _ in here.renamed}, {now for _, now in here.renamed}
        came = [nick for nick in here.came if nick not in news]
        went = [nick for nick in here.went if nick not in olds]
        told = [f"-- {_people(nicks)} {what}" for nicks, what in ((came, "came in"), (went, "left")) if nicks]
        return self.lines(*told, *(f"-- {was} is now {now}" for was, now in here.renamed))

    def status(self, room: str, status: Status) -> bytes:
        """One line."""
        return self.lines(f"-- {status.text}")

    def lines(self, *texts: str) -> bytes:
        """These lines as bytes, each with its end."""
        return "".join(text + self.end for text in texts).encode("utf-8", "replace")


def _people(nicks: Sequence[str]) -> str:
    if len(nicks) == 1:
        return nicks[0]
    if len(nicks) <= _NAMED:
        return f"{', '.join(nicks[:-1])} and {nicks[-1]}"
    return f"{', '.join(nicks[:_NAMED])} and {len(nicks) - _NAMED} more"
