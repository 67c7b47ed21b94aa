from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.irc.message import Message, cut, escape, pieces, read, unescape, write, write_tags

_WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \r\n\0"), min_size=1, max_size=12)
_MIDDLE = _WORD.filter(lambda word: not word.startswith(":"))
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=40)
_COMMAND = st.from_regex(r"[A-Z]{1,10}|[0-9]{3}", fullmatch=True)
_TAG_NAME = st.from_regex(r"\+?[a-z][a-z0-9./-]{0,10}", fullmatch=True)
_TAG_VALUE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


class MessageTests(SynchronousTestCase):
    def test_reads_every_part(self) -> None:
        assert read("@time=1;+x :ann!web@meet  privmsg   #a  :hi  there: you ") == Message(
            "PRIVMSG", ("#a", "hi  there: you "), "ann!web@meet", {"time": "1", "+x": ""}
        )

    def test_reads_what_has_no_parameters(self) -> None:
        assert read("quit") == Message("QUIT")
        assert read("") == Message("")
        assert read("@x") == Message("", tags={"x": ""})
        assert read("JOIN :") == Message("JOIN", ("",))

    def test_takes_fifteen_parameters_and_the_last_whole(self) -> None:
        params = read("X " + " ".join(map(str, range(20)))).params
        assert len(params) == 15
        assert params[-1] == "14 15 16 17 18 19"

    @given(_COMMAND, st.lists(_MIDDLE, max_size=10), _TEXT, st.dictionaries(_TAG_NAME, _TAG_VALUE, max_size=4))
    def test_what_is_written_is_read(self, command: str, middle: list[str], text: str, tags: dict[str, str]) -> None:
        line = write(command, *middle, text=text, source="ann!web@meet", tags=tags)
        assert line.endswith(b"\r\n")
        assert line.count(b"\n") == 1
        assert read(line.decode()[:-2]) == Message(command, (*middle, text), "ann!web@meet", tags)

    @given(st.text(max_size=200))
    def test_any_line_is_read(self, line: str) -> None:
        message = read(line)
        assert len(message.params) <= 15

    @given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=700))
    def test_anything_is_written_as_one_line_within_bounds(self, middle: list[str], text: str) -> None:
        line = write("NOTICE", *middle, text=text, source="meet")
        assert len(line) <= 512
        assert line.count(b"\n") == 1
        assert b"\x00" not in line
        words = line.decode()[:-2].partition(" :")[0].split(" ")
        assert all(words)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    def test_tag_values_survive_escaping(self, value: str) -> None:
        written = escape(value)
        assert not set(written) & set("; \r\n")
        assert unescape(written) == value

    def test_an_escape_that_means_nothing_loses_its_backslash(self) -> None:
        assert unescape("a\\bc\\") == "abc"

    def test_no_tags_write_nothing(self) -> None:
        assert write_tags({}) == b""
        assert write_tags({"a": "", "b": "x y"}) == b"@a;b=x\\sy "

    def test_cuts_between_characters(self) -> None:
        assert cut("aéé", 4) == "aé"
        assert cut("aé", 3) == "aé"

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600), st.integers(20, 80))
    def test_pieces_are_the_whole(self, text: str, size: int) -> None:
        found = pieces(text, size)
        assert "".join(found) == text
        assert all(len(piece.encode()) <= size for piece in found)

    def test_pieces_break_after_spaces(self) -> None:
        assert pieces("aaaa bbbb cccc", 11) == ["aaaa bbbb ", "cccc"]
