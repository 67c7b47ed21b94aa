"""Which rules X has to have for the words that are followed.  Pure.

The law: rules that do not bear our tag are somebody else's and are never touched; a word that is
told already is not given up for a new one; what does not change is not asked for.

As long as there are rules enough, each word has its own, so that ending one never interrupts
another.  When they run short, words share rules, as many as fit into 1,024 characters.  Rules
outlive their connection and their process: what X has is read at the start.
https://docs.x.com/x-api/posts/filtered-stream/integrate/build-a-rule
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from meet.shapes import items, mapping, sentence, text

LONGEST_RULE = 1024
"""Characters of a rule's value."""

WITHOUT_REPOSTS = " -is:retweet"

_AUTHOR = re.compile(r"@[a-z0-9_]{1,15}\Z")
_TERM = re.compile(r"(?:#[\w·]+|from:[a-z0-9_]{1,15})\Z")


class Rule(NamedTuple):
    """A rule that X has."""

    id: str
    value: str
    tag: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to change: ``add`` are values, ``delete`` ids; ``refused`` are words that get no rule, and why.

    ``delete_first`` says that there is no room for both the old and the new.
    """

    add: tuple[str, ...]
    delete: tuple[str, ...]
    refused: dict[str, str]
    delete_first: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What X said to an addition: the rules that there are now, and why not, by value."""

    rules: tuple[Rule, ...]
    refused: dict[str, str]


def plan(words: Collection[str], held: Sequence[Rule], *, most: int, tag: str, reposts: bool) -> Plan:
    """What to change in ``held``, all rules of the account, so that ``words`` are told and no others of ours.

    ``most`` is the plan's number of rules; ``reposts`` whether reposts are told as well.  When
    not all words find room, those that are told already stay, and the others come in their order.
    """
    wanted: dict[str, None] = {}
    refused: dict[str, str] = {}
    for word in words:
        if why := unfit(word):
            refused[word] = why
        else:
            wanted[word] = None
    free = max(most - sum(rule.tag != tag for rule in held), 0)
    kept: list[Rule] = []
    covered: set[str] = set()
    delete: list[Rule] = []
    before: set[str] = set()
    # Somebody else may have the very rule that we want; X takes no value twice.
    for rule in sorted(held, key=lambda rule: rule.tag == tag):
        told = set(words_of(rule.value, reposts))
        if rule.tag != tag:
            covered |= told & wanted.keys()
            continue
        before |= told & wanted.keys()
        if told and told <= wanted.keys() and not told <= covered:
            kept.append(rule)
            covered |= told
        else:
            delete.append(rule)
    missing = [word for word in wanted if word not in covered]
    # The old ones first: Python's sort keeps the order of equals.
    missing.sort(key=lambda word: word not in before)
    add, left = _share(missing, free - len(kept), reposts)
    if left or len(kept) > free:
        foreign = {word for rule in held if rule.tag != tag for word in words_of(rule.value, reposts)}
        everyone = sorted((word for word in wanted if word not in foreign), key=lambda word: word not in before)
        add, left = _share(everyone, free, reposts, closely=True)
        same = {rule.value for rule in held if rule.tag == tag} & set(add)
        delete = [rule for rule in held if rule.tag == tag and rule.value not in same]
        add = [value for value in add if value not in same]
    for word in left:
        refused[word] = f"All rules that Meet has with X ({most}) are taken; {word} has to wait until one is free."
    return Plan(
        add=tuple(add),
        delete=tuple(rule.id for rule in delete),
        refused=refused,
        delete_first=len(held) + len(add) > most,
    )


def unfit(word: str) -> str:
    """Why X cannot follow ``word``, as a sentence; empty if it can."""
    if word.startswith("@") and not _AUTHOR.match(word):
        return f"On X a name has up to 15 letters, digits and underscores, without a server: {word} is not there."
    if not _TERM.match(_term(word)):
        return f"X knows no hashtag like {word}."
    return ""


def words_of(value: str, reposts: bool) -> list[str]:
    """The words that a rule of this value tells, if it is one that we write; otherwise none."""
    if reposts:
        inner = value
    elif value.endswith(WITHOUT_REPOSTS):
        inner = value.removesuffix(WITHOUT_REPOSTS)
        if " " in inner and not (inner.startswith("(") and inner.endswith(")")):
            return []
        inner = inner.removeprefix("(").removesuffix(")")
    else:
        return []
    terms = inner.split(" OR ")
    if not all(_TERM.match(term) for term in terms):
        return []
    return ["@" + term.removeprefix("from:") if term.startswith("from:") else term for term in terms]


def read_rules(body: Any) -> list[Rule]:
    """The rules that an answer of X lists; what is not one is left out."""
    rules = []
    for each in items(mapping(body).get("data")):
        fields = mapping(each)
        if (known := text(fields.get("id"))) and (value := text(fields.get("value"))):
            rules.append(Rule(known, value, text(fields.get("tag"))))
    return rules


def read_answer(body: Any, tag: str) -> Answer:
    """What X says to an addition, whatever its status: what it took, what it had, what it did not take."""
    rules = read_rules(body)
    refused = {}
    for each in items(mapping(body).get("errors")):
        fields = mapping(each)
        value = text(fields.get("value"))
        if text(fields.get("title")) == "DuplicateRule" and (known := text(fields.get("id"))):
            rules.append(Rule(known, value, tag))
        elif value:
            details = [sentence(detail) for detail in items(fields.get("details")) or [fields.get("detail")]]
            why = " ".join(filter(None, details)) or sentence(fields.get("title")) or "It did not say why."
            refused[value] = f"X does not take this: {why}"
    return Answer(tuple(rules), refused)


def _share(words: Sequence[str], count: int, reposts: bool, *, closely: bool = False) -> tuple[list[str], list[str]]:
    """At most ``count`` values for ``words``, and the words for which there is no room.

    ``closely`` fills each rule, and so needs the fewest.
    """
    if len(words) <= count and not closely:
        return [_value([word], reposts) for word in words], []
    values: list[str] = []
    group: list[str] = []
    for index, word in enumerate(words):
        if group and len(_value([*group, word], reposts)) > LONGEST_RULE:
            values.append(_value(group, reposts))
            group = []
        if len(values) >= count:
            return values, list(words[index:])
        group.append(word)
    if group:
        values.append(_value(group, reposts))
    return values, []


def _value(words: Iterable[str], reposts: bool) -> str:
    terms = [_term(word) for word in words]
    value = " OR ".join(terms)
    if reposts:
        return value
    return f"({value}){WITHOUT_REPOSTS}" if len(terms) > 1 else value + WITHOUT_REPOSTS


def _term(word: str) -> str:
    return "from:" + word[1:] if word.startswith("@") else word
