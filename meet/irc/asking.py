"""Commands that ask who and what is there, and those that only look as if they changed it.

The law: a client sees the people of the rooms that it is in, and no others.  A room's name
is what lets people in, so no list of rooms is given away either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meet import moderation, names
from meet.commands import Command
from meet.errors import Refused
from meet.events import who_key
from meet.irc import numerics
from meet.irc.actions import Ask, Conversation, Look, Place, nothing
from meet.irc.client import Client
from meet.irc.formats import HOST, mask
from meet.irc.message import Message
from meet.room import Room
from meet.roster import Participant

_ROOM_MODES = "+nt"
_WHOX_FIELDS = "tcuihsnfdlaor"
"""The order in which 354 has its fields, whatever the order they are asked in."""

_ISON_MOST = 50


def found(client: Client, target: str) -> Place | None:
    """The room ``target`` that the client is in, or None."""
    if not target.startswith("#"):
        return None
    try:
        return client.places.get(names.room_name(target[1:]))
    except Refused:
        return None


def place(client: Client, target: str) -> Place | None:
    """The room ``target`` that the client is in; if it is not, it is told so and this is None."""
    here = found(client, target)
    if here is None:
        try:
            names.room_name(target.removeprefix("#"))
        except Refused as refused:
            client.numeric(numerics.ERR_NOSUCHCHANNEL, target, text=refused.detail)
        else:
            client.numeric(numerics.ERR_NOTONCHANNEL, target, text="You are not in that room.")
    return here


def show_topic(client: Client, room: Room, *, untitled: bool) -> None:
    """Tell the title of ``room``; that it has none only if ``untitled``."""
    channel = f"#{room.name}"
    if room.title != room.name:
        client.numeric(numerics.RPL_TOPIC, channel, text=room.title)
        # Who gave the title is not remembered; the room is.
        client.numeric(numerics.RPL_TOPICWHOTIME, channel, client.server.name, str(int(room.opened)))
    elif untitled:
        client.numeric(numerics.RPL_NOTOPIC, channel, text="No title is set.")


def show_names(client: Client, room: Room) -> None:
    """Tell who is in ``room``."""
    channel = f"#{room.name}"
    whole = "userhost-in-names" in client.capabilities
    words = (
        ("@" if person.host else "") + (mask(person.nick, person.via) if whole else person.nick)
        for person in room.people
    )
    client.several(numerics.RPL_NAMREPLY, "=", channel, words=words)
    client.numeric(numerics.RPL_ENDOFNAMES, channel, text="End of NAMES.")


def list_names(client: Client, message: Message) -> Conversation:
    """NAMES #room."""
    target = message.params[0] if message.params else "*"
    here = found(client, target)
    if here is None:
        client.numeric(numerics.RPL_ENDOFNAMES, target, text="End of NAMES.")
    else:
        show_names(client, here.room)
    return nothing()


def who(client: Client, message: Message) -> Conversation:
    """WHO #room or nick, with WHOX's ``%fields,token``."""
    target = message.params[0] if message.params else "*"
    wish = message.params[1] if len(message.params) > 1 else ""
    flags, asks_fields, rest = wish.partition("%")
    fields, _, token = rest.partition(",")
    for here, person in _matching(client, target):
        if "o" in flags and not person.host:
            continue
        if asks_fields:
            values = _whox(client, here, person, token)
            *middle, last = [values[name] for name in _WHOX_FIELDS if name in fields] or ["*"]
            client.numeric(numerics.RPL_WHOSPCRPL, *middle, text=last)
        else:
            channel = f"#{here.room.name}"
            flag = "H@" if person.host else "H"
            client.numeric(
                numerics.RPL_WHOREPLY,
                channel,
                person.via,
                HOST,
                client.server.name,
                person.nick,
                flag,
                text=f"0 {_realname(client, here, person)}",
            )
    client.numeric(numerics.RPL_ENDOFWHO, target, text="End of WHO.")
    return nothing()


