"""The seams: each says what it promises, and what stands in the package keeps their shape."""

from __future__ import annotations

from zope.interface import Interface
from zope.interface.verify import verifyClass

from meet import interfaces
from meet.broker.local import LocalBroker
from meet.broker.memory import MemoryBroker
from meet.interfaces import IBroker, IFormat, IGateway, IListener, IStore
from meet.irc.formats import Lines
from meet.irc.gateway import IrcGateway
from meet.irc.visits import Ear
from meet.line import LineGateway
from meet.line.formats import LineFormat
from meet.store.sql import SqlStore
from meet.web.conversation import Conversation
from meet.web.gateway import WebGateway


def test_every_seam_says_what_it_promises() -> None:
    seams = [seam for seam in vars(interfaces).values() if isinstance(seam, type(Interface)) and seam is not Interface]
    assert {IBroker, IFormat, IGateway, IListener, IStore} <= set(seams)
    for seam in seams:
        assert seam.getDoc(), seam
        for name, promise in seam.namesAndDescriptions():
            assert promise.getDoc(), f"{seam.getName()}.{name} promises nothing"


def test_what_stands_keeps_the_shape_of_its_seam() -> None:
    for seam, kinds in {
        IBroker: (LocalBroker, MemoryBroker),
        IStore: (SqlStore,),
        IGateway: (WebGateway, IrcGateway, LineGateway),
        IFormat: (Lines, LineFormat),
    }.items():
        for kind in kinds:
            assert verifyClass(seam, kind)
    for kind in (Conversation, Ear):
        assert IListener.implementedBy(kind)
