"""An archive goes to another store and is the same there; what differs is told."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from meet import carrying
from meet.carrying import Difference
from meet.events import Position, Retitled
from meet.interfaces import Record
from meet.limits import Limits
from meet.moments import moment
from meet.store import store_for
from tests.contracts.records import START, forgotten, opened, post, record, said


def quiet(_count: int) -> None:
    pass


class Carrying(TestCase):
    async def archive(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        store = store_for("sqlite:", data=Path(folder.name), clock=Clock(), limits=Limits())
        await store.start()
        self.addCleanup(store.stop)
        return store

    async def filled(self):
        store = await self.archive()
        await store.record([opened(), *(said(seq, f"line {seq} 🦉") for seq in range(2, 2600))])
        rooms = [f"room{number:03}" for number in range(120)]
        await store.record([each for room in rooms for each in (opened(room=room), said(2, "hi", room=room))])
        await store.record([Record("odd", Position("e", 3), b"\xff not json"), said(4, "hi", room="odd", epoch="e")])
        return store

    async def test_all_of_it_is_there_and_again_changes_nothing(self):
        first, second = await self.filled(), await self.archive()
        lines: list[bytes] = []
        told: list[int] = []
        count = await carrying.give(first, lines.append, told.append)
        assert count == 2599 + 240 + 2
        assert told == [1000, 2000]
        assert carrying.check(lines) == count
        for _ in range(2):
            assert await carrying.take(second, lines, quiet) == count
            assert await carrying.compare(first, second, quiet) == (count, [])
        assert await first.rooms(("", ""), 200) == await second.rooms(("", ""), 200)
        again: list[bytes] = []
        await carrying.give(second, again.append, quiet)
        assert again == lines

    async def test_words_that_must_go_some_day_are_not_carried_and_make_no_difference(self):
        first, second = await self.archive(), await self.archive()
        await first.record([opened(), post(2, "xyzzy", 99), post(3, "stays", None)])
        lines: list[bytes] = []
        assert await carrying.give(first, lines.append, quiet) == 3
        assert b"https://x.com/i/status/200" in lines[2]
        assert b"xyzzy" not in b"".join(lines)
        assert b"stays" in lines[3]
        await carrying.take(second, lines, quiet)
        assert await carrying.compare(first, second, quiet) == (3, [])

    async def test_some_rooms_only(self):
        first = await self.filled()
        lines: list[bytes] = []
        assert await carrying.give(first, lines.append, quiet, ["odd", "room007", "no-such"]) == 4

    async def test_what_is_read_before_the_damage_is_recorded_and_the_damage_told(self):
        first, second = await self.filled(), await self.archive()
        lines: list[bytes] = []
        await carrying.give(first, lines.append, quiet)
        with pytest.raises(ValueError, match="cut off after 2599 entries"):
            await carrying.take(second, lines[:2600], quiet)
        assert len(await second.entries("algebra", "k3q", 0, 5000)) >= 2000

    async def test_what_differs_is_told_by_its_log(self):
        first, second = await self.archive(), await self.archive()
        both = [opened(), said(2, "hi"), said(5, "bye")]
        await first.record([*both, said(3, "only here"), said(6, "one"), opened(room="here")])
        await second.record([*both, said(4, "only there"), said(6, "other"), said(7, "there"), opened(room="there")])
        same, differences = await carrying.compare(first, second, quiet)
        assert same == 3
        assert differences == [
            Difference("algebra", "k3q", 1, 2, 1),
            Difference("here", "k3q", 1, 0, 0),
            Difference("there", "k3q", 0, 1, 0),
        ]

    async def test_what_one_was_only_the_first_to_record_is_the_same_when_it_is_looked_at_again(self):
        first, second = await self.archive(), await self.archive()
        both = [opened(), said(2, "hi")]
        await first.record([*both, said(3, "first"), said(5, "both")])
        await second.record([*both, said(4, "second"), said(5, "BOTH"), opened(room="gone"), opened(room="stays")])

        async def settle():
            await first.record([said(4, "second")])
            await second.record([said(3, "first"), forgotten(9, room="gone")])

        same, differences = await carrying.compare(first, second, quiet, settle)
        assert same == 4
        assert differences == [Difference("algebra", "k3q", 0, 0, 1), Difference("stays", "k3q", 0, 1, 0)]

    async def test_where_far_too_much_differs_it_is_not_looked_at_again(self):
        self.patch(carrying, "_UNSETTLED_MOST", 3)
        first, second = await self.archive(), await self.archive()
        lines = [said(seq, "hi") for seq in range(2, 6)]
        await first.record([opened(), *lines])
        await second.record([opened()])

        async def settle():
            await second.record(lines)

        assert await carrying.compare(first, second, quiet, settle) == (1, [Difference("algebra", "k3q", 4, 0, 0)])

    async def test_an_import_beside_a_recorder_leaves_the_newest_title(self):
        first, second = await self.archive(), await self.archive()
        titles = [record(seq, Retitled(at=moment(START), by="a", nick="ann", title=f"Title {seq}")) for seq in (2, 3)]
        await first.record([opened(), titles[0]])
        await second.record([titles[1]])
        lines: list[bytes] = []
        await carrying.give(first, lines.append, quiet)
        await carrying.take(second, lines, quiet)
        assert [each.title for each in await second.rooms(("", ""), 9)] == ["Title 3"]
