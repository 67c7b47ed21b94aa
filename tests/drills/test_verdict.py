"""The judge finds what is lost, doubled and out of order, and nothing else."""

from __future__ import annotations

from tests.drills.verdict import Ear, Posts, judge, table

A1, A2, B1, B2 = ("ann", "ann 1"), ("ann", "ann 2"), ("bob", "bob 1"), ("bob", "bob 2")
STORED = [A1, B1, A2]
SAID = {A1, A2, B1, B2}


def row_of(*heard: tuple[str, str], accepted: tuple[tuple[str, str], ...] = (A1, B1, A2)):
    verdict = judge(SAID, set(accepted), STORED, [Ear("eve", "web", heard)])
    return verdict.rows[1]


def test_all_that_was_accepted_heard_once_in_order_is_sound() -> None:
    verdict = judge(SAID, {A1, B1}, STORED, [Ear("eve", "web", STORED)])
    assert verdict.sound
    assert (verdict.said, verdict.accepted) == (4, 2)


def test_what_was_accepted_and_is_not_stored_is_lost_to_the_store_and_to_who_did_not_hear_it() -> None:
    verdict = judge(SAID, {A1, B2}, STORED, [Ear("eve", "web", STORED), Ear("bob", "web", [*STORED, B2])])
    assert not verdict.sound
    assert [row.lost for row in verdict.rows] == [(B2,), (B2,), ()]
    assert verdict.rows[2].unknown == (B2,)


def test_what_stands_must_be_heard_even_if_its_author_was_not_told() -> None:
    assert row_of(A1, B1, accepted=(A1,)).lost == (A2,)


def test_a_line_heard_again_is_twice() -> None:
    assert row_of(A1, B1, A1, A2).twice == (A1,)


def test_a_line_heard_after_a_later_one_is_out_of_order() -> None:
    assert row_of(B1, A1, A2).disordered == (A1,)


def test_a_line_stored_twice_or_before_an_earlier_one_of_its_speaker_is_found() -> None:
    verdict = judge(SAID, set(), [A2, A1, B1, B1], [])
    assert verdict.rows[0].twice == (B1,)
    assert verdict.rows[0].disordered == (A1,)


def test_a_stored_line_that_nobody_said_is_found() -> None:
    assert judge({A1}, {A1}, [A1, B1], []).rows[0].unknown == (B1,)


def test_the_table_names_what_is_lost() -> None:
    told = "\n".join(table(judge(SAID, {A1, B2}, STORED, [Ear("eve", "web", STORED, returns=3)])))
    assert "said 4, accepted 2" in told
    assert "store: lost: bob 2" in told


def test_what_was_written_outside_may_stand_in_any_order() -> None:
    later, earlier = ("twitter", "twitter #drill 2"), ("twitter", "twitter #drill 1")
    stored = [later, A1, earlier]
    verdict = judge({A1}, {A1}, stored, [Ear("eve", "web", stored)], {later, earlier})
    assert verdict.sound
    assert judge({A1}, {A1}, stored, [Ear("eve", "web", [later, A1])], {later, earlier}).rows[1].lost == (earlier,)


def test_a_post_that_was_given_and_neither_stands_nor_was_left_out_is_lost() -> None:
    posts = Posts("twitter", 9, frozenset({3, 4, 5, 6}), [1, 4, 6], left_out=1)
    assert (posts.lost, posts.twice, posts.sound) == (1, 0, False)
    assert Posts("twitter", 9, frozenset({3, 4}), [4], under_way=1).sound


def test_a_post_that_stands_twice_and_more_left_out_than_were_given_are_found() -> None:
    assert not Posts("twitter", 9, frozenset({3}), [3, 3]).sound
    assert not Posts("twitter", 9, frozenset({3}), [3], left_out=1).sound
    assert not judge({A1}, {A1}, [A1], [], posts=[Posts("twitter", 9, frozenset({3}), [3, 3])]).sound


def test_the_table_counts_the_posts() -> None:
    told = table(judge({A1}, {A1}, [A1], [], posts=[Posts("twitter", 9, frozenset({3, 4}), [4], left_out=1)]))
    assert told[-1].split() == ["twitter", "9", "2", "1", "1", "0", "0"]
