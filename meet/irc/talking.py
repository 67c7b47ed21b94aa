"""Commands that change something: coming in, saying, titles, nicks, going."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from meet import moderation, names
from meet.commands import Command, Rename, Retitle, Say
from meet.errors import Refused
from meet.events import Entry, Removed, Said, who_key
from meet.irc import asking, numerics
from meet.irc.actions import Ask, Conversation, Depart, Enter, Entered, Host, Place, nothing
from meet.irc.client import ROOMS_MOST, VIA, Client
from meet.irc.formats import parted, renamed
from meet.irc.message import Message
from meet.wire import position

_LEFT = "left"
"""The reason that everybody is told for a leaving; clients' own are not passed on."""

_ACTION = "\x01ACTION "
# Bold, colours and the rest have no meaning outside of IRC
# (https://modern.ircdocs.horse/formatting).
_DECORATION = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)

_JOIN_NUMERICS = {
    "bad-name": numerics.ERR_NOSUCHCHANNEL,
    "no-room": numerics.ERR_NOSUCHCHANNEL,
    "room-closed": numerics.ERR_NOSUCHCHANNEL,
    "room-exists": numerics.ERR_NOSUCHCHANNEL,
    "room-full": numerics.ERR_CHANNELISFULL,
    "wrong-key": numerics.ERR_BADCHANNELKEY,
}


_NOT_REDACTED = {"not-host": "REDACT_FORBIDDEN", "not-found": "UNKNOWN_MSGID"}


def join(client: Client, message: Message) -> Conversation:
    """JOIN #room[,#room…] [key[,key…]], or JOIN 0."""
    if message.params[0] == "0":
        for room in list(client.places):
            yield from _part(client, room)
        return
    targets = message.params[0].split(",")
    keys = message.params[1].split(",") if len(message.params) > 1 else []
    if len(targets) > ROOMS_MOST:
        client.numeric(numerics.ERR_TOOMANYTARGETS, targets[0], text=f"At most {ROOMS_MOST} rooms at once.")
        return
    for target, key in zip_longest(targets, keys[: len(targets)], fillvalue=""):
        yield from _join(client, target, key)


def part(client: Client, message: Message) -> Conversation:
    """PART #room[,#room…] [reason]; the reason is not told on."""
    for target in message.params[0].split(",")[:ROOMS_MOST]:
        place = asking.place(client, target)
        if place is not None:
            yield from _part(client, place.room.name)


def topic(client: Client, message: Message) -> Conversation:
    """TOPIC #room [title]."""
    place = asking.place(client, message.params[0])
    if place is None:
        return
    channel = f"#{place.room.name}"
    if len(message.params) == 1:
        asking.show_topic(client, place.room, untitled=True)
        return
    try:
        yield Ask(place, Retitle(title=undecorated(message.params[1])))
    except Refused as refused:
        client.refuse("TOPIC", refused, channel)
        return
    if not client.echoes:
        client.send("TOPIC", channel, text=place.room.title, source=client.mask)


def say(client: Client, message: Message) -> Conversation:
    """PRIVMSG #room text: says a line.  NOTICE does the same, and is never answered."""
    silent = message.command == "NOTICE"
    if not message.params:
        if not silent:
            client.numeric(numerics.ERR_NORECIPIENT, text=f"No recipient given ({message.command}).")
        return
    if len(message.params) < 2 or not message.params[1]:
        if not silent:
            client.numeric(numerics.ERR_NOTEXTTOSEND, text="There is nothing to say in that line.")
        return
    target, text = message.params[:2]
    if "," in target:
        if not silent:
            client.numeric(numerics.ERR_TOOMANYTARGETS, target, text="One room at a time.")
        return
    if not target.startswith("#"):
        if not silent:
            _no_private_messages(client, target)
        return
    place = asking.found(client, target)
    if place is None:
        if not silent:
            client.numeric(numerics.ERR_CANNOTSENDTOCHAN, target, text="You are not in that room. Join it first.")
        return
    text = _plain(text)
    if not text:
        return
    try:
        yield Ask(place, Say(text=text))
    except Refused as refused:
        if not silent:
            _not_said(client, place, refused)


