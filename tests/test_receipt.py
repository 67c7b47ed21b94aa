"""What is left of a room or of one who spoke there is found wherever it is, and only that."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet import receipt
from meet.events import Provenance, Said
from meet.limits import Limits
from meet.moments import moment
from meet.receipt import Place, Receipt, in_file, in_files, pattern, samples, shown
from meet.store import store_for
from tests.contracts.records import START, forgotten, opened, record, said


class Patterns(SynchronousTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "file"

    def count(self, data, *words, room="algebra", nick="", others=()):
        self.path.write_bytes(data)
        return in_file(self.path, pattern(room, nick, others), words)

    def test_an_entry_is_known_in_each_form_in_which_one_is_kept(self):
        line = said(2, "hi")
        at = moment(START).encode()
        for form in (
            b'["algebra","k3q.2",%s]' % line.body,
            b"\x0a\x1balgebrak3q\x02said" + at + b"p" * 16 + b"annwebhi" + line.body,
            b"\x0fannalgebra\x09k3q\0\0\0\0\x02\0\0\0\0\0\0\0\x0bsaid" + at,
            b"algebrak3q\x02\x01" + line.body,
            b"algebrak3q" + at + b"\x02",
        ):
            assert self.count(b"\0" * 50 + form + b"\0" * 50) >= 1
            assert self.count(form, room="biology") == 0

    def test_a_grave_and_a_room_of_a_longer_name_are_not_taken_for_it(self):
        assert self.count(b"algebrak3q\x04\x01\x02\x03\x04" + b"\0" * 80 + moment(START).encode()) == 0
        assert self.count(b'["linear-algebra","k3q.2",{"kind":', others=["linear-algebra", "algebra", "x"]) == 0
        assert self.count(b'["linear-algebra","k3q.2",{"kind":', others=["x"]) == 1

    def test_lines_of_one_are_told_from_those_of_others(self):
        rows = [said(2, "hi", nick="ann"), said(3, "ann said", nick="joann"), said(4, "hi", nick="anna")]
        jsonl = b"\n".join(b'["algebra","k3q.%d",%s]' % (each.position.seq, each.body) for each in rows)
        assert self.count(jsonl, nick="ann") == 1
        at = moment(START).encode()
        row = b"algebrak3q\x02said" + at + b"p" * 16 + b"ann" + b"webhi"
        assert self.count(row, nick="ann") == 1
        assert self.count(row, nick="nn") == 0

    def test_words_are_found_as_they_stand_in_json_and_across_pieces(self):
        self.patch(receipt, "_CHUNK", 64)
        for data in (b'xx"say \\"owl\\"" xx', b'say "owl"', b"\0" * 60 + b'say "owl"' + b"\0" * 99):
            assert self.count(data, 'say "owl"') == 1
        entry = b'["algebra","k3q.2",{"kind":'
        for before in range(40, 64):
            assert self.count(b"\0" * before + entry + b"\0" * 200) == 1

    def test_a_file_that_cannot_be_read_is_not_taken_for_empty(self):
        (place,) = in_files([self.path.parent], pattern("algebra"), [])
        assert place.found is None
        assert in_files([self.path], pattern("algebra"), []) == []


class Receipts(SynchronousTestCase):
    def test_it_says_that_nothing_is_left_only_if_all_was_looked_at(self):
        for found, verdict in (
            ((0, 0), "Nothing is left."),
            ((0, 2), "Something is left."),
            ((None, 2), "Something is left."),
            ((0, None), "Nothing was found, but not every place could be looked at."),
            ((), "Nothing was found, but not every place could be looked at."),
        ):
            told = Receipt("the room algebra", moment(START), [Place("here", each) for each in found])
            assert told.verdict == verdict
            assert told.clean is (verdict == "Nothing is left.")

    def test_its_last_line_is_the_checksum_of_the_others(self):
        told = Receipt("the room algebra", moment(START), [Place("broker", 0), Place("store", 3, "why")]).text()
        assert told.splitlines()[1:-1] == [
            "the room algebra",
            "broker: nothing",
            "store: found: 3 (why)",
            "Something is left.",
        ]
        body, _, last = told.rpartition("\n")
        assert last.split()[1] == hashlib.sha256((body + "\n").encode()).hexdigest()

    def test_a_password_is_not_shown(self):
        assert shown("postgresql://meet:secret@db/meet") == "postgresql://meet:***@db/meet"
        assert shown("redis://:secret@h:6379/0") == "redis://:***@h:6379/0"
        assert shown("sqlite:////srv/a.db") == "sqlite:////srv/a.db"

    def test_the_longest_texts_are_looked_for(self):
        lines = [said(number, "w" * number) for number in range(1, 60)]
        assert samples([*lines, *lines, opened()]) == ["w" * number for number in range(59, 27, -1)]


class InStores(TestCase):
    async def test_lines_are_found_in_every_log_of_the_room(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        store = store_for(f"lines:{folder.name}/a", data=Path(), clock=Clock(), limits=Limits())
        await store.start()
        self.addCleanup(store.stop)
        post = Provenance(id="1", handle="Ann@x.example", at=moment(START), link="https://x.example/1")
        voice = Said(at=moment(START), by="mastodon:1", nick="A", via="mastodon", text="from outside", post=post)
        await store.record([opened(), said(2, "one"), said(3, "two", nick="ben"), record(4, voice)])
        await store.record([said(1, "three", nick="ANN", epoch="new"), said(1, "four", room="algebra-2")])

        async def lines(nick):
            return [str(each.position) async for each in receipt.store_lines(store, "algebra", nick)]

        assert await lines("ann") == ["k3q.2", "new.1"]
        assert await lines("@ann@x.example") == ["k3q.4"]
        assert await lines("") == ["k3q.1", "k3q.2", "k3q.3", "k3q.4", "new.1"]
        await store.record([forgotten(9)])
        assert await lines("") == ["new.1"]
        assert await receipt.room_names(store) == {"algebra", "algebra-2"}
