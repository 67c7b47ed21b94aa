"""The IRC door: a room is the channel ``#room``, and every client can come in by it.

==================  ==================================================================
``message``         one line of text, read and written; pure
``numerics``        the numerics by their names
``capabilities``    IRCv3 capabilities and their negotiation; pure
``formats``         entries as lines (`IFormat`)
``actions``         what a conversation asks to be done elsewhere
``client``          one client as the conversation knows it; every reply goes through it
``dialogue``        a line in, replies and actions out; registration, the command table
``talking``         the commands that change something
``asking``          the commands that ask who and what is there
``about``           the commands about the server
``identity``        who a client is, by a token made from what identifies it
``visits``          actions carried out: sessions, listeners, places
``protocol``        bytes, bounds, deadlines of one connection (Twisted)
``gateway``         all connections of this door (`IGateway`)
==================  ==================================================================

``dialogue`` and all above it in this list do no I/O; a further command is a function in
``talking`` or ``asking`` and a row in the table of ``dialogue``.
"""

from __future__ import annotations

from meet.house import House
from meet.irc.gateway import IrcGateway


def make_gateway(house: House) -> IrcGateway:
    """The IRC door of ``house``; its ``factory`` is for the port that the assembly opens."""
    return IrcGateway(house)
