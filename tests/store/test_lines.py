"""The store of JSON lines: the contract, and its files."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from meet.errors import Unavailable
from meet.limits import Limits
from meet.store import shelf, store_for
from tests.contracts.records import forgotten, opened, pieces, renewed, said
from tests.contracts.store import StoreContract


class OverLines(StoreContract, TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name) / "data"
        self.archive = self.data / "archive"

    def make(self, clock):
        return store_for("lines:", data=self.data, clock=clock, limits=Limits())

    def files(self):
        return b"".join(path.read_bytes() for path in self.archive.glob("*"))

    def break_it(self):
        def full(_descriptor):
            raise OSError(28, "No space left on device")

        return self.patch(os, "fsync", full).restore

    async def test_a_file_is_an_entry_a_line(self):
        store = await self.started()
        await store.record([opened(), said(2, "Grüße 🦉")])
        (path,) = self.archive.glob("*.jsonl")
        assert path.name == "algebra.k3q.1.jsonl"
        assert path.stat().st_mode & 0o777 == 0o600
        _, line = path.read_text("utf-8").splitlines()
        room, position, event = json.loads(line)
        assert (room, position, event["text"]) == ("algebra", "k3q.2", "Grüße 🦉")

    async def test_a_full_file_is_followed_by_the_next(self):
        self.patch(shelf, "FULL", 400)
        store = await self.started()
        lines = [said(seq, f"line {seq}") for seq in range(2, 30)]
        await store.record([opened()])
        for line in lines:
            await store.record([line])
        assert len(list(self.archive.glob("algebra.k3q.*"))) > 5
        assert await self.all_of(store) == pieces(*lines)
        await store.stop()
        again = await self.started()
        assert await self.all_of(again) == pieces(*lines)
        await again.record([forgotten(40)])
        assert list(self.archive.glob("*.jsonl")) == []

    async def test_what_a_kill_left_of_a_line_is_cut_off_and_comes_again(self):
        store = await self.started()
        await store.record([opened(), said(2, "whole"), said(3, "torn")])
        await store.stop()
        (path,) = self.archive.glob("*.jsonl")
        path.write_bytes(path.read_bytes()[:-9])
        again = await self.started()
        assert await self.all_of(again) == pieces(said(2, "whole"))
        await again.record([said(3, "torn"), said(4, "on")])
        assert await self.all_of(again) == pieces(said(2, "whole"), said(3, "torn"), said(4, "on"))

    async def test_a_kill_in_the_middle_of_a_deletion_brings_nothing_back(self):
        store = await self.started()
        await store.record([opened(), said(2, "owlpost")])
        (path,) = self.archive.glob("*.jsonl")
        words = path.read_bytes()
        await store.record([forgotten(3)])
        await store.stop()
        path.write_bytes(words)
        again = await self.started()
        assert b"owlpost" not in self.files()
        assert list(await again.rooms(("", ""), 9)) == []

    async def test_a_renewal_that_a_full_disk_stopped_half_way_is_done_when_it_comes_again(self):
        store = await self.started()
        await store.record([opened(), said(2, "one")])
        mend = self.break_it()
        with pytest.raises(Unavailable, match="No space left"):
            await store.record([renewed(3)])
        mend()
        assert await self.all_of(store) == pieces(said(2, "one"))
        await store.record([renewed(3)])
        assert await self.all_of(store, epoch="new") == pieces(said(2, "one", epoch="new"))

    async def test_one_process_has_the_folder(self):
        await self.started()
        with pytest.raises(ValueError, match="in use by another program"):
            await self.make(Clock()).start()

    async def test_a_file_of_somebody_else_is_told_and_left_alone(self):
        self.archive.mkdir(parents=True)
        path = self.archive / "algebra.k3q.1.jsonl"
        path.write_bytes(b"shopping list\n")
        store = await self.started()
        with pytest.raises(ValueError, match="has a line at byte 0 that is no entry"):
            await store.record([said(2, "hi")])
        assert path.read_bytes() == b"shopping list\n"

    async def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(self):
        self.data.write_text("a file stands here")
        with pytest.raises(ValueError, match="cannot be opened"):
            await self.make(Clock()).start()

    async def test_a_room_of_any_name_stays_in_the_folder(self):
        store = await self.started()
        await store.record([said(2, "hi", room="../x"), said(2, "ho", room="a.b/*")])
        assert [each.room for each in await store.rooms(("", ""), 9)] == ["../x", "a.b/*"]
        assert await self.all_of(store, "../x") == pieces(said(2, "hi", room="../x"))
        assert {path.parent for path in self.data.rglob("*.jsonl")} == {self.archive}
