"""The conversation with one client: a line in, replies out, and what is to be done.

Sans-I/O.  `Dialogue.take` gives a conversation (`meet.irc.actions`) that its driver plays to
the end before the next line is taken.  The law of the order: before a client has told nick
and user, and ended a capability negotiation that it began, it may only do that.

=================  ==================================================================
``talking``        what changes something: JOIN PART PRIVMSG NOTICE TOPIC NICK REDACT TAGMSG
``asking``         what asks who and what is there: NAMES WHO WHOIS LIST MODE …
``about``          what asks about the server: MOTD LUSERS VERSION HELP …
this module        registration, CAP, PING, QUIT, and the table of all commands
=================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from meet.irc import about, asking, numerics, talking
from meet.irc.actions import Conversation, Retune, nothing
from meet.irc.capabilities import request
from meet.irc.client import Client, offered
from meet.irc.message import Message
from meet.names import clean


class _Command(NamedTuple):
    """How a command is carried out, and the parameters that it needs at least."""

    carry_out: Callable[[Client, Message], Conversation]
    needs: int = 0


class Dialogue:
    """One client's conversation.  What is true of the client stands in ``client``."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._negotiating = False

    def take(self, message: Message) -> Conversation:
        """What comes of one line.  Any line is answered or ignored; nothing is raised."""
        client = self.client
        name = message.command
        first = _FIRST.get(name)
        command = _COMMANDS.get(name)
        if first is not None:
            yield from first(self, message)
        elif not client.registered:
            client.numeric(numerics.ERR_NOTREGISTERED, text="You have not registered.")
        elif command is None:
            client.numeric(numerics.ERR_UNKNOWNCOMMAND, name, text="Meet does not know that command.")
        elif len(message.params) < command.needs or not all(message.params[: command.needs]):
            client.numeric(numerics.ERR_NEEDMOREPARAMS, name, text="Something is missing after that command.")
        else:
            yield from command.carry_out(client, message)

    def knows(self, name: str) -> bool:
        """Whether ``name`` is a command at this point of the conversation."""
        return name in _FIRST or (self.client.registered and name in _COMMANDS)

    def _capability(self, message: Message) -> Conversation:
        client = self.client
        subcommand = message.params[0].upper() if message.params else ""
        argument = message.params[1] if len(message.params) > 1 else ""
        nick = client.nick or "*"
        match subcommand:
            case "LS":
                self._negotiating = not client.registered
                if argument.isascii() and argument.isdigit():
                    client.listing = max(client.listing, min(int(argument[:6]), 999_999))
                if client.listing >= 302:
                    client.capabilities |= {"cap-notify"}
                client.send("CAP", nick, "LS", text=offered(client.listing))
            case "LIST":
                client.send("CAP", nick, "LIST", text=" ".join(sorted(client.capabilities)))
            case "REQ":
                self._negotiating = not client.registered
                held = request(argument, client.capabilities)
                client.send("CAP", nick, "NAK" if held is None else "ACK", text=argument)
                if held is not None:
                    client.capabilities = held
                    yield Retune()
            case "END":
                self._negotiating = False
                self._register()
            case _:
                client.numeric(numerics.ERR_INVALIDCAPCMD, subcommand, text="Meet does not know that CAP command.")

    def _password(self, message: Message) -> Conversation:
        client = self.client
        if client.registered:
            client.numeric(numerics.ERR_ALREADYREGISTERED, text="You have registered already.")
        elif not message.params or not message.params[0]:
            client.numeric(numerics.ERR_NEEDMOREPARAMS, "PASS", text="PASS needs a password.")
        else:
            client.password = message.params[0]
        return nothing()

    def _nick(self, message: Message) -> Conversation:
        yield from talking.nick(self.client, message)
        self._register()

    def _user(self, message: Message) -> Conversation:
        client = self.client
        if client.registered:
            client.numeric(numerics.ERR_ALREADYREGISTERED, text="You have registered already.")
        elif len(message.params) < 4 or not message.params[0]:
            client.numeric(numerics.ERR_NEEDMOREPARAMS, "USER", text="USER needs a name, two words and a real name.")
        else:
            client.user, client.realname = message.params[0], clean(message.params[3])
            self._register()
        return nothing()

    def _ping(self, message: Message) -> Conversation:
        client = self.client
        if message.params:
            client.send("PONG", client.server.name, text=message.params[0])
        else:
            client.numeric(numerics.ERR_NOORIGIN, text="No token given.")
        return nothing()

    def _pong(self, message: Message) -> Conversation:
        return nothing()

    def _quit(self, message: Message) -> Conversation:
        self.client.finished = True
        yield from talking.leave_everything(self.client)

    def _register(self) -> None:
        client = self.client
        if not client.registered and client.nick and client.user and not self._negotiating:
            client.registered = True
            about.greet(client)


_FIRST: dict[str, Callable[[Dialogue, Message], Conversation]] = {
    "CAP": Dialogue._capability,
    "NICK": Dialogue._nick,
    "PASS": Dialogue._password,
    "PING": Dialogue._ping,
    "PONG": Dialogue._pong,
    "QUIT": Dialogue._quit,
    "USER": Dialogue._user,
}

_COMMANDS = {
    "ADMIN": _Command(about.admin),
    "AWAY": _Command(asking.away),
    "BLOCK": _Command(asking.voices, 1),
    "FOLLOW": _Command(asking.voices, 1),
    "HELP": _Command(about.show_help),
    "HELPOP": _Command(about.show_help),
    "INFO": _Command(about.info),
    "INVITE": _Command(asking.invite),
    "ISON": _Command(asking.ison, 1),
    "JOIN": _Command(talking.join, 1),
    "KICK": _Command(asking.kick, 2),
    "LINKS": _Command(about.links),
    "LIST": _Command(asking.list_rooms),
    "LUSERS": _Command(about.lusers),
    "MODE": _Command(asking.mode, 1),
    "MOTD": _Command(about.motd),
    "NAMES": _Command(asking.list_names),
    "NOTICE": _Command(talking.say),
    "OPER": _Command(about.oper),
    "PART": _Command(talking.part, 1),
    "PRIVMSG": _Command(talking.say),
    "REDACT": _Command(talking.redact, 2),
    "TAGMSG": _Command(talking.tagmsg),
    "TIME": _Command(about.time),
    "TOPIC": _Command(talking.topic, 1),
    "UNBLOCK": _Command(asking.voices, 1),
    "USERHOST": _Command(asking.userhost, 1),
    "VERSION": _Command(about.version),
    "VOICES": _Command(asking.voices, 1),
    "WHO": _Command(asking.who),
    "WHOIS": _Command(asking.whois),
    "WHOWAS": _Command(asking.whowas),
}