def whois(client: Client, message: Message) -> Conversation:
    """WHOIS [server] nick."""
    if not message.params:
        client.numeric(numerics.ERR_NONICKNAMEGIVEN, text="No nick given.")
        return nothing()
    target = message.params[-1]
    seen = [] if target.startswith("#") else list(client.known(target))
    if not seen and client.nick.lower() == target.lower():
        client.numeric(numerics.RPL_WHOISUSER, client.nick, "irc", HOST, "*", text=client.realname)
        client.numeric(numerics.RPL_WHOISSERVER, client.nick, client.server.name, text="Meet")
    elif not seen:
        client.numeric(numerics.ERR_NOSUCHNICK, target, text="Nobody of that nick is in your rooms.")
    else:
        here, person = seen[0]
        nick = person.nick
        client.numeric(numerics.RPL_WHOISUSER, nick, person.via, HOST, "*", text=_realname(client, here, person))
        rooms = [f"{'@' if each.host else ''}#{where.room.name}" for where, each in seen]
        client.several(numerics.RPL_WHOISCHANNELS, nick, words=rooms)
        client.numeric(numerics.RPL_WHOISSERVER, nick, client.server.name, text="Meet")
    client.numeric(numerics.RPL_ENDOFWHOIS, target, text="End of WHOIS.")
    return nothing()


def whowas(client: Client, message: Message) -> Conversation:
    """WHOWAS nick: those who have gone are not remembered."""
    target = message.params[0] if message.params else "*"
    client.numeric(numerics.ERR_WASNOSUCHNICK, target, text="Meet does not remember who was here.")
    client.numeric(numerics.RPL_ENDOFWHOWAS, target, text="End of WHOWAS.")
    return nothing()


def list_rooms(client: Client, message: Message) -> Conversation:
    """LIST [#room]: the rooms that the client is in or can name."""
    client.numeric(numerics.RPL_LISTSTART, "Channel", text="Users  Name")
    if message.params and message.params[0].startswith("#"):
        try:
            room = yield Look(names.room_name(message.params[0].partition(",")[0][1:]))
            _list_one(client, room)
        except Refused as refused:
            if refused.code == "unavailable":
                client.refuse("LIST", refused)
    else:
        for here in client.places.values():
            _list_one(client, here.room)
    client.numeric(numerics.RPL_LISTEND, text="End of LIST. Rooms are found by their names, which are not listed.")


def mode(client: Client, message: Message) -> Conversation:
    """MODE #room [b] shows; MODE nick ±i is kept; nothing else can be set."""
    target, *wishes = message.params
    if target.startswith("#"):
        yield from _room_mode(client, target, wishes)
    elif names.skeleton(target) != names.skeleton(client.nick):
        client.numeric(numerics.ERR_USERSDONTMATCH, text="Modes are everybody's own.")
    elif not wishes:
        client.numeric(numerics.RPL_UMODEIS, "+i" if client.invisible else "+")
    else:
        _own_mode(client, wishes[0])


def userhost(client: Client, message: Message) -> Conversation:
    """USERHOST nick [nick…]."""
    answers = []
    for nick in message.params[:5]:
        for _, person in client.known(nick):
            answers.append(f"{person.nick}{'*' if person.host else ''}=+{person.via}@{HOST}")
            break
        else:
            if names.skeleton(nick) == names.skeleton(client.nick):
                answers.append(f"{client.nick}=+irc@{HOST}")
    client.numeric(numerics.RPL_USERHOST, text=" ".join(answers))
    return nothing()


def ison(client: Client, message: Message) -> Conversation:
    """ISON nick [nick…]."""
    asked = [nick for param in message.params for nick in param.split()][:_ISON_MOST]
    own = names.skeleton(client.nick)
    here = [nick for nick in asked if names.skeleton(nick) == own or any(client.known(nick))]
    client.numeric(numerics.RPL_ISON, text=" ".join(here))
    return nothing()


def away(client: Client, message: Message) -> Conversation:
    """AWAY [text]: answered as clients expect; Meet shows nobody as away."""
    if message.params and message.params[0]:
        client.numeric(numerics.RPL_NOWAWAY, text="You are marked as away, which nobody is shown.")
    else:
        client.numeric(numerics.RPL_UNAWAY, text="You are no longer marked as away.")
    return nothing()


def invite(client: Client, message: Message) -> Conversation:
    """INVITE: nobody can be told anything outside of a room."""
    text = "Nobody can be invited here. Send them the room's name."
    client.numeric(numerics.ERR_UNKNOWNCOMMAND, "INVITE", text=text)
    return nothing()


def kick(client: Client, message: Message) -> Conversation:
    """KICK: refused."""
    here = place(client, message.params[0])
    if here is not None:
        text = "Meet cannot end somebody's stay yet."
        client.numeric(numerics.ERR_CHANOPRIVSNEEDED, f"#{here.room.name}", text=text)
    return nothing()


