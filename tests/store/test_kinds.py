"""What kind an entry is of, also where only a newer version knows it."""

from __future__ import annotations

from meet.store.kinds import TALK, kind_of


def test_talk_is_what_was_said_and_not_what_a_room_is() -> None:
    assert "said" in TALK
    assert not {"opened", "retitled", "joined", "closed", "forgotten"} & set(TALK)


def test_a_kind_is_told_also_of_what_this_version_does_not_know() -> None:
    assert kind_of(b'{"at":"x","kind":"polled"}') == "polled"
    assert [kind_of(body) for body in (b"\xff", b"[]", b"{}", b'{"kind":7}', b"")] == [""] * 5
