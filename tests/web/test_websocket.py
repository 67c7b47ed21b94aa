"""Texts come out whole and in order however their bytes are cut, and whatever comes between them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT
from websockets.protocol import Protocol as WireProtocol

from meet.web.websocket import LightWebSocket, unmasked

MOST = 300


class Listener(LightWebSocket):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[bytes, bool]] = []
        self.frames = 0

    def onFrame(self) -> None:
        self.frames += 1

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.heard.append((payload, isBinary))


class Wire(StringTransport):
    """Forgiving as sockets are: there need be no producer that is let go of."""

    def unregisterProducer(self) -> None:
        self.producer = None


def connected() -> tuple[Listener, Wire]:
    factory = WebSocketServerFactory(reactor=Clock())
    factory.setProtocolOptions(
        failByDrop=False,
        applyMask=False,
        maxFramePayloadSize=MOST,
        maxMessagePayloadSize=MOST,
        closeHandshakeTimeout=0,
    )
    listener, transport = Listener(), Wire()
    listener.factory = factory
    listener.makeConnection(transport)
    return listener, transport


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    """One masked frame, by a library that is not Meet's."""
    return Frame(opcode, data, fin).serialize(mask=True)


def answers(transport: StringTransport) -> list[tuple[Any, bytes]]:
    client = WireProtocol(CLIENT)
    client.receive_data(transport.value())
    return [(each.opcode, each.data) for each in client.events_received()]


texts = st.text(max_size=80).map(lambda text: text.encode())
messages = st.one_of(
    texts.map(lambda data: ([frame(Opcode.TEXT, data)], [(data, False)])),
    st.binary(max_size=MOST).map(lambda data: ([frame(Opcode.BINARY, data)], [(data, True)])),
    st.binary(max_size=125).map(lambda data: ([frame(Opcode.PING, data)], [])),
    st.binary(max_size=125).map(lambda data: ([frame(Opcode.PONG, data)], [])),
    st.lists(texts, min_size=2, max_size=3).map(
        lambda parts: (
            [
                frame(Opcode.CONT if number else Opcode.TEXT, part, number == len(parts) - 1)
                for number, part in enumerate(parts)
            ],
            [(b"".join(parts), False)],
        )
    ),
)


class Reading(SynchronousTestCase):
    @given(st.lists(messages, max_size=6), st.data())
    def test_whatever_is_sent_is_heard_however_it_is_cut(self, sent: list[Any], data: st.DataObject) -> None:
        listener, _ = connected()
        frames = [each for pieces, _ in sent for each in pieces]
        whole = b"".join(frames)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
        for first, last in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            listener.dataReceived(whole[first:last])
        expected = [each for _, heard in sent for each in heard if len(each[0]) <= MOST]
        self.assertEqual(listener.heard, expected)
        self.assertEqual(listener.frames, len(frames))

    def test_a_ping_between_texts_is_answered(self) -> None:
        listener, transport = connected()
        listener.dataReceived(frame(Opcode.TEXT, b"a") + frame(Opcode.PING, b"there?") + frame(Opcode.TEXT, b"b"))
        self.assertEqual([payload for payload, _ in listener.heard], [b"a", b"b"])
        self.assertEqual(answers(transport), [(Opcode.PONG, b"there?")])

    def test_what_is_no_text_or_too_long_ends_it_in_pieces_and_whole(self) -> None:
        for data, code in (
            (frame(Opcode.TEXT, b"\xff"), 1007),
            (frame(Opcode.TEXT, "ö".encode()[:1]), 1007),
            (frame(Opcode.TEXT, b"\xff", fin=False), 1007),
            (frame(Opcode.TEXT, b"x" * (MOST + 1)), 1009),
            (frame(Opcode.TEXT, b"x" * MOST, fin=False) + frame(Opcode.CONT, b"x"), 1009),
            (Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
            (b"\x81\xfe\x00\x01abcdx", 1002),
        ):
            listener, transport = connected()
            listener.dataReceived(frame(Opcode.TEXT, b"before") + data)
            self.assertEqual(listener.heard[:1], [(b"before", False)])
            [(opcode, payload)] = answers(transport)
            self.assertEqual((opcode, Close.parse(payload).code), (Opcode.CLOSE, code), data)

    def test_nothing_is_heard_after_the_goodbye(self) -> None:
        listener, transport = connected()
        listener.dataReceived(frame(Opcode.TEXT, b"a") + frame(Opcode.CLOSE, b"\x03\xe8") + frame(Opcode.TEXT, b"b"))
        self.assertEqual(listener.heard, [(b"a", False)])
        self.assertEqual(answers(transport), [(Opcode.CLOSE, b"\x03\xe8")])
        self.assertTrue(transport.disconnecting)

    def test_a_connection_that_is_gone_is_free_without_a_search(self) -> None:
        listener, transport = connected()
        listener.dataReceived(frame(Opcode.TEXT, b"a"))
        listener.connectionLost(Failure(ConnectionDone()))
        there = weakref.ref(listener)
        gc.disable()
        self.addCleanup(gc.enable)
        transport.protocol = None
        del listener
        self.assertIsNone(there())

    @given(st.binary(max_size=40), st.binary(min_size=4, max_size=4))
    def test_unmasking_is_its_own_opposite(self, data: bytes, mask: bytes) -> None:
        masked = unmasked(data, mask)
        self.assertEqual(masked, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))
        self.assertEqual(unmasked(masked, mask), data)
