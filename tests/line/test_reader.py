"""Any bytes, cut anywhere, become the same lines; nothing is remembered beyond its bound."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.errors import Refused
from meet.line.reader import Reader

TELNET = st.sampled_from(
    [b"\xff\xfb\x01", b"\xff\xfd\x06", b"\xff\xfa\x18\x00xterm\xff\xf0", b"\xff\xff", b"\xff\xf4", b"\xff\xf7", b"\xff"]
)
KEYS = st.sampled_from([b"\n", b"\r\n", b"\r\x00", b"\r", b"\x08", b"\x7f", b"\x00", b"\x1b[A", "é".encode(), b"/"])
BYTES = st.lists(st.one_of(TELNET, KEYS, st.binary(max_size=20))).map(b"".join)


def lines(*pieces: bytes, most: int = 100) -> list[str]:
    """What comes out, a refusal as its code."""
    reader = Reader(most)
    return [line.code if isinstance(line, Refused) else line for piece in pieces for line in reader.feed(piece)]


class LineTests(SynchronousTestCase):
    def test_ends(self) -> None:
        assert lines(b"a\nb\r\nc\r\x00d\re\n\n") == ["a", "b", "c", "d", "e", ""]
        assert lines(b"a\r", b"\nb\r", b"\x00c\n") == ["a", "b", "c"]
        assert lines(b"no end") == []

    def test_the_manner_of_the_other_side(self) -> None:
        reader = Reader(100)
        reader.feed(b"a\n")
        assert not reader.crlf
        reader.feed(b"a\r\n")
        assert reader.crlf

    def test_utf_8(self) -> None:
        assert lines("grüße 🙂\n".encode()) == ["grüße 🙂"]
        assert lines("grüße\n".encode("latin-1"), b"fine\n") == ["bad-input", "fine"]
        assert lines(b"\xed\xa0\x80\n", b"\xc0\xaf\n") == ["bad-input", "bad-input"]

    def test_backspace_takes_one_character_back(self) -> None:
        assert lines("hé\x7fello\n".encode()) == ["hello"]
        assert lines("🙂\x08\x08\x08:)\n".encode()) == [":)"]

    def test_keys_that_move_the_cursor_are_no_text(self) -> None:
        assert lines(b"\x1b[Ahi\x1b[1;5C \x1bOBthere\x1b[0m\n") == ["hi there"]

    def test_control_bytes_do_no_harm(self) -> None:
        assert lines(b"\x00a\x07b\n") == ["\x00a\x07b"]

    def test_too_long(self) -> None:
        assert lines(b"x" * 100 + b"\n") == ["x" * 100]
        assert lines(b"x" * 101 + b"\n", b"fine\n") == ["too-long", "fine"]

    def test_an_endless_line_is_not_remembered(self) -> None:
        reader = Reader(100)
        for _ in range(1000):
            assert reader.feed(b"x" * 1000) == []
        assert len(reader.begun) == 100


class TelnetTests(SynchronousTestCase):
    def test_commands_are_no_text(self) -> None:
        assert lines(b"h\xff\xfb\x01e\xff\xfa\x18\x00xt\nerm\xff\xff\xff\xf0llo\xff\xf1\n") == ["hello"]

    def test_cut_anywhere(self) -> None:
        whole = b"h\xff\xfb\x01e\xff\xfa\x18\x00xterm\xff\xf0llo\r\n"
        for cut in range(len(whole)):
            assert lines(whole[:cut], whole[cut:]) == ["hello"]

    def test_every_option_is_declined(self) -> None:
        reader = Reader(100)
        reader.feed(b"\xff\xfb\x01\xff\xfd\x06\xff\xfc\x01\xff\xfe\x06")
        assert reader.reply() == b"\xff\xfe\x01\xff\xfc\x06"
        assert reader.reply() == b""

    def test_a_flood_of_options_is_not_answered_for_ever(self) -> None:
        reader = Reader(100)
        reader.feed(b"\xff\xfb\x01" * 10_000)
        assert len(reader.reply()) == 256 * 3
        assert reader.feed(b"fine\n") == ["fine"]

    def test_editing(self) -> None:
        assert lines(b"helk\xff\xf7lo\n") == ["hello"]
        assert lines(b"never mind\xff\xf8hello\n") == ["hello"]
        assert lines(b"never mind\xff\xf4\xff\xfd\x06hello\n") == ["hello"]

    def test_a_doubled_iac_is_a_byte(self) -> None:
        assert lines(b"\xff\xff\n") == ["bad-input"]


class AnythingTests(SynchronousTestCase):
    @given(BYTES, st.lists(st.integers(0, 200)))
    @example(b"a\r\nb\n", [2])
    def test_cuts_change_nothing(self, data: bytes, cuts: list[int]) -> None:
        whole, cut = Reader(50), Reader(50)
        at_once = [str(line) for line in whole.feed(data)]
        places = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
        pieces = [data[start:end] for start, end in pairwise(places)]
        assert [str(line) for piece in pieces for line in cut.feed(piece)] == at_once
        assert cut.reply() == whole.reply()

    @given(BYTES)
    def test_lines_are_lines(self, data: bytes) -> None:
        for line in Reader(50).feed(data):
            if isinstance(line, str):
                assert "\n" not in line
                assert "\r" not in line
                assert len(line.encode()) <= 50

    @given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40))
    def test_text_arrives_as_it_was_typed(self, text: str) -> None:
        assert Reader(200).feed(text.encode() + b"\r\n") == [text]
