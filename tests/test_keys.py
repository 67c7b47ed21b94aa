"""Keys, shards and slots."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.keys import HOUSE, ROOM, SHARDS, Names, shard_of, slot_of, tag_of

ROOMS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)


class NamesTests(SynchronousTestCase):
    @given(ROOMS)
    def test_all_keys_of_a_room_are_in_its_shard(self, room: str) -> None:
        names, shard = Names("meet"), shard_of(room)
        assert 0 <= shard < SHARDS
        keys = [names.room(shard, what, room) for what in ROOM]
        keys += [names.of(shard, "journal"), names.once(shard, room, "p7:7"), names.channel(room)]
        assert {re.findall(r"\{(.*?)\}", key)[0] for key in keys} == {tag_of(shard)}
        assert len(set(keys)) == len(keys)

    def test_what_is_not_a_rooms_has_a_slot_of_its_own(self) -> None:
        assert Names("meet").house("alive") == "meet:{house}:alive"
        assert tag_of(HOUSE) == "house"

    def test_slots_are_those_of_redis(self) -> None:
        # CRC-16/XMODEM's own check value.
        assert slot_of("123456789") == 0x31C3
