from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.bluesky.posts import Deleted, Renamed, Silenced, Written, glance, read
from meet.posts import Media
from tests.standins.bluesky import COLLECTION, line, link_facet, record, tag_facet

ANN = "did:plc:eygmaihciaxprqvxpfvl6flk"
TIME = 1_767_225_600_000_000
AT = "2026-01-01T00:00:00.000Z"
NOBODY: dict[str, frozenset[str]] = {}


def event(what: object, **more: object) -> bytes:
    commit = {"rev": "3l", "operation": "create", "collection": COLLECTION, "rkey": "3l1", "record": what, "cid": "b"}
    return line({"did": ANN, "time_us": TIME, "kind": "commit", "commit": commit | more})


def post(what: object, tag: str = "#a"):
    happening = read(event(what), frozenset({tag}), NOBODY)
    assert isinstance(happening, Written), happening
    return happening.post


class Tags(SynchronousTestCase):
    def words(self, what: object, *tags: str) -> frozenset[str]:
        data = event(what)
        happening = read(data, frozenset(tags), NOBODY)
        if isinstance(happening, Written):
            self.assertTrue(glance(data, True, ()).worth)
            return happening.words
        return frozenset()

    def test_in_facets_in_any_case(self):
        self.assertEqual(self.words(record("at #PyCon", AT, "#PyCon"), "#pycon", "#x"), {"#pycon"})

    def test_in_facets_that_say_the_mark_too_or_stand_nowhere(self):
        facet = {"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "#PyCon"}]}
        self.assertEqual(self.words(record("", AT, facets=[facet]), "#pycon"), {"#pycon"})

    def test_beside_the_text(self):
        self.assertEqual(self.words(record("at it", AT, tags=["PyCon"]), "#pycon"), {"#pycon"})

    def test_in_the_text_of_those_whose_program_writes_no_facets(self):
        for text in ("#pycon", "at\n#PyCon!", "(#pycon)", "é#pycon", "🌍#pycon", "-#pycon", "\t#pycon"):
            found = self.words(record(text, AT), "#pycon")
            self.assertEqual(found, frozenset() if text.startswith("é") else {"#pycon"}, text)

    def test_what_is_none(self):
        for text in ("pycon", "a#pycon", "https://x.org/#pycon", "#pyconf", "&#pycon"):
            self.assertEqual(self.words(record(text, AT), "#pycon"), frozenset(), text)

    def test_compared_as_everywhere(self):
        self.assertEqual(self.words(record("#ＳＴＲＡẞＥ", AT), "#strasse"), {"#strasse"})

    @settings(max_examples=60)
    @given(st.text(max_size=30), st.text('#ab \n\\"é', max_size=30))
    def test_the_glance_never_misses_what_reading_finds(self, before: str, after: str):
        self.words(record(f"{before}#a {after}", AT), "#a", "#b", "#ab", "#ba")


class Text(SynchronousTestCase):
    def test_links_are_told_in_full(self):
        shown, uri = "example.org/long/wa...", "https://example.org/long/way/home"
        text = f"é🌍 {shown} #a"
        self.assertEqual(post(record(text, AT, facets=[link_facet(text, shown, uri)])).text, f"é🌍 {uri} #a")

    def test_other_words_stay_beside_the_link_that_they_hide(self):
        text = "see www.bank.example #a"
        facets = [link_facet(text, "www.bank.example", "https://thief.example/")]
        self.assertEqual(post(record(text, AT, facets=facets)).text, "see www.bank.example (https://thief.example/) #a")

    def test_facets_that_make_no_sense_change_nothing(self):
        uri = "https://example.org/"
        feature = {"$type": "app.bsky.richtext.facet#link", "uri": uri}
        text = "é #a"
        for start, end in ((1, 2), (-1, 2), (3, 2), (0, 99), (2, 2), ("0", 2), (None, None), (True, 2), (0.0, 2.0)):
            facet = {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}
            self.assertEqual(post(record(text, AT, facets=[facet])).text, text, (start, end))
        for bad in ("javascript:alert(1)", "https://a b", "https://a\n", 5, None, "https://" + "a" * 3000):
            facet = {"index": {"byteStart": 0, "byteEnd": 2}, "features": [{**feature, "uri": bad}]}
            self.assertEqual(post(record(text, AT, facets=[facet])).text, text, bad)

    def test_of_two_links_in_one_place_the_first_counts(self):
        text = "abc #a"
        facets = [
            link_facet(text, "abc", "https://one.example/"),
            link_facet(text, "bc", "https://two.example/"),
        ]
        self.assertEqual(post(record(text, AT, facets=facets)).text, "abc (https://one.example/) #a")

    def test_the_link_of_a_card_is_in_the_text(self):
        card = {"$type": "app.bsky.embed.external", "external": {"uri": "https://x.example/", "title": "X"}}
        self.assertEqual(post(record("#a", AT, embed=card)).text, "#a\nhttps://x.example/")
        self.assertEqual(post(record("#a https://x.example/", AT, embed=card)).text, "#a https://x.example/")


class Beside(SynchronousTestCase):
    def blob(self, cid: str) -> object:
        return {"$type": "blob", "ref": {"$link": cid}, "mimeType": "image/jpeg", "size": 1}

    def test_pictures_and_films_are_links(self):
        images = {"$type": "app.bsky.embed.images", "images": [{"alt": "a cat", "image": self.blob("bafk1")}]}
        picture = Media(link=f"https://cdn.bsky.app/img/feed_thumbnail/plain/{ANN}/bafk1@jpeg", about="a cat")
        self.assertEqual(post(record("#a", AT, embed=images)).media, (picture,))
        video = {"$type": "app.bsky.embed.video", "video": self.blob("bafk2")}
        [film] = post(record("#a", AT, embed=video)).media
        self.assertEqual(film.kind, "video")
        self.assertIn("/bafk2/thumbnail.jpg", film.link)
        self.assertEqual(post(record("#a", AT, embed={**images, "images": [{"image": self.blob("../x")}]})).media, ())

    def test_a_quote_has_its_link(self):
        uri = f"at://{ANN}/{COLLECTION}/3l9"
        quoted = {"$type": "app.bsky.embed.record", "record": {"uri": uri, "cid": "b"}}
        link = f"https://bsky.app/profile/{ANN}/post/3l9"
        told = post(record("look #a", AT, embed=quoted))
        self.assertEqual((told.quote, told.text), (True, f"look #a\n{link}"))
        both = {
            "$type": "app.bsky.embed.recordWithMedia",
            "record": quoted,
            "media": {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": self.blob("bafk1")}]},
        }
        told = post(record("look #a", AT, embed=both))
        self.assertEqual((told.quote, len(told.media)), (True, 1))

    def test_a_feed_that_is_shown_is_no_quote(self):
        shown = {"$type": "app.bsky.embed.record", "record": {"uri": f"at://{ANN}/app.bsky.feed.generator/x"}}
        self.assertFalse(post(record("#a", AT, embed=shown)).quote)

    def test_labels_of_its_author(self):
        def labelled(value: str):
            return record("#a", AT, labels={"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": value}]})

        self.assertTrue(post(labelled("porn")).sensitive)
        self.assertFalse(post(labelled("bot")).sensitive)
        self.assertIsNone(read(event(labelled("!no-unauthenticated")), frozenset({"#a"}), NOBODY))

    def test_when_it_was_written(self):
        self.assertEqual(post(record("#a", "2025-12-31T23:59:59+00:00")).at, "2025-12-31T23:59:59.000Z")
        for odd in ("2999-01-01T00:00:00Z", "yesterday", "", "2026-01-01T00:00:00"):
            self.assertEqual(post(record("#a", odd)).at, AT, odd)

    def test_what_was_written_long_ago_and_comes_now_is_no_news(self):
        self.assertIsNone(read(event(record("#a", "2013-05-01T00:00:00Z")), frozenset({"#a"}), NOBODY))


