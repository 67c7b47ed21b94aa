"""A ledger numbers what its guards allow, and can be rebuilt from what it told."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.broker.ledger import Ledger, Mark, Published, Restored, Row
from meet.errors import Stale, Taken
from meet.events import Extended, Joined, Position, Presence, Removed, Renewed, Retitled, Said
from meet.limits import Limits
from meet.look import holds
from meet.moments import moment
from meet.wire import decode_event, encode

RENEWED = encode(Renewed(at="", was=""))
LIMITS = Limits().but({"entries-in-tail": 3})
KEYS = st.sampled_from(["who:ann", "who:bob", "title"])
OWNERS = st.sampled_from(["p1", "p2"])
ASKS = st.lists(
    st.fixed_dictionaries(
        {
            "under": st.integers(0, 6),
            "key": st.none() | KEYS,
            "forget": st.booleans(),
            "ruling": st.booleans(),
            "claim": st.none() | st.tuples(KEYS, OWNERS),
            "once": st.none() | st.sampled_from(["a", "b", "c"]),
            "erase": st.none() | st.integers(1, 8),
            "instead": st.none() | st.integers(1, 8),
            "later": st.sampled_from([0.0, 1.0, 200.0]),
        }
    ),
    max_size=40,
)


class Files:
    """What a broker that writes down every `Published` has; and the rules, told once more."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.marks: dict[str, Mark] = {}

    def write(self, body: bytes, key: str | None, once: str | None, now: float, published: Published) -> None:
        for seq, other in published.changed:
            self.rows[seq] = self.rows[seq]._replace(body=other)
        for seq in published.passed:
            del self.rows[seq]
        if published.held:
            self.rows[published.position.seq] = Row(published.position.seq, key, published.owner, body)
        if once is not None:
            self.marks.pop(once, None)
            self.marks[once] = Mark(once, published.position.seq, now)

    def rebuilt(self, ledger: Ledger) -> Ledger:
        return Ledger.rebuilt(
            ledger.epoch,
            LIMITS,
            last=ledger.last,
            law=ledger.law,
            floor=ledger.floor,
            rows=self.rows.values(),
            marks=self.marks.values(),
        )


