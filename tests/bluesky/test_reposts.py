"""What was posted again, as Bluesky's API says it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.bluesky.posts import COLLECTION, REPOSTS, Deleted, Reposted, glance
from meet.bluesky.posts import read as read_event
from meet.bluesky.reposts import again, question, read
from meet.moments import moment
from tests.standins.bluesky import did, line, record

NOW = 1_795_521_600
ANN, BO = did("ann.example.org"), did("bo.bsky.social")
POST = f"at://{ANN}/{COLLECTION}/3labc"
REPOST = f"at://{BO}/{REPOSTS}/3rabc"


def event(operation: str = "create", **but: Any) -> bytes:
    """Bo posts again what Ann has posted."""
    commit: dict[str, Any] = {"rev": "x", "operation": operation, "collection": REPOSTS, "rkey": "3rabc"}
    if operation == "create":
        commit["record"] = {"createdAt": moment(NOW), "subject": {"cid": "x", "uri": POST}, **but}
    return line({"did": BO, "time_us": NOW * 1_000_000, "kind": "commit", "commit": commit})


def view(**but: Any) -> dict[str, Any]:
    author = {"did": ANN, "handle": "ann.example.org", "displayName": "Ann Holm", "labels": []}
    said = record("Hello #a", "2020-01-01T00:00:00Z", "#a")
    return {"uri": POST, "cid": "x", "author": author, "record": said, "labels": [], **but}


def answer(*views: Any) -> bytes:
    return json.dumps({"posts": views}).encode()


class Events(SynchronousTestCase):
    def test_which_post_it_is_and_who_does_it(self) -> None:
        told = read_event(event(), frozenset({"#a"}), {BO: frozenset({"@bo"})})
        assert told == Reposted(REPOST, BO, POST, frozenset({"@bo"}), float(NOW), NOW * 1_000_000)
        stranger = read_event(event(), frozenset({"#a"}), {})
        assert isinstance(stranger, Reposted)
        assert stranger.words == frozenset()
        assert read_event(event("delete"), frozenset(), {}) == Deleted(REPOST, BO, NOW * 1_000_000)

    def test_what_makes_no_sense_is_nothing(self) -> None:
        for but in (
            {"subject": None},
            {"subject": {"uri": "at://nobody"}},
            {"subject": {"uri": f"at://{ANN}/app.bsky.feed.generator/x"}},
            {"createdAt": moment(NOW - 2 * 86_400)},
        ):
            assert read_event(event(**but), frozenset({"#a"}), {BO: frozenset({"@bo"})}) is None

    def test_the_glance_looks_for_who_is_followed_and_what_was_told(self) -> None:
        assert glance(event(), True, {BO.encode()}).worth
        assert glance(event(), True, frozenset(), {POST: frozenset()}).worth
        assert not glance(event(), True, frozenset(), {f"{POST}2": frozenset()}).worth
        assert glance(event("delete"), False, frozenset()).worth


class Answers(SynchronousTestCase):
    def test_what_is_asked(self) -> None:
        assert question([POST]) == f"/xrpc/app.bsky.feed.getPosts?uris={POST.replace(':', '%3A').replace('/', '%2F')}"

    def test_a_repost_has_the_words_of_another_and_their_name(self) -> None:
        found = read(answer(view()))
        assert found is not None
        told = read_event(event(), frozenset(), {})
        assert isinstance(told, Reposted)
        post = again(told, found[POST])
        assert (post.id, post.author, post.text) == (REPOST, BO, "RT @ann.example.org: Hello #a")
        assert (post.at, post.repost) == (moment(NOW), True)
        assert post.link == f"https://bsky.app/profile/{ANN}/post/3labc"

    def test_what_is_not_for_all_is_left_out_and_labels_count(self) -> None:
        hidden = {"labels": [{"val": "!no-unauthenticated"}]}
        for each in (
            view(**hidden),
            view(author={**view()["author"], **hidden}),
            view(record={**view()["record"], "labels": {"values": [{"val": "!no-unauthenticated"}]}}),
            view(author={**view()["author"], "did": BO}),
            view(author=None),
            view(record="x"),
            view(uri="x"),
        ):
            assert read(answer(each)) == {}
        found = read(answer(view(labels=[{"val": "gore"}])))
        assert found is not None
        assert found[POST].post.sensitive

    @given(st.binary() | st.from_regex(rb'\{"posts":.*\}', fullmatch=True))
    def test_any_bytes(self, body: bytes) -> None:
        read(body)
