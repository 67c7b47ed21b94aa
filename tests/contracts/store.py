"""What every store promises (`meet.interfaces.IStore`): mix it into a trial TestCase of your own.

``make`` returns a store that was not started, over the same place each time it is called in
one test; ``files`` all bytes that the store holds in that place, or None if that cannot be
looked at; ``break_it`` lets the database be away, and says by False if the test must be left out.
"""

from __future__ import annotations

import random

import pytest
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from meet.errors import Unavailable
from meet.events import (
    Closed,
    Extended,
    Joined,
    Left,
    Position,
    Removed,
    Retitled,
)
from meet.interfaces import IStore, Kept, Record
from meet.look import Look
from meet.moments import DAY, moment
from tests.contracts.records import START, bared, expired, forgotten, opened, pieces, post, record, renewed, said
from tests.contracts.store_renewal import RenewalContract


class StoreContract(RenewalContract):
    def make(self, clock):
        raise NotImplementedError

    def files(self):
        return None

    def break_it(self):
        return False

    async def started(self, clock=None):
        if clock is None:
            clock = Clock()
            clock.advance(START)
        store = self.make(clock)
        await store.start()
        self.addCleanup(store.stop)
        return store

    async def all_of(self, store, room="algebra", epoch="k3q"):
        return list(await store.transcript(room, epoch, 0, 10_000))

    async def test_it_is_a_store(self):
        assert verifyObject(IStore, await self.started())

    async def test_what_was_said_is_there_in_order_byte_for_byte(self):
        store = await self.started()
        lines = [said(2, "hi"), said(3, "Grüße 🦉"), said(4, "bye")]
        await store.record([opened(), *lines])
        assert await self.all_of(store) == pieces(*lines)

    async def test_a_batch_that_comes_twice_is_kept_once(self):
        store = await self.started()
        batch = [opened(), said(2, "hi"), said(2, "hi")]
        await store.record(batch)
        await store.record([*batch, said(3, "you")])
        assert await self.all_of(store) == pieces(said(2, "hi"), said(3, "you"))

    async def test_it_outlives_a_restart(self):
        store = await self.started()
        await store.record([opened(), said(2, "hi")])
        await store.stop()
        again = await self.started()
        assert await self.all_of(again) == pieces(said(2, "hi"))

    async def test_only_talk_is_told(self):
        store = await self.started()
        at = moment(START)
        await store.record(
            [
                opened(),
                record(2, Joined(at=at, by="a", nick="ann", via="web")),
                said(3, "hi"),
                record(4, Retitled(at=at, by="a", nick="ann", title="Sums")),
                record(5, Extended(at=at, by="a", nick="ann", ends=at)),
                record(6, Left(at=at, by="a", nick="ann")),
                record(7, Closed(at=at, because="host")),
            ]
        )
        assert await self.all_of(store) == pieces(said(3, "hi"))

    async def test_history_goes_back_by_pages(self):
        store = await self.started()
        lines = [said(seq, f"line {seq}") for seq in range(2, 12)]
        await store.record([opened(), *lines])
        newest = await store.history("algebra", Position("k3q", 12), 4)
        assert list(newest) == pieces(*lines[-4:])
        older = await store.history("algebra", newest[0][0], 4)
        assert list(older) == pieces(*lines[-8:-4])
        assert list(await store.history("algebra", Position("k3q", 2), 4)) == []

    async def test_a_transcript_goes_on_by_pages(self):
        store = await self.started()
        lines = [said(seq, f"line {seq}") for seq in range(2, 12)]
        await store.record([opened(), *lines])
        assert list(await store.transcript("algebra", "k3q", 0, 4)) == pieces(*lines[:4])
        assert list(await store.transcript("algebra", "k3q", 5, 4)) == pieces(*lines[4:8])
        assert list(await store.transcript("algebra", "k3q", 11, 4)) == []

    async def test_rooms_and_logs_are_kept_apart(self):
        store = await self.started()
        await store.record([said(1, "a"), said(1, "b", room="biology"), said(1, "c", epoch="new")])
        assert await self.all_of(store) == pieces(said(1, "a"))
        assert await self.all_of(store, "biology") == pieces(said(1, "b", room="biology"))
        assert await self.all_of(store, epoch="new") == pieces(said(1, "c", epoch="new"))
        assert await self.all_of(store, "nowhere") == []

    async def test_a_shape_nobody_knows_holds_nothing_up(self):
        store = await self.started()
        odd = [
            Record("algebra", Position("k3q", 1), b'{"kind":"polled","at":"x"}'),
            Record("algebra", Position("k3q", 2), b"\xff not json"),
            said(3, "w" * 10_000, nick="n" * 1000),
        ]
        await store.record(odd)
        assert await self.all_of(store) == pieces(odd[2])

    async def test_every_character_comes_back_as_it_was_said(self):
        store = await self.started()
        texts = [
            "🦉👩‍👩‍👧‍👦🇩🇪",
            "e\u0301 é",
            "שלום \u200fعربي",
            "𝔘𝔫𝔦\U0010ffff",
            "a\x00b",
            "'\"\\%_;--",
            "\u2028\u2029",
            "ÅÅ",
        ]
        lines = [said(seq, text, nick="zoë🦉") for seq, text in enumerate(texts, 2)]
        await store.record([opened(title="Mathe 🦉 für Ängstliche"), *lines])
        assert await self.all_of(store) == pieces(*lines)

    async def test_a_line_longer_than_any_room_takes_is_kept_whole(self):
        store = await self.started()
        line = said(2, "🦉 " * 40_000)
        await store.record([opened(), line])
        assert await self.all_of(store) == pieces(line)

    # Lists, pages by time, search, what an export is made of, and deletion.

    async def test_rooms_are_listed_by_pages_as_they_are_now(self):
        store = await self.started()
        at, ends = moment(START + 60), moment(START + 7200)
        for room, epoch in (("b-2", "k3q"), ("b2", "a"), ("b2", "b"), ("a", "k3q")):
            await store.record([opened(title=f"{room} {epoch}", room=room, epoch=epoch)])
        changes = [
            record(2, Retitled(at=at, by="a", nick="ann", title="Sums"), "a"),
            record(3, Extended(at=at, by="a", nick="ann", ends=ends), "a"),
            record(4, Closed(at=at, because="host"), "a"),
        ]
        await store.record([*changes, said(7, "no opening is recorded", room="z")])
        first = list(await store.rooms(("", ""), 2))
        assert first == [
            Kept("a", "k3q", "Sums", moment(START), ends, at),
            Kept("b-2", "k3q", "b-2 k3q", moment(START), moment(START + 3600), ""),
        ]
        second = list(await store.rooms(first[-1][:2], 10))
        assert [each[:2] for each in second] == [("b2", "a"), ("b2", "b"), ("z", "k3q")]
        assert second[-1] == Kept("z", "k3q", "", "", "", "")
        assert list(await store.rooms(("z", "k3q"), 10)) == []

    async def test_what_comes_late_does_not_undo_what_is_newer(self):
        store = await self.started()
        at, ends = moment(START + 60), moment(START + 7200)
        await store.record(
            [
                record(7, Retitled(at=at, by="a", nick="ann", title="New")),
                record(8, Extended(at=at, by="a", nick="ann", ends=ends)),
                record(9, Closed(at=at, because="host")),
            ]
        )
        await store.record([opened(), record(3, Retitled(at=at, by="a", nick="ann", title="Old")), said(4, "hi")])
        assert list(await store.rooms(("", ""), 9)) == [Kept("algebra", "k3q", "New", moment(START), ends, at)]
        assert await self.all_of(store) == pieces(said(4, "hi"))

    async def test_every_entry_is_told_byte_for_byte_for_an_export(self):
        store = await self.started()
        kept = [
            opened(),
            said(3, "hi"),
            Record("algebra", Position("k3q", 4), b'{"kind":"polled", "at":"x"}'),
            Record("algebra", Position("k3q", 5), b"\xff not json"),
            record(6, Retitled(at=moment(START), by="a", nick="ann", title="Sums")),
        ]
        await store.record([*kept[3:], record(2, Joined(at=moment(START), by="a", nick="ann", via="web"))])
        await store.record(kept[:3])
        assert list(await store.entries("algebra", "k3q", 0, 3)) == pieces(*kept[:3])
        assert list(await store.entries("algebra", "k3q", 4, 3)) == pieces(*kept[3:])
        assert list(await store.entries("algebra", "other", 0, 3)) == []

    async def test_talk_is_found_by_its_time(self):
        store = await self.started()
        lines = [said(seq, f"line {seq}") for seq in range(2, 12)]
        await store.record([opened(), *lines, said(2, "other", room="biology")])
        assert list(await store.since("algebra", "k3q", moment(START + 5), 3)) == pieces(*lines[3:6])
        assert list(await store.since("algebra", "k3q", moment(START + 4.5), 1)) == pieces(lines[3])
        assert list(await store.since("algebra", "k3q", moment(0), 99)) == pieces(*lines)
        assert list(await store.since("algebra", "k3q", moment(START + 12), 3)) == []

    async def test_a_search_finds_each_word_in_any_case_and_goes_back_by_pages(self):
        store = await self.started()
        texts = ["Die Eule ruft", "eulenspiegel", "nichts", "STRASSE zur Eule", "straße", "ＥＵＬＥ", "100%_\\'"]
        lines = [said(seq, text, nick="Zoë") for seq, text in enumerate(texts, 2)]
        await store.record([opened(), *lines, said(2, "eule", room="biology")])
        assert await self.search(store, "EULE") == pieces(lines[0], lines[1], lines[3], lines[5])
        assert await self.search(store, " ruft  eule ") == pieces(lines[0])
        assert await self.search(store, "strasse") == pieces(lines[3], lines[4])
        assert await self.search(store, "zoë nichts") == pieces(lines[2])
        assert await self.search(store, "%_\\'") == pieces(lines[6])
        assert await self.search(store, "uhu") == []
        assert await self.search(store, " ") == []
        newest = await store.search("algebra", Position("k3q", 99), "eule", 2)
        assert (list(newest.talk), newest.down_to) == (pieces(lines[3], lines[5]), 5)
        older = await store.search("algebra", Position("k3q", newest.down_to), "eule", 9)
        assert (list(older.talk), older.down_to) == (pieces(*lines[:2]), 0)

    async def search(self, store, words):
        return list((await store.search("algebra", Position("k3q", 99), words, 50)).talk)

    async def test_what_is_deleted_is_gone_from_every_answer_and_does_not_come_back(self):
        store = await self.started()
        await store.record([opened(title="owlpost"), said(2, "owlpost"), opened(room="biology")])
        await store.delete("algebra", "k3q")
        await store.record([said(3, "owlpost")])
        assert [each.room for each in await store.rooms(("", ""), 9)] == ["biology"]
        assert list(await store.entries("algebra", "k3q", 0, 9)) == []
        assert await self.search(store, "owlpost") == []
        assert list(await store.living()) == [("biology", "k3q")]
        if (held := self.files()) is not None:
            assert b"owlpost" not in held

    async def test_what_is_forgotten_is_gone_and_the_rest_stays(self):
        store = await self.started()
        other = [opened(room="biology"), said(2, "stays", room="biology")]
        await store.record([opened(), *other, said(2, "goes"), said(3, "later", epoch="new")])
        await store.record([forgotten(3)])
        assert await self.all_of(store) == []
        assert await self.all_of(store, "biology") == pieces(other[1])
        assert await self.all_of(store, epoch="new") == pieces(said(3, "later", epoch="new"))

    async def test_a_room_said_and_forgotten_in_one_batch_is_gone(self):
        store = await self.started()
        await store.record([opened(), said(2, "goes"), forgotten(3), said(1, "new", epoch="new")])
        assert await self.all_of(store) == []
        assert await self.all_of(store, epoch="new") == pieces(said(1, "new", epoch="new"))

    async def test_a_record_that_comes_late_brings_no_words_back(self):
        store = await self.started()
        await store.record([opened(), said(2, "goes")])
        await store.record([forgotten(4)])
        await store.record([opened(title="owlpost"), said(2, "owlpost"), said(3, "owlpost"), forgotten(4)])
        assert await self.all_of(store) == []
        if (held := self.files()) is not None:
            assert b"owlpost" not in held

    async def test_a_line_that_was_removed_is_gone_and_so_are_its_words(self):
        store = await self.started()
        gone = Removed(at=moment(START), number=2, because="host", by="p" * 16, nick="ann")
        await store.record([opened(), said(2, "xyzzy"), said(3, "hi"), record(4, gone)])
        assert await self.all_of(store) == [*pieces(said(3, "hi")), *pieces(record(4, gone))]
        await store.record([said(2, "xyzzy"), said(5, "late")])
        assert await self.all_of(store) == pieces(said(3, "hi"), record(4, gone), said(5, "late"))
        await store.record([record(6, Removed(at=moment(START), number=7, because="source")), said(7, "still to come")])
        assert (await self.all_of(store))[-1:] == pieces(said(7, "still to come"))
        files = self.files()
        assert files is None or b"xyzzy" not in files

    async def test_of_a_post_whose_words_have_expired_id_and_link_stay_in_its_place(self):
        store = await self.started()
        first, second, third, free = (
            post(2, "xyzzy", 50),
            post(3, "plugh", 60),
            post(4, "young", 99),
            post(5, "free", None),
        )
        await store.record([opened(), first, second, third, free, said(6, "hi")])
        assert await self.all_of(store) == pieces(first, second, third, free, said(6, "hi"))
        await store.record([expired(7, 60)])
        left = [*bared(first, second), *pieces(third, free, said(6, "hi"))]
        assert await self.all_of(store) == left
        assert b"https://x.com/i/status/200" in left[0][1]
        # Told again, or late, by another worker.
        await store.record([first, post(8, "xyzzy", 40)])
        await store.record([expired(7, 60)])
        assert await self.all_of(store) == [*left, *bared(post(8, "xyzzy", 40))]
        found = await store.search("algebra", Position("k3q", 99), "xyzzy", 9)
        assert found.talk == []
        await store.stop()
        store = await self.started()
        assert await self.all_of(store) == [*left, *bared(post(8, "xyzzy", 40))]
        files = self.files()
        assert files is None or not [word for word in (b"xyzzy", b"plugh") if word in files]
        await store.record([renewed(9), post(10, "xyzzy", 60, epoch="new")])
        told = await self.all_of(store, epoch="new")
        assert [place.seq for place, body in told if b"xyzzy" in body] == []

    async def test_no_file_holds_a_word_of_what_was_forgotten(self):
        if self.files() is None:
            return
        store = await self.started()
        chance = random.Random(7)
        seqs = dict.fromkeys([f"room{number}" for number in range(12)], 1)
        await store.record([opened(title=f"t-{room}-t", room=room) for room in seqs])
        for _ in range(60):
            batch = []
            for _ in range(chance.randrange(1, 40)):
                room = chance.choice(list(seqs))
                seqs[room] += 1
                text = f"w-{room}-w" * chance.randrange(1, 60)
                batch.append(said(seqs[room], text, nick=f"n-{room}-n", room=room))
            await store.record(batch)
        assert b"w-room1-w" in self.files()
        for room in list(seqs)[:6]:
            await store.record([forgotten(seqs.pop(room) + 1, room=room)])
            held = self.files()
            for word in (f"w-{room}-w", f"n-{room}-n", f"t-{room}-t"):
                assert word.encode() not in held
        for room, last in seqs.items():
            assert len(await self.all_of(store, room)) == last - 1

    async def test_living_logs_are_those_that_opened_and_are_not_forgotten(self):
        store = await self.started()
        await store.record([opened(), opened(room="biology"), said(2, "hi", room="chemistry")])
        assert list(await store.living()) == [("algebra", "k3q"), ("biology", "k3q")]
        await store.record([forgotten(3)])
        assert list(await store.living()) == [("biology", "k3q")]

    async def test_its_memory_is_the_log_without_people(self):
        store = await self.started()
        at = moment(START)
        records = [
            opened(),
            record(2, Joined(at=at, by="a", nick="ann", via="web", host=True)),
            said(3, "one"),
            record(4, Retitled(at=at, by="a", nick="ann", title="Sums")),
            said(5, "two"),
            record(6, Extended(at=at, by="a", nick="ann", ends=at)),
            record(7, Retitled(at=at, by="a", nick="ann", title="Sets")),
            said(8, "three"),
        ]
        await store.record(records)
        look = await store.memory("algebra", "k3q", 2)
        assert (look.last, look.law, look.floor) == (Position("k3q", 8), Position("k3q", 6), 3)
        assert list(look.kept) == pieces(records[0], records[5], records[6])
        assert list(look.tail) == pieces(records[4], records[7])
        assert (await store.memory("algebra", "k3q", 3)).floor == 0
        assert await store.memory("algebra", "unknown", 3) == Look(None, None, [], [], 0)

    async def test_a_grave_is_kept_for_a_week_not_for_ever(self):
        clock = Clock()
        clock.advance(START)
        store = await self.started(clock)
        await store.record([opened(), forgotten(3)])
        clock.advance(6 * DAY)
        await store.record([said(2, "late")])
        assert await self.all_of(store) == []
        clock.advance(2 * DAY)
        await store.record([said(1, "else", room="biology")])
        await store.record([said(2, "a week later")])
        assert len(await self.all_of(store)) == 1

    async def test_stopping_waits_for_what_is_under_way(self):
        store = await self.started()
        under_way = store.record([opened(), *[said(seq, "x") for seq in range(2, 500)]])
        await store.stop()
        assert under_way.called
        again = await self.started()
        assert len(await self.all_of(again)) == 498

    async def test_a_store_that_is_closed_is_unavailable(self):
        store = await self.started()
        await store.stop()
        with pytest.raises(Unavailable):
            await store.record([said(1, "hi")])
        with pytest.raises(Unavailable):
            await store.history("algebra", Position("k3q", 1), 1)

    async def test_a_database_that_is_away_is_unavailable_and_loses_nothing(self):
        store = await self.started()
        await store.record([opened(), said(2, "before")])
        mend = self.break_it()
        if not mend:
            return
        with pytest.raises(Unavailable):
            await store.record([said(3, "after")])
        mend()
        await store.record([said(3, "after")])
        assert await self.all_of(store) == pieces(said(2, "before"), said(3, "after"))
