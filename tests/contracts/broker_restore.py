"""What every broker promises of coming back from a loss: `meet.interfaces.IBroker.restore`."""

from __future__ import annotations

from typing import Any

from meet.errors import Stale, Taken
from meet.events import Event, Joined, Opened, Position, Renewed, Retitled, Said
from meet.look import Look
from meet.wire import decode_event, encode
from tests.contracts.broker_ground import BrokerGround
from tests.contracts.hearing import Heard

AT = "2026-11-24T12:00:00.000Z"
# A broker that has a time of its own, Redis, lets rooms go whose time is over by that.
OPENED = Opened(at=AT, name="algebra", title="Algebra", ends="2126-11-25T12:00:00.000Z", limit=140, lock="l")


def said(text: str, ref: str = "") -> Said:
    return Said(at=AT, by="p1", nick="Ann", via="web", text=text, ref=ref)


def retitled(title: str) -> Retitled:
    return Retitled(at=AT, by="p1", nick="Ann", title=title)


def texts(look: Look) -> list[tuple[int, str]]:
    return [(at.seq, event.text) for at, body in look.tail if isinstance(event := decode_event(body), Said)]


class RestoreContract(BrokerGround):
    """The part of `tests.contracts.broker.BrokerContract` that is about what was lost.

    Somebody knows the log as it was before the loss; the broker has only what it is given here.
    """

    async def nothing_known(self) -> Look:
        return Look(None, None, [], [], 0)

    async def tell(self, *events: Event, room: str = "algebra") -> Position:
        """Publish ``events``; the position of the last."""
        position = Position("", 0)
        for event in events:
            look = await self.look(room)
            guards: dict[str, Any] = {"key": event.key, "ruling": event.ruling, "once": event.once}
            if isinstance(event, Joined):
                guards["claim"] = (event.key, event.by)
            position = await self.say(encode(event), room, under=look.law, **guards)
        return position

    def more(self, look: Look, *events: Event) -> Look:
        """``look`` as it was when these had been numbered too."""
        last, law, kept, tail = look.last, look.law, list(look.kept), list(look.tail)
        for event in events:
            last = Position(last.epoch, last.seq + 1)
            if event.key is None:
                tail.append((last, encode(event)))
            else:
                kept = [each for each in kept if decode_event(each[1]).key != event.key]
                kept.append((last, encode(event)))
            law = last if event.ruling else law
        return Look(last, law, kept, tail, look.floor)

    async def restore(self, known: Look, room: str = "algebra", broker: Any = None) -> bool:
        renewed = encode(Renewed(at=AT, was=known.last.epoch))
        return await self.done((broker or self.broker).restore(room, known, renewed))

    async def elsewhere(self, *events: Event) -> Look:
        """What is known of a log that the broker has lost altogether."""
        await self.tell(*events)
        known = await self.look()
        await self.lose("algebra")
        return known

    def renewed(self, look: Look) -> Renewed:
        (event,) = [event for _, body in look.kept if isinstance(event := decode_event(body), Renewed)]
        return event

    # What is lost comes back.

    async def test_a_log_that_is_gone_comes_back_whole_under_its_numbers(self) -> None:
        known = await self.elsewhere(OPENED, said("one"), retitled("Sets"), said("two", ref="7"))
        self.assertTrue(await self.restore(known))
        for _ in range(2):
            look = await self.look()
            self.assertNotEqual(look.last.epoch, known.last.epoch)
            self.assertEqual(texts(look), [(2, "one"), (4, "two")])
            self.assertEqual([at.seq for at, _ in look.kept], [1, 3, 5])
            self.assertEqual((look.last.seq, look.law, look.floor), (5, look.last, 0))
            self.assertEqual(self.renewed(look).was, known.last.epoch)
            self.assertEqual(await self.done(self.broker.rooms()), ["algebra"])
            await self.restart()
        self.assertEqual((await self.tell(said("three"))).seq, 6)

    async def test_what_was_numbered_last_and_lost_comes_back(self) -> None:
        await self.tell(OPENED, said("one"))
        known = self.more(await self.look(), said("two"), retitled("Sets"), said("three"))
        self.assertTrue(await self.restore(known))
        look = await self.look()
        self.assertEqual(texts(look), [(2, "one"), (3, "two"), (5, "three")])
        self.assertEqual([at.seq for at, _ in look.kept], [1, 4, 6])

    async def test_the_tail_stays_bounded(self) -> None:
        await self.tell(OPENED, *(said(str(each)) for each in range(8)))
        known = self.more(await self.look(), *(said(str(each)) for each in range(8, 12)))
        known = known._replace(tail=known.tail[-10:], floor=3)
        self.assertTrue(await self.restore(known))
        look = await self.look()
        self.assertEqual([text for _, text in texts(look)], [str(each) for each in range(2, 12)])
        self.assertEqual(look.floor, 3)

    async def test_what_only_the_broker_knows_stays(self) -> None:
        await self.tell(OPENED, said("one"))
        former = await self.look()
        await self.tell(Joined(at=AT, by="p1", nick="Ann", via="web"))
        known = self.more(former._replace(last=Position(former.last.epoch, 3)), said("two"))
        self.assertTrue(await self.restore(known))
        look = await self.look()
        self.assertEqual(texts(look), [(2, "one"), (4, "two")])
        self.assertEqual([at.seq for at, _ in look.kept], [1, 3, 5])
        with self.assertRaises(Taken):
            await self.say(b"", under=look.law, key="who:ann", claim=("who:ann", "p2"))
        await self.say(b"", under=look.law, claim=("who:ann", "p1"))

    async def test_numbers_that_were_given_twice_are_told_apart(self) -> None:
        await self.tell(OPENED, said("one"))
        known = self.more(await self.look(), said("lost"), said("lost too"), retitled("Lost"))
        await self.tell(said("since"), retitled("Since"))
        self.assertTrue(await self.restore(known))
        look = await self.look()
        self.assertEqual(texts(look), [(2, "one"), (3, "lost"), (4, "lost too"), (6, "since")])
        kept = [(at.seq, decode_event(body)) for at, body in look.kept]
        self.assertEqual(kept[:2], [(1, OPENED), (7, retitled("Since"))])
        self.assertEqual(look.last.seq, 8)

    async def test_a_line_that_was_asked_again_since_stands_once(self) -> None:
        await self.tell(OPENED)
        known = self.more(await self.look(), said("lost"), said("hi", ref="7"))
        again = Said(at="2026-11-24T12:00:09.000Z", by="p1", nick="Ann", via="web", text="hi", ref="7")
        await self.tell(again)
        self.assertTrue(await self.restore(known))
        look = await self.look()
        self.assertEqual([text for _, text in texts(look)], ["lost", "hi"])
        stands = next(at for at, body in look.tail if body == encode(again))
        self.assertEqual(await self.tell(again), stands)

    async def test_a_line_that_came_back_is_not_said_again(self) -> None:
        await self.tell(OPENED)
        known = self.more(await self.look(), said("hi", ref="7"))
        self.assertTrue(await self.restore(known))
        self.assertEqual((await self.tell(said("hi", ref="7"))).seq, 2)

    async def test_nothing_that_was_decided_on_the_former_log_is_numbered(self) -> None:
        law = await self.tell(OPENED)
        known = self.more(await self.look(), said("lost"))
        await self.restore(known)
        await self.refused(Stale, under=law)

    async def test_people_are_not_brought_back(self) -> None:
        await self.tell(OPENED)
        known = self.more(await self.look(), Joined(at=AT, by="p1", nick="Ann", via="web"))
        self.assertTrue(await self.restore(known))
        look = await self.look()
        self.assertEqual([at.seq for at, _ in look.kept], [1, 3])
        await self.say(b"", under=look.law, key="who:ann", claim=("who:ann", "p2"))

    # What is not lost stays as it is.

    async def test_who_knows_nothing_more_changes_nothing(self) -> None:
        await self.tell(OPENED, said("one"))
        former = await self.look()
        await self.tell(said("two"), retitled("Sets"), *(said(str(each)) for each in range(10)))
        before = await self.look()
        for known in (former, before, await self.nothing_known()):
            renewed = encode(Renewed(at=AT, was="k3q"))
            self.assertFalse(await self.done(self.broker.restore("algebra", known, renewed)))
            self.assertEqual(await self.look(), before)

    async def test_a_log_that_does_not_come_from_it_is_left_alone(self) -> None:
        known = await self.elsewhere(OPENED, said("of another room that had this name"))
        await self.tell(OPENED, said("one"))
        before = await self.look()
        self.assertFalse(await self.restore(known))
        self.assertEqual(await self.look(), before)

    async def test_several_who_know_the_same_renew_it_once(self) -> None:
        known = await self.elsewhere(OPENED, said("one"))
        self.assertTrue(await self.restore(known))
        before = await self.look()
        less = known._replace(last=known.kept[0][0], tail=[])
        for each in (known, less):
            self.assertFalse(await self.restore(each))
        self.assertEqual(await self.look(), before)

    async def test_one_who_knows_more_comes_late(self) -> None:
        known = await self.elsewhere(OPENED, said("one"))
        more = self.more(known, said("two"), said("three"))
        self.assertTrue(await self.restore(known))
        second = await self.tell(said("since"))
        self.assertTrue(await self.restore(more))
        look = await self.look()
        self.assertEqual(sorted(text for _, text in texts(look)), ["one", "since", "three", "two"])
        self.assertIn((2, "one"), texts(look))
        self.assertIn((4, "since"), texts(look))
        self.assertEqual((self.renewed(look).was, self.renewed(look).before), (second.epoch, (known.last.epoch,)))
        for each in (known, more):
            self.assertFalse(await self.restore(each))

    async def test_a_room_that_came_back_can_be_dropped(self) -> None:
        known = await self.elsewhere(OPENED, said("a word to forget"))
        await self.restore(known)
        await self.done(self.broker.drop("algebra", b"forgotten"))
        self.assertIsNone((await self.look()).last)
        self.assertNotIn(b"a word to forget", self.files())

    # Who is told.

    async def test_those_who_attend_are_told_of_the_new_log(self) -> None:
        known = await self.elsewhere(OPENED, said("one"))
        heard = Heard()
        await self.done(self.broker.attend("algebra", heard.hear))
        await self.restore(known)
        look = await self.look()
        while heard.bodies[-1:] != [look.kept[-1][1]]:
            await self.done(heard.upto(len(heard.items) + 1))
        self.assertEqual(heard.items[-1], (look.last, look.kept[-1][1]))

    async def test_the_journal_is_told_what_the_broker_lacked(self) -> None:
        observer = Heard()
        await self.tell(OPENED, said("one"))
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(observer.upto(2))
        known = self.more(await self.look(), said("two"), said("three"))
        await self.restore(known)
        # News may gather for a moment before it is told.
        self.clock.advance(1)
        await self.done(observer.upto(5))
        look = await self.look()
        records = [(record.position, record.body) for record in observer.items[2:]]
        self.assertEqual(records, [look.kept[-1], *look.tail[-2:]])

    async def test_a_new_observer_hears_all_that_came_back(self) -> None:
        await self.tell(OPENED, said("one"))
        known = self.more(await self.look(), said("two"))
        await self.restore(known)
        observer = Heard()
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(observer.upto(4))
        look = await self.look()
        told = {(record.position, record.body) for record in observer.items}
        self.assertEqual(told, {*look.kept, *look.tail})
