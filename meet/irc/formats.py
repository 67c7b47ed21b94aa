"""Entries as IRC lines, for one set of capabilities.

Formats are frozen: clients with the same capabilities share one, and its bytes.  Nothing
here knows who reads it.  The reader's own coming, going and talking is left out by
`IListener.skips`, and told by the dialogue.
"""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from meet.events import (
    Chosen,
    Entry,
    Extended,
    Followed,
    Joined,
    Left,
    Noted,
    Position,
    Removed,
    Renamed,
    Retitled,
    Said,
)
from meet.interfaces import Here, IFormat, Status
from meet.irc.message import BYTES_IN_LINE, pieces, write
from meet.moments import clock_time, day_time, seconds
from meet.names import one_line, voice

HOST = "meet"
"""The host in everybody's mask: addresses are nobody's business."""

_REASONS = {"left": "left", "lost": "lost connection"}


def mask(nick: str, via: str = HOST) -> str:
    """``nick!via@meet``, as the source of a line; ``via`` is the door they came by."""
    return f"{nick}!{via}@{HOST}"


@implementer(IFormat)
@dataclass(frozen=True, slots=True)
class Lines:
    """Entries as lines; ``server`` is the source of what nobody in particular does."""

    server: str
    tags: bool = False
    times: bool = False
    extended_join: bool = False
    redaction: bool = False

    def entry(self, room: str, entry: Entry) -> bytes:
        """The lines for one entry, each with its end; nothing for what IRC has no word for."""
        event = entry.event
        channel = f"#{room}"
        tags = self._tags(event.at)
        match event:
            case Said():
                return self.said(room, entry)
            case Joined():
                return self.joined(room, event.nick, event.via, tags) + (
                    self.host(room, event.nick, tags) if event.host else b""
                )
            case Renamed() if event.was != event.nick:
                return renamed(event.was, event.via, event.nick, tags)
            case Renamed() if event.host:
                return self.host(room, event.nick, tags)
            case Left(because="kicked"):
                return write("KICK", channel, event.nick, text="A host ended it.", source=self.server, tags=tags)
            case Left() if event.because != "renamed":
                reason = _REASONS.get(event.because, "left")
                return parted(room, event.nick, event.via or HOST, reason, tags)
            case Removed() if self.redaction:
                return self.redacted(room, entry.position, event)
            case Retitled():
                return write("TOPIC", channel, text=event.title, source=mask(event.nick, event.via or HOST), tags=tags)
            case Extended():
                until = day_time(seconds(event.ends), seconds(event.at))
                text = f"{event.nick} has set another end: the room closes {until} UTC."
                return write("NOTICE", channel, text=text, source=self.server, tags=tags)
            case Followed():
                what = " ".join(event.words) or "nothing outside"
                text = f"{event.nick} lets the room follow {what}."
                return write("NOTICE", channel, text=text, source=self.server, tags=tags)
            case Chosen():
                text = f"{event.nick} has set voices from outside: {'paused' if event.paused else 'on'}."
                return write("NOTICE", channel, text=text, source=self.server, tags=tags)
            case Noted():
                return write("NOTICE", channel, text=f"{event.via}: {event.text}", source=self.server, tags=tags)
        return b""

    def here(self, room: str, here: Here) -> bytes:
        """Nothing: IRC is told comings and goings one by one."""
        return b""

    def status(self, room: str, status: Status) -> bytes:
        """A notice."""
        return write("NOTICE", f"#{room}", text=status.text, source=self.server)

    def said(self, room: str, entry: Entry, batch: str = "", earlier: bool = False) -> bytes:
        """The lines for something said; one that is ``earlier`` shows its time in some way.

        A line too long for IRC, which the web may write, becomes several; only the first has
        the ``msgid``, as that must be of one message alone.
        """
        event = entry.event
        if not isinstance(event, Said):
            return b""
        source = mask(event.nick, event.via)
        text = event.shown
        if event.post is not None:
            # Names from outside are no nicks: the server tells who speaks.
            source = self.server
            warned = f"[{event.post.warning}] " if event.post.warning else ""
            words = f"{one_line(text)} {event.post.link}".strip()
            text = f"<{voice(event.post.handle, event.via)}> {warned}{words}"
        if earlier and not self.times:
            text = f"[{clock_time(seconds(event.at))}] {text}"
        space = BYTES_IN_LINE - len(f":{source} PRIVMSG #{room} :\r\n".encode())
        tags = self._tags(event.at)
        if batch:
            tags["batch"] = batch
        written = []
        for number, piece in enumerate(pieces(text, space)):
            own = {**tags, "msgid": str(entry.position)} if self.tags and not number else tags
            written.append(write("PRIVMSG", f"#{room}", text=piece, source=source, tags=own))
        return b"".join(written)

    def redacted(self, room: str, position: Position, event: Removed) -> bytes:
        """The line that what was said at a number is to be seen no more.

        https://ircv3.net/specs/extensions/message-redaction
        """
        msgid = str(Position(position.epoch, event.number))
        source = mask(event.nick) if event.nick else self.server
        reason = None if event.nick else "It was deleted where it was written."
        return write("REDACT", f"#{room}", msgid, text=reason, source=source, tags=self._tags(event.at))

    def joined(self, room: str, nick: str, via: str, tags: dict[str, str] | None = None) -> bytes:
        """The line that ``nick`` came in."""
        source = mask(nick, via)
        if self.extended_join:
            return write("JOIN", f"#{room}", "*", text=nick, source=source, tags=tags)
        return write("JOIN", f"#{room}", source=source, tags=tags)

    def host(self, room: str, nick: str, tags: dict[str, str] | None = None) -> bytes:
        """The line that ``nick`` is a host now."""
        return write("MODE", f"#{room}", "+o", nick, source=self.server, tags=tags)

    def _tags(self, at: str) -> dict[str, str]:
        return {"time": at} if self.times and at else {}


def parted(room: str, nick: str, via: str, reason: str, tags: dict[str, str] | None = None) -> bytes:
    """The line that ``nick`` has gone out of ``room``."""
    return write("PART", f"#{room}", text=reason, source=mask(nick, via), tags=tags)


def renamed(was: str, via: str, nick: str, tags: dict[str, str] | None = None) -> bytes:
    """The line that ``was`` goes by ``nick`` now."""
    return write("NICK", nick, source=mask(was, via), tags=tags)
