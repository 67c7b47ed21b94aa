"""Voices from outside, as a room's host has them: what is followed, what comes in, who does not.

Part of a room's law (`meet.room`), under the same promises: deciding is pure, applying is total.
"""

from __future__ import annotations

from typing import NamedTuple

from meet import names
from meet.commands import Block, Choose, Expire, Follow, Note, Relay, Spend, Unblock
from meet.errors import Refused
from meet.events import Blocked, Chosen, Event, Expired, Followed, Noted, Said, Spent
from meet.limits import Limits
from meet.moments import moment
from meet.posts import KEEP_MOST, Media, Post, Provenance, author_id, word
from meet.roster import Participant

_NAME_MOST = 80
_LINK_MOST = 2000
_MEDIA_MOST = 8
_AUTHOR_MOST = 300
"""Characters of an author's name and of a link, pieces of media, characters of an author's id: what posts have."""


class Choices(NamedTuple):
    """Which posts come in; none while ``paused``."""

    reposts: bool = False
    quotes: bool = True
    sensitive: bool = False
    paused: bool = False


class Voices:
    """What one room follows elsewhere."""

    __slots__ = ("blocked", "choices", "expired", "limits", "spent", "words")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.words: tuple[str, ...] = ()
        self.choices = Choices()
        # Of each author that is blocked, by their id: the name that they went by.
        self.blocked: dict[str, str] = {}
        # Of each source that costs: the day, and how many of its posts had come on it.
        self.spent: dict[str, tuple[str, int]] = {}
        # The moment until which the words of posts that expire are gone.
        self.expired = ""

    @property
    def state(self) -> tuple[object, ...]:
        """All that can differ, for comparing."""
        return self.words, self.choices, self.blocked, self.spent, self.expired

    def wants(self, post: Post) -> bool:
        """Whether ``post``, which has a word that is followed, comes in as things stand."""
        choices = self.choices
        return (
            bool(self.words)
            and not choices.paused
            and (choices.reposts or not post.repost)
            and (choices.quotes or not post.quote)
            and (choices.sensitive or not post.sensitive)
            and author_id(post.source, post.author) not in self.blocked
        )

    # What may be asked.

    def follow(self, command: Follow, host: Participant, now: float) -> Event:
        """`Follow`, for ``host``."""
        words = tuple(dict.fromkeys(word(each) for each in command.words))
        most = self.limits.words_to_follow
        if len(words) > most:
            raise Refused("bad-input", f"A room follows at most {most} words, not {len(words)}.")
        return Followed(at=moment(now), by=host.id, nick=host.nick, words=words)

    def choose(self, command: Choose, host: Participant, now: float) -> Event:
        """`Choose`, for ``host``."""
        chosen = {name: value for name in Choices._fields if (value := getattr(command, name)) is not None}
        choices = self.choices._replace(**chosen)
        return Chosen(at=moment(now), by=host.id, nick=host.nick, **choices._asdict())

    def block(self, command: Block, host: Participant, now: float) -> Event:
        """`Block`, for ``host``."""
        source, _, author = command.author.partition(":")
        if not source or not author or len(command.author) > _AUTHOR_MOST:
            raise Refused("bad-input", "Only somebody who speaks from outside can be blocked.")
        if command.author not in self.blocked and len(self.blocked) >= self.limits.authors_blocked:
            raise Refused("bad-input", f"{len(self.blocked)} authors are blocked here, more than that do not fit.")
        name = names.clean(command.name)[:_NAME_MOST]
        return Blocked(at=moment(now), by=host.id, nick=host.nick, author=command.author, name=name)

    def unblock(self, command: Unblock, host: Participant, now: float) -> Event:
        """`Unblock`, for ``host``."""
        if command.author not in self.blocked:
            raise Refused("bad-input", "That author is not blocked here.")
        name = self.blocked[command.author]
        return Blocked(at=moment(now), by=host.id, nick=host.nick, author=command.author, name=name, lifted=True)

    def relay(self, command: Relay, now: float) -> Event:
        """`Relay`: what of a post stands in the room."""
        post = command.post
        if not self.wants(post):
            raise Refused("not-here", "This room does not take that post.")
        text = names.passage(post.text, self.limits.characters_in_post)
        if not text and not post.media:
            raise Refused("empty", "There is nothing in that post.")
        handle = names.one_line(names.clean(post.handle))[:_NAME_MOST]
        return Said(
            at=moment(now),
            by=author_id(post.source, post.author),
            nick=names.one_line(names.clean(post.name))[:_NAME_MOST] or handle or post.source,
            via=post.source,
            text=text,
            post=Provenance(
                id=post.id,
                handle=handle,
                at=post.at,
                link=_link(post.link),
                language=post.language[:_NAME_MOST],
                media=tuple(_media(post.media[:_MEDIA_MOST])),
                warning=names.clean(post.warning)[:_AUTHOR_MOST],
                sensitive=post.sensitive,
                repost=post.repost,
                quote=post.quote,
                was=post.was,
                expires=moment(now + min(post.keep, KEEP_MOST)) if post.keep > 0 else "",
            ),
        )

    def expire(self, command: Expire, now: float) -> Event:
        """`Expire`; what is gone stays gone."""
        return Expired(at=moment(now), until=max(moment(command.before), self.expired))

    def note(self, command: Note, now: float) -> Event:
        """`Note`."""
        return Noted(at=moment(now), via=command.source, text=names.clean(command.text), hosts=command.hosts)

    def spend(self, command: Spend, now: float) -> Event:
        """`Spend`."""
        return Spent(at=moment(now), via=command.source, day=command.day, count=command.count)

    # What became true.

    def apply(self, event: Event) -> bool:
        """Let ``event`` have happened; whether it was one of these."""
        match event:
            case Followed():
                self.words = event.words
            case Chosen():
                self.choices = Choices(event.reposts, event.quotes, event.sensitive, event.paused)
            case Blocked(lifted=False):
                self.blocked[event.author] = event.name
            case Blocked():
                self.blocked.pop(event.author, None)
            case Spent():
                self.spent[event.via] = (event.day, event.count)
            case Expired():
                self.expired = event.until
            case _:
                return False
        return True


def _link(link: str) -> str:
    """``link`` if it is one that may be followed by a click."""
    return link if link.startswith(("https://", "http://")) and len(link) <= _LINK_MOST else ""


def _media(media: tuple[Media, ...]) -> list[Media]:
    return [
        Media(link=each.link, kind=each.kind, about=names.clean(each.about)[:_AUTHOR_MOST])
        for each in media
        if _link(each.link)
    ]
