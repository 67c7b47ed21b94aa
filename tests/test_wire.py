"""Bytes to words and back, whatever bytes come."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.commands import Close, Extend, Leave, Rename, Retitle, Say
from meet.errors import Refused
from meet.events import Event, Joined, Position, Said, Unknown
from meet.limits import Limits
from meet.moments import HOUR, moment
from meet.posts import Media, Provenance
from meet.room import Room
from meet.wire import (
    Asked,
    Beat,
    Who,
    asked,
    bare,
    decode_event,
    encode,
    entry,
    expires,
    json_object,
    life,
    pair,
    position,
    refused_ref,
    text_field,
)
from tests.stories import NOON
from tests.strategies import events, texts

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
words = st.sampled_from(["ask", "say", "rename", "retitle", "extend", "close", "leave", "who", "beat", "text", "ref"])
fields = words | st.sampled_from(["nick", "title", "hours", "ends", "kind", "said", "opened", "joined", "at", "by"])
objects = st.dictionaries(fields, fields | plain, max_size=8).map(lambda value: json.dumps(value).encode())
data = st.one_of(
    st.binary(max_size=60),
    objects,
    plain.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda body, at, byte: body[:at] + byte + body[at:], objects, st.integers(0, 40), st.binary(max_size=2)),
)
DEEP = [b"[" * 100_000, b'{"ask":' * 100_000, b'{"ref":"7","ask":"say","text":"hi","x":' + b"[" * 100_000]


def deep(body: bytes) -> bytes:
    """An event with a field of this version's unknown that goes too deep."""
    return body[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


class Asks(SynchronousTestCase):
    def test_each_ask_is_read(self) -> None:
        for frame, ask in {
            '{"ask":"say","text":"hi","ref":"7"}': Say(text="hi", ref="7"),
            '{"ask":"rename","nick":"Cy"}': Rename(nick="Cy"),
            '{"ask":"retitle","title":"Sets"}': Retitle(title="Sets"),
            '{"ask":"extend","hours":2}': Extend(ends=NOON + 2 * HOUR),
            '{"ask":"extend","ends":"2026-11-24T13:00:00Z"}': Extend(ends=NOON + HOUR),
            '{"ask":"close"}': Close(),
            '{"ask":"leave","and":["more"]}': Leave(),
            '{"ask":"who"}': Who(),
            '{"ask":"beat"}': Beat(),
        }.items():
            assert asked(frame.encode(), NOON) == Asked(ask, "7" if "ref" in frame else "")

    def test_a_wrong_ask_is_refused_in_a_sentence(self) -> None:
        for frame, code, detail in [
            (b"hi", "bad-input", "That is not JSON in UTF-8."),
            (b'{"ask":"say","text":"\xff"}', "bad-input", "That is not JSON in UTF-8."),
            (b"[]", "bad-input", "A JSON object is expected."),
            (b"{}", "bad-input", "The field ask must be a text."),
            (b'{"ask":"say"}', "bad-input", "The field text must be a text."),
            (b'{"ask":"say","text":7}', "bad-input", "The field text must be a text."),
            (b'{"ask":"say","text":"hi","ref":7}', "bad-input", "The field ref must be a text."),
            (b'{"ask":"dance"}', "unknown-ask", "Nothing can be asked by the name of 'dance'."),
            (b'{"ask":"extend","hours":true}', "bad-life", "The field hours must be a number of hours."),
        ]:
            with pytest.raises(Refused) as refused:
                asked(frame, NOON)
            assert (refused.value.code, refused.value.detail) == (code, detail)

    def test_a_refusal_is_matched_by_its_ref_as_far_as_there_is_one(self) -> None:
        assert refused_ref(b'{"ask":"dance","ref":"7"}') == "7"
        for frame in (b'{"ref":7}', b"{}", b"no", DEEP[2]):
            assert refused_ref(frame) == ""

    @given(data)
    @example(DEEP[0])
    @example(DEEP[1])
    @example(DEEP[2])
    def test_any_bytes_are_an_ask_or_refused(self, frame: bytes) -> None:
        refused_ref(frame)
        try:
            ask = asked(frame, NOON).ask
        except Refused as refused:
            assert refused.detail  # noqa: PT017  # the refusal is what most bytes end in
            return
        if not isinstance(ask, Who | Beat):
            with pytest.raises(Refused):
                Room("algebra", Limits()).decide(ask, "id-ann", NOON)

    @given(data)
    @example(DEEP[0])
    def test_any_bytes_are_an_object_or_refused(self, body: bytes) -> None:
        try:
            value = json_object(body)
        except Refused:
            return
        assert isinstance(value, dict)
        encode(value)


class Lives(SynchronousTestCase):
    def test_a_life_is_hours_or_an_end_or_the_default(self) -> None:
        assert life({}, NOON, NOON + 5) == NOON + 5
        assert life({"hours": 0.5}, NOON, 0) == NOON + HOUR / 2
        assert life({"ends": "2026-11-24T14:00:00+01:00"}, NOON, 0) == NOON + HOUR

    def test_any_other_life_is_refused(self) -> None:
        for value in (
            {"hours": 0},
            {"hours": -1},
            {"hours": "2"},
            {"hours": True},
            {"hours": float("nan")},
            {"hours": 10**400},
            {"ends": "tomorrow"},
            {"ends": "2026-11-24T14:00:00"},
            {"ends": ""},
        ):
            with pytest.raises(Refused) as refused:
                life(value, NOON, NOON)
            assert refused.value.code == "bad-life"

    @given(texts)
    def test_any_text_is_an_end_or_refused(self, text: str) -> None:
        try:
            assert isinstance(life({"ends": text}, NOON, NOON), float)
        except Refused as refused:
            assert refused.code == "bad-life"  # noqa: PT017  # both ends are right


class Fields(SynchronousTestCase):
    def test_a_text_may_have_a_default(self) -> None:
        assert text_field({}, "title", "") == ""
        assert text_field({"title": "Sets"}, "title", "") == "Sets"


class Positions(SynchronousTestCase):
    @given(st.from_regex(r"[0-9a-z]{1,16}", fullmatch=True), st.integers(0, 10**18 - 1))
    def test_a_position_is_read_as_it_is_written(self, epoch: str, seq: int) -> None:
        assert position(str(Position(epoch, seq))) == Position(epoch, seq)

    def test_what_is_no_position_is_refused(self) -> None:
        for text in ("", "k3q", "k3q.", ".12", "k3q.-1", "k3q.1x", "K3Q.1", "k3q.1\n", "k3q.١", "k" * 17 + ".1"):
            with pytest.raises(Refused) as refused:
                position(text)
            assert refused.value.detail == "A position looks like k3q.12."

    @given(texts)
    def test_any_text_is_a_position_or_refused(self, text: str) -> None:
        try:
            assert isinstance(position(text), Position)
        except Refused as refused:
            assert refused.code == "bad-input"  # noqa: PT017  # both ends are right


class Events(SynchronousTestCase):
    @given(events())
    def test_an_event_is_read_as_it_was_written(self, event: Event) -> None:
        assert decode_event(encode(event)) == event

    @given(data)
    @example(DEEP[0])
    @example(deep(encode(Said(at="", by="i", nick="Ann", via="web", text="hi"))))
    @example(b'{"kind":"said","at":"","by":"i","nick":"\xff","via":"web","text":"hi"}')
    @example(b'{"kind":"said","at":"","by":"i","nick":"\\ud800","via":"web","text":"hi"}')
    def test_any_bytes_are_an_event_if_only_an_unknown_one(self, body: bytes) -> None:
        assert isinstance(decode_event(body), Event)

    def test_keys_and_kinds_that_this_version_does_not_know_are_passed_on_untouched(self) -> None:
        for body, kind in [
            (b'{"kind":"said","at":"","by":"i","nick":"Ann","via":"web","text":"hi","mood":["new"]}', Said),
            (b'{"kind":"joined","at":"","by":"i","nick":"Ann","via":"web","badge":7}', Joined),
            (b'{"kind":"reacted","at":"","to":"k3q.1","with":"+"}', Unknown),
            (b'{"kind":"said","at":7}', Unknown),
        ]:
            item = entry(Position("k3q", 12), body)
            assert type(item.event) is kind
            assert pair(item) == b'["k3q.12",' + body + b"]"

    @given(events(), st.integers(1, 10**9))
    def test_an_entry_is_a_pair_that_any_reader_of_json_takes(self, event: Event, seq: int) -> None:
        where, what = json.loads(pair(entry(Position("k3q", seq), encode(event))))
        assert where == f"k3q.{seq}"
        assert what["kind"] == type(event).__name__.lower()


class Expiring(SynchronousTestCase):
    POST = Provenance(
        id="9",
        handle="dora",
        at=moment(NOON),
        link="https://x.com/i/status/9",
        language="en",
        media=(Media(link="https://pics.example/1", about="words"),),
        warning="words",
        sensitive=True,
        quote=True,
        expires=moment(NOON + 60),
    )
    SAID = Said(at=moment(NOON), by="twitter:7", nick="Dora", via="twitter", text="words", post=POST)

    def test_id_link_and_times_are_all_that_stays(self) -> None:
        body = encode(self.SAID)
        assert expires(body) == moment(NOON + 60)
        rest = json.loads(bare(body))
        at = moment(NOON)
        assert rest == {
            "kind": "said",
            "at": at,
            "by": "twitter:7",
            "nick": "",
            "via": "twitter",
            "text": "",
            "post": {"id": "9", "handle": "", "at": at, "link": "https://x.com/i/status/9"},
        }
        left = decode_event(bare(body))
        assert isinstance(left, Said)
        assert (left.is_bare, left.once) == (True, self.SAID.once)
        assert bare(bare(body)) == bare(body)

    def test_words_stay_until_their_moment(self) -> None:
        body = encode(self.SAID)
        assert bare(body, moment(NOON + 59)) is body
        assert bare(body, moment(NOON + 60)) == bare(body)

    def test_nothing_else_loses_a_word(self) -> None:
        for text in ('"expires"', "words"):
            line = encode(Said(at=moment(NOON), by="p7", nick="Ann", via="web", text=text))
            assert bare(line) is line
        free = encode(
            Said(at="", by="x:1", nick="D", via="x", text="a", post=Provenance(id="9", handle="d", at="", link=""))
        )
        assert bare(free) is free
        assert bare(b'{"expires":"now"}') == b'{"expires":"now"}'