class Events(SynchronousTestCase):
    def test_an_author_who_is_followed(self):
        authors = {ANN: frozenset({"@ann.example.org"})}
        data = event(record("no tag", AT))
        self.assertTrue(glance(data, False, {ANN.encode()}).worth)
        self.assertFalse(glance(data, True, ()).worth)
        happening = read(data, frozenset(), authors)
        assert isinstance(happening, Written)
        self.assertEqual(happening.words, authors[ANN])

    def test_what_became_of_posts_and_people(self):
        identifier = f"at://{ANN}/{COLLECTION}/3l1"
        deleted = line(
            {
                "did": ANN,
                "time_us": TIME,
                "kind": "commit",
                "commit": {"rev": "3l", "operation": "delete", "collection": COLLECTION, "rkey": "3l1"},
            }
        )
        gone = line({"did": ANN, "time_us": TIME, "kind": "account", "account": {"active": False, "did": ANN}})
        back = line({"did": ANN, "time_us": TIME, "kind": "account", "account": {"active": True, "did": ANN}})
        renamed = line({"did": ANN, "time_us": TIME, "kind": "identity", "identity": {"did": ANN, "handle": "x.org"}})
        for data, told in (
            (deleted, Deleted(identifier, ANN, TIME)),
            (gone, Silenced(ANN, TIME)),
            (back, None),
            (renamed, Renamed(ANN, TIME)),
        ):
            self.assertEqual(glance(data, True, ()), (TIME, True))
            self.assertEqual(read(data, frozenset(), NOBODY), told)

    def test_bytes_in_another_order_are_read_whole(self):
        data = line(dict(reversed(list(msgspec.json.decode(event(record("#a", AT, "#a"))).items()))))
        self.assertEqual(glance(data, True, ()), (0, True))
        self.assertIsInstance(read(data, frozenset({"#a"}), NOBODY), Written)

    def test_the_time_that_is_shown_is_that_of_the_event(self):
        data = event({**record("#a", AT, "#a"), "time_us": 5, "kind": "account"})
        self.assertEqual(glance(data, True, ()).time, TIME)

    @settings(max_examples=60)
    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes):
        glance(data, True, ())
        read(data, frozenset({"#a"}), NOBODY)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("text", "createdAt", "facets", "tags", "langs", "labels", "embed", "reply")
