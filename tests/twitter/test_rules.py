"""What X has to be asked for, and what of it has to change."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.posts import word
from meet.twitter.rules import LONGEST_RULE, Answer, Plan, Rule, plan, read_answer, read_rules, words_of

names = st.integers(0, 60).map(lambda number: f"#word{number}" if number % 3 else f"@name{number}")
wishes = st.lists(names, unique=True, max_size=30)
foreigners = st.lists(st.integers(0, 60).map(lambda number: f"#cat{number} has:images"), max_size=5)


class Account:
    """What X would have after each change."""

    def __init__(self, most: int, foreign: list[str] = []) -> None:  # noqa: B006  # it is only read
        self.most = most
        self.ids = count(1)
        self.rules = [Rule(str(next(self.ids)), value, "theirs") for value in foreign]

    def follow(self, words: list[str], reposts: bool = False) -> Plan:
        change = plan(words, self.rules, most=self.most, tag="meet", reposts=reposts)
        for step in ("delete", "add") if change.delete_first else ("add", "delete"):
            if step == "delete":
                self.rules = [rule for rule in self.rules if rule.id not in change.delete]
            else:
                self.rules += [Rule(str(next(self.ids)), value, "meet") for value in change.add]
            assert len(self.rules) <= self.most, "the plan was passed on the way"
        return change

    def told(self, reposts: bool = False) -> set[str]:
        return {word for rule in self.rules if rule.tag == "meet" for word in words_of(rule.value, reposts)}


class Planning(SynchronousTestCase):
    def test_a_word_has_a_rule_of_its_own(self) -> None:
        account = Account(10)
        account.follow(["#pycon", "@speaker"])
        self.assertEqual([rule.value for rule in account.rules], ["#pycon -is:retweet", "from:speaker -is:retweet"])

    def test_reposts_are_left_to_x_if_they_are_wanted(self) -> None:
        account = Account(10)
        account.follow(["#pycon"], reposts=True)
        self.assertEqual([rule.value for rule in account.rules], ["#pycon"])
        change = account.follow(["#pycon"])
        self.assertEqual((change.add, len(change.delete)), (("#pycon -is:retweet",), 1))

    @settings(max_examples=60)
    @given(wishes, wishes, foreigners, st.booleans())
    def test_what_is_wanted_is_told_and_nothing_else(
        self, first: list[str], second: list[str], foreign: list[str], reposts: bool
    ) -> None:
        account = Account(40, foreign)
        account.follow(first, reposts)
        kept = {rule.id: rule.value for rule in account.rules}
        change = account.follow(second, reposts)
        self.assertEqual(account.told(reposts), set(second))
        self.assertEqual([rule.value for rule in account.rules if rule.tag == "theirs"], foreign)
        # Who is in both lists was never without a rule.
        self.assertFalse({word for known in change.delete for word in words_of(kept[known], reposts)} & set(second))
        self.assertEqual(account.follow(second, reposts), Plan((), (), {}, False))

    @settings(max_examples=60)
    @given(st.integers(1, 4), st.lists(st.integers(0, 200), unique=True, max_size=60), wishes)
    def test_a_plan_that_is_too_small_is_filled_and_never_passed(
        self, most: int, numbers: list[int], before: list[str]
    ) -> None:
        account = Account(most)
        account.follow(before)
        words = [f"#{'w' * 80}{number:03}" for number in numbers]
        change = account.follow(words)
        self.assertEqual(account.told() | change.refused.keys(), set(words))
        self.assertFalse(account.told() & change.refused.keys())
        self.assertTrue(all(len(rule.value) <= LONGEST_RULE for rule in account.rules))
        if change.refused:
            self.assertEqual(len(account.rules), most)
            self.assertGreaterEqual(len(account.told()), 10 * most)

    def test_who_was_there_first_stays(self) -> None:
        account = Account(1)
        first = [f"#{'a' * 90}{number:03}" for number in range(9)]
        account.follow(first)
        change = account.follow([*(f"#{'b' * 90}{number:03}" for number in range(9)), *first])
        self.assertLessEqual(set(first), account.told())
        self.assertTrue(change.refused)
        late, why = next(iter(change.refused.items()))
        self.assertEqual(why, f"All rules that Meet has with X (1) are taken; {late} has to wait until one is free.")

    def test_others_may_have_all_the_rules(self) -> None:
        account = Account(2, ["cats", "dogs"])
        self.assertEqual(set(account.follow(["#pycon"]).refused), {"#pycon"})
        self.assertEqual([rule.value for rule in account.rules], ["cats", "dogs"])

    def test_the_very_rule_of_somebody_else_is_enough(self) -> None:
        account = Account(2, ["#pycon -is:retweet"])
        self.assertEqual(account.follow(["#pycon"]), Plan((), (), {}, False))

    def test_ours_that_we_did_not_write_goes(self) -> None:
        held = [Rule("1", "#pycon lang:en", "meet"), Rule("2", "(", "meet"), Rule("3", "", "meet")]
        change = plan(["#pycon"], held, most=10, tag="meet", reposts=False)
        self.assertEqual((change.add, change.delete), (("#pycon -is:retweet",), ("1", "2", "3")))

    def test_who_cannot_be_on_x_is_refused_with_the_reason(self) -> None:
        change = plan(["@a.bsky.social", "@" + "x" * 16], [], most=10, tag="meet", reposts=False)
        self.assertEqual(change.add, ())
        self.assertTrue(all("up to 15 letters" in why for why in change.refused.values()))

    @settings(max_examples=60)
    @given(st.text(min_size=1, max_size=8))
    def test_no_word_can_say_more_than_itself(self, name: str) -> None:
        try:
            followed = word("#" + name)
        except Exception:
            return
        change = plan([followed], [], most=10, tag="meet", reposts=False)
        self.assertEqual(len(change.add) + len(change.refused), 1)
        for value in change.add:
            self.assertEqual(value.count(" "), 1)


class Answers(SynchronousTestCase):
    def test_a_duplicate_is_a_rule_that_is_there(self) -> None:
        body = {
            "data": [{"id": "7", "value": "#a", "tag": "meet"}],
            "errors": [
                {"value": "#b", "id": "8", "title": "DuplicateRule"},
                {"value": "#c", "details": ["Too", "common."], "title": "Invalid Rule"},
                {"value": "#d", "title": "RulesCapExceeded"},
            ],
        }
        self.assertEqual(
            read_answer(body, "meet"),
            Answer(
                (Rule("7", "#a", "meet"), Rule("8", "#b", "meet")),
                {"#c": "X does not take this: Too common.", "#d": "X does not take this: RulesCapExceeded"},
            ),
        )

    def test_any_shape_is_an_answer(self) -> None:
        for body in (None, [], {"data": 1, "errors": {}}, {"data": [None, {"id": 1}], "errors": [7, {"value": []}]}):
            self.assertEqual(read_rules(body), [])
            self.assertEqual(read_answer(body, "meet"), Answer((), {}))