def redact(client: Client, message: Message) -> Conversation:
    """REDACT #room msgid [reason]: hides a line, for hosts; the reason is not told on.

    Who types has no msgid: a nick means the newest line of that nick.
    https://ircv3.net/specs/extensions/message-redaction
    """
    target, wanted = message.params[:2]
    draft = "draft/message-redaction" in client.capabilities
    place = asking.found(client, target) if draft else asking.place(client, target)
    if place is None:
        if draft:
            client.send("FAIL", "REDACT", "INVALID_TARGET", target, text="You are not in that room.")
        return
    try:
        yield Ask(place, _redacted(place, wanted))
    except Refused as refused:
        channel = f"#{place.room.name}"
        code = _NOT_REDACTED.get(refused.code)
        if draft and code is not None:
            client.send("FAIL", "REDACT", code, channel, wanted, text=refused.detail)
        else:
            client.refuse("REDACT", refused, channel)


def _redacted(place: Place, wanted: str) -> Command:
    try:
        # First, as a nick may look like one.
        return moderation.remove_at(place.feed, position(wanted))
    except Refused:
        return moderation.remove(place.feed, wanted)


def nick(client: Client, message: Message) -> Conversation:
    """NICK name: in every room, or in none."""
    if not message.params or not message.params[0]:
        client.numeric(numerics.ERR_NONICKNAMEGIVEN, text="No nick given.")
        return
    try:
        wanted = names.nick(message.params[0])
    except Refused as refused:
        client.numeric(numerics.ERR_ERRONEUSNICKNAME, message.params[0], text=refused.detail)
        return
    was = client.nick
    if wanted == was or not client.registered:
        client.nick = wanted
        return
    for place in client.places.values():
        holder = place.room.people.holder(who_key(wanted))
        if holder is not None and holder.id != place.id:
            other = names.another_nick(wanted, place.room.people.skeletons())
            client.numeric(
                numerics.ERR_NICKNAMEINUSE,
                wanted,
                text=f"That nick is taken in #{place.room.name}. Try {other}?",
            )
            return
    try:
        for place in list(client.places.values()):
            place.told_already(renamed(was, VIA, wanted))
            yield Ask(place, Rename(nick=wanted))
    except Refused as refused:
        yield from _rename_back(client, was, wanted)
        client.numeric(numerics.ERR_NICKNAMEINUSE, wanted, text=refused.detail)
        return
    source = client.mask
    client.nick = wanted
    client.send("NICK", wanted, source=source)


def tagmsg(client: Client, message: Message) -> Conversation:
    """TAGMSG: no client tag is passed on, as CLIENTTAGDENY says."""
    return nothing()


def leave_everything(client: Client) -> Conversation:
    """Leave every room, as QUIT does."""
    for room in list(client.places):
        yield from _depart(client, room)


def undecorated(text: str) -> str:
    """``text`` without IRC's bold, italics and colours."""
    return _DECORATION.sub("", text)


def _join(client: Client, target: str, key: str) -> Conversation:
    try:
        if not target.startswith("#"):
            raise Refused("bad-name", "A room's name begins with # here.")
        room = names.room_name(target[1:])
        place = client.places.get(room)
        if place is not None:
            if key:
                yield from _become_host(client, place, key)
            return
        if len(client.places) >= ROOMS_MOST:
            client.numeric(numerics.ERR_TOOMANYCHANNELS, target, text=f"{ROOMS_MOST} rooms at once are enough.")
            return
        entered: Entered = yield Enter(room, key)
    except Refused as refused:
        numeric = _JOIN_NUMERICS.get(refused.code, numerics.ERR_UNAVAILRESOURCE)
        client.numeric(numeric, target, text=refused.detail)
        if numeric == numerics.ERR_UNAVAILRESOURCE:
            # Clients show their own words for 437.
            client.notice(f"{target}: {refused.detail}")
        return
    client.places[room] = entered.place
    _arrive(client, entered)


