"""Commands about the server itself: the greeting, its counts, its help."""

from __future__ import annotations

from collections.abc import Iterable

from meet import names
from meet.irc import numerics
from meet.irc.actions import Conversation, nothing
from meet.irc.client import ROOMS_MOST, Client
from meet.irc.formats import HOST
from meet.irc.message import Message
from meet.moments import moment
from meet.version import VERSION

_TOKENS_IN_LINE = 13

_HELP = (
    "Meet is a backchannel. Rooms open by being entered and end by themselves.",
    "JOIN #name         goes into a room, and opens it for a day if there is none.",
    "JOIN #name KEY     goes in as host, with the host key that the opener was told.",
    "PRIVMSG #name :hi  says a line. There are no private messages.",
    "TOPIC #name        shows the title of a room; its hosts may change it.",
    "FOLLOW #name #tag  lets posts with a hashtag, or by an @author, come in, or none; for hosts. Alone it tells.",
    "VOICES #name pause stops them; resume; reposts, quotes, sensitive on or off. BLOCK #name author, UNBLOCK.",
    "REDACT #name nick  hides the newest line of that nick, or the one of that msgid, from everybody; for hosts.",
    "PART #name         leaves. QUIT leaves every room.",
)


def greet(client: Client) -> None:
    """Welcome a client that has registered."""
    server = client.server
    client.numeric(numerics.RPL_WELCOME, text=f"Welcome to Meet, {client.nick}.")
    client.numeric(numerics.RPL_YOURHOST, text=f"Your host is {server.name}, running Meet {VERSION}.")
    client.numeric(numerics.RPL_CREATED, text=f"It has been up since {moment(server.started)}.")
    client.numeric(numerics.RPL_MYINFO, server.name, f"meet-{VERSION}", "i", "bnot", "bo")
    _support(client)
    _counts(client)
    _motd(client)
    client.numeric(numerics.RPL_UMODEIS, "+i" if client.invisible else "+")


def tokens(client: Client) -> Iterable[str]:
    """What ISUPPORT says, word by word."""
    return (
        "CASEMAPPING=ascii",
        "CHANTYPES=#",
        "CHANMODES=b,,,nt",
        "PREFIX=(o)@",
        f"NICKLEN={names.NICK_LENGTH}",
        f"CHANNELLEN={names.ROOM_LENGTH + 1}",
        f"TOPICLEN={names.TITLE_LENGTH}",
        f"CHANLIMIT=#:{ROOMS_MOST}",
        "MODES=1",
        f"TARGMAX=JOIN:{ROOMS_MOST},PART:{ROOMS_MOST},NAMES:1,LIST:1,WHOIS:1,KICK:1,PRIVMSG:1,NOTICE:1,TAGMSG:1",
        "CLIENTTAGDENY=*",
        f"HOSTLEN={len(HOST)}",
        "SAFELIST",
        "WHOX",
        "UTF8ONLY",
        "NETWORK=Meet",
    )


def motd(client: Client, message: Message) -> Conversation:
    """MOTD."""
    _motd(client)
    return nothing()


def lusers(client: Client, message: Message) -> Conversation:
    """LUSERS."""
    _counts(client)
    return nothing()


def version(client: Client, message: Message) -> Conversation:
    """VERSION."""
    client.numeric(numerics.RPL_VERSION, f"meet-{VERSION}", client.server.name, text="Meet")
    _support(client)
    return nothing()


def time(client: Client, message: Message) -> Conversation:
    """TIME."""
    client.numeric(numerics.RPL_TIME, client.server.name, text=moment(client.server.now()))
    return nothing()


def info(client: Client, message: Message) -> Conversation:
    """INFO."""
    client.numeric(numerics.RPL_INFO, text=f"Meet {VERSION}, a backchannel room that every kind of client can enter.")
    client.numeric(numerics.RPL_INFO, text=f"Up since {moment(client.server.started)}.")
    client.numeric(numerics.RPL_ENDOFINFO, text="End of INFO.")
    return nothing()


def show_help(client: Client, message: Message) -> Conversation:
    """HELP."""
    subject = "*"
    first, *rest = _HELP
    client.numeric(numerics.RPL_HELPSTART, subject, text=first)
    for line in rest:
        client.numeric(numerics.RPL_HELPTXT, subject, text=line)
    client.numeric(numerics.RPL_ENDOFHELP, subject, text="End of HELP.")
    return nothing()


def links(client: Client, message: Message) -> Conversation:
    """LINKS: there is one server, as far as IRC can see."""
    name = client.server.name
    client.numeric(numerics.RPL_LINKS, name, name, text="0 Meet")
    client.numeric(numerics.RPL_ENDOFLINKS, "*", text="End of LINKS.")
    return nothing()


def admin(client: Client, message: Message) -> Conversation:
    """ADMIN."""
    client.numeric(
        numerics.ERR_NOADMININFO, client.server.name, text="Ask whoever gave you the address of this server."
    )
    return nothing()


def oper(client: Client, message: Message) -> Conversation:
    """OPER: nobody stands above the hosts of a room."""
    client.numeric(numerics.ERR_NOOPERHOST, text="Meet has no operators on IRC.")
    return nothing()


def _support(client: Client) -> None:
    words = list(tokens(client))
    for start in range(0, len(words), _TOKENS_IN_LINE):
        row = words[start : start + _TOKENS_IN_LINE]
        client.numeric(numerics.RPL_ISUPPORT, *row, text="are supported by this server")


def _counts(client: Client) -> None:
    people, rooms, clients = client.server.counts()
    client.numeric(
        numerics.RPL_LUSERCLIENT, text=f"There are {people} users and 0 invisible on 1 servers, by every door."
    )
    client.numeric(numerics.RPL_LUSEROP, "0", text="operator(s) online")
    client.numeric(numerics.RPL_LUSERUNKNOWN, "0", text="unknown connection(s)")
    client.numeric(numerics.RPL_LUSERCHANNELS, str(rooms), text="channels formed")
    client.numeric(numerics.RPL_LUSERME, text=f"I have {clients} clients and 1 servers")
    client.numeric(
        numerics.RPL_LOCALUSERS, str(clients), str(clients), text=f"Current local users {clients}, max {clients}"
    )
    client.numeric(
        numerics.RPL_GLOBALUSERS, str(people), str(people), text=f"Current global users {people}, max {people}"
    )


def _motd(client: Client) -> None:
    client.numeric(numerics.ERR_NOMOTD, text="There is no message of the day. HELP tells what can be done.")
