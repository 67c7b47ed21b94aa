"""What somebody asks for, in the imperative.  A room's rules turn each into an event or a no."""

from __future__ import annotations

import msgspec

from meet.posts import Post


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Something asked of a room."""


class Open(Command, frozen=True, kw_only=True):
    """Begin a room that ends ``ends`` (seconds since 1970); ``lock`` is its host key's digest."""

    title: str
    ends: float
    limit: int
    lock: str


class Join(Command, frozen=True, kw_only=True):
    """Come in with ``nick`` through the door ``via``; a ``host_key`` that fits makes a host."""

    nick: str
    via: str
    host_key: str = ""


class Return(Command, frozen=True, kw_only=True):
    """Be here again as one was, after the room has lost who is here.

    Asked by the process that stands for the participant; no door has it.
    """

    nick: str
    via: str
    host: bool


class Rename(Command, frozen=True, kw_only=True):
    """Go by another nick."""

    nick: str


class Say(Command, frozen=True, kw_only=True):
    """Say a line; asking again with the same ``ref`` (at most 64 characters) says it once."""

    text: str
    ref: str = ""


class Leave(Command, frozen=True, kw_only=True):
    """Go; ``because`` tells why (``left`` or ``lost``)."""

    because: str = "left"


class GiveUp(Command, frozen=True, kw_only=True):
    """Let go of a nick that is still held after going by another."""

    nick: str


class Retitle(Command, frozen=True, kw_only=True):
    """Give the room another title; for hosts."""

    title: str


class Extend(Command, frozen=True, kw_only=True):
    """Let the room end at ``ends`` (seconds since 1970) instead; for hosts."""

    ends: float


class Close(Command, frozen=True, kw_only=True):
    """End the room: for hosts at any time, for anybody once its time has come."""


class Remove(Command, frozen=True, kw_only=True):
    """Let the talk of that ``number`` be seen no more; for hosts."""

    number: int


class Follow(Command, frozen=True, kw_only=True):
    """Follow these words elsewhere, and no others; for hosts."""

    words: tuple[str, ...]


class Choose(Command, frozen=True, kw_only=True):
    """Choose which posts come in; what is None stays as it is.  For hosts."""

    reposts: bool | None = None
    quotes: bool | None = None
    sensitive: bool | None = None
    paused: bool | None = None


class Block(Command, frozen=True, kw_only=True):
    """Let nothing of ``author`` (`meet.posts.author_id`) come in, who goes by ``name``; for hosts."""

    author: str
    name: str = ""


class Unblock(Command, frozen=True, kw_only=True):
    """Let what ``author`` writes come in again; for hosts."""

    author: str


class Relay(Command, frozen=True, kw_only=True):
    """Let ``post`` stand in the room; asked by the process that follows its source, as the three below."""

    post: Post


class Withdraw(Command, frozen=True, kw_only=True):
    """Let the post of that ``number`` be seen no more: it was deleted where it was written."""

    number: int


class Expire(Command, frozen=True, kw_only=True):
    """Let the words of posts go that must be gone by ``before`` (seconds since 1970); asked by the reaper."""

    before: float


class Erase(Command, frozen=True, kw_only=True):
    """Let the talk of that ``number`` be seen no more, even if the room has closed: the operator was asked to."""

    number: int


class Note(Command, frozen=True, kw_only=True):
    """Tell the room, or its ``hosts`` alone, something of ``source``."""

    source: str
    text: str
    hosts: bool = False


class Spend(Command, frozen=True, kw_only=True):
    """Remember that so many posts of ``source`` have come for the room on ``day``."""

    source: str
    day: str
    count: int
