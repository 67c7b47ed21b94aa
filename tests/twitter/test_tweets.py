"""Lines of X's stream, of their usual shape and of any other."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.posts import Media, Post, word
from meet.twitter.tweets import LONGEST_TEXT, Ended, Told, missing, read
from tests.strategies import texts

ID = "1861020304050607080"
PLAIN: dict[str, Any] = {
    "data": {
        "id": ID,
        "text": "Tea &amp; talk &lt;3 #PyCon https://t.co/abc",
        "author_id": "12",
        "created_at": "2026-11-24T14:05:09.000Z",
        "lang": "en",
        "edit_history_tweet_ids": [ID],
        "entities": {
            "hashtags": [{"start": 0, "end": 6, "tag": "PyCon"}],
            "urls": [{"url": "https://t.co/abc", "expanded_url": "https://example.org/?a=1&amp=2", "display_url": "…"}],
        },
    },
    "includes": {"users": [{"id": "12", "name": "Ann Lee", "username": "AnnLee"}]},
    "matching_rules": [{"id": "5", "tag": "meet"}],
}


def told(**data: Any) -> Told:
    includes = data.pop("includes", {})
    line = PLAIN | {"data": PLAIN["data"] | data, "includes": PLAIN["includes"] | includes}
    found = read(json.dumps(line).encode())
    assert isinstance(found, Told)
    return found


class Posts(SynchronousTestCase):
    def test_a_post(self) -> None:
        found = told()
        self.assertEqual(
            found.post,
            Post(
                source="twitter",
                id=ID,
                author="12",
                name="Ann Lee",
                handle="AnnLee",
                at="2026-11-24T14:05:09.000Z",
                text="Tea & talk <3 #PyCon https://example.org/?a=1&amp=2",
                link=f"https://x.com/AnnLee/status/{ID}",
                language="en",
                keep=86_400,
            ),
        )
        self.assertEqual((found.words, found.rules, found.earlier), ({"#pycon", "@annlee"}, {"5"}, ()))

    def test_signs_are_unescaped_once(self) -> None:
        self.assertEqual(told(text="&amp;lt; &copy; &#39;").post.text, "&lt; &copy; '")

    def test_a_long_post_is_whole_with_links_and_tags_of_its_own(self) -> None:
        note = {
            "text": "x" * 300 + " #Late https://t.co/late",
            "entities": {
                "hashtags": [{"tag": "Late"}],
                "urls": [{"url": "https://t.co/late", "expanded_url": "https://example.org/late"}],
            },
        }
        for name in ("note_tweet", "note_post"):
            found = told(**{name: note})
            self.assertTrue(found.post.text.endswith("x #Late https://example.org/late"))
            self.assertIn("#late", found.words)

    def test_a_repost_has_the_whole_text_of_what_it_passes_on(self) -> None:
        original = {"id": "5", "author_id": "13", "text": "All of it &amp; #More", "possibly_sensitive": True}
        for name in ("tweets", "posts"):
            found = told(
                text="RT @bob: All of i…",
                entities={},
                referenced_tweets=[{"type": "retweeted", "id": "5"}],
                includes={"users": [*PLAIN["includes"]["users"], {"id": "13", "username": "bob"}], name: [original]},
            )
            self.assertEqual(found.post.text, "RT @bob: All of it & #More")
            self.assertTrue(found.post.repost and found.post.sensitive and not found.post.quote)
            self.assertEqual((found.post.handle, found.words), ("AnnLee", {"#more", "@annlee"}))

    def test_a_repost_of_what_is_not_there_keeps_its_own_text(self) -> None:
        found = told(text="RT @bob: All of i…", referenced_tweets=[{"type": "retweeted", "id": "5"}])
        self.assertEqual((found.post.text, found.post.repost), ("RT @bob: All of i…", True))

    def test_a_quote_is_one(self) -> None:
        found = told(
            referenced_tweets=[{"type": "quoted", "id": "5"}], includes={"tweets": [{"id": "5", "text": "#Old"}]}
        )
        self.assertTrue(found.post.quote and not found.post.repost)
        self.assertIn("#old", found.words)

    def test_media_are_links_and_their_addresses_leave_the_text(self) -> None:
        found = told(
            text="Look https://t.co/pic",
            entities={"urls": [{"url": "https://t.co/pic", "expanded_url": "https://x.com/p", "media_key": "3_1"}]},
            attachments={"media_keys": ["3_1", "7_2", "9_9"]},
            includes={
                "media": [
                    {"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/1.jpg", "alt_text": "A cat"},
                    {"media_key": "7_2", "type": "video", "preview_image_url": "https://pbs.twimg.com/2.jpg"},
                ]
            },
        )
        self.assertEqual(found.post.text, "Look")
        self.assertEqual(
            found.post.media,
            (
                Media(link="https://pbs.twimg.com/1.jpg", kind="image", about="A cat"),
                Media(link="https://pbs.twimg.com/2.jpg", kind="video"),
            ),
        )

    def test_no_link_is_anything_but_one(self) -> None:
        bad = {"urls": [{"url": "https://t.co/abc", "expanded_url": "javascript:alert(1)"}]}
        self.assertIn("https://t.co/abc", told(entities=bad).post.text)
        media = {"media": [{"media_key": "1", "url": "javascript:alert(1)"}]}
        self.assertEqual(told(attachments={"media_keys": ["1"]}, includes=media).post.media, ())

    def test_an_edit_names_what_it_takes_the_place_of(self) -> None:
        found = told(edit_history_tweet_ids=["3", "4", ID])
        self.assertEqual((found.post.was, found.earlier), ("4", ("3", "4")))

    def test_what_is_missing_is_made_up_for(self) -> None:
        found = told(created_at="soon", lang="und", entities=None, includes={"users": []})
        self.assertTrue(found.post.at.startswith("2024-11-"))
        self.assertEqual((found.post.name, found.post.handle, found.post.language), ("Somebody on X", "", ""))
        self.assertEqual(found.post.link, f"https://x.com/i/status/{ID}")
        # Without entities the text itself says which tags it has.
        self.assertEqual(found.words, {"#pycon"})

    def test_an_id_says_when_it_was_given(self) -> None:
        # The post that X's own documentation shows, with its time.
        known = told(id="1212092628029698048", created_at=None)
        self.assertEqual(known.post.at[:19], "2019-12-31T19:26:16")

    def test_errors_beside_a_post_are_only_about_a_part_of_it(self) -> None:
        line = PLAIN | {"errors": [{"title": "Not Found Error", "resource_id": "9"}]}
        self.assertIsInstance(read(json.dumps(line).encode()), Told)

    def test_no_post_is_longer_than_x_lets_anybody_write(self) -> None:
        self.assertEqual(len(told(text="x" * 100_000).post.text), LONGEST_TEXT)


class Ends(SynchronousTestCase):
    def test_an_end_has_its_reason(self) -> None:
        line = {"errors": [{"title": "operational-disconnect", "detail": "This stream\nhas been disconnected."}]}
        self.assertEqual(read(json.dumps(line).encode()), Ended("This stream has been disconnected.", False))

    def test_a_crowd_is_known_by_its_body(self) -> None:
        error = {"title": "ConnectionException", "connection_issue": "TooManyConnections"}
        for line in (error, {"errors": [error]}):
            self.assertEqual(read(json.dumps(line).encode()), Ended("ConnectionException", True))

    def test_what_says_nothing_is_nothing(self) -> None:
        for line in (b"{}", b"[]", b"null", b"7", b'{"data":null}', b'{"errors":[]}', b'{"data":{"id":"7"}}', b"\xff"):
            self.assertIsNone(read(line))


class Missing(SynchronousTestCase):
    def test_only_what_is_said_to_be_gone_is(self) -> None:
        kind = "https://api.twitter.com/2/problems/"
        body = {
            "data": [{"id": "1"}],
            "errors": [
                {"resource_id": "1", "type": kind + "resource-not-found"},
                {"resource_id": "2", "type": kind + "resource-not-found"},
                {"value": "3", "type": kind + "not-authorized-for-resource"},
                {"value": "4", "type": kind + "client-forbidden"},
                {"value": 5, "type": kind + "resource-not-found"},
                None,
            ],
        }
        self.assertEqual(missing(body), {"2", "3"})
        self.assertEqual(missing(None), set())


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from([ID, "retweeted", "12", "https://t.co/abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
NAMES = ["id", "text", "author_id", "created_at", "lang", "entities", "note_tweet", "referenced_tweets", "attachments"]
NAMES += ["possibly_sensitive", "edit_history_tweet_ids"]


class AnyShape(SynchronousTestCase):
    @settings(max_examples=60)
    @given(st.dictionaries(st.sampled_from(NAMES), anything), anything, anything)
    def test_fields_of_any_shape_never_raise(self, data: dict[str, Any], includes: Any, rules: Any) -> None:
        line = {"data": PLAIN["data"] | data, "includes": includes, "matching_rules": rules}
        found = read(json.dumps(line).encode())
        if isinstance(found, Told):
            json.dumps(found.post.text + found.post.name, ensure_ascii=False).encode()
            for each in found.words:
                self.assertEqual(word(each), each)

    @settings(max_examples=60)
    @given(st.fixed_dictionaries({}, optional=dict.fromkeys(("users", "tweets", "media"), anything)))
    def test_what_hangs_on_it_may_have_any_shape(self, includes: Any) -> None:
        references = [{"type": "retweeted", "id": ID}, {"type": "quoted", "id": "12"}]
        data = PLAIN["data"] | {"referenced_tweets": references, "attachments": {"media_keys": ["12", 7]}}
        found = read(json.dumps({"data": data, "includes": includes}).encode())
        self.assertIsInstance(found, Told)

    @settings(max_examples=60)
    @given(anything)
    def test_a_line_of_any_shape_never_raises(self, body: Any) -> None:
        read(json.dumps(body).encode())
        missing(body)

    @settings(max_examples=60)
    @given(st.binary(max_size=60))
    def test_bytes_of_any_kind_never_raise(self, line: bytes) -> None:
        self.assertNotIsInstance(read(line), Told)
