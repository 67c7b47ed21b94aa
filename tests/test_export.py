"""The form in which an archive travels: what is written is read again, and what is damaged is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meet.events import Position
from meet.export import Reading, Record, Writing

LINE = Record("algebra", Position("k3q", 12), b'{"kind":"said","text":"Gr\xc3\xbc\xc3\x9fe"}')


def written(*records: Record) -> list[bytes]:
    writing = Writing()
    return [writing.head(), *(writing.line(record) for record in records), writing.foot()]


def read(lines: list[bytes]) -> list[Record]:
    reading = Reading()
    found = [record for line in lines if (record := reading.line(line)) is not None]
    reading.end()
    return found


def test_it_looks_as_the_manual_says() -> None:
    head, line, foot = written(LINE)
    assert head == b'{"meet":"export","version":1}\n'
    assert line == b'["algebra","k3q.12",{"kind":"said","text":"Gr\xc3\xbc\xc3\x9fe"}]\n'
    assert json.loads(foot) == {"entries": 1, "sha256": hashlib.sha256(head + line).hexdigest()}


bodies = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(), max_size=3).map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.sampled_from(
        [b'{"a":1}\n', b'{"a":\n1}', b'{"a":1', b'{"a":"\xff"}', b"[]", b'""', b'{"a": 1, "a": 2}', b"{}}"]
    ),
)


@settings(max_examples=40)
@given(st.lists(st.builds(Record, st.text(max_size=9), st.builds(Position, st.just("e1"), st.integers(1, 99)), bodies)))
def test_what_is_written_is_read_again_byte_for_byte(records: list[Record]) -> None:
    records = [each for each in records if not any("\ud800" <= char <= "\udfff" for char in each.room)]
    lines = written(*records)
    assert all(line.count(b"\n") == 1 for line in lines)
    assert read(lines) == records


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda lines: lines[:-1], r"no last line: it was cut off after 2 entries\.$"),
        (lambda lines: [*lines[:-1], lines[-1][:-5]], r"^Line 4 .* ends in the middle of a line\.$"),
        (lambda lines: [lines[0], *lines[2:]], r"^Line 3 .* checksum is not that"),
        (lambda lines: [*lines[:2], lines[2].replace(b"k3q.12", b"k3q.13"), lines[3]], "checksum"),
        (lambda lines: [*lines, lines[1]], "something stands behind the last line"),
        (lambda lines: [lines[0], b'["algebra","k3q"]\n', *lines[1:]], r"^Line 2 .* that is no entry"),
        (lambda lines: [lines[0], b'["algebra","k3q.1","%%"]\n', *lines[1:]], "that is no entry"),
        (lambda lines: [lines[0], b"[" * 100_000 + b"\n", *lines[1:]], "that is no entry"),
        (lambda lines: lines[1:], "this is no export of Meet"),
        (lambda lines: [b'{"meet":"export","version":2}\n', *lines[1:]], "newer version of Meet"),
        (lambda lines: [], "no last line"),
    ],
)
def test_what_is_damaged_is_told_in_a_sentence(damage: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(damage(written(LINE, LINE)))  # type: ignore[operator]
