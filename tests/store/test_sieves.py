"""A search passes over what cannot have its words, and over nothing else."""

from __future__ import annotations

import random

from sqlalchemy import create_engine, func, select
from twisted.trial.unittest import SynchronousTestCase

from meet.events import Position, Removed
from meet.moments import moment
from meet.search import folded
from meet.store import archive, sieves
from meet.store.sieves import BLOCK, marks_of, may_have, sieve
from meet.store.tables import METADATA, SIEVES
from tests.contracts.records import START, forgotten, opened, record, renewed, said

WORDS = ["eule", "straße", "ﬁnden", "東京都", "กรุงเทพ", "zoë", "🦉", "café", "100%", "o'brien", "ќниги"]


class OneSieve(SynchronousTestCase):
    def test_it_lets_through_each_part_of_each_word_that_is_in_it(self):
        chance = random.Random(5)
        texts = [folded(" ".join(chance.choices(WORDS, k=4)).upper(), "Ann") for _ in range(50)]
        bits = sieve(texts)
        for text in texts:
            for word in text.split():
                for _ in range(5):
                    begin = chance.randrange(len(word))
                    assert may_have(bits, marks_of(word[begin : chance.randrange(begin, len(word)) + 1]))

    def test_it_holds_back_most_of_what_is_not(self):
        chance = random.Random(6)
        letters = "abcdefghijklmnopqrstuvwxyz"
        bits = sieve(["".join(chance.choices(letters, k=8)) for _ in range(500)])
        others = ["".join(chance.choices(letters, k=8)) for _ in range(500)]
        assert sum(may_have(bits, marks_of(other)) for other in others) < 10
        assert not may_have(sieve([]), marks_of("owl"))
        assert not may_have(sieve(["東京"]), marks_of("大阪"))

    def test_what_is_too_short_for_it_passes(self):
        assert may_have(sieve(["owl"]), marks_of("xy z"))
        assert may_have(sieve(["owl"]), marks_of(" "))


class InAnArchive(SynchronousTestCase):
    def setUp(self):
        engine = create_engine("sqlite://")
        self.addCleanup(engine.dispose)
        self.connection = engine.connect()
        self.addCleanup(self.connection.close)
        METADATA.create_all(self.connection)

    def keep(self, *records):
        archive.keep(self.connection, records, START)

    def blocks(self, epoch="k3q"):
        rows = select(SIEVES.c.block).where(SIEVES.c.epoch == epoch).order_by(SIEVES.c.block)
        return list(self.connection.execute(rows).scalars())

    def found(self, words, epoch="k3q", before=99_999):
        numbers, pages = [], 0
        while before:
            page = archive.find(self.connection, "algebra", Position(epoch, before), words, 50)
            numbers = [position.seq for position, _ in page.talk] + numbers
            before = page.down_to
            pages += 1
        return numbers, pages

    def test_every_block_behind_the_newest_has_one_however_the_lines_come(self):
        chance = random.Random(3)
        self.keep(opened())
        numbers = [number for number in range(2, 5 * BLOCK) if number % 7 or number > 4 * BLOCK]
        while numbers:
            some, numbers = numbers[: (count := chance.randrange(1, 90))], numbers[count:]
            self.keep(*(said(number, f"line {number}") for number in some))
        assert self.blocks() == [0, 1, 2, 3]

    def test_nothing_that_was_said_is_passed_over(self):
        chance = random.Random(4)
        self.keep(opened())
        said_where = {}
        batch = []
        for number in range(2, 6 * BLOCK):
            text = " ".join(chance.choices(WORDS, k=2)) if number % 40 == 0 else "nothing"
            said_where[number] = text
            batch.append(said(number, text))
        late = [batch.pop(index) for index in (900, 600, 300, 5)]
        for start in range(0, len(batch), 100):
            self.keep(*batch[start : start + 100])
        self.keep(*late)
        for word in (*WORDS, "nothing", "thin"):
            wanted = [number for number, text in said_where.items() if folded(word, "").strip() in folded(text, "")]
            assert self.found(word)[0] == wanted

    def test_a_page_reads_little_and_goes_on_where_it_ended(self):
        self.patch(sieves, "SHAKEN", 4)
        self.patch(sieves, "_AT_ONCE", 2)
        self.keep(opened(), said(2, "owlpost"))
        self.keep(*(said(number, "nothing") for number in range(3, 14 * BLOCK)))
        assert self.found("owlpost") == ([2], 4)
        page = archive.find(self.connection, "algebra", Position("k3q", 14 * BLOCK), "owlpost", 5)
        assert page == ([], 9 * BLOCK)

    def test_what_was_removed_or_replaced_is_in_no_sieve(self):
        self.keep(opened(), said(2, "owlpost"), *(said(number, "nothing") for number in range(3, 2 * BLOCK)))
        assert self.shaken("owlpost")
        self.keep(record(600, Removed(at=moment(START), number=2, because="host")))
        assert not self.shaken("owlpost")
        self.keep(said(3, "owlpost"))
        assert self.shaken("owlpost")
        self.keep(said(3, "nothing"))
        assert not self.shaken("owlpost")

    def shaken(self, words):
        bits = self.connection.execute(select(SIEVES.c.sieve).where(SIEVES.c.block == 0)).scalar_one()
        return may_have(bits, marks_of(words))

    def test_they_go_with_their_log_and_move_with_it(self):
        self.keep(opened(), *(said(number, f"owl{number}") for number in range(2, 3 * BLOCK)))
        self.keep(
            said(300, "given again", epoch="new"),
            renewed(3 * BLOCK),
            *(said(number, "later", epoch="new") for number in range(3 * BLOCK + 1, 4 * BLOCK + 9)),
        )
        assert self.blocks() == []
        assert self.found("owl299", "new")[0] == [299]
        assert self.found("given", "new")[0] == [300]
        assert self.found("owl300", "new")[0] == []
        self.keep(forgotten(2000, epoch="new"))
        assert self.connection.execute(select(func.count()).select_from(SIEVES)).scalar() == 0
