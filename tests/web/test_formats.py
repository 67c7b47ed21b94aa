import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from websockets.frames import Opcode
from zope.interface.verify import verifyObject

from meet.events import Forgotten, Joined, Left, Position, Renamed, Said
from meet.interfaces import Here, IFormat, Status
from meet.web.formats import CHUNKED_EVENTS, EVENTS, PAIRS, SOCKET, frame
from meet.wire import encode, entry
from tests.web.case import read_frames

AT = "2026-11-24T14:05:09.120Z"


def item(event, seq=12):
    return entry(Position("k3q", seq), encode(event))


def said(text="hi"):
    return item(Said(at=AT, by="p7", nick="ann", via="web", text=text))


class Formats(SynchronousTestCase):
    def test_each_is_a_format(self):
        for form in (SOCKET, EVENTS, PAIRS):
            self.assertTrue(verifyObject(IFormat, form))

    def test_comings_and_goings_are_told_as_a_digest_only(self):
        for form in (SOCKET, EVENTS, PAIRS):
            for event in (
                Joined(at=AT, by="p7", nick="ann", via="web"),
                Renamed(at=AT, by="p7", nick="ann", was="anna", via="web", host=False),
                Left(at=AT, by="p7", nick="ann", because="left"),
                Forgotten(at=AT),
            ):
                self.assertEqual(form.entry("algebra", item(event)), b"")
        here = Here(3, ["ann"], [])
        self.assertEqual(PAIRS.here("algebra", here), b"")
        told = {"kind": "here", "count": 3, "came": ["ann"], "went": []}
        self.assertEqual(json.loads(read_frames(SOCKET.here("algebra", here))[0].data), told)
        self.assertIn(b"event: here\ndata: ", EVENTS.here("algebra", here))

    def test_whether_lines_are_taken_is_told(self):
        away, back = Status(True, "Not now."), Status(False, "Again.")
        told = [json.loads(read_frames(SOCKET.status("algebra", each))[0].data) for each in (away, back)]
        self.assertEqual(told, [{"kind": "away", "text": "Not now."}, {"kind": "back"}])
        self.assertEqual(EVENTS.status("algebra", away), b'event: away\ndata: {"kind":"away","text":"Not now."}\n\n')
        self.assertEqual(EVENTS.status("algebra", back), b'event: back\ndata: {"kind":"back"}\n\n')
        self.assertEqual(PAIRS.status("algebra", away), b"")

    def test_kinds_of_a_later_version_are_passed_on(self):
        later = entry(Position("k3q", 13), b'{"kind":"voted","at":"x","for":2}')
        self.assertEqual(PAIRS.entry("algebra", later), b'["k3q.13",{"kind":"voted","at":"x","for":2}],')

    @given(st.text(max_size=500))
    def test_an_event_is_one_block_whatever_is_said(self, text):
        block = EVENTS.entry("algebra", said(text)).decode()
        lines = block.split("\n")
        self.assertEqual((lines[0], lines[2:]), ("id: k3q.12", ["", ""]))
        self.assertEqual(json.loads(lines[1].removeprefix("data: "))[1]["text"], text)

    def test_each_block_of_a_chunked_stream_is_one_chunk(self):
        for write in (
            lambda form: form.entry("algebra", said("h\u00e9")),
            lambda form: form.here("algebra", Here(3, ["ann"], [])),
            lambda form: form.status("algebra", Status(True, "Not now.")),
        ):
            block = write(EVENTS)
            self.assertEqual(write(CHUNKED_EVENTS), f"{len(block):x}\r\n".encode() + block + b"\r\n")
        self.assertEqual(CHUNKED_EVENTS.entry("algebra", item(Forgotten(at=AT))), b"")

    @given(st.one_of(st.binary(max_size=300), st.integers(60_000, 70_000).map(bytes)))
    def test_frames_are_read_by_others(self, payload):
        frames = read_frames(frame(payload) + frame(b"next"))
        self.assertEqual(
            [(each.opcode, each.fin, each.data) for each in frames],
            [
                (Opcode.TEXT, True, payload),
                (Opcode.TEXT, True, b"next"),
            ],
        )
