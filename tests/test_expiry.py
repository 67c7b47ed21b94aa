"""When the words of posts must go, as one look after another shows it."""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from meet.events import Expired, Followed, Position, Said, Spent
from meet.expiry import STEP, Expiry, instead
from meet.look import Look
from meet.moments import DAY, HOUR, moment
from meet.posts import Provenance
from meet.wire import bare, encode
from tests.stories import NOON, Story, opened


def said(seq: int, after: float | None, at: float = NOON) -> tuple[Position, bytes]:
    """A post that was told at ``at``, and whose words must be gone so many seconds after noon."""
    expires = "" if after is None else moment(NOON + after)
    post = Provenance(id=str(seq), handle="dora", at=moment(at), link=f"https://x.com/i/status/{seq}", expires=expires)
    event = Said(at=moment(at), by=f"twitter:{seq}", nick="Dora", via="twitter", text="words", post=post)
    return Position("e1", seq), encode(event)


def look(*tail: tuple[Position, bytes], floor: int = 0) -> Look:
    return Look(Position("e1", 99), Position("e1", 1), [], list(tail), floor)


class Due(SynchronousTestCase):
    def setUp(self) -> None:
        self.story = Story().given(opened())
        self.expiry = Expiry()

    def due(self, *tail: tuple[Position, bytes], floor: int = 0, now: float = 0.0) -> float:
        """Seconds after noon."""
        return self.expiry.due(self.story.room, look(*tail, floor=floor), NOON + now) - NOON

    def expired(self, before: float) -> None:
        self.story.given(Expired(at=moment(NOON), until=moment(NOON + before)))

    def test_where_no_words_must_go_nothing_is_due(self) -> None:
        self.assertEqual(self.due(), math.inf)
        self.assertEqual(self.due(said(2, None)), math.inf)

    def test_what_the_tail_holds_is_due_by_the_first_of_it(self) -> None:
        self.assertEqual(self.due(said(2, 500), said(3, 400), said(4, None)), 400)
        self.assertEqual(self.due((said(2, 0)[0], bare(said(2, 400)[1])), said(3, 900)), 900)

    def test_a_moment_that_cannot_be_read_is_never_due(self) -> None:
        position, body = said(2, 400)
        self.assertEqual(self.due((position, body.replace(moment(NOON + 400).encode(), b"soon"))), math.inf)
        self.assertFalse(self.expiry.heard("soon"))

    def test_what_was_heard_and_has_left_the_tail_is_due_too(self) -> None:
        self.assertEqual(self.due(floor=5), math.inf)
        self.assertTrue(self.expiry.heard(moment(NOON + 700)))
        self.assertFalse(self.expiry.heard(moment(NOON + 9 * HOUR)))
        self.assertTrue(self.expiry.heard(moment(NOON + 600)))
        self.assertEqual(self.due(floor=5), 600)
        self.expired(600 + STEP)
        # Nobody knows any more which come next: at the end of each step, until the last.
        self.assertEqual(self.due(floor=5), 600 + STEP)
        self.expired(9 * HOUR)
        self.assertEqual(self.due(floor=5), math.inf)

    def test_what_another_process_may_have_heard_is_let_go_at_once_and_for_a_day(self) -> None:
        self.story.given(Spent(at="", via="twitter", day="2026-11-24", count=1))
        self.assertLessEqual(self.due(said(9, None, at=NOON - 60), floor=5), 0)
        self.expired(STEP)
        self.assertEqual(self.due(floor=5), STEP)
        self.expired(DAY - 60)
        self.assertEqual(self.due(floor=5), math.inf)

    def test_a_room_that_never_followed_anything_is_left_alone(self) -> None:
        self.assertEqual(self.due(said(9, None), floor=5), math.inf)
        self.expiry = Expiry()
        self.story.given(Followed(at="", by="id-ann", nick="Ann", words=("#pycon",)))
        self.assertLessEqual(self.due(floor=5), 0)


class Instead(SynchronousTestCase):
    def test_ids_and_links_stay_of_those_whose_moment_has_come(self) -> None:
        old, young, free = said(2, 60), said(3, 61), said(4, None)
        found = instead(look(old, young, free), NOON + 60)
        self.assertEqual(found, [(old[0], bare(old[1]))])
        self.assertIn(b"https://x.com/i/status/2", found[0][1])
        self.assertNotIn(b"words", found[0][1])
