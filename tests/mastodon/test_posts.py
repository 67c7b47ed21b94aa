from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.mastodon.posts import deleted, read, status, streaming, written_there
from meet.posts import Media
from tests.standins.mastodon import status as told

AT = "2026-01-01T00:00:00.000Z"
WHOLE = told(
    1, "é #PyCon", ("PyCon",), AT, media_attachments=[{"type": "image", "url": "https://x.example/1.png"}], quote={}
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class Statuses(SynchronousTestCase):
    def post(self, **more: object):
        found = status({**WHOLE, **more}, "here.example", ["#pycon"])
        assert found is not None
        return found.post

    def test_a_whole_one(self):
        found = read(json.dumps(WHOLE).encode(), "here.example", ["#pycon", "#x"])
        assert found is not None
        self.assertEqual(found.words, {"#pycon"})
        self.assertEqual((found.post.handle, found.post.author), ("ann@here.example", "https://here.example/users/ann"))
        self.assertEqual(found.post.media, (Media(link="https://x.example/1.png"),))
        self.assertTrue(found.post.quote)

    def test_whom_another_instance_knows_has_its_name(self):
        account = {**WHOLE["account"], "acct": "bo@there.example", "display_name": ""}
        self.assertEqual(self.post(account=account).handle, "bo@there.example")
        self.assertEqual(self.post(account=account).name, "bo@there.example")

    def test_what_is_not_for_everybody_is_none(self):
        for visibility in ("private", "direct", None):
            self.assertIsNone(status({**WHOLE, "visibility": visibility}, "here.example", []))

    def test_an_edition_has_an_id_of_its_own(self):
        self.assertEqual(self.post(edited_at=AT).id, f"{WHOLE['uri']}#{AT}")

    def test_a_repost_is_told_as_what_it_repeats(self):
        found = status({"id": "7", "reblog": WHOLE}, "here.example", ["#pycon"])
        assert found is not None
        self.assertEqual((found.post.repost, found.post.text), (True, "é #PyCon"))

    def test_which_of_those_that_stand_goes_by_a_number_there(self):
        told = [
            "https://here.example/users/ann/statuses/7",
            "https://here.example/users/ann/statuses/7#2026-01-01T00:00:00.000Z",
            "https://here.example/users/ann/statuses/77",
            "https://other.example/users/bo/statuses/7",
        ]
        self.assertEqual(written_there(told, "here.example", "7"), told[:2])
        self.assertEqual(written_there(told, "here.example", ""), [])

    def test_which_one_was_deleted(self):
        for data, local in ((b"123", "123"), (b'"123"\r', "123"), (b"{}", ""), (b"", ""), (b"1" * 200, "")):
            self.assertEqual(deleted(data), local)

    def test_where_it_streams(self):
        for said, instance, where in (
            ("wss://s.example", "https://here.example", "https://s.example"),
            ("ws://s.example", "http://here.example", "http://s.example"),
            ("ws://s.example", "https://here.example", "https://here.example"),
            ("", "https://here.example", "https://here.example"),
        ):
            self.assertEqual(streaming({"configuration": {"urls": {"streaming": said}}}, instance), where)
        self.assertEqual(streaming(None, "https://here.example"), "https://here.example")

    @settings(max_examples=60)
    @given(st.sampled_from(sorted(WHOLE)), ANYTHING)
    def test_any_field_may_be_anything(self, name, value):
        found = status({**WHOLE, name: value}, "here.example", ["#pycon"])
        if found is not None:
            self.assertTrue(found.post.link.startswith("https://"))
        status({**WHOLE, "account": {**WHOLE["account"], name: value}}, "here.example", [])
        status(value, "here.example", [])