WHOLE = record(
    "é 🌍 #a example.org/x...",
    AT,
    facets=[
        tag_facet("é 🌍 #a", "#a"),
        link_facet("é 🌍 #a example.org/x...", "example.org/x...", "https://example.org/xyz"),
    ],
    tags=["a"],
    embed={
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"$type": "app.bsky.embed.record", "record": {"uri": f"at://{ANN}/{COLLECTION}/3"}},
        "media": {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": {"ref": {"$link": "b"}}}]},
    },
    labels={"values": [{"val": "porn"}]},
)


def places(thing: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of each field anywhere in ``thing``."""
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    return [found for key, value in inner for found in [(*path, key), *places(value, (*path, key))]]


def changed(thing, path, value):
    """``thing`` with ``value`` at ``path``."""
    if not path:
        return value
    copy = dict(thing) if isinstance(thing, dict) else list(thing)
    copy[path[0]] = changed(thing[path[0]], path[1:], value)
    return copy


class Shapes(SynchronousTestCase):
    @settings(max_examples=60)
    @given(st.sampled_from(places(WHOLE)), ANYTHING)
    def test_any_field_may_be_anything(self, path, value):
        self.check(changed(WHOLE, path, value))

    @settings(max_examples=60)
    @given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
    def test_any_record(self, what):
        self.check({**what, "tags": ["a"]})

    def check(self, what: object) -> None:
        happening = read(event(what), frozenset({"#a"}), NOBODY)
        if isinstance(happening, Written):
            told = happening.post
            self.assertEqual(happening.words, {"#a"})
            told.text.encode()
            for link in (told.link, *(media.link for media in told.media)):
                self.assertTrue(link.startswith("https://"))

    @settings(max_examples=60)
    @given(ANYTHING)
    def test_any_event(self, value):
        read(line({"did": ANN, "time_us": TIME, "kind": "commit", "commit": value}), frozenset({"#a"}), NOBODY)
        read(line(value), frozenset({"#a"}), NOBODY)