def _arrive(client: Client, entered: Entered) -> None:
    room = entered.place.room
    channel = f"#{room.name}"
    if client.lines.extended_join:
        client.send("JOIN", channel, "*", text=client.nick, source=client.mask)
    else:
        client.send("JOIN", channel, source=client.mask)
    asking.show_topic(client, room, untitled=False)
    asking.show_names(client, room)
    if entered.host_key:
        client.notice(
            f"You have opened {channel}. Its host key is {entered.host_key} and is told only once: "
            f"JOIN {channel} {entered.host_key} makes you its host wherever you are."
        )
    client.notice(room.promise(client.server.now()), channel)
    _replay(client, entered)


def _replay(client: Client, entered: Entered) -> None:
    lines = client.lines
    room = entered.place.room.name
    said = [entry for entry in entered.earlier if isinstance(entry.event, Said)]
    if said:
        _replay_said(client, room, said)
    for entry in entered.earlier:
        # What was removed while the client was away may stand in its window.
        if isinstance(entry.event, Removed):
            client.write(lines.entry(room, entry))


def _replay_said(client: Client, room: str, said: Sequence[Entry]) -> None:
    batch = "earlier" if "batch" in client.capabilities else ""
    if batch:
        client.send("BATCH", f"+{batch}", "chathistory", f"#{room}")
    else:
        count = len(said)
        client.notice("1 earlier line follows." if count == 1 else f"{count} earlier lines follow.", f"#{room}")
    lines = client.lines
    for entry in said:
        client.write(lines.said(room, entry, batch, earlier=True))
    if batch:
        client.send("BATCH", f"-{batch}")


def _become_host(client: Client, place: Place, key: str) -> Conversation:
    yield Host(place, key)
    if not client.echoes:
        client.write(client.lines.host(place.room.name, client.nick))


def _part(client: Client, room: str) -> Conversation:
    yield from _depart(client, room)
    client.send("PART", f"#{room}", text=_LEFT, source=client.mask)


def _depart(client: Client, room: str) -> Conversation:
    place = client.places.pop(room)
    place.told_already(parted(room, client.nick, VIA, _LEFT))
    yield Depart(place)


def _rename_back(client: Client, was: str, wanted: str) -> Conversation:
    for place in list(client.places.values()):
        person = place.room.people.person(place.id)
        if person is None or person.nick == was:
            continue
        place.told_already(renamed(person.nick, VIA, was))
        try:
            yield Ask(place, Rename(nick=was))
        except Refused:
            # The old nick went to somebody else meanwhile; a client has one nick everywhere.
            yield from _part(client, place.room.name)


def _plain(text: str) -> str:
    """What is said by a line of IRC: an action as ``* waves``, nothing of any other CTCP."""
    if text.startswith(_ACTION):
        return f"* {undecorated(text.removeprefix(_ACTION).rstrip(chr(1))).strip()}"
    if text.startswith("\x01"):
        return ""
    return undecorated(text)


def _not_said(client: Client, place: Place, refused: Refused) -> None:
    channel = f"#{place.room.name}"
    if refused.code == "empty":
        client.numeric(numerics.ERR_NOTEXTTOSEND, text=refused.detail)
    elif "standard-replies" in client.capabilities:
        client.fail("PRIVMSG", refused.code, channel, text=refused.detail)
    else:
        client.numeric(numerics.ERR_CANNOTSENDTOCHAN, channel, text=refused.detail)


def _no_private_messages(client: Client, target: str) -> None:
    sentence = "Meet has no private messages: what is said is said in a room."
    client.numeric(numerics.ERR_NOSUCHNICK, target, text=sentence)
    if not client.told_privacy:
        # Many clients show their own words for 401.
        client.told_privacy = True
        client.notice(sentence)
