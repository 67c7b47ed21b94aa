"""What every store promises of a log that goes on in another, because the broker had lost some of it."""

from __future__ import annotations

import copy

from meet.broker.ledger import Ledger
from meet.events import Position, Retitled, Said
from meet.interfaces import Record
from meet.limits import Limits
from meet.moments import moment
from meet.wire import decode_event, encode
from tests.contracts.records import START, forgotten, opened, pieces, record, renewed, said


class RenewalContract:
    async def test_a_log_that_goes_on_takes_what_was_recorded_with_it(self):
        store = await self.started()
        lines = [said(2, "one"), said(3, "two")]
        await store.record([opened(), *lines])
        await store.record([renewed(6), said(4, "late", epoch="new"), said(7, "on", epoch="new")])
        told = [said(2, "one", epoch="new"), said(3, "two", epoch="new"), said(4, "late", epoch="new")]
        assert await self.all_of(store, epoch="new") == pieces(*told, said(7, "on", epoch="new"))
        assert await self.all_of(store) == []
        assert list(await store.living()) == [("algebra", "new")]

    async def test_a_record_of_the_former_log_that_comes_late_is_not_kept(self):
        store = await self.started()
        await store.record([opened(), said(2, "one")])
        for _ in range(2):
            await store.record([renewed(3)])
            await store.record([opened(), said(2, "one"), said(9, "late")])
        assert await self.all_of(store) == []
        assert await self.all_of(store, epoch="new") == pieces(said(2, "one", epoch="new"))

    async def test_a_log_renewed_within_one_batch_is_moved_too(self):
        store = await self.started()
        await store.record([opened(), said(2, "one"), renewed(3), said(4, "two", epoch="new")])
        assert await self.all_of(store, epoch="new") == pieces(said(2, "one", epoch="new"), said(4, "two", epoch="new"))

    async def test_the_logs_before_are_moved_where_their_renewal_was_lost_too(self):
        store = await self.started()
        await store.record([opened(), said(2, "one")])
        await store.record([renewed(5, "newest", was="new", before=("k3q",)), said(6, "two", epoch="newest")])
        assert len(await self.all_of(store, epoch="newest")) == 2
        assert list(await store.living()) == [("algebra", "newest")]

    async def test_of_two_under_one_number_the_new_log_says_which_stays(self):
        store = await self.started()
        await store.record([opened(), said(2, "given the number again")])
        lost = [said(2, "lost at first", epoch="new"), said(3, "given the number again", epoch="new")]
        for _ in range(2):
            await store.record([renewed(4), *lost])
        assert await self.all_of(store, epoch="new") == pieces(*lost)

    async def test_lines_that_got_other_numbers_stand_there_only(self):
        store = await self.started()
        ledger, number = Ledger("k3q", Limits()), iter(range(1, 10))

        def on(which: Ledger, *texts: str) -> list[Record]:
            lines = [said(next(number), text).body for text in texts]
            return [Record("algebra", which.publish(line, START, under=None).position, line) for line in lines]

        common = on(ledger, "one")
        behind = copy.deepcopy(ledger)
        lost, since = on(ledger, "two", "three"), on(behind, "four", "five", "six", "seven")
        restored = behind.restored(ledger.look(), renewed(0).body, "new", START)
        assert restored is not None
        for batch in (common, lost, since, [Record("algebra", *told) for told in restored.records]):
            await store.record(batch)
        told = [decode_event(body) for _, body in await self.all_of(store, epoch="new")]
        texts = [event.text for event in told if isinstance(event, Said)]
        assert texts == ["one", "two", "three", "four", "five", "six", "seven"]

    async def test_state_under_a_number_that_was_given_twice_counts(self):
        store = await self.started()
        await store.record([opened(), said(2, "since")])
        title = Retitled(at=moment(START), by="a", nick="ann", title="Lost at first")
        await store.record([renewed(4), record(2, title, epoch="new"), said(3, "since", epoch="new")])
        look = await store.memory("algebra", "new", 10)
        assert (Position("new", 2), encode(title)) in look.kept
        assert list(look.tail) == pieces(said(3, "since", epoch="new"))

    async def test_a_renewed_log_is_forgotten_whole(self):
        store = await self.started()
        await store.record([opened(), said(2, "owlpost"), renewed(3), forgotten(4, epoch="new")])
        assert list(await store.living()) == []
        assert await self.all_of(store, epoch="new") == []
        if (held := self.files()) is not None:
            assert b"owlpost" not in held