def voices(client: Client, message: Message) -> Conversation:
    """FOLLOW #room [words], VOICES #room switch, BLOCK and UNBLOCK #room name: for hosts."""
    here = place(client, message.params[0])
    if here is None:
        return
    words = [word for param in message.params[1:] for word in param.split()]
    channel = f"#{here.room.name}"
    try:
        if message.command == "FOLLOW" and not words:
            client.notice(moderation.told(here.room), channel)
            return
        yield Ask(here, _moderated(here, message.command, words))
    except Refused as refused:
        client.refuse(message.command, refused, channel)
        return
    if message.command in ("FOLLOW", "VOICES") and not client.echoes:
        client.notice(moderation.told(here.room), channel)


def _moderated(here: Place, command: str, words: list[str]) -> Command:
    match command:
        case "FOLLOW":
            return moderation.follow(words)
        case "VOICES":
            return moderation.choose(words)
    if not words:
        raise Refused("bad-input", f"Write it as {command} #{here.room.name} name.")
    name = " ".join(words)
    if command == "BLOCK":
        return moderation.block(here.feed, name)
    return moderation.unblock(here.room, name)


def _room_mode(client: Client, target: str, wishes: list[str]) -> Conversation:
    here = found(client, target)
    if here is None:
        yield from _not_in(client, target)
        return
    channel = f"#{here.room.name}"
    if not wishes:
        client.numeric(numerics.RPL_CHANNELMODEIS, channel, _ROOM_MODES)
        client.numeric(numerics.RPL_CREATIONTIME, channel, str(int(here.room.opened)))
    elif wishes[0] in ("b", "+b") and len(wishes) == 1:
        client.numeric(numerics.RPL_ENDOFBANLIST, channel, text="End of the list; nobody can be banned yet.")
    elif wishes[0] in ("+o", "-o") and len(wishes) > 1 and here.room.people.holder(who_key(wishes[1])) is None:
        if any(client.known(wishes[1])):
            client.numeric(numerics.ERR_USERNOTINCHANNEL, wishes[1], channel, text="They are not in that room.")
        else:
            client.numeric(numerics.ERR_NOSUCHNICK, wishes[1], text="Nobody of that nick is in your rooms.")
    else:
        text = "The modes of a room cannot be changed; its hosts are those who hold the host key."
        client.numeric(numerics.ERR_CHANOPRIVSNEEDED, channel, text=text)


def _not_in(client: Client, target: str) -> Conversation:
    """Tell that the client is not in the room ``target``, or that there is none."""
    try:
        room = yield Look(names.room_name(target[1:]))
    except Refused as refused:
        client.refuse("MODE", refused, target)
        return
    if room.exists:
        client.numeric(numerics.ERR_NOTONCHANNEL, target, text="You are not in that room.")
    else:
        client.numeric(numerics.ERR_NOSUCHCHANNEL, target, text="There is no such room.")


def _own_mode(client: Client, wish: str) -> None:
    wanted = {"+i": True, "-i": False, "i": True}.get(wish)
    if wanted is None:
        client.numeric(numerics.ERR_UMODEUNKNOWNFLAG, text="Meet knows only the mode i.")
    elif wanted != client.invisible:
        client.invisible = wanted
        client.send("MODE", client.nick, text="+i" if wanted else "-i", source=client.nick)


def _list_one(client: Client, room: Room) -> None:
    if room.exists and not room.over(client.server.now()):
        client.numeric(numerics.RPL_LIST, f"#{room.name}", str(len(room.people)), text=room.title)


def _matching(client: Client, target: str) -> Iterator[tuple[Place, Participant]]:
    """Whom WHO is about: of a room all, of a nick that one, of a wider mask everybody once."""
    if target.startswith("#"):
        here = found(client, target)
        if here is not None:
            for person in here.room.people:
                yield here, person
    elif target in ("*", "0"):
        yield from _everybody(client.places.values())
    else:
        for here, person in client.known(target):
            yield here, person
            return


def _everybody(places: Iterable[Place]) -> Iterator[tuple[Place, Participant]]:
    seen = set()
    for here in places:
        for person in here.room.people:
            if (skeleton := names.skeleton(person.nick)) not in seen:
                seen.add(skeleton)
                yield here, person


def _realname(client: Client, here: Place, person: Participant) -> str:
    return client.realname if person.id == here.id else f"{person.nick} via {person.via}"


def _whox(client: Client, here: Place, person: Participant, token: str) -> dict[str, str]:
    return {
        "t": token or "0",
        "c": f"#{here.room.name}",
        "u": person.via,
        "i": "255.255.255.255",
        "h": HOST,
        "s": client.server.name,
        "n": person.nick,
        "f": "H@" if person.host else "H",
        "d": "0",
        "l": "0",
        "a": "0",
        "o": "n/a",
        "r": _realname(client, here, person),
    }