class Stories(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = Ledger("k3q", LIMITS)

    def publish(self, body: bytes = b"x", now: float = 0, **guards: Any) -> Published:
        guards.setdefault("under", self.ledger.ruled)
        return self.ledger.publish(body, now, **guards)

    def test_a_refusal_begins_no_log(self) -> None:
        with self.assertRaises(Taken):
            self.publish(claim=("who:ann", "p1"))
        with self.assertRaises(Stale):
            self.publish(under=Position("k3q", 1))
        self.assertFalse(self.ledger.known)
        self.assertIsNone(self.ledger.look().last)

    def test_it_tells_what_passed(self) -> None:
        self.assertEqual(self.publish(key="title").passed, ())
        self.assertEqual(self.publish(key="title").passed, (1,))
        for _ in range(3):
            self.assertEqual(self.publish().passed, ())
        self.assertEqual(self.publish().passed, (3,))
        self.assertEqual(self.ledger.floor, 3)
        self.assertEqual(self.publish(key="erased", erase=Position("k3q", 4)).passed, (4,))
        self.assertEqual(self.publish(key="erased", erase=Position("other", 5)).passed, (7,))
        gone = self.publish(key="title", forget=True)
        self.assertEqual((gone.passed, gone.held), ((2,), False))

    def test_only_talk_that_is_remembered_gets_another_body(self) -> None:
        for _ in range(4):
            self.publish()
        others = [(Position("k3q", each), b"%d" % each) for each in (1, 2, 4, 9)] + [(Position("old", 3), b"no")]
        self.assertEqual(self.publish(key="expired", instead=others).changed, ((2, b"2"), (4, b"4")))
        self.assertEqual([body for _, body in self.ledger.look().tail], [b"2", b"x", b"4"])

    def test_talk_that_came_after_an_erasure_does_not_push_out_more(self) -> None:
        for _ in range(3):
            self.publish()
        self.assertEqual(self.publish(erase=Position("k3q", 1)).passed, (1,))
        self.assertEqual(self.ledger.floor, 0)

    def test_writing_a_key_without_a_claim_leaves_it_its_owner(self) -> None:
        self.publish(key="who:ann", claim=("who:ann", "p1"))
        self.assertEqual(self.publish(key="who:ann").owner, "p1")
        with self.assertRaises(Taken):
            self.publish(claim=("who:ann", "p2"))

    def test_a_key_that_nobody_claimed_is_free(self) -> None:
        self.publish(key="title")
        self.assertEqual(self.publish(key="title", claim=("title", "p1")).owner, "p1")

    def test_a_clock_that_goes_back_forgets_nothing(self) -> None:
        first = self.publish(once="a", now=1000)
        self.assertEqual(self.publish(once="a", now=900), Published(first.position, repeated=True))


class Properties(SynchronousTestCase):
    @given(ASKS)
    def test_whatever_is_asked_the_ledger_holds_and_can_be_rebuilt(self, asks: list[dict[str, Any]]) -> None:
        ledger, files, now = Ledger("k3q", LIMITS), Files(), 0.0
        for number, ask in enumerate(asks):
            now += ask.pop("later")
            under, erase = ask.pop("under"), ask.pop("erase")
            ask["under"] = ledger.ruled if under else None
            ask["erase"] = None if erase is None else Position("k3q", erase)
            if (other := ask.pop("instead")) is not None:
                ask["instead"] = [(Position("k3q", other), b"instead")]
            twin = files.rebuilt(ledger)
            before = ledger.look()
            body = b"%d" % number
            told: list[object] = []
            for each in (ledger, twin):
                try:
                    told.append(each.publish(body, now, **ask))
                except (Stale, Taken) as refused:
                    told.append(type(refused))
            self.assertEqual(told[0], told[1])
            self.assertEqual(ledger.look(), twin.look())
            published = told[0]
            if not isinstance(published, Published) or published.repeated:
                self.assertEqual(ledger.look(), before)
                continue
            self.assertEqual(published.position.seq, (before.last.seq if before.last else 0) + 1)
            files.write(body, ask["key"], ask["once"], now, published)
            look = ledger.look()
            self.assertEqual(look, files.rebuilt(ledger).look())
            for entries in (look.kept, look.tail):
                seqs = [place.seq for place, _ in entries]
                self.assertEqual(seqs, sorted(set(seqs)))
            self.assertLessEqual(len(look.tail), 3)
            self.assertTrue(all(place.seq > look.floor for place, _ in look.tail))

    @given(st.lists(st.tuples(OWNERS, st.booleans()), max_size=20))
    def test_a_key_has_one_owner_at_a_time(self, asks: list[tuple[str, bool]]) -> None:
        ledger = Ledger("k3q", LIMITS)
        holder: str | None = None
        for owner, forget in asks:
            allowed = holder == owner or (holder is None and not forget)
            try:
                ledger.publish(b"", 0, under=None, key="who:ann", forget=forget, claim=("who:ann", owner))
            except Taken:
                self.assertFalse(allowed)
            else:
                self.assertTrue(allowed)
                holder = None if forget else owner


def said(text: str, at: float, ref: str = "") -> Said:
    return Said(at=moment(at), by="p1", nick="Ann", via="web", text=text, ref=ref)


class Archive:
    """What an observer of the journal keeps of the talk: the last that it was told under each number."""

    def __init__(self) -> None:
        self._bodies: dict[int, bytes] = {}

    @property
    def talk(self) -> list[bytes]:
        """All of it, in the order of the numbers."""
        return [self._bodies[seq] for seq in sorted(self._bodies)]

    def keep(self, restored: Restored) -> None:
        """Take what is told of a log that goes on."""
        for position, body in restored.records:
            self.take(position.seq, body)

    def take(self, seq: int, body: bytes) -> None:
        """Take one entry, in place of another of its number."""
        event = decode_event(body)
        if isinstance(event, Presence):
            return
        self._bodies.pop(event.number if isinstance(event, Removed) else seq, None)
        if isinstance(event, Said):
            self._bodies[seq] = body


class Talkers:
    """Let a ledger go on by an entry of any kind, of which ``archive`` is told; the bodies of talk among it."""

    def __init__(self, data: st.DataObject, archive: Archive) -> None:
        self._data = data
        self._archive = archive
        self._numbers = iter(range(1000))

    def __call__(self, ledger: Ledger) -> list[bytes]:
        """One entry more."""
        number = next(self._numbers)
        kind = self._data.draw(st.sampled_from(["talk", "ref", "title", "law", "came"]))
        event: Any = said(str(number), number, ref=str(number) if kind == "ref" else "")
        if kind == "title":
            event = Retitled(at=moment(number), by="p1", nick="Ann", title=str(number))
        elif kind == "law":
            event = Extended(at=moment(number), by="p1", nick="Ann", ends=moment(number))
        elif kind == "came":
            event = Joined(at=moment(number), by=f"p{number}", nick=f"ann{number}", via="web")
        body = encode(event)
        published = ledger.publish(
            body,
            0,
            under=ledger.ruled,
            key=event.key,
            ruling=event.ruling,
            claim=(event.key, event.by) if kind == "came" else None,
            once=event.once,
        )
        self._archive.take(published.position.seq, body)
        return [body] if event.key is None else []


class Losses(SynchronousTestCase):
    """A log goes on, loses its newest entries, goes on otherwise, and gets them back."""

    @given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.data())
    def test_nothing_that_either_side_knows_is_lost(
        self, common: int, lost: int, since: int, data: st.DataObject
    ) -> None:
        limits = Limits().but({"entries-in-tail": 30})
        go_on = Talkers(data, archive := Archive())
        ledger = Ledger("k3q", limits)
        talk = [body for _ in range(common) for body in go_on(ledger)]
        behind = copy.deepcopy(ledger)
        told = [body for _ in range(lost) for body in go_on(ledger)]
        known = ledger.look()
        talk_since = [body for _ in range(since) for body in go_on(behind)]
        restored = behind.restored(known, RENEWED, "new", 0)
        if restored is None:
            self.assertTrue(holds(behind.look(), known))
            return
        archive.keep(restored)
        self.assertEqual(archive.talk, [body for _, body in restored.ledger.look().tail])
        whole = restored.ledger
        look = whole.look()
        self.assertEqual(sorted(body for _, body in look.tail), sorted([*talk, *told, *talk_since]))
        before = [body for _, body in look.tail if body in talk or body in told]
        self.assertEqual(before, [*talk, *told])
        self.assertEqual([body for _, body in look.tail if body in talk_since], talk_since)
        self.assertEqual([at.seq for at, body in known.tail], [at.seq for at, body in look.tail if body in before])
        seqs = [row.seq for row in whole.rows]
        self.assertEqual(seqs, sorted(set(seqs)))
        self.assertEqual((look.last, look.law), (restored.renewed[0], restored.renewed[0]))
        self.assertEqual(seqs[-1], whole.last)
        for key in behind.claimed:
            self.assertEqual(whole.owner(key), behind.owner(key))
        marked = {mark.name: mark.seq for mark in whole.marks}
        for at, body in look.tail:
            event = decode_event(body)
            if event.once is not None:
                self.assertEqual(marked[event.once], at.seq)
        for each in (known, look, behind.look()):
            self.assertIsNone(whole.restored(each, RENEWED, "newer", 0))

    @given(*(st.integers(0, 5) for _ in range(5)), st.data())
    def test_who_comes_late_with_more_gives_it_back_in_its_order(
        self, common: int, known_to_all: int, known_to_one: int, since: int, after: int, data: st.DataObject
    ) -> None:
        limits = Limits().but({"entries-in-tail": 40})
        go_on = Talkers(data, archive := Archive())
        ledger = Ledger("k3q", limits)
        talk = [body for _ in range(common) for body in go_on(ledger)]
        behind = copy.deepcopy(ledger)
        told = [body for _ in range(known_to_all) for body in go_on(ledger)]
        less = ledger.look()
        late = [body for _ in range(known_to_one) for body in go_on(ledger)]
        more = ledger.look()
        meanwhile = [body for _ in range(since) for body in go_on(behind)]
        if (restored := behind.restored(less, RENEWED, "new", 0)) is not None:
            archive.keep(restored)
            behind = restored.ledger
        meanwhile += [body for _ in range(after) for body in go_on(behind)]
        if (restored := behind.restored(more, RENEWED, "newer", 0)) is not None:
            archive.keep(restored)
            behind = restored.ledger
        tail = [body for _, body in behind.look().tail]
        self.assertEqual(sorted(tail), sorted([*talk, *told, *late, *meanwhile]))
        self.assertEqual([body for body in tail if body in meanwhile], meanwhile)
        self.assertEqual([body for body in tail if body not in meanwhile], [*talk, *told, *late])
        self.assertEqual(archive.talk, tail)

    def test_a_body_of_another_make_is_journaled_as_it_is(self) -> None:
        ledger = Ledger("k3q", LIMITS)
        ledger.publish(encode(said("hi", 0)), 0, under=None)
        restored = Ledger("new", LIMITS).restored(ledger.look(), b"renewed", "newer", 0)
        assert restored is not None
        self.assertEqual(restored.renewed, (Position("newer", 2), b"renewed"))

    def test_a_law_under_which_somebody_may_not_forget(self) -> None:
        ledger = Ledger("k3q", LIMITS)
        ledger.publish(b"", 0, under=None, key="who:ann", claim=("who:ann", "p1"), stands=False)
        with self.assertRaises(Taken):
            ledger.publish(b"", 0, under=None, key="who:ann", forget=True, claim=("who:ann", "p1"), stands=False)
        ledger.publish(b"", 0, under=None, key="who:ann", forget=True, claim=("who:ann", "p1"))
