"""Any number of processes stand for a key, and the last to go is known."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meet.broker.standing import Standing


class Keys(SynchronousTestCase):
    def setUp(self) -> None:
        self.standing = Standing()
        for who in ("one", "two"):
            self.standing.stand("algebra", "who:ann", who)
        self.standing.stand("algebra", "who:bob", "one")
        self.standing.stand("botany", "who:cy", "one")

    def test_the_last_to_let_go_leaves_nobody(self) -> None:
        assert not self.standing.let_go("algebra", "who:ann", "one")
        assert not self.standing.let_go("algebra", "who:ann", "one")
        assert self.standing.let_go("algebra", "who:ann", "two")
        assert self.standing.let_go("algebra", "who:ann", "two")

    def test_who_ends_leaves_those_for_whom_nobody_else_stands(self) -> None:
        assert self.standing.gone("one", 7.0) == {("algebra", 7.0): ["who:bob"], ("botany", 7.0): ["who:cy"]}
        assert self.standing.gone("one", 8.0) == {}
        assert self.standing.gone("two", 9.0) == {("algebra", 9.0): ["who:ann"]}

    def test_who_was_away_already_keeps_the_earlier_moment(self) -> None:
        self.standing.stand("algebra", "who:dan", "two", 3.0)
        self.standing.stand("algebra", "who:eve", "two", 3.0)
        self.standing.stand("algebra", "who:eve", "two", 4.0)
        self.standing.stand("algebra", "who:eve", "two")
        self.standing.gone("one", 8.0)
        assert self.standing.gone("two", 9.0) == {
            ("algebra", 9.0): ["who:ann", "who:eve"],
            ("algebra", 3.0): ["who:dan"],
        }

    def test_who_is_forgotten_and_comes_anew_is_there(self) -> None:
        self.standing.stand("algebra", "who:dan", "two", 3.0)
        self.standing.forget("algebra", "who:dan")
        self.standing.stand("algebra", "who:dan", "three")
        assert self.standing.gone("three", 9.0) == {("algebra", 9.0): ["who:dan"]}

    def test_one_who_stands_may_forget_and_anybody_where_nobody_does(self) -> None:
        assert self.standing.may_forget("algebra", "who:bob", "one")
        assert not self.standing.may_forget("algebra", "who:bob", "two")
        assert self.standing.may_forget("algebra", "who:dan", "two")

    def test_what_is_forgotten_is_nobodys(self) -> None:
        self.standing.forget("algebra", "who:ann")
        self.standing.drop("botany")
        assert self.standing.gone("one", 7.0) == {("algebra", 7.0): ["who:bob"]}

    def test_a_copy_does_not_change(self) -> None:
        copy = self.standing.copy()
        self.standing.drop("algebra")
        assert copy.gone("two", 7.0) == {}
        assert copy.gone("one", 7.0) == {("algebra", 7.0): ["who:ann", "who:bob"], ("botany", 7.0): ["who:cy"]}
