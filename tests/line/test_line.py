"""Whoever was cut off is back at once; nobody gets a nick that is somebody's; Meet can stop."""

from __future__ import annotations

import tempfile

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from meet.errors import GOODBYES
from meet.interfaces import IGateway
from tests.flow import Flow
from tests.line.client import Door, DoorTestCase


class UnixSocketTests(TestCase):
    async def test_a_unix_socket_is_a_door_too(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/line"
        port = await UNIXServerEndpoint(reactor, path).listen(Door(Flow()).gateway.factory)
        self.addCleanup(port.stopListening)
        caller = await connectProtocol(UNIXClientEndpoint(reactor, path), Caller())
        caller.transport.write(b"/quit\n")
        seen = (await caller.gone).decode().splitlines()
        assert seen == ["Meet. /join room nick  ·  /help", "Goodbye."]


class Caller(Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.gone.callback(self.heard)


class ComingBackTests(DoorTestCase):
    def test_who_was_cut_off_is_back_at_once(self) -> None:
        bob = self.client("/join algebra bob", address="192.0.2.8")
        ann = self.client("/join algebra ann")
        bob.seen()
        ann.lose()
        again = self.door.client()
        assert again.type("/join algebra ann")[1].startswith("algebra, 2 here")
        self.flow.pass_time(100)
        assert bob.seen() == []
        assert again.type("hi") == ["14:01 <ann> hi"]

    def test_whom_a_loss_sent_away_is_back_at_once(self) -> None:
        ann = self.client("/join algebra ann")
        # As the hub does when the broker has lost something of the room.
        self.flow.hub.outbox.end("algebra", GOODBYES["renewed"])
        assert ann.hung_up
        again = self.door.client()
        assert again.type("/join algebra ann")[1].startswith("algebra, 1 here")
        assert again.type("back") == ["14:00 <ann> back"]

    def test_whom_a_loss_sent_away_for_good_has_left(self) -> None:
        self.client("/join algebra bob")
        self.client("/join algebra ann")
        self.flow.hub.outbox.end("algebra", GOODBYES["renewed"])
        bob = self.door.client()
        bob.type("/join algebra bob")
        self.flow.pass_time(21)
        self.flow.pass_time(1)
        assert bob.seen() == ["-- ann left"]

    def test_who_does_not_come_back_has_left(self) -> None:
        bob = self.client("/join algebra bob")
        ann = self.client("/join algebra ann")
        bob.seen()
        ann.lose()
        self.flow.pass_time(19)
        assert bob.seen() == []
        self.flow.pass_time(2)
        self.flow.pass_time(1)
        assert bob.seen() == ["-- ann left"]

    def test_a_nick_in_use_is_not_given_away(self) -> None:
        self.client("/join algebra ann")
        for address in ("192.0.2.7", "192.0.2.8"):
            other = self.client(address=address)
            assert other.type("/join algebra Ann") == ["! That nick is taken here. Try Ann_2?"]

    def test_a_nick_that_is_kept_is_kept_from_other_addresses(self) -> None:
        self.client("/join algebra ann").lose()
        other = self.client(address="192.0.2.8")
        assert other.type("/join algebra ann") == ["! That nick is taken here. Try ann_2?"]

    def test_who_went_by_another_nick_comes_back_under_it(self) -> None:
        ann = self.client("/join algebra ann", "/nick anna")
        ann.lose()
        again = self.door.client()
        assert again.type("/join algebra anna")[1].startswith("algebra, 1 here")
        assert again.type("hi") == ["14:00 <anna> hi"]

    def test_the_old_nick_is_somebody_else_s(self) -> None:
        self.client("/join algebra ann", "/nick anna")
        other = self.client("/join algebra ann")
        assert self.flow.nicks() == ["anna", "ann"]
        other.lose()
        assert self.door.client().type("/join algebra ann")[1].startswith("algebra, 2 here")
        assert self.flow.nicks() == ["anna", "ann"]

    def test_two_who_come_at_once(self) -> None:
        pair = [self.door.client(), self.door.client()]
        for client in pair:
            client.protocol.dataReceived(b"/join algebra ann\n")
        told = [client.seen()[1] for client in pair]
        assert sorted(line[:10] for line in told) == ["! That nic", "algebra, 1"]

    def test_lost_while_coming_in(self) -> None:
        ann = self.door.client()
        ann.protocol.dataReceived(b"/join algebra ann\n")
        ann.lose()
        self.flow.pass_time(21)
        assert self.flow.nicks() == []

    def test_a_restart_finds_them_again(self) -> None:
        self.client("/join algebra ann")
        self.flow.wire.cut = True
        flow = Flow(self.flow)
        feed = flow.result(flow.hub.feed("algebra"))
        for person in feed.room.people:
            flow.sessions.adopt(feed, person, 0.0, None)
        again = Door(flow).client()
        assert again.type("/join algebra ann")[1].startswith("algebra, 1 here")

    def test_a_program_ends_its_side(self) -> None:
        ann = self.door.client()
        ann.protocol.dataReceived(b"/join algebra ann\nbuilt\npassed\n")
        ann.protocol.readConnectionLost()
        assert [line for line in ann.seen() if "<" in line] == ["14:00 <ann> built", "14:00 <ann> passed"]
        assert ann.hung_up
        ann.lose()
        assert self.flow.nicks() == ["ann"]
        self.flow.pass_time(21)
        assert self.flow.nicks() == []


class StoppingTests(DoorTestCase):
    def test_the_door_is_a_gateway(self) -> None:
        assert verifyObject(IGateway, self.door.gateway)

    def test_stopping(self) -> None:
        ann, bob = self.client("/join algebra ann"), self.client()
        self.successResultOf(self.door.gateway.stop_accepting())
        assert self.door.gateway.factory.buildProtocol(None) is None
        stopped = self.door.gateway.say_goodbye(GOODBYES["shutting-down"])
        assert ann.seen() == bob.seen() == ["Meet is restarting. Come back, nothing is lost."]
        ann.lose()
        self.assertNoResult(stopped)
        bob.lose()
        self.successResultOf(stopped)
        assert self.flow.nicks() == ["ann"]

    def test_stopping_an_empty_door(self) -> None:
        self.successResultOf(self.door.gateway.say_goodbye(GOODBYES["shutting-down"]))
