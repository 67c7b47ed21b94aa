from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.mastodon.sse import LONGEST, Event, Events, TooLong

TOLD = [Event("update", '{"a":"é"}'.encode()), Event("delete", b"1"), Event("message", b"x\ny")]


def stream(end: str) -> bytes:
    text = ':)\nevent: update\ndata: {"a":"é"}\n\n:thump\nevent:delete\ndata:1\nid: 5\n\n'
    text += "event: empty\n\ndata: x\ndata: y\n\n"
    return text.replace("\n", end).encode()


class Streams(SynchronousTestCase):
    @settings(max_examples=60)
    @given(st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(1, 20)))
    def test_however_they_are_cut(self, end: str, sizes: list[int]):
        data, events, found = stream(end), Events(), []
        for size in sizes:
            found += events.take(data[:size])
            data = data[size:]
        found += events.take(data)
        self.assertEqual(found, TOLD)

    def test_one_that_is_too_long_is_told_of(self):
        events = Events()
        with self.assertRaises(TooLong):
            for _ in range(LONGEST // 1000 + 20):
                events.take(b"data: " + b"x" * 994)
        events = Events()
        with self.assertRaises(TooLong):
            for _ in range(LONGEST // 1000 + 20):
                events.take(b"data: " + b"x" * 993 + b"\n")

    def test_signs_of_life_never_add_up(self):
        events = Events()
        for _ in range(LONGEST // 500):
            self.assertEqual(events.take(b":thump" + b"p" * 1000 + b"\n"), [])

    @settings(max_examples=60)
    @given(st.binary())
    def test_any_bytes(self, data: bytes):
        Events().take(data)
