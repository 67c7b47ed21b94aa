"""A host's words about voices from outside and about lines, as people type them at doors of text.

Pure.  Doors say which command; here its words become what is asked of the room.  Somebody who
types knows no numbers and no ids: a line is named by who said it, and the newest of theirs is meant.
"""

from __future__ import annotations

from collections.abc import Sequence

from meet.commands import Block, Choose, Command, Follow, Remove, Unblock
from meet.errors import Refused
from meet.events import Entry, Position, Said
from meet.feed import Feed
from meet.look import lineage
from meet.names import skeleton
from meet.room import Room
from meet.voices import Choices

NOTHING = ("none", "off", "-")
"""Words that stand for no words at all."""

_SWITCHES = {"on": True, "off": False}
_SHAPE = "Say pause, resume, or one of reposts, quotes and sensitive with on or off."


def follow(words: Sequence[str]) -> Command:
    """``#pycon @speaker``, or ``none``."""
    if not words:
        raise Refused("bad-input", "Say what to follow: hashtags and authors, like #pycon @speaker, or none.")
    return Follow(words=() if len(words) == 1 and words[0].lower() in NOTHING else tuple(words))


def choose(words: Sequence[str]) -> Command:
    """``pause``, ``resume``, ``reposts on``, ``quotes off``, ``sensitive on``."""
    match [word.lower() for word in words]:
        case ["pause"]:
            return Choose(paused=True)
        case ["resume"]:
            return Choose(paused=False)
        case [("reposts" | "quotes" | "sensitive") as name, ("on" | "off") as switch]:
            return Choose(**{name: _SWITCHES[switch]})
    raise Refused("bad-input", _SHAPE)


def block(feed: Feed, name: str) -> Command:
    """The author from outside who goes by ``name`` or ``@handle`` here."""
    item = _newest(feed, name)
    if item is None or not isinstance(item.event, Said) or item.event.post is None:
        raise Refused("not-found", f"Nobody from outside goes by {name[:40]} in the newest lines.")
    return Block(author=item.event.by, name=item.event.nick)


def unblock(room: Room, name: str) -> Command:
    """The author who is blocked under ``name``, or by that id."""
    wanted = skeleton(name)
    for author, known in room.voices.blocked.items():
        if wanted in (skeleton(known), skeleton(author)):
            return Unblock(author=author)
    raise Refused("not-found", f"Nobody is blocked here as {name[:40]}.")


def remove(feed: Feed, name: str) -> Command:
    """The newest line of whoever goes by ``name`` or ``@handle``; or the line at that position."""
    item = _newest(feed, name)
    if item is None:
        raise Refused("not-found", f"Nothing in the newest lines was said by {name[:40]}.")
    return Remove(number=item.position.seq)


def remove_at(feed: Feed, place: Position) -> Command:
    """The line that stands, or stood before it became too old to be remembered here, at ``place``."""
    last, memory = feed.last, feed.memory()
    here = {item.position.seq for item in feed.tail if isinstance(item.event, Said)}
    if (
        last is None
        or place.epoch not in (last.epoch, *lineage(memory))
        or not (place.seq in here or 0 < place.seq <= memory.floor)
    ):
        raise Refused("not-found", "There is no such line.")
    return Remove(number=place.seq)


def told(room: Room) -> str:
    """What the room follows, in a sentence."""
    voices = room.voices
    if not voices.words:
        return "This room follows nothing outside."
    choices = voices.choices
    extras = [name for name in Choices._fields[:3] if getattr(choices, name)]
    with_them = f" With {', '.join(extras)}." if extras else ""
    paused = " It is paused." if choices.paused else ""
    return f"This room follows {' '.join(voices.words)}.{with_them}{paused}"


def _newest(feed: Feed, name: str) -> Entry | None:
    wanted = skeleton(name.removeprefix("@"))
    for item in reversed(feed.tail):
        event = item.event
        if not isinstance(event, Said):
            continue
        names = [event.nick] if event.post is None else [event.nick, event.post.handle]
        if name == str(item.position) or wanted in map(skeleton, names):
            return item
    return None
