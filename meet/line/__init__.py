"""The line door: a chat for ``nc``, telnet and scripts.

=============  =====================================================================
``reader``     bytes of a terminal to lines of text: bounds, UTF-8, telnet; pure
``dialogue``   a line to a wish, and every sentence that is said back; pure
``formats``    entries and digests to lines
``protocol``   one connection: wishes up, lines down, pace, silence, goodbye
=============  =====================================================================

::

      Meet. /join room nick  ·  /help
    → /join algebra cy
      algebra, 3 here, ends Tue 15:10 UTC. Lines are kept until Tue 16:10 UTC, then deleted; …
      14:05 <ann> hi
    → hello
      14:06 <cy> hello

Whoever comes from the same address with the same nick within the grace time is the same
participant: who was cut off only joins again.  A refusal begins with ``!``, what happens
in the room besides talk with ``--``.  A program may send its lines at once and end its
side (``printf … | nc -N``): they are all taken before the connection ends.
"""

from __future__ import annotations

import hmac
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from meet import names
from meet.errors import Goodbye, Refused
from meet.events import who_key
from meet.feed import Feed
from meet.house import House
from meet.interfaces import IGateway
from meet.line.protocol import VIA, LineProtocol
from meet.session import Session


def make_gateway(house: House) -> LineGateway:
    """The line door of ``house``; its ``factory`` makes the protocols of a listening port."""
    return LineGateway(house)


@implementer(IGateway)
class LineGateway:
    """All connections of the line door.  Whoever listens with ``factory`` owns the port."""

    def __init__(self, house: House) -> None:
        self.factory = LineFactory(house, self)
        self._house = house
        self._open: dict[LineProtocol, None] = {}
        # Who goes by another nick keeps their token, and comes back under the new one.
        self._renamed: WeakValueDictionary[tuple[str, str, str], Session] = WeakValueDictionary()

    def stop_accepting(self) -> Deferred[None]:
        """Take no more connections; fires at once."""
        self.factory.accepting = False
        return succeed(None)

    def say_goodbye(self, goodbye: Goodbye) -> Deferred[None]:
        """Tell everybody and end every connection; fires when the last is gone, which is in 2 s."""
        leaving = list(self._open)
        for protocol in leaving:
            protocol.say_goodbye(goodbye)
        return gatherResults([protocol.gone for protocol in leaving]).addCallback(lambda _: None)

    def came(self, protocol: LineProtocol) -> None:
        """A connection was made."""
        self._open[protocol] = None

    def went(self, protocol: LineProtocol) -> None:
        """A connection is gone."""
        del self._open[protocol]

    async def bring_in(self, room: str, nick: str, address: str, host_key: str) -> Session:
        """The session of whoever joins ``room`` as ``nick`` from ``address``, or comes back to it.

        Raises `Refused`, among others ``nick-taken`` while another connection has that place,
        or `meet.errors.Unavailable`.
        """
        feed = await self._house.hub.feed(room)
        token = self._token(feed, nick, address)
        present = self._house.sessions.find(room, token)
        if present is not None:
            self.check_free(present, nick)
        return await self._house.sessions.join(
            room, via=VIA, address=address, nick=nick, token=token, host_key=host_key
        )

    def check_free(self, session: Session, nick: str) -> None:
        """Raise `Refused` ``nick-taken`` if somebody is connected to the place of ``session``."""
        if session.listeners:
            other = names.another_nick(nick, session.feed.room.people.skeletons())
            raise Refused("nick-taken", f"That nick is taken here. Try {other}?")

    def renamed(self, session: Session, address: str) -> None:
        """``session``, from ``address``, goes by another nick now and may come back under it."""
        self._renamed[session.room, names.skeleton(session.nick), address] = session

    def _token(self, feed: Feed, nick: str, address: str) -> str:
        """What stands for "this nick from this address", and for nobody who now goes by another nick."""
        folded = names.skeleton(nick)
        known = self._renamed.get((feed.name, folded, address))
        if known is not None and not known.over and who_key(known.nick) == who_key(nick):
            return known.token
        number = 1
        while True:
            words = "|".join(("line", feed.name, folded, address, str(number)))
            token = hmac.new(self._house.secret, words.encode(), "sha256").hexdigest()
            person = feed.room.people.person(names.digest(token))
            if person is None or who_key(person.nick) == who_key(nick):
                return token
            number += 1


class LineFactory(Factory):
    """Makes the protocol of each connection while it is ``accepting``."""

    noisy = False

    def __init__(self, house: House, gateway: LineGateway) -> None:
        self.accepting = True
        self._house = house
        self._gateway = gateway

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A protocol for the connection from ``addr``, or None, which closes it."""
        return LineProtocol(self._house, self._gateway) if self.accepting else None
