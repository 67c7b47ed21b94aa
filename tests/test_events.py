"""What each event is remembered as, and how it looks to others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.events import (
    KINDS,
    Blocked,
    Chosen,
    Closed,
    Event,
    Expired,
    Extended,
    Followed,
    Forgotten,
    Joined,
    Left,
    Noted,
    Opened,
    Position,
    Presence,
    Removed,
    Renamed,
    Renewed,
    Retitled,
    Said,
    Spent,
    Unknown,
    new_epoch,
    who_key,
)
from meet.posts import Media, Provenance
from meet.wire import encode, position

AT = "2026-11-24T12:00:00.000Z"
EXAMPLES: list[tuple[Event, bytes, str | None, bool, bool]] = [
    # event, its JSON after ``at``, key, forgets, ruling
    (
        Opened(at=AT, name="a", title="A", ends=AT, limit=140, lock="l"),
        b'{"kind":"opened","at":"%s","name":"a","title":"A","ends":"%s","limit":140,"lock":"l"}',
        "opened",
        False,
        True,
    ),
    (
        Joined(at=AT, by="i", nick="Ann", via="web"),
        b'{"kind":"joined","at":"%s","by":"i","nick":"Ann","via":"web"}',
        "who:ann",
        False,
        False,
    ),
    (
        Joined(at=AT, by="i", nick="Ann", via="web", host=True),
        b'{"kind":"joined","at":"%s","by":"i","nick":"Ann","host":true,"via":"web"}',
        "who:ann",
        False,
        True,
    ),
    (
        Renamed(at=AT, by="i", nick="Anne", was="Ann", via="web"),
        b'{"kind":"renamed","at":"%s","by":"i","nick":"Anne","was":"Ann","via":"web"}',
        "who:anne",
        False,
        False,
    ),
    (Left(at=AT, by="i", nick="Ann"), b'{"kind":"left","at":"%s","by":"i","nick":"Ann"}', "who:ann", True, False),
    (
        Left(at=AT, by="i", nick="Ann", host=True, because="lost"),
        b'{"kind":"left","at":"%s","by":"i","nick":"Ann","host":true,"because":"lost"}',
        "who:ann",
        True,
        True,
    ),
    (
        Said(at=AT, by="i", nick="Ann", via="web", text="hi", ref="7"),
        b'{"kind":"said","at":"%s","by":"i","nick":"Ann","via":"web","text":"hi","ref":"7"}',
        None,
        False,
        False,
    ),
    (
        Retitled(at=AT, by="i", nick="Ann", title="B"),
        b'{"kind":"retitled","at":"%s","by":"i","nick":"Ann","title":"B"}',
        "title",
        False,
        False,
    ),
    (
        Extended(at=AT, by="i", nick="Ann", ends=AT),
        b'{"kind":"extended","at":"%s","by":"i","nick":"Ann","ends":"%s"}',
        "ends",
        False,
        True,
    ),
    (Closed(at=AT, because="time"), b'{"kind":"closed","at":"%s","because":"time"}', "closed", False, True),
    (
        Said(
            at=AT,
            by="bluesky:did:plc:1",
            nick="Ann",
            via="bluesky",
            text="hi",
            post=Provenance(
                id="9", handle="ann.example", at=AT, link="https://l", media=(Media(link="https://m"),), repost=True
            ),
        ),
        b'{"kind":"said","at":"%s","by":"bluesky:did:plc:1","nick":"Ann","via":"bluesky","text":"hi","post":{"id":"9",'
        b'"handle":"ann.example","at":"%s","link":"https://l","media":[{"link":"https://m"}],"repost":true}}',
        None,
        False,
        False,
    ),
    (
        Removed(at=AT, number=12, because="source"),
        b'{"kind":"removed","at":"%s","number":12,"because":"source"}',
        None,
        False,
        False,
    ),
    (
        Expired(at=AT, until=AT),
        b'{"kind":"expired","at":"%s","until":"%s"}',
        "expired",
        False,
        False,
    ),
    (
        Followed(at=AT, by="i", nick="Ann", words=("#pycon",)),
        b'{"kind":"followed","at":"%s","by":"i","nick":"Ann","words":["#pycon"]}',
        "follow",
        False,
        True,
    ),
    (
        Chosen(at=AT, by="i", nick="Ann", reposts=True, quotes=False, sensitive=False, paused=True),
        b'{"kind":"chosen","at":"%s","by":"i","nick":"Ann","reposts":true,"quotes":false,"sensitive":false,'
        b'"paused":true}',
        "choices",
        False,
        True,
    ),
    (
        Blocked(at=AT, by="i", nick="Ann", author="bluesky:did:plc:1", name="Bob", lifted=True),
        b'{"kind":"blocked","at":"%s","by":"i","nick":"Ann","author":"bluesky:did:plc:1","name":"Bob","lifted":true}',
        "block:bluesky:did:plc:1",
        False,
        True,
    ),
    (
        Noted(at=AT, via="bluesky", text="More came.", hosts=True),
        b'{"kind":"noted","at":"%s","via":"bluesky","text":"More came.","hosts":true}',
        "note:bluesky",
        False,
        False,
    ),
    (
        Spent(at=AT, via="twitter", day="2026-11-24", count=3),
        b'{"kind":"spent","at":"%s","via":"twitter","day":"2026-11-24","count":3}',
        "spent:twitter",
        False,
        False,
    ),
    (Renewed(at=AT, was="k3q"), b'{"kind":"renewed","at":"%s","was":"k3q"}', "renewed", False, True),
    (Forgotten(at=AT), b'{"kind":"forgotten","at":"%s"}', None, False, False),
]


class Events(SynchronousTestCase):
    def test_each_is_a_flat_object_with_its_kind_first(self) -> None:
        for event, body, *_ in EXAMPLES:
            assert encode(event) == body.replace(b"%s", AT.encode())

    def test_each_is_remembered_by_its_key(self) -> None:
        for event, _, key, forgets, ruling in EXAMPLES:
            assert (event.key, event.forgets, event.ruling) == (key, forgets, ruling), event

    def test_every_kind_is_shown_here(self) -> None:
        assert {type(event) for event, *_ in EXAMPLES} == set(KINDS)

    def test_a_nick_is_one_key_in_any_case_and_for_every_coming_and_going(self) -> None:
        assert who_key("Ann") == who_key("ANN") == who_key("ａｎｎ") == "who:ann"
        for event, _, key, *_ in EXAMPLES:
            assert isinstance(event, Presence) == (key or "").startswith("who:")

    def test_what_this_version_does_not_know_is_talk_to_it(self) -> None:
        assert (Unknown(at="").key, Unknown(at="").ruling) == (None, False)


class Positions(SynchronousTestCase):
    def test_a_position_is_the_log_and_the_number(self) -> None:
        assert str(Position("k3q", 12)) == "k3q.12"

    def test_numbers_of_one_log_compare_as_numbers(self) -> None:
        assert Position("k3q", 9) < Position("k3q", 12)


class Logs(SynchronousTestCase):
    def test_an_epoch_is_short_and_its_own(self) -> None:
        epochs = {new_epoch(1_790_000_000, bytes([0, 0, each])) for each in range(256)}
        epochs |= {new_epoch(each, b"\0\0\0") for each in (-5, 1, 1_790_000_001, 99_999_999_999)}
        self.assertEqual(len(epochs), 260)
        for epoch in epochs:
            self.assertEqual(position(f"{epoch}.1"), Position(epoch, 1))
